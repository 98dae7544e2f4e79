//! The parts of θ as tensors.

use apd_points::Layout;
use apd_tensor::{Scalar, Tensor};

/// A [`Layout`] between a flat vector and the parameters of a differentiable network.
pub trait TensorLayout {
    /// The parameters in order, as constants of the tensor engine (`.into_variable()` to differentiate with respect to one).
    ///
    /// **Panics** if `theta` does not have [`len`](Layout::len) elements.
    fn tensors<T: Scalar>(&self, theta: &[T]) -> Vec<Tensor<T>>;

    /// The flat vector of these parameters: the inverse of [`tensors`](Self::tensors); gradients are flattened the same way.
    ///
    /// **Panics** if the number or the shapes of `parameters` differ from the layout's.
    fn flatten<T: Scalar>(&self, parameters: &[Tensor<T>]) -> Vec<T>;
}

impl TensorLayout for Layout {
    #[track_caller]
    fn tensors<T: Scalar>(&self, theta: &[T]) -> Vec<Tensor<T>> {
        self.views(theta).into_iter().map(|part| Tensor::constant(part.to_owned())).collect()
    }

    #[track_caller]
    fn flatten<T: Scalar>(&self, parameters: &[Tensor<T>]) -> Vec<T> {
        assert_eq!(parameters.len(), self.entries.len(), "the layout has {} parameters", self.entries.len());
        let mut theta = vec![T::zero(); self.len()];
        for (entry, parameter) in self.entries.iter().zip(parameters) {
            assert_eq!(parameter.shape(), entry.shape, "shape of {}", entry.name);
            theta[entry.range()].copy_from_slice(parameter.as_slice());
        }
        theta
    }
}

#[cfg(test)]
mod tests;
