//! Sums and their adjoint, repetition.

use ndarray::{ArrayD, IxDyn};

use crate::kernel::sum;
use crate::{Scalar, Tensor};

impl<T: Scalar> Tensor<T> {
    /// Sum of all elements. **Shapes**: any → `[]`.
    pub fn sum(&self) -> Self {
        let value = ArrayD::from_elem(IxDyn(&[]), sum::all(self.as_slice()));
        Self::from_op([self], value, || [Box::new(|x, _, g| g.broadcast_to(x[0].shape()))])
    }

    /// Mean of all elements; NaN when there are none. **Shapes**: any → `[]`.
    pub fn mean(&self) -> Self {
        self.sum().scale(reciprocal(self.len()))
    }

    /// Sum over one axis, which is kept with length 1. **Panics** when there is no such axis.
    #[track_caller]
    pub fn sum_axis(&self, axis: usize) -> Self {
        assert!(axis < self.ndim(), "sum_axis: no axis {axis} in shape {:?}", self.shape());
        let mut shape = self.shape().to_vec();
        shape[axis] = 1;
        self.sum_to(&shape)
    }

    /// Mean over one axis, which is kept with length 1; NaN when it had length 0. **Panics** when there is no such axis.
    #[track_caller]
    pub fn mean_axis(&self, axis: usize) -> Self {
        assert!(axis < self.ndim(), "mean_axis: no axis {axis} in shape {:?}", self.shape());
        self.sum_axis(axis).scale(reciprocal(self.shape()[axis]))
    }

    /// Repeats axes of length 1, and adds leading axes, until the shape is `shape`. **Panics** when it cannot.
    ///
    /// Adjoint of [`sum_to`](Self::sum_to).
    #[track_caller]
    pub fn broadcast_to(&self, shape: &[usize]) -> Self {
        if self.shape() == shape {
            return self.clone();
        }
        let Some(view) = self.value().broadcast(IxDyn(shape)) else {
            panic!("broadcast_to: shape {:?} does not broadcast to {shape:?}", self.shape());
        };
        let value = if self.len() == 1 { ArrayD::from_elem(IxDyn(shape), self.item()) } else { view.to_owned() };
        Self::from_op([self], value, || [Box::new(|x, _, g| g.sum_to(x[0].shape()))])
    }

    /// Sums over the axes that [`broadcast_to`](Self::broadcast_to) would repeat to come from `shape` to this shape.
    /// **Panics** when `shape` does not broadcast to this shape.
    #[track_caller]
    pub fn sum_to(&self, shape: &[usize]) -> Self {
        if self.shape() == shape {
            return self.clone();
        }
        let Some(value) = sum::to(self.value(), shape) else {
            panic!("sum_to: shape {:?} cannot be summed to {shape:?}", self.shape());
        };
        Self::from_op([self], value, || [Box::new(|x, _, g| g.broadcast_to(x[0].shape()))])
    }
}

fn reciprocal<T: Scalar>(n: usize) -> T {
    T::one() / T::from_f64(n as f64)
}

#[cfg(test)]
mod tests;
