//! The network's values alone, without a record.

use apd_seed::Stream;
use apd_tensor::Scalar;
use apd_tensor::kernel::{Aligned, transpose};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

use crate::dropout::Dropout;
use crate::panel::{Panel, affine};
use crate::{Mlp, Threads};

/// Buffers of [`Mlp::finish`], kept between calls so that only the first one allocates.
#[derive(Clone, Debug)]
pub struct Scratch<T: Scalar = f32> {
    input: Aligned<T>,
    output: Aligned<T>,
    /// A layer's masks row by row, and unit by unit.
    mask: Vec<T>,
    unit_mask: Vec<T>,
}

impl<T: Scalar> Default for Scratch<T> {
    fn default() -> Self {
        Self { input: Aligned::new(), output: Aligned::new(), mask: Vec::new(), unit_mask: Vec::new() }
    }
}

impl Mlp {
    /// The logits of x, in blocks of rows.
    pub(crate) fn evaluate<T: Scalar>(&self, theta: &[T], x: ArrayView2<'_, T>, threads: Threads) -> Array2<T> {
        let outputs = self.widths[self.widths.len() - 1];
        let mut logits = Array2::zeros((x.nrows(), outputs));
        let out = logits.as_slice_mut().expect("a new array is in row-major order");
        out.par_chunks_mut(Panel::<T>::ROWS * outputs).enumerate().with_min_len(threads.min_len()).for_each_init(
            || (Panel::default(), Panel::default(), Scratch::default()),
            |(inputs, first, scratch), (i, logits)| {
                let start = i * Panel::<T>::ROWS;
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
    pub fn first<T: Scalar>(&self, theta: &[T], x: &Panel<T>, out: &mut Panel<T>) {
        let (inputs, outputs) = (self.widths[0], self.widths[1]);
        assert_eq!(x.units.len(), inputs * x.stride, "elements of a panel of inputs");
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
    /// **Shapes**: θ: d, logits: rows of the panel × outputs, row-major.
    ///
    /// **Panics** if the lengths do not fit.
    #[track_caller]
    pub fn finish<T: Scalar>(
        &self,
        theta: &[T],
        first: &mut Panel<T>,
        dropout: Option<&mut Stream>,
        logits: &mut [T],
        scratch: &mut Scratch<T>,
    ) {
        self.layers(&theta[self.first_dim()..], [first.rows, first.stride], &mut first.units, dropout, logits, scratch);
    }

    /// [`finish`](Self::finish) with the parameters behind the first layer, and with the units of a panel.
    #[track_caller]
    pub(crate) fn layers<T: Scalar>(
        &self,
        mut later: &[T],
        [rows, stride]: [usize; 2],
        first: &mut [T],
        dropout: Option<&mut Stream>,
        logits: &mut [T],
        scratch: &mut Scratch<T>,
    ) {
        let last = self.widths.len() - 2;
        assert_eq!(first.len(), self.widths[1] * stride, "elements of a panel of the first layer");
        assert_eq!(logits.len(), rows * self.widths[last + 1], "logits of a panel");
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
                output.resize(outputs * stride, T::zero());
                affine(weight, bias, if l == 1 { first } else { input }, stride, output);
                &mut *output
            };
            if l == last {
                transpose([outputs, rows], units, stride, logits, outputs);
                break;
            }
            self.activation.map(units);
            if let Some(dropout) = &mut dropout {
                mask.resize(rows * outputs, T::zero());
                dropout.fill(l, mask);
                unit_mask.resize(outputs * stride, T::zero());
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
pub(crate) fn matrix<T>(data: &[T], rows: usize, cols: usize) -> ArrayView2<'_, T> {
    ArrayView2::from_shape((rows, cols), &data[..rows * cols]).expect("the slice has this length")
}

/// A slice as a row-major matrix.
pub(crate) fn matrix_mut<T>(data: &mut [T], rows: usize, cols: usize) -> ArrayViewMut2<'_, T> {
    ArrayViewMut2::from_shape((rows, cols), &mut data[..rows * cols]).expect("the slice has this length")
}

#[cfg(test)]
mod tests;
