//! Operations of the user's own.

use ndarray::ArrayD;

use crate::tensor::Rule;
use crate::{Scalar, Tensor};

impl<T: Scalar> Tensor<T> {
    /// A value that was computed from `inputs` by other means, with a gradient rule for each of them.
    ///
    /// A rule is called as (inputs, output, g) ↦ ∂/∂inputᵢ Σ g∘output. It is written in tensor operations on its arguments, and then
    /// gradients of any order follow. A tensor that it captures counts as a constant and has to be one: through a captured variable
    /// no gradient flows back.
    ///
    /// **Shapes**: any; a rule's result has the shape of its input, or else [`grad`](crate::grad) panics with both.
    ///
    /// ```
    /// use apd_tensor::{Tensor, grad, grad_graph};
    ///
    /// // ln cosh x, whose derivative is tanh x.
    /// let ln_cosh = |x: &Tensor<f64>| {
    ///     let value = x.value().mapv(|x| x.cosh().ln());
    ///     Tensor::custom([x], value, [Box::new(|x, _, g| g.mul(&x[0].tanh()))])
    /// };
    /// let x = Tensor::scalar(0.5).into_variable();
    /// let slope = &grad_graph(&ln_cosh(&x), &[&x])[0];
    /// let curvature = &grad(slope, &[&x])[0];
    /// assert_eq!(slope.item(), 0.5_f64.tanh());
    /// assert!((curvature.item() - 0.5_f64.cosh().powi(-2)).abs() < 1e-15);
    /// ```
    pub fn custom<const N: usize>(inputs: [&Self; N], value: ArrayD<T>, rules: [Rule<T>; N]) -> Self {
        Self::from_op(inputs, value, || rules)
    }
}

#[cfg(test)]
mod tests;
