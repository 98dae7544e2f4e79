//! Matrix products: cut into pieces that depend on the shapes only, so that the bits do not depend on the threads.

pub mod unpacked;

use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice, Zip};
use rayon::prelude::*;

use super::tile;
use crate::Scalar;

/// Floating-point operations below which one thread does it all: under some 40 µs, waking another one does not pay.
pub(crate) const PARALLEL: usize = 4_000_000;
/// Floating-point operations of one piece, about: packing a piece's operands is then a small part of its work.
const PIECE: usize = 8_000_000;
/// Pieces at most: enough to keep many threads busy, few enough that each stays large.
const PIECES: usize = 64;

/// C ← α·A·B + β·C, in parallel (rayon) when the product is large enough to gain by it.
///
/// The product is cut into pieces that depend on its shape only: blocks of C, or, where k is long and C small, stretches of k
/// whose products are added up in index order. The result has the same bits under any number of threads.
///
/// **Shapes**: A (m, k), B (k, n), C (m, n), any strides; others panic. The content of C is ignored if β = 0, NaN included;
/// the product is 0 if k = 0.
#[track_caller]
pub fn gemm<T: Scalar>(alpha: T, a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, beta: T, c: ArrayViewMut2<'_, T>) {
    check(&a, &b, &c);
    let ((m, k), n) = (a.dim(), b.ncols());
    let work = m.saturating_mul(n).saturating_mul(k).saturating_mul(2);
    if work < PARALLEL {
        return serial(alpha, a, b, beta, c);
    }
    let pieces = (work / PIECE).clamp(2, PIECES);
    // Along k every element of A and B is packed once, and what is added up is small.
    if k / 4 >= m.max(n) {
        along_k(alpha, a, b, beta, c, pieces);
    } else {
        blocks(alpha, a, b, beta, c, pieces);
    }
}

/// C ← α·A·B + β·C on the calling thread alone: for loops over tiles that are parallel already. It allocates nothing but the
/// kernel's packing buffer, which each thread keeps.
#[track_caller]
pub fn gemm_serial<T: Scalar>(alpha: T, a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, beta: T, c: ArrayViewMut2<'_, T>) {
    check(&a, &b, &c);
    serial(alpha, a, b, beta, c);
}

/// C ← α·A·B + β·C by the definition: the reference that the others are tested against.
#[track_caller]
pub fn gemm_naive<T: Scalar>(
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    beta: T,
    mut c: ArrayViewMut2<'_, T>,
) {
    check(&a, &b, &c);
    for ((i, j), c) in c.indexed_iter_mut() {
        let product = (0..a.ncols()).fold(T::zero(), |sum, l| sum + a[[i, l]] * b[[l, j]]);
        *c = if beta == T::zero() { alpha * product } else { alpha * product + beta * *c };
    }
}

#[track_caller]
fn check<T>(a: &ArrayView2<'_, T>, b: &ArrayView2<'_, T>, c: &ArrayViewMut2<'_, T>) {
    let fits = a.ncols() == b.nrows() && a.nrows() == c.nrows() && b.ncols() == c.ncols();
    assert!(fits, "gemm: shapes do not fit, {:?} · {:?} → {:?}", a.shape(), b.shape(), c.shape());
}

fn serial<T: Scalar>(alpha: T, a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, beta: T, mut c: ArrayViewMut2<'_, T>) {
    if c.is_empty() {
        return;
    }
    if a.ncols() == 0 {
        if beta == T::zero() {
            c.fill(beta);
        } else {
            c.mapv_inplace(|c| beta * c);
        }
        return;
    }
    tile::product(alpha, a, b, beta, c);
}

/// Cuts C into a grid of blocks.
fn blocks<T: Scalar>(
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    beta: T,
    c: ArrayViewMut2<'_, T>,
    pieces: usize,
) {
    // The kernel's vectors run along the unit stride of C. Cutting there rather than across is cheaper, down to two kernels' width:
    // each piece then packs its own part of the operand whose packing costs more.
    let vectors_along_rows = c.strides()[1].abs() == 1;
    let (mut along, mut across) = (1, 1);
    let (along_len, across_len) = if vectors_along_rows { (c.ncols(), c.nrows()) } else { (c.nrows(), c.ncols()) };
    while along * across < pieces {
        let (width, height) = (along_len / along, across_len / across);
        if width >= 192 && height < 4 * width { along *= 2 } else { across *= 2 }
    }
    let (rows, row_unit, columns, column_unit) =
        if vectors_along_rows { (across, 4, along, 16) } else { (along, 16, across, 4) };
    let (rows, columns) = (cut(c.nrows(), rows, row_unit), cut(c.ncols(), columns, column_unit));
    let mut jobs = Vec::with_capacity(rows.len() * columns.len());
    let mut below = c;
    for i in rows {
        let (mut right, rest) = below.split_at(Axis(0), i.len());
        below = rest;
        for j in columns.iter().cloned() {
            let (block, rest) = right.split_at(Axis(1), j.len());
            right = rest;
            jobs.push((i.clone(), j, block));
        }
    }
    jobs.into_par_iter().with_max_len(1).for_each(|(i, j, block)| {
        serial(alpha, a.slice_axis(Axis(0), Slice::from(i)), b.slice_axis(Axis(1), Slice::from(j)), beta, block);
    });
}

/// Cuts k; the partial products are added in index order, whichever is ready first.
fn along_k<T: Scalar>(
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    beta: T,
    mut c: ArrayViewMut2<'_, T>,
    pieces: usize,
) {
    let parts: Vec<Array2<T>> = cut(a.ncols(), pieces, 16)
        .into_par_iter()
        .with_max_len(1)
        .map(|l| {
            let mut part = Array2::zeros(c.dim());
            let a = a.slice_axis(Axis(1), Slice::from(l.clone()));
            serial(T::one(), a, b.slice_axis(Axis(0), Slice::from(l)), T::zero(), part.view_mut());
            part
        })
        .collect();
    let mut parts = parts.into_iter();
    let Some(mut sum) = parts.next() else { return };
    parts.for_each(|part| sum += &part);
    if beta == T::zero() {
        Zip::from(&mut c).and(&sum).for_each(|c, &sum| *c = alpha * sum);
    } else {
        Zip::from(&mut c).and(&sum).for_each(|c, &sum| *c = alpha * sum + beta * *c);
    }
}

/// About `pieces` ranges that cover 0..len, each but the last a multiple of `unit` long.
fn cut(len: usize, pieces: usize, unit: usize) -> Vec<Range<usize>> {
    let step = len.div_ceil(pieces).next_multiple_of(unit);
    (0..len).step_by(step.max(1)).map(|start| start..(start + step).min(len)).collect()
}

#[cfg(test)]
mod tests;
