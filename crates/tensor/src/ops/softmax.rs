//! Softmax, its logarithm, the logarithm of a sum of exponentials, and the cross-entropy of logits.

use std::sync::Arc;

use ndarray::{ArrayD, ArrayViewMut2, Axis, Ix2, IxDyn};

use crate::kernel::softmax;
use crate::{Scalar, Tensor};

impl<T: Scalar> Tensor<T> {
    /// p_k = exp x_k / Σ_j exp x_j over the last axis, without overflow. **Panics** on shape `[]`.
    #[track_caller]
    pub fn softmax(&self) -> Self {
        let last = self.last_axis("softmax");
        let mut value = self.value().clone();
        softmax::softmax_rows(as_rows(&mut value));
        Self::from_op([self], value, || [Box::new(move |_, y, g| y.mul(&g.sub(&g.mul(y).sum_axis(last))))])
    }

    /// x_k − ln Σ_j exp x_j over the last axis, without overflow. **Panics** on shape `[]`.
    #[track_caller]
    pub fn log_softmax(&self) -> Self {
        let last = self.last_axis("log_softmax");
        let mut value = self.value().clone();
        softmax::log_softmax_rows(as_rows(&mut value));
        Self::from_op([self], value, || [Box::new(move |_, y, g| g.sub(&y.exp().mul(&g.sum_axis(last))))])
    }

    /// ln Σ exp x along one axis, which is kept with length 1, without overflow; −∞ when there is nothing along it.
    /// **Panics** when there is no such axis.
    #[track_caller]
    pub fn logsumexp(&self, axis: usize) -> Self {
        assert!(axis < self.ndim(), "logsumexp: no axis {axis} in shape {:?}", self.shape());
        let x = self.detach();
        let largest = x.value().fold_axis(Axis(axis), T::neg_infinity(), |&a, &b| if b > a { b } else { a });
        // ∞ − ∞ would be NaN.
        let shift = largest.mapv(|x| if x.is_finite() { x } else { T::zero() }).insert_axis(Axis(axis));
        let shift = Self::constant(shift);
        let value = x.sub(&shift).exp().sum_axis(axis).ln().add(&shift).into_value();
        Self::from_op([self], value, || [Box::new(|x, y, g| g.mul(&x[0].sub(y).exp()))])
    }

    /// −Σ_n ln p_n,label(n) with p = softmax(x), from logits.
    ///
    /// **Shapes**: (N, K), N labels → `[]`. **Units**: nats, summed over the rows (not averaged).
    /// **Panics** on other shapes or a label ≥ K.
    #[track_caller]
    pub fn cross_entropy(&self, labels: &[u32]) -> Self {
        let Ok(x) = self.value().view().into_dimensionality::<Ix2>() else {
            panic!("cross_entropy: logits of shape {:?} are not a matrix", self.shape());
        };
        let classes = x.ncols();
        assert!(labels.len() == x.nrows(), "cross_entropy: {} labels for shape {:?}", labels.len(), self.shape());
        if let Some(label) = labels.iter().find(|&&label| label as usize >= classes) {
            panic!("cross_entropy: label {label} among {classes} classes");
        }
        let value = ArrayD::from_elem(IxDyn(&[]), softmax::cross_entropy(x, labels));
        let labels: Arc<[u32]> = labels.into();
        Self::from_op([self], value, || [Box::new(move |x, _, g| x[0].softmax().minus_one_hot(&labels).mul(g))])
    }

    /// x with 1 subtracted at (n, label_n).
    fn minus_one_hot(&self, labels: &[u32]) -> Self {
        let mut value = self.value().clone();
        for (n, &label) in labels.iter().enumerate() {
            value[[n, label as usize]] -= T::one();
        }
        Self::from_op([self], value, || [Box::new(|_, _, g| g.clone())])
    }

    #[track_caller]
    fn last_axis(&self, op: &str) -> usize {
        assert!(self.ndim() > 0, "{op}: shape [] has no last axis");
        self.ndim() - 1
    }
}

/// All axes but the last one as rows.
fn as_rows<T: Scalar>(value: &mut ArrayD<T>) -> ArrayViewMut2<'_, T> {
    let (&width, leading) = value.shape().split_last().expect("has a last axis");
    let rows = leading.iter().product();
    let data = value.as_slice_mut().expect("values are kept in row-major order");
    ArrayViewMut2::from_shape((rows, width), data).expect("as many elements as places")
}

#[cfg(test)]
mod tests;
