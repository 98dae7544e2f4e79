//! Moving elements: reshape, permute, slice and pad, stride and dilate, concat, gather and scatter-add.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{ArrayD, Axis, IxDyn, Slice};

use crate::{Scalar, Tensor};

impl<T: Scalar> Tensor<T> {
    /// The same elements in row-major order under another shape. **Panics** when the number of elements differs.
    #[track_caller]
    pub fn reshape(&self, shape: &[usize]) -> Self {
        let len: usize = shape.iter().product();
        assert!(len == self.len(), "reshape: {:?} does not have the elements of {shape:?}", self.shape());
        let value = ArrayD::from_shape_vec(IxDyn(shape), self.as_slice().to_vec()).expect("as many elements as places");
        Self::from_op([self], value, || [Box::new(|x, _, g| g.reshape(x[0].shape()))])
    }

    /// The same elements with axis `axes[i]` as axis i. **Panics** when `axes` does not name each axis once.
    #[track_caller]
    pub fn permute(&self, axes: &[usize]) -> Self {
        let mut inverse = vec![usize::MAX; self.ndim()];
        axes.iter().enumerate().for_each(|(i, &axis)| {
            inverse.get_mut(axis).into_iter().for_each(|place| *place = i);
        });
        assert!(
            axes.len() == self.ndim() && !inverse.contains(&usize::MAX),
            "permute: axes {axes:?} of shape {:?}",
            self.shape()
        );
        let value = self.value().view().permuted_axes(IxDyn(axes)).as_standard_layout().into_owned();
        Self::from_op([self], value, || [Box::new(move |_, _, g| g.permute(&inverse))])
    }

    /// The part of one axis that lies in `range`. **Panics** when the axis or the range does not exist.
    ///
    /// Adjoint of [`pad_axis`](Self::pad_axis).
    #[track_caller]
    pub fn slice_axis(&self, axis: usize, range: Range<usize>) -> Self {
        assert!(
            axis < self.ndim() && range.start <= range.end && range.end <= self.shape()[axis],
            "slice_axis: no {range:?} on axis {axis} of shape {:?}",
            self.shape()
        );
        let value = self.value().slice_axis(Axis(axis), Slice::from(range.clone())).to_owned();
        let after = self.shape()[axis] - range.end;
        Self::from_op([self], value, || [Box::new(move |_, _, g| g.pad_axis(axis, range.start, after))])
    }

    /// Zeros before and after along one axis. **Panics** when there is no such axis.
    ///
    /// Adjoint of [`slice_axis`](Self::slice_axis).
    #[track_caller]
    pub fn pad_axis(&self, axis: usize, before: usize, after: usize) -> Self {
        assert!(axis < self.ndim(), "pad_axis: no axis {axis} in shape {:?}", self.shape());
        let inner = before..before + self.shape()[axis];
        let mut shape = self.shape().to_vec();
        shape[axis] += before + after;
        let mut value = ArrayD::zeros(IxDyn(&shape));
        value.slice_axis_mut(Axis(axis), Slice::from(inner.clone())).assign(self.value());
        Self::from_op([self], value, || [Box::new(move |_, _, g| g.slice_axis(axis, inner.clone()))])
    }

    /// Every `stride`-th part of one axis, from the first on. **Panics** when there is no such axis, or on a stride of 0.
    ///
    /// Adjoint of [`dilate_axis`](Self::dilate_axis).
    #[track_caller]
    pub fn stride_axis(&self, axis: usize, stride: usize) -> Self {
        assert!(
            axis < self.ndim() && stride > 0,
            "stride_axis: no stride {stride} on axis {axis} of shape {:?}",
            self.shape()
        );
        let value = self.value().slice_axis(Axis(axis), strided(stride)).to_owned();
        let len = self.shape()[axis];
        Self::from_op([self], value, || [Box::new(move |_, _, g| g.dilate_axis(axis, stride, len))])
    }

