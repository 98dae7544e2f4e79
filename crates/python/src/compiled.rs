//! Potentials that were compiled elsewhere: no interpreter between the sampler and them.
#![allow(unsafe_code)]

use apd::sgmcmc::{Potential64, PotentialError};

/// double potential(int64_t d, const double *theta, double *gradient)
///
/// SAFETY: whoever calls it points to d numbers, twice.
type Function = unsafe extern "C" fn(i64, *const f64, *mut f64) -> f64;

/// U and ∇U by the address of a function of C, such as `numba.cfunc` makes.
#[derive(Clone, Copy)]
pub(crate) struct Compiled {
    function: Function,
    dim: usize,
}

impl Compiled {
    /// The caller of `apd.sample` vouches for the address, as everybody does who hands a function of C to Python.
    pub(crate) fn new(address: usize, dim: usize) -> Self {
        // SAFETY: `apd.sample` takes the address from an object that has one for a function of this signature (`numba.cfunc`, `ctypes`), is
        // documented to trust it, and refuses 0.
        let function = unsafe { std::mem::transmute::<usize, Function>(address) };
        Self { function, dim }
    }
}

impl Potential64 for Compiled {
    fn dim(&self) -> usize {
        self.dim
    }

    fn gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> Result<f64, PotentialError> {
        // SAFETY: both point to `dim` numbers, which the function is told of.
        Ok(unsafe { (self.function)(self.dim as i64, position.as_ptr(), gradient.as_mut_ptr()) })
    }
}
