//! The element types of updates, and the product of a tile.

use std::ops::Range;

use apd_tensor::Scalar;
use apd_tensor::kernel::sparse::{self, Sparse};
use ndarray::{Array2, ArrayViewMut2, Axis};
use rayon::prelude::*;

pub(crate) use apd_tensor::kernel::Aligned;
pub(crate) use apd_tensor::kernel::gemm::unpacked::{Left, accumulate, accumulate_while};

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
pub(crate) const TILE: usize = 192;

/// Points per sweep over a tile.
pub(crate) const BLOCK: usize = 208;

/// Points from their last features: features·W + b, coordinate tile by coordinate tile, in parallel. Features that are 0 cost nothing.
///
/// `load(columns, w, b)` gives a tile of W (`width` × its columns) and of b; `finish(i, columns, out)` goes over that part of point i,
/// counted in `out`.
pub(crate) fn draw(
    features: &[f32],
    width: usize,
    mut out: ArrayViewMut2<'_, f32>,
    load: impl Fn(Range<usize>, &mut [f32], &mut [f32]) + Sync,
    finish: impl Fn(usize, Range<usize>, &mut [f32]) + Sync,
) {
    if out.rows().into_iter().any(|row| row.as_slice().is_none()) {
        let mut points = Array2::zeros(out.dim());
        draw(features, width, points.view_mut(), load, finish);
        return out.assign(&points);
    }
    let blocks = (0..out.nrows()).step_by(BLOCK).map(|top| top..(top + BLOCK).min(out.nrows()));
    let features: Vec<Sparse> =
        blocks.map(|rows| Sparse::new([rows.len(), width], &features[rows.start * width..rows.end * width])).collect();
    let tiles: Vec<_> = out.axis_chunks_iter_mut(Axis(1), TILE).enumerate().collect();
    let scratch = || (Aligned::new(), vec![0.0; TILE]);
    tiles.into_par_iter().for_each_init(scratch, |(weight, bias), (i, mut out)| {
        let columns = i * TILE..i * TILE + out.ncols();
        let bias = &mut bias[..columns.len()];
        weight.resize(columns.len() * width, 0.0);
        load(columns.clone(), weight, bias);
        for (block, mut out) in out.axis_chunks_iter_mut(Axis(0), BLOCK).enumerate() {
            let rows = out.rows_mut().into_iter().map(|row| row.into_slice().expect("looked at above"));
            let mut rows: Vec<_> = rows.collect();
            sparse::affine(&features[block], weight, bias, &mut rows);
            for (i, row) in rows.into_iter().enumerate() {
                finish(block * BLOCK + i, columns.clone(), row);
            }
        }
    });
}
