//! The network's values alone, without a record.

use apd_seed::Stream;
use apd_tensor::kernel::{Aligned, transpose};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

use crate::dropout::Dropout;
use crate::feature_major::{FeatureMajor, affine};
use crate::{Mlp, Threads};

/// Buffers of [`Mlp::finish`], kept between calls so that only the first one allocates.
#[derive(Clone, Debug)]
pub struct Scratch {
    input: Aligned<f32>,
    output: Aligned<f32>,
    /// A layer's masks row by row, and unit by unit.
    mask: Vec<f32>,
    unit_mask: Vec<f32>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { input: Aligned::new(), output: Aligned::new(), mask: Vec::new(), unit_mask: Vec::new() }
    }
}

impl Mlp {
    /// The logits of x, in blocks of rows.
    pub(crate) fn evaluate(&self, theta: &[f32], x: ArrayView2<'_, f32>, threads: Threads) -> Array2<f32> {
        let outputs = self.widths[self.widths.len() - 1];
        let mut logits = Array2::zeros((x.nrows(), outputs));
        let out = logits.as_slice_mut().expect("a new array is in row-major order");
        out.par_chunks_mut(FeatureMajor::ROWS * outputs).enumerate().with_min_len(threads.min_len()).for_each_init(
            || (FeatureMajor::default(), FeatureMajor::default(), Scratch::default()),
            |(inputs, first, scratch), (i, logits)| {
                let start = i * FeatureMajor::ROWS;
                inputs.fill(x.slice_axis(Axis(0), (start..start + logits.len() / outputs).into()));
                self.first(theta, inputs, first);
                self.finish(theta, first, None, logits, scratch);
            },
        );
        logits
    }

    /// out ← W₁·x + b₁, the first layer before its activation, on the calling thread.
    ///
    /// **Shapes**: θ: d, x: inputs, out: widths\[1\] units of the same rows.
    ///
    /// **Panics** if the shapes do not fit.
    #[track_caller]
    pub fn first(&self, theta: &[f32], x: &FeatureMajor, out: &mut FeatureMajor) {
        let (inputs, outputs) = (self.widths[0], self.widths[1]);
        assert_eq!(x.units.len(), inputs * x.stride, "elements of a chunk of inputs");
        out.resize(outputs, x.rows);
        let (weight, bias) = theta[..outputs * (inputs + 1)].split_at(outputs * inputs);
        affine(weight, bias, &x.units, x.stride, &mut out.units);
    }

    /// The logits from what [`first`](Self::first) has made, which is overwritten, on the calling thread.
    ///
    /// The two are apart because the first is the same for every mask of dropout. The bits of a row depend on that row alone.
    ///
    /// `dropout`: `None` leaves it out; a stream applies the network's, taking [`dropout_words`](Self::dropout_words) per row,
    /// so that some rows can be evaluated on their own by seeking to the first one's words.
    ///
    /// **Shapes**: θ: d, logits: rows of the chunk × outputs, row-major.
    ///
    /// **Panics** if the lengths do not fit.
    #[track_caller]
    pub fn finish(
        &self,
        theta: &[f32],
        first: &mut FeatureMajor,
        dropout: Option<&mut Stream>,
        logits: &mut [f32],
        scratch: &mut Scratch,
    ) {
        self.layers(&theta[self.first_dim()..], [first.rows, first.stride], &mut first.units, dropout, logits, scratch);
    }

    /// [`finish`](Self::finish) with the parameters behind the first layer, and with the units of a chunk.
    #[track_caller]
    pub(crate) fn layers(
        &self,
        mut later: &[f32],
        [rows, stride]: [usize; 2],
        first: &mut [f32],
        dropout: Option<&mut Stream>,
        logits: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let last = self.widths.len() - 2;
        assert_eq!(first.len(), self.widths[1] * stride, "elements of a chunk of the first layer");
        assert_eq!(logits.len(), rows * self.widths[last + 1], "logits of a chunk");
        let mut dropout = Dropout::new(self.dropout, self.hidden(), dropout);
        let Scratch { input, output, mask, unit_mask } = scratch;
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
            if let Some(dropout) = &mut dropout {
                mask.resize(rows * outputs, 0.0);
                dropout.fill(l, mask);
                unit_mask.resize(outputs * stride, 0.0);
                transpose([rows, outputs], mask, outputs, unit_mask, stride);
                units.iter_mut().zip(&*unit_mask).for_each(|(a, &m)| *a *= m);
            }
        }
        if let Some(dropout) = dropout {
            dropout.finish(rows);
        }
    }

    /// Words that dropout takes from its stream per row: one for each hidden unit.
    pub fn dropout_words(&self) -> u64 {
        self.hidden().iter().map(|&width| width as u64).sum()
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
