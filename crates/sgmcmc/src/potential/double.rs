//! Potentials in double precision, without minibatches.

use crate::{Minibatch, Potential, PotentialError};

/// A posterior as [`HamiltonianChain`](crate::HamiltonianChain) sees it: U(θ) = −log p(θ, data) on R^d, all of it, in double precision.
///
/// **Units**: nats, full-data scale; additive constants may be left out.
pub trait Potential64: Send {
    /// Dimension d of θ.
    fn dim(&self) -> usize;

    /// Writes ∇U(`position`) to `gradient`, and returns U(`position`).
    ///
    /// **Shapes**: `position` and `gradient` have length d.
    /// **Errors**: the potential's own; [`PotentialError`] says what becomes of the chain.
    fn gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> Result<f64, PotentialError>;
}

/// A potential in double precision from a closure: `gradient(position, gradient) -> U`, as [`Potential64::gradient`].
#[derive(Clone, Copy, Debug)]
pub struct FromFn64<F> {
    dim: usize,
    gradient: F,
}

impl<F: FnMut(&[f64], &mut [f64]) -> f64 + Send> FromFn64<F> {
    /// The potential of `dim` coordinates that `gradient` computes.
    pub fn new(dim: usize, gradient: F) -> Self {
        Self { dim, gradient }
    }
}

impl<F: FnMut(&[f64], &mut [f64]) -> f64 + Send> Potential64 for FromFn64<F> {
    fn dim(&self) -> usize {
        self.dim
    }

    fn gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> Result<f64, PotentialError> {
        Ok((self.gradient)(position, gradient))
    }
}

/// A single-precision potential on all its data: U(round θ) of a θ in double precision.
///
/// That is a density on `f64` vectors which is constant where they round alike, so that nothing is approximate about sampling it; but
/// it has no more different values than there are `f32` in the posterior: N(10⁴, 10⁻⁶) has ten. Never calls
/// [`refresh`](Potential::refresh).
///
/// **Errors**: [`PotentialError::Recoverable`] where a coordinate is beyond the largest `f32`.
#[derive(Clone, Debug)]
pub struct FullBatch<P> {
    potential: P,
    position: Vec<f32>,
    gradient: Vec<f32>,
}

impl<P: Potential> FullBatch<P> {
    /// `potential`, to be asked for full batches only.
    pub fn new(potential: P) -> Self {
        let zeros = vec![0.0; potential.dim()];
        Self { potential, position: zeros.clone(), gradient: zeros }
    }

    /// The potential itself.
    pub fn into_inner(self) -> P {
        self.potential
    }
}

impl<P: Potential> Potential64 for FullBatch<P> {
    fn dim(&self) -> usize {
        self.potential.dim()
    }

    fn gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> Result<f64, PotentialError> {
        for (rounded, &x) in self.position.iter_mut().zip(position) {
            *rounded = x as f32;
        }
        if !self.position.iter().all(|x| x.is_finite()) {
            return Err(PotentialError::recoverable("a coordinate is beyond single precision"));
        }
        let value = self.potential.gradient(&self.position, Minibatch::Full, &mut self.gradient)?;
        for (to, &g) in gradient.iter_mut().zip(&self.gradient) {
            *to = g.into();
        }
        Ok(value)
    }
}
