//! A few rows, unit by unit.

use apd_tensor::Scalar;
use apd_tensor::kernel::panel::{Left, accumulate};
use apd_tensor::kernel::{Aligned, lanes, transpose};
use ndarray::ArrayView2;

/// The values of some units for a few rows, unit by unit: the numbers of one unit lie side by side, padded to whole vectors.
///
/// No product of a layer with a panel packs anything, and a panel of inputs serves any number of networks.
#[derive(Clone, Debug)]
pub struct Panel<T: Scalar = f32> {
    /// units × stride.
    pub(crate) units: Aligned<T>,
    pub(crate) rows: usize,
    pub(crate) stride: usize,
}

impl<T: Scalar> Default for Panel<T> {
    fn default() -> Self {
        Self { units: Aligned::new(), rows: 0, stride: 0 }
    }
}

impl<T: Scalar> Panel<T> {
    /// Rows of a full panel of prediction: whole vectors of every instruction set, and as many as the product's registers take at once.
    pub const ROWS: usize = 96;

    /// Takes these inputs in place of what it holds. **Shapes**: x: N × inputs.
    pub fn fill(&mut self, x: ArrayView2<'_, T>) {
        let (rows, inputs) = x.dim();
        self.resize(inputs, rows);
        let x = x.as_standard_layout();
        transpose([rows, inputs], x.as_slice().expect("standard layout"), inputs, &mut self.units, self.stride);
        if rows < self.stride {
            // They are multiplied, if not used.
            self.units.chunks_exact_mut(self.stride).for_each(|unit| unit[rows..].fill(T::zero()));
        }
    }

    /// Takes the values of another panel.
    pub fn assign(&mut self, other: &Self) {
        (self.rows, self.stride) = (other.rows, other.stride);
        self.units.resize(other.units.len(), T::zero());
        self.units.copy_from_slice(&other.units);
    }

    /// Makes room for so many units and rows, whose values are then anything.
    pub(crate) fn resize(&mut self, units: usize, rows: usize) {
        (self.rows, self.stride) = (rows, padded::<T>(rows));
        self.units.resize(units * self.stride, T::zero());
    }
}

/// N padded to whole vectors, and such that units do not share their cache sets.
pub(crate) fn padded<T>(rows: usize) -> usize {
    let padded = rows.next_multiple_of(lanes::<T>());
    if padded.is_multiple_of(256) { padded + lanes::<T>() } else { padded }
}

/// out ← W·units + b, where units and out are those of panels with this stride; W has a row for each of b.
pub(crate) fn affine<T: Scalar>(weight: &[T], bias: &[T], units: &[T], stride: usize, out: &mut [T]) {
    if stride == 0 {
        return;
    }
    let inputs = units.len() / stride;
    out.chunks_exact_mut(stride).zip(bias).for_each(|(unit, &bias)| unit.fill(bias));
    accumulate([bias.len(), stride, inputs], Left::rows(weight, inputs), units, stride, out, stride);
}
