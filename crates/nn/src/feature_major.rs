//! A few rows, feature by feature.

use apd_tensor::kernel::gemm::unpacked::{Left, Start, product};
use apd_tensor::kernel::{Aligned, lanes, transpose};
use ndarray::ArrayView2;

/// The inputs of a few rows, feature by feature: the numbers of one feature lie side by side, padded to whole vectors.
///
/// No product of a layer with it packs anything ([`gemm::unpacked`](apd_tensor::kernel::gemm::unpacked)), and it serves any number of networks.
#[derive(Clone, Debug, Default)]
pub struct FeatureMajor {
    /// units × stride.
    pub(crate) units: Aligned<f32>,
    pub(crate) rows: usize,
    pub(crate) stride: usize,
}

impl FeatureMajor {
    /// Rows that prediction takes at a time: whole vectors of every instruction set, and as many as the product's registers take at once.
    pub const ROWS: usize = 96;

    /// Takes these inputs in place of what it holds. **Shapes**: x: N × inputs.
    pub fn fill(&mut self, x: ArrayView2<'_, f32>) {
        self.fill_padded(x, padded(x.nrows()));
    }

    /// [`fill`](Self::fill) with a stride of at least as many numbers as there are rows.
    pub(crate) fn fill_padded(&mut self, x: ArrayView2<'_, f32>, stride: usize) {
        let (rows, inputs) = x.dim();
        (self.rows, self.stride) = (rows, stride);
        self.units.resize(inputs * self.stride, 0.0);
        let x = x.as_standard_layout();
        transpose([rows, inputs], x.as_slice().expect("standard layout"), inputs, &mut self.units, self.stride);
        if rows < self.stride {
            // They are multiplied, if not used.
            self.units.chunks_exact_mut(self.stride).for_each(|unit| unit[rows..].fill(0.0));
        }
    }
}

/// N padded to whole vectors, and such that units do not share their cache sets.
pub(crate) fn padded(rows: usize) -> usize {
    let padded = rows.next_multiple_of(lanes::<f32>());
    if padded.is_multiple_of(256) { padded + lanes::<f32>() } else { padded }
}

/// out ← W·units + b, where units and out have rows of this stride; W has a row for each of b.
pub(crate) fn affine(weight: &[f32], bias: &[f32], units: &[f32], stride: usize, out: &mut [f32]) {
    if stride == 0 {
        return;
    }
    let inputs = units.len() / stride;
    product([bias.len(), stride, inputs], Left::rows(weight, inputs), units, stride, Start::Rows(bias), out, stride);
}
