//! A few rows, unit by unit.

use apd_tensor::kernel::gemm::unpacked::{Left, accumulate};
use apd_tensor::kernel::{Aligned, lanes, transpose};
use ndarray::ArrayView2;

/// The values of some units for a few rows, unit by unit: the numbers of one unit lie side by side, padded to whole vectors.
///
/// No product of a layer with a chunk packs anything, and a chunk of inputs serves any number of networks.
#[derive(Clone, Debug)]
pub struct FeatureMajor {
    /// units × stride.
    pub(crate) units: Aligned<f32>,
    pub(crate) rows: usize,
    pub(crate) stride: usize,
}

impl Default for FeatureMajor {
    fn default() -> Self {
        Self { units: Aligned::new(), rows: 0, stride: 0 }
    }
}

impl FeatureMajor {
    /// Rows of a full chunk of prediction: whole vectors of every instruction set, and as many as the product's registers take at once.
    pub const ROWS: usize = 96;

    /// Takes these inputs in place of what it holds. **Shapes**: x: N × inputs.
    pub fn fill(&mut self, x: ArrayView2<'_, f32>) {
        let (rows, inputs) = x.dim();
        self.resize(inputs, rows);
        let x = x.as_standard_layout();
        transpose([rows, inputs], x.as_slice().expect("standard layout"), inputs, &mut self.units, self.stride);
        if rows < self.stride {
            // They are multiplied, if not used.
            self.units.chunks_exact_mut(self.stride).for_each(|unit| unit[rows..].fill(0.0));
        }
    }

    /// Takes the values of another chunk.
    pub fn assign(&mut self, other: &Self) {
        (self.rows, self.stride) = (other.rows, other.stride);
        self.units.resize(other.units.len(), 0.0);
        self.units.copy_from_slice(&other.units);
    }

    /// Makes room for so many units and rows, whose values are then anything.
    pub(crate) fn resize(&mut self, units: usize, rows: usize) {
        (self.rows, self.stride) = (rows, padded(rows));
        self.units.resize(units * self.stride, 0.0);
    }
}

/// N padded to whole vectors, and such that units do not share their cache sets.
pub(crate) fn padded(rows: usize) -> usize {
    let padded = rows.next_multiple_of(lanes::<f32>());
    if padded.is_multiple_of(256) { padded + lanes::<f32>() } else { padded }
}

/// out ← W·units + b, where units and out are those of chunks with this stride; W has a row for each of b.
pub(crate) fn affine(weight: &[f32], bias: &[f32], units: &[f32], stride: usize, out: &mut [f32]) {
    if stride == 0 {
        return;
    }
    let inputs = units.len() / stride;
    out.chunks_exact_mut(stride).zip(bias).for_each(|(unit, &bias)| unit.fill(bias));
    accumulate([bias.len(), stride, inputs], Left::rows(weight, inputs), units, stride, out, stride);
}
