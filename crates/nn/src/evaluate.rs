//! The network's values alone, without a record.

use apd_seed::Stream;
use apd_tensor::Scalar;
use apd_tensor::kernel::panel::{Left, accumulate};
use apd_tensor::kernel::{self, Aligned, lanes, transpose};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, ShapeBuilder};
use rayon::prelude::*;

use crate::activation::add_bias;
use crate::dropout::Dropout;
use crate::{Mlp, Network};

/// A few inputs, unit by unit: what [`Mlp::evaluate_panel`] takes.
///
/// Prepared once, a panel serves any number of networks, and no product with it packs anything.
#[derive(Clone, Debug)]
pub struct Panel<T: Scalar = f32> {
    /// inputs × stride.
    units: Aligned<T>,
    rows: usize,
    stride: usize,
}

impl<T: Scalar> Default for Panel<T> {
    fn default() -> Self {
        Self { units: Aligned::new(), rows: 0, stride: 0 }
    }
}

impl<T: Scalar> Default for Scratch<T> {
    fn default() -> Self {
        Self { input: Aligned::new(), output: Aligned::new(), mask: Vec::new() }
    }
}

impl<T: Scalar> Panel<T> {
    /// Rows of a full panel: whole vectors of every instruction set, and as many as the product's registers take at once.
    pub const ROWS: usize = 96;

    /// Takes these inputs in place of what it holds. **Shapes**: x: N × inputs, best with N = [`ROWS`](Self::ROWS).
    pub fn fill(&mut self, x: ArrayView2<'_, T>) {
        let (rows, inputs) = x.dim();
        (self.rows, self.stride) = (rows, rows.next_multiple_of(lanes::<T>()));
        self.units.resize(inputs * self.stride, T::zero());
        let x = x.as_standard_layout();
        transpose([rows, inputs], x.as_slice().expect("standard layout"), inputs, &mut self.units, self.stride);
        if rows < self.stride {
            self.units.chunks_exact_mut(self.stride).for_each(|unit| unit[rows..].fill(T::zero()));
        }
    }
}

/// Buffers of [`Mlp::evaluate_panel`] and [`Mlp::finish`], kept between calls so that only the first one allocates.
#[derive(Clone, Debug)]
pub struct Scratch<T: Scalar = f32> {
    input: Aligned<T>,
    output: Aligned<T>,
    mask: Vec<T>,
}

impl Network {
    /// The logits of x, without dropout and without a record.
    ///
    /// Blocks of rows are evaluated in parallel; the result does not depend on the number of threads.
    ///
    /// **Shapes**: row: θ and its [buffers](Network#rows-θ-and-buffers), [`row_len`](Network::row_len); x: N × inputs ↦ N × outputs.
    ///
    /// **Panics** if the shapes do not fit.
    #[track_caller]
    pub fn evaluate<T: Scalar>(&self, row: &[T], x: ArrayView2<'_, T>) -> Array2<T> {
        assert_eq!(row.len(), self.row_len(), "elements of θ and its buffers");
        assert_eq!(x.ncols(), self.inputs(), "elements of an input row");
        match self {
            Self::Mlp(mlp) => mlp.evaluate(row, x),
            Self::Cnn(cnn) => cnn.evaluate(row, x),
        }
    }
}

impl Mlp {
    fn evaluate<T: Scalar>(&self, theta: &[T], x: ArrayView2<'_, T>) -> Array2<T> {
        let outputs = self.widths[self.widths.len() - 1];
        let mut logits = Array2::zeros((x.nrows(), outputs));
        let out = logits.as_slice_mut().expect("a new array is in row-major order");
        out.par_chunks_mut(Panel::<T>::ROWS * outputs).enumerate().for_each_init(
            || (Panel::default(), Scratch::default()),
            |(panel, scratch), (i, logits)| {
                let first = i * Panel::<T>::ROWS;
                panel.fill(x.slice_axis(Axis(0), (first..first + logits.len() / outputs).into()));
                self.evaluate_panel(theta, panel, logits, scratch);
            },
        );
        logits
    }

