//! RMSProp.

use apd_tensor::Scalar;
use pulp::{Arch, NullaryFnOnce};
use serde::{Deserialize, Serialize};

/// RMSProp without momentum, with ε outside the root, as in PyTorch. There is no bias correction.
///
/// v ← α·v + (1 − α)·g², θ ← θ − lr·g / (√v + ε).
///
/// Reference: Tieleman & Hinton, *Lecture 6.5 – RMSProp*, COURSERA 2012.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RmsProp {
    /// Learning rate.
    pub lr: f64,
    /// α, decay of the mean of squared gradients.
    pub alpha: f64,
    /// ε, added to the root.
    pub eps: f64,
}

impl Default for RmsProp {
    /// lr 10⁻², α 0.99, ε 10⁻⁸: PyTorch's.
    fn default() -> Self {
        Self { lr: 1e-2, alpha: 0.99, eps: 1e-8 }
    }
}

/// Moments of [`RmsProp`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RmsPropState<T = f32> {
    /// Mean of squared gradients.
    pub v: Vec<T>,
}

impl<T: Scalar> RmsPropState<T> {
    /// Before the first step, for a θ of `dim` elements.
    pub fn new(dim: usize) -> Self {
        Self { v: vec![T::zero(); dim] }
    }
}

impl RmsProp {
    /// The next step of all of θ.
    ///
    /// **Panics** if the lengths differ.
    #[track_caller]
    pub fn step<T: Scalar>(&self, state: &mut RmsPropState<T>, theta: &mut [T], gradient: &[T]) {
        self.apply(theta, gradient, &mut state.v);
    }

    /// A step of one tile of θ and v. Allocates nothing.
    ///
    /// **Panics** if the lengths differ.
    #[track_caller]
    pub fn apply<T: Scalar>(&self, theta: &mut [T], gradient: &[T], v: &mut [T]) {
        let n = theta.len();
        assert!(
            [gradient.len(), v.len()] == [n; 2],
            "RMSProp: θ has {n} elements, the gradient {}, v {}",
            gradient.len(),
            v.len()
        );
        Arch::new().dispatch(Pass {
            lr: T::from_f64(self.lr),
            alpha: T::from_f64(self.alpha),
            gain: T::from_f64(1.0 - self.alpha),
            eps: T::from_f64(self.eps),
            theta,
            gradient,
            v,
        });
    }
}

struct Pass<'a, T> {
    lr: T,
    alpha: T,
    gain: T,
    eps: T,
    theta: &'a mut [T],
    gradient: &'a [T],
    v: &'a mut [T],
}

impl<T: Scalar> NullaryFnOnce for Pass<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { lr, alpha, gain, eps, theta, gradient, v } = self;
        for ((theta, &g), v) in theta.iter_mut().zip(gradient).zip(v) {
            *v = alpha * *v + gain * (g * g);
            *theta -= lr * g / (v.sqrt() + eps);
        }
    }
}
