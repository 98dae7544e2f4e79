//! What the updates need of an element type, and the product of a tile.

use std::ops::Range;

use apd_tensor::Scalar;
use ndarray::{ArrayViewMut2, Axis};
use rayon::prelude::*;

pub(crate) use apd_tensor::kernel::Aligned;
pub(crate) use apd_tensor::kernel::panel::{Left, accumulate};

/// Element types of the parameters.
pub(crate) trait Element: Scalar {
    /// `x` in this type.
    fn from_f32(x: f32) -> Self;
}

impl Element for f32 {
    fn from_f32(x: f32) -> Self {
        x
    }
}

impl Element for f64 {
    fn from_f32(x: f32) -> Self {
        Self::from(x)
    }
}

/// Coordinates that one task of [`draw`] computes at a time.
pub(crate) const TILE: usize = 384;

/// Points per sweep over a tile.
pub(crate) const BLOCK: usize = 208;

/// Points from their last features: features·W + b, coordinate tile by coordinate tile, in parallel.
///
/// `load(columns, w, b)` gives a tile of W (`width` × its columns) and of b; `finish(i, columns, sum, out)` makes that part of point i,
/// counted in `out`, of the sum.
pub(crate) fn draw(
    features: &[f32],
    width: usize,
    mut out: ArrayViewMut2<'_, f32>,
    load: impl Fn(Range<usize>, &mut [f32], &mut [f32]) + Sync,
    finish: impl Fn(usize, Range<usize>, &mut [f32], &mut [f32]) + Sync,
) {
    let tiles: Vec<_> = out.axis_chunks_iter_mut(Axis(1), TILE).enumerate().collect();
    let scratch = || (Aligned::new(), Aligned::new(), [vec![0.0; TILE], vec![0.0; TILE]]);
    tiles.into_par_iter().for_each_init(scratch, |(weight, sums, [bias, line]), (i, mut out)| {
        let columns = i * TILE..i * TILE + out.ncols();
        let t = columns.len();
        let (bias, line) = (&mut bias[..t], &mut line[..t]);
        weight.resize(t * width, 0.0);
        load(columns.clone(), weight, bias);
        for (block, mut out) in out.axis_chunks_iter_mut(Axis(0), BLOCK).enumerate() {
            let count = out.nrows();
            sums.resize(count * t, 0.0);
            sums.chunks_exact_mut(t).for_each(|row| row.copy_from_slice(bias));
            let left = Left::rows(&features[block * BLOCK * width..], width);
            accumulate([count, t, width], left, weight, t, sums, t);
            for (i, (mut out, sum)) in out.rows_mut().into_iter().zip(sums.chunks_exact_mut(t)).enumerate() {
                let number = block * BLOCK + i;
                if let Some(out) = out.as_slice_mut() {
                    finish(number, columns.clone(), sum, out);
                } else {
                    finish(number, columns.clone(), sum, line);
                    out.iter_mut().zip(&*line).for_each(|(out, &x)| *out = x);
                }
            }
        }
    });
}
