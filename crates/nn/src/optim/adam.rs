//! Adam.

use apd_tensor::Scalar;
use pulp::{Arch, NullaryFnOnce};
use serde::{Deserialize, Serialize};

/// Adam, with the bias correction of the paper and ε outside the root, as in PyTorch.
///
/// g is the gradient of step t = 1, 2, …:
///
/// m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g²,
/// θ ← θ − lr/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε).
///
/// **Units**: the step does not change when the gradient is scaled by a constant (up to ε): a mean or a sum will do.
///
/// Reference: Kingma & Ba, *Adam: A Method for Stochastic Optimization*, ICLR 2015, algorithm 1.
///
/// ```
/// use apd_nn::optim::{Adam, AdamState};
/// let adam = Adam { lr: 0.1, ..Adam::default() };
/// let (mut theta, mut state) = (vec![5.0_f32, -3.0], AdamState::new(2));
/// for _ in 0..300 {
///     let gradient: Vec<f32> = theta.iter().map(|x| 2.0 * x).collect(); // of ‖θ‖²
///     adam.step(&mut state, &mut theta, &gradient);
/// }
/// assert!(theta.iter().all(|x| x.abs() < 0.01));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adam {
    /// Learning rate.
    pub lr: f64,
    /// β₁, decay of the mean of gradients.
    pub beta1: f64,
    /// β₂, decay of the mean of squared gradients.
    pub beta2: f64,
    /// ε, added to the root.
    pub eps: f64,
}

impl Default for Adam {
    /// lr 10⁻³, β₁ 0.9, β₂ 0.999, ε 10⁻⁸: the paper's.
    fn default() -> Self {
        Self { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }
}

/// Steps taken and moments of [`Adam`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamState<T = f32> {
    /// Steps taken.
    pub t: u64,
    /// Mean of gradients, uncorrected.
    pub m: Vec<T>,
    /// Mean of squared gradients, uncorrected.
    pub v: Vec<T>,
}

impl<T: Scalar> AdamState<T> {
    /// Before the first step, for a θ of `dim` elements.
    pub fn new(dim: usize) -> Self {
        Self { t: 0, m: vec![T::zero(); dim], v: vec![T::zero(); dim] }
    }
}

impl Adam {
    /// The next step of all of θ.
    ///
    /// **Panics** if the lengths differ.
    #[track_caller]
    pub fn step<T: Scalar>(&self, state: &mut AdamState<T>, theta: &mut [T], gradient: &[T]) {
        state.t += 1;
        self.apply(state.t, theta, gradient, &mut state.m, &mut state.v);
    }

    /// Step number `t` (from 1) of one tile of θ, m and v. Allocates nothing.
    ///
    /// **Panics** if the lengths differ, or `t` is 0.
    #[track_caller]
    pub fn apply<T: Scalar>(&self, t: u64, theta: &mut [T], gradient: &[T], m: &mut [T], v: &mut [T]) {
        assert!(t > 0, "Adam's steps are counted from 1");
        let n = theta.len();
        assert!(
            [gradient.len(), m.len(), v.len()] == [n; 3],
            "Adam: θ has {n} elements, the gradient {}, m {}, v {}",
            gradient.len(),
            m.len(),
            v.len()
        );
        let exponent = i32::try_from(t).unwrap_or(i32::MAX); // β^t has long been 0 there
        let (correction1, correction2) = (1.0 - self.beta1.powi(exponent), 1.0 - self.beta2.powi(exponent));
        let constants = Constants {
            beta1: T::from_f64(self.beta1),
            gain1: T::from_f64(1.0 - self.beta1),
            beta2: T::from_f64(self.beta2),
            gain2: T::from_f64(1.0 - self.beta2),
            step: T::from_f64(self.lr / correction1),
            root: T::from_f64(1.0 / correction2.sqrt()),
            eps: T::from_f64(self.eps),
        };
        Arch::new().dispatch(Pass { constants, theta, gradient, m, v });
    }
}

#[derive(Clone, Copy)]
struct Constants<T> {
    beta1: T,
    gain1: T,
    beta2: T,
    gain2: T,
    /// lr/(1 − β₁ᵗ).
    step: T,
    /// 1/√(1 − β₂ᵗ).
    root: T,
    eps: T,
}

struct Pass<'a, T> {
    constants: Constants<T>,
    theta: &'a mut [T],
    gradient: &'a [T],
    m: &'a mut [T],
    v: &'a mut [T],
}

impl<T: Scalar> NullaryFnOnce for Pass<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { constants: c, theta, gradient, m, v } = self;
        // No fused multiply-add: the same bits whatever the CPU, and in a tile's tail.
        for (((theta, &g), m), v) in theta.iter_mut().zip(gradient).zip(m).zip(v) {
            *m = c.beta1 * *m + c.gain1 * g;
            *v = c.beta2 * *v + c.gain2 * (g * g);
            *theta -= c.step * *m / (v.sqrt() * c.root + c.eps);
        }
    }
}