    /// The parts of one axis `stride` apart, from the first on, and zeros between and behind them until the axis has length `len`.
    /// **Panics** when there is no such axis, on a stride of 0, or when it does not fill such a length.
    ///
    /// Adjoint of [`stride_axis`](Self::stride_axis).
    #[track_caller]
    pub fn dilate_axis(&self, axis: usize, stride: usize, len: usize) -> Self {
        assert!(
            axis < self.ndim() && stride > 0 && len.div_ceil(stride) == self.shape()[axis],
            "dilate_axis: no stride {stride} to length {len} on axis {axis} of shape {:?}",
            self.shape()
        );
        let mut shape = self.shape().to_vec();
        shape[axis] = len;
        let mut value = ArrayD::zeros(IxDyn(&shape));
        value.slice_axis_mut(Axis(axis), strided(stride)).assign(self.value());
        Self::from_op([self], value, || [Box::new(move |_, _, g| g.stride_axis(axis, stride))])
    }

    /// The parts one after another along an axis. **Panics** when there are none, or when their other axes differ.
    #[track_caller]
    pub fn concat(axis: usize, parts: &[&Self]) -> Self {
        let views: Vec<_> = parts.iter().map(|part| part.value().view()).collect();
        let Ok(value) = ndarray::concatenate(Axis(axis), &views) else {
            let shapes: Vec<_> = parts.iter().map(|part| part.shape()).collect();
            panic!("concat: shapes {shapes:?} do not fit along axis {axis}");
        };
        let ends: Vec<usize> = parts
            .iter()
            .scan(0, |end, part| {
                *end += part.shape()[axis];
                Some(*end)
            })
            .collect();
        Self::from_list(parts, value, |i| {
            let range = if i == 0 { 0 } else { ends[i - 1] }..ends[i];
            Box::new(move |_, _, g| g.slice_axis(axis, range.clone()))
        })
    }

    /// Row i of the result is row `indices[i]` of this tensor (rows: along the first axis).
    /// **Panics** without a first axis, or on an index out of range.
    ///
    /// Adjoint of [`scatter_add_rows`](Self::scatter_add_rows).
    #[track_caller]
    pub fn gather_rows(&self, indices: &[u32]) -> Self {
        let (rows, width) = self.rows("gather_rows");
        let mut data = Vec::with_capacity(indices.len() * width);
        for &i in indices {
            let i = i as usize;
            assert!(i < rows, "gather_rows: no row {i} in shape {:?}", self.shape());
            data.extend_from_slice(&self.as_slice()[i * width..(i + 1) * width]);
        }
        let value = with_rows(self.shape(), indices.len(), data);
        let indices: Arc<[u32]> = indices.into();
        Self::from_op([self], value, || [Box::new(move |_, _, g| g.scatter_add_rows(rows, &indices))])
    }

    /// Adds row i of this tensor to row `indices[i]` of a zero tensor of `rows` rows, in the order of i.
    /// **Panics** when there are not as many indices as rows, or on an index out of range.
    ///
    /// Adjoint of [`gather_rows`](Self::gather_rows).
    #[track_caller]
    pub fn scatter_add_rows(&self, rows: usize, indices: &[u32]) -> Self {
        let (own, width) = self.rows("scatter_add_rows");
        assert!(own == indices.len(), "scatter_add_rows: {} indices for shape {:?}", indices.len(), self.shape());
        let mut data = vec![T::zero(); rows * width];
        for (n, &i) in indices.iter().enumerate() {
            let i = i as usize;
            assert!(i < rows, "scatter_add_rows: no row {i} among {rows}");
            let from = &self.as_slice()[n * width..(n + 1) * width];
            data[i * width..(i + 1) * width].iter_mut().zip(from).for_each(|(sum, &x)| *sum += x);
        }
        let value = with_rows(self.shape(), rows, data);
        let indices: Arc<[u32]> = indices.into();
        Self::from_op([self], value, || [Box::new(move |_, _, g| g.gather_rows(&indices))])
    }

    /// Number of rows, and elements per row.
    #[track_caller]
    fn rows(&self, op: &str) -> (usize, usize) {
        assert!(self.ndim() > 0, "{op}: shape [] has no rows");
        (self.shape()[0], self.shape()[1..].iter().product())
    }
}

fn strided(stride: usize) -> Slice {
    Slice::new(0, None, stride as isize)
}

fn with_rows<T: Scalar>(shape: &[usize], rows: usize, data: Vec<T>) -> ArrayD<T> {
    let mut shape = shape.to_vec();
    shape[0] = rows;
    ArrayD::from_shape_vec(IxDyn(&shape), data).expect("as many elements as places")
}

#[cfg(test)]
mod tests;
