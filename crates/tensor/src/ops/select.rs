//! Choosing among elements: by a mask, the larger one, the largest along an axis.

use std::sync::Arc;

use ndarray::{ArrayD, Axis, IxDyn, Zip};

use crate::kernel::map::broadcast_shape;
use crate::{Scalar, Tensor};

/// What is not chosen has derivative 0, whatever it is: a NaN or ∞ there does not spread.
impl<T: Scalar> Tensor<T> {
    /// x where the mask holds, y elsewhere.
    ///
    /// **Shapes**: x, mask and y broadcast to one shape. **Panics** when they do not.
    ///
    /// ```
    /// use apd_tensor::Tensor;
    ///
    /// let x = Tensor::from_vec(&[3], vec![-2.0_f32, 0.5, 3.0]);
    /// let mask = x.value().mapv(|x| x.abs() < 1.0);
    /// assert_eq!(x.where_(&mask, &Tensor::scalar(1.0)).as_slice(), [1.0, 0.5, 1.0]);
    /// ```
    #[track_caller]
    pub fn where_(&self, mask: &ArrayD<bool>, other: &Self) -> Self {
        let shape = broadcast_shape(self.shape(), other.shape());
        let Some(shape) = shape.and_then(|shape| broadcast_shape(&shape, mask.shape())) else {
            let (x, y, mask) = (self.shape(), other.shape(), mask.shape());
            panic!("where_: shapes {x:?} and {y:?} and that of the mask, {mask:?}, do not broadcast");
        };
        let mask = repeated(mask, &shape).to_owned();
        let value = Zip::from(&mask)
            .and(repeated(self.value(), &shape))
            .and(repeated(other.value(), &shape))
            .map_collect(|&holds, &x, &y| if holds { x } else { y });
        Self::from_op([self, other], value, || {
            let (mask, opposite) = (Arc::new(mask.clone()), Arc::new(mask.mapv(|holds| !holds)));
            [
                Box::new(move |x, _, g| g.keep(&mask).sum_to(x[0].shape())),
                Box::new(move |x, _, g| g.keep(&opposite).sum_to(x[1].shape())),
            ]
        })
    }

    /// The larger of x and y, element by element with broadcasting; NaN where one is. Where both are equal, the derivative is x's.
    #[track_caller]
    pub fn maximum(&self, other: &Self) -> Self {
        self.where_(&self.compare("maximum", other, |a, b| a >= b || a.is_nan()), other)
    }

    /// The smaller of x and y, element by element with broadcasting; NaN where one is. Where both are equal, the derivative is x's.
    #[track_caller]
    pub fn minimum(&self, other: &Self) -> Self {
        self.where_(&self.compare("minimum", other, |a, b| a <= b || a.is_nan()), other)
    }

    /// The largest along one axis, which is kept with length 1; NaN if one is there. The derivative is that of the first among equals.
    /// **Panics** when there is no such axis, or nothing along it.
    #[track_caller]
    pub fn max_axis(&self, axis: usize) -> Self {
        self.first_along("max_axis", axis, |a, b| a > b)
    }

    /// The smallest along one axis, which is kept with length 1; NaN if one is there. The derivative is that of the first among equals.
    /// **Panics** when there is no such axis, or nothing along it.
    #[track_caller]
    pub fn min_axis(&self, axis: usize) -> Self {
        self.first_along("min_axis", axis, |a, b| a < b)
    }

    /// The largest element. **Shapes**: any → `[]`. **Panics** when there is none; otherwise as [`max_axis`](Self::max_axis).
    #[track_caller]
    pub fn max(&self) -> Self {
        assert!(!self.is_empty(), "max: shape {:?} has no elements", self.shape());
        self.reshape(&[self.len()]).max_axis(0).reshape(&[])
    }

    /// The smallest element. **Shapes**: any → `[]`. **Panics** when there is none; otherwise as [`min_axis`](Self::min_axis).
    #[track_caller]
    pub fn min(&self) -> Self {
        assert!(!self.is_empty(), "min: shape {:?} has no elements", self.shape());
        self.reshape(&[self.len()]).min_axis(0).reshape(&[])
    }

    /// A matrix with zeros above its diagonal. **Shapes**: (m, n) → (m, n); anything but two axes panics.
    #[track_caller]
    pub fn tril(&self) -> Self {
        assert!(self.ndim() == 2, "tril: shape {:?} is not a matrix", self.shape());
        self.keep(&Arc::new(ArrayD::from_shape_fn(IxDyn(self.shape()), |at| at[0] >= at[1])))
    }

    /// x where the mask holds, 0 elsewhere: linear in x and its own adjoint.
    fn keep(&self, mask: &Arc<ArrayD<bool>>) -> Self {
        // A selection, not a product: 0 · ∞ would be NaN.
        let value = Zip::from(self.value()).and(&**mask).map_collect(|&x, &holds| if holds { x } else { T::zero() });
        Self::from_op([self], value, || {
            let mask = Arc::clone(mask);
            [Box::new(move |_, _, g| g.keep(&mask))]
        })
    }

    /// Where a relation holds between x and y.
    #[track_caller]
    fn compare(&self, op: &str, other: &Self, holds: impl Fn(T, T) -> bool) -> ArrayD<bool> {
        let Some(shape) = broadcast_shape(self.shape(), other.shape()) else {
            panic!("{op}: shapes {:?} and {:?} do not broadcast", self.shape(), other.shape());
        };
        let (x, y) = (repeated(self.value(), &shape), repeated(other.value(), &shape));
        Zip::from(x).and(y).map_collect(|&x, &y| holds(x, y))
    }

    /// The first element along an axis that no other one precedes; a NaN precedes everything, so that an error in the input is not hidden.
    #[track_caller]
    fn first_along(&self, op: &str, axis: usize, precedes: impl Fn(T, T) -> bool) -> Self {
        let exists = self.shape().get(axis).is_some_and(|&len| len > 0);
        assert!(exists, "{op}: nothing along axis {axis} of shape {:?}", self.shape());
        let mut mask = ArrayD::from_elem(self.value().raw_dim(), false);
        Zip::from(self.value().lanes(Axis(axis))).and(mask.lanes_mut(Axis(axis))).for_each(|x, mut mask| {
            let mut first = 0;
            for (i, &candidate) in x.iter().enumerate() {
                if precedes(candidate, x[first]) || (candidate.is_nan() && !x[first].is_nan()) {
                    first = i;
                }
            }
            mask[first] = true;
        });
        // All others are 0, so that the sum is the element itself.
        self.keep(&Arc::new(mask)).sum_axis(axis)
    }
}

fn repeated<'a, A>(x: &'a ArrayD<A>, shape: &[usize]) -> ndarray::ArrayViewD<'a, A> {
    x.broadcast(IxDyn(shape)).expect("the common shape")
}

#[cfg(test)]
mod tests;
