//! The network's values alone, without a record.

use apd_tensor::kernel::{Aligned, transpose};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

use crate::feature_major::{FeatureMajor, affine};
use crate::{Mlp, Threads};

/// Buffers of [`Mlp::logits`], kept between calls so that only the first one allocates.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    first: Aligned<f32>,
    pub(crate) later: [Aligned<f32>; 2],
}

impl Mlp {
    /// The logits of x, in blocks of rows.
    pub(crate) fn evaluate(&self, theta: &[f32], x: ArrayView2<'_, f32>, threads: Threads) -> Array2<f32> {
        let outputs = self.widths[self.widths.len() - 1];
        let mut logits = Array2::zeros((x.nrows(), outputs));
        let out = logits.as_slice_mut().expect("a new array is in row-major order");
        out.par_chunks_mut(FeatureMajor::ROWS * outputs).enumerate().with_min_len(threads.min_len()).for_each_init(
            || (FeatureMajor::default(), Scratch::default()),
            |(inputs, scratch), (i, logits)| {
                let start = i * FeatureMajor::ROWS;
                inputs.fill(x.slice_axis(Axis(0), (start..start + logits.len() / outputs).into()));
                self.logits(theta, inputs, logits, scratch);
            },
        );
        logits
    }

    /// The logits of some rows without dropout, on the calling thread. The bits of a row depend on that row alone.
    ///
    /// **Shapes**: θ: d, x: inputs, logits: rows × outputs, row-major.
    ///
    /// **Panics** if the shapes do not fit.
    #[track_caller]
    pub fn logits(&self, theta: &[f32], x: &FeatureMajor, logits: &mut [f32], scratch: &mut Scratch) {
        let (inputs, outputs) = (self.widths[0], self.widths[1]);
        assert_eq!(x.units.len(), inputs * x.stride, "elements of the inputs");
        let Scratch { first, later: buffers } = scratch;
        first.resize(outputs * x.stride, 0.0);
        let (parameters, later) = theta.split_at(self.first_dim());
        let (weight, bias) = parameters.split_at(outputs * inputs);
        affine(weight, bias, &x.units, x.stride, first);
        self.layers(later, [x.rows, x.stride], first, logits, buffers);
    }

    /// The logits from the first layer before its activation, which is overwritten, and from the parameters behind that layer.
    #[track_caller]
    pub(crate) fn layers(
        &self,
        mut later: &[f32],
        [rows, stride]: [usize; 2],
        first: &mut [f32],
        logits: &mut [f32],
        [input, output]: &mut [Aligned<f32>; 2],
    ) {
        let last = self.widths.len() - 2;
        assert_eq!(first.len(), self.widths[1] * stride, "elements of the first layer");
        assert_eq!(logits.len(), rows * self.widths[last + 1], "logits, one for each row and output");
        for (l, pair) in self.widths.windows(2).enumerate() {
            let (inputs, outputs) = (pair[0], pair[1]);
            let units = if l == 0 {
                &mut *first
            } else {
                let (parameters, rest) = later.split_at(outputs * (inputs + 1));
                let (weight, bias) = parameters.split_at(outputs * inputs);
                later = rest;
                std::mem::swap(input, output);
                output.resize(outputs * stride, 0.0);
                affine(weight, bias, if l == 1 { first } else { input }, stride, output);
                &mut *output
            };
            if l == last {
                transpose([outputs, rows], units, stride, logits, outputs);
                break;
            }
            self.activation.map(units);
        }
    }
}

/// A slice as a row-major matrix.
pub(crate) fn matrix(data: &[f32], rows: usize, cols: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((rows, cols), &data[..rows * cols]).expect("the slice has this length")
}

/// A slice as a row-major matrix.
pub(crate) fn matrix_mut(data: &mut [f32], rows: usize, cols: usize) -> ArrayViewMut2<'_, f32> {
    ArrayViewMut2::from_shape((rows, cols), &mut data[..rows * cols]).expect("the slice has this length")
}

#[cfg(test)]
mod tests;
