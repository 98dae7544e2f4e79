//! The images of several sets, one set below the other.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis, concatenate};

use crate::error::{Error, Result};

/// Inputs that go through each draw of networks together: drawing costs more than predicting a few more rows.
pub(crate) struct Stacked {
    pub(crate) inputs: Array2<f32>,
    /// Where each block begins, and where the last one ends.
    starts: Vec<usize>,
}

impl Stacked {
    /// **Errors**: images of another size than those of the first block.
    pub(crate) fn new(blocks: &[ArrayView2<'_, f32>]) -> Result<Self> {
        let expected = blocks.first().map_or(0, |block| block.ncols());
        if let Some(other) = blocks.iter().find(|block| block.ncols() != expected) {
            let what = "pixels of an out-of-distribution image".into();
            return Err(Error::Mismatch { what, expected, found: other.ncols() });
        }
        let mut starts = vec![0];
        starts.extend(blocks.iter().scan(0, |end, block| {
            *end += block.nrows();
            Some(*end)
        }));
        Ok(Self { inputs: concatenate(Axis(0), blocks).expect("blocks of one width, one at least"), starts })
    }

    /// The rows of block `b`.
    pub(crate) fn block(&self, b: usize) -> Range<usize> {
        self.starts[b]..self.starts[b + 1]
    }
}