    /// The logits of a panel, without dropout, on the calling thread.
    ///
    /// The bits of a row depend on that row alone.
    ///
    /// **Shapes**: θ: d, logits: rows of the panel × outputs, row-major.
    ///
    /// **Panics** if the lengths do not fit.
    #[track_caller]
    pub fn evaluate_panel<T: Scalar>(&self, theta: &[T], panel: &Panel<T>, logits: &mut [T], scratch: &mut Scratch<T>) {
        let (&Panel { ref units, rows, stride }, layers) = (panel, self.widths.len() - 1);
        assert_eq!(units.len(), self.widths[0] * stride, "elements of a panel");
        assert_eq!(logits.len(), rows * self.widths[layers], "logits of a panel");
        if rows == 0 {
            return;
        }
        let mut offset = 0;
        for (l, pair) in self.widths.windows(2).enumerate() {
            let (inputs, outputs) = (pair[0], pair[1]);
            let (weight, bias) = theta[offset..][..outputs * (inputs + 1)].split_at(outputs * inputs);
            offset += outputs * (inputs + 1);
            let Scratch { input, output, .. } = scratch;
            // What was the output is the input of this layer, except of the first.
            std::mem::swap(input, output);
            output.resize(outputs * stride, T::zero());
            output.chunks_exact_mut(stride).zip(bias).for_each(|(unit, &bias)| unit.fill(bias));
            let below = if l == 0 { units } else { input };
            accumulate([outputs, stride, inputs], Left::rows(weight, inputs), below, stride, output, stride);
            if l + 1 < layers {
                self.activation.map(output);
            }
        }
        transpose([self.widths[layers], rows], &scratch.output, stride, logits, self.widths[layers]);
    }

    /// out ← x·W₁ᵀ, the first layer's product without its bias, on the calling thread.
    ///
    /// **Shapes**: θ: d, x: N × inputs, out: N × widths\[1\].
    ///
    /// **Panics** if the shapes do not fit.
    #[track_caller]
    pub fn first<T: Scalar>(&self, theta: &[T], x: ArrayView2<'_, T>, out: ArrayViewMut2<'_, T>) {
        let (inputs, outputs) = (self.widths[0], self.widths[1]);
        let weight = matrix(&theta[..outputs * inputs], outputs, inputs);
        kernel::gemm_serial(T::one(), x, weight.t(), T::zero(), out);
    }

    /// The logits from the first layer's product x·W₁ᵀ (without bias), on the calling thread.
    ///
    /// Split off from that product, which is the same for every mask of dropout: its row r is `first[r·stride..][..widths[1]]`. It is
    /// overwritten.
    ///
    /// `dropout`: `None` leaves it out; a stream applies the network's, taking [`dropout_words`](Self::dropout_words) per row,
    /// so that a block of rows can be evaluated on its own by seeking to its first row's words.
    ///
    /// **Shapes**: θ: d, logits: N × outputs, row-major; it decides N.
    ///
    /// **Panics** if the lengths do not fit.
    #[track_caller]
    pub fn finish<T: Scalar>(
        &self,
        theta: &[T],
        first: &mut [T],
        stride: usize,
        dropout: Option<&mut Stream>,
        logits: &mut [T],
        scratch: &mut Scratch<T>,
    ) {
        let outputs = self.widths[self.widths.len() - 1];
        let (rows, layers) = (logits.len() / outputs, self.widths.len() - 1);
        assert!(logits.len() == rows * outputs, "{} logits are not whole rows of {outputs}", logits.len());
        if rows == 0 {
            return;
        }
        let needed = (rows - 1) * stride + self.widths[1];
        assert!(
            stride >= self.widths[1] && first.len() >= needed,
            "the first product needs {needed} elements, stride {stride}"
        );
        let first = &mut first[..needed];
        let mut dropout = Dropout::new(self, dropout);
        let mut offset = 0;
        for (l, pair) in self.widths.windows(2).enumerate() {
            let (inputs, outputs) = (pair[0], pair[1]);
            let (weight, rest) = theta[offset..].split_at(outputs * inputs);
            let bias = &rest[..outputs];
            offset += weight.len() + bias.len();

            let last = l + 1 == layers;
            // After the second layer, the input is the output before it.
            std::mem::swap(&mut scratch.input, &mut scratch.output);
            let (hidden, stride) = match (l, last) {
                (0, false) => (&mut *first, stride),
                (0, true) => {
                    for (logits, first) in logits.chunks_exact_mut(outputs).zip(first.chunks(stride)) {
                        logits.copy_from_slice(&first[..outputs]);
                    }
                    (&mut *logits, outputs)
                }
                (_, last) => {
                    let input = if l == 1 {
                        ArrayView2::from_shape((rows, inputs).strides((stride, 1)), first).expect("checked above")
                    } else {
                        matrix(&scratch.input, rows, inputs)
                    };
                    let output = if last {
                        &mut *logits
                    } else {
                        scratch.output.resize(rows * outputs, T::zero());
                        &mut scratch.output
                    };
                    let weight = matrix(weight, outputs, inputs);
                    kernel::gemm_serial(T::one(), input, weight.t(), T::zero(), matrix_mut(output, rows, outputs));
                    (output, outputs)
                }
            };
            if last {
                add_bias(hidden, stride, bias);
                continue;
            }
            self.activation.apply(hidden, stride, bias);
            if let Some(dropout) = &mut dropout {
                scratch.mask.resize(rows * outputs, T::zero());
                dropout.fill(l, &mut scratch.mask);
                for (row, mask) in hidden.chunks_mut(stride).zip(scratch.mask.chunks_exact(outputs)) {
                    row.iter_mut().zip(mask).for_each(|(a, &m)| *a *= m);
                }
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
