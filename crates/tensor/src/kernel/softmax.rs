//! Row-wise softmax, its logarithm, and cross-entropy.

use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};
use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

use super::sum;
use crate::Scalar;

/// Elements of one piece of rows: it fits in the L1 cache, and is the unit of parallel work.
const PIECE: usize = 4096;
/// Elements below which a second thread costs more than it saves.
const PARALLEL: usize = 1 << 17;

/// Replaces each row x by exp x_k / Σ_j exp x_j, without overflow. Rows of length 0 stay as they are.
///
/// A row that holds NaN or +∞, or −∞ only, becomes NaN.
pub fn softmax_rows<T: Scalar>(x: ArrayViewMut2<'_, T>) {
    for_pieces(x, |piece, width| {
        subtract_max(piece, width);
        exp_slice(piece);
        for row in piece.chunks_exact_mut(width) {
            let sum = sum::all(row);
            row.iter_mut().for_each(|x| *x /= sum);
        }
    });
}

/// Replaces each row x by x_k − ln Σ_j exp x_j, without overflow. Rows of length 0 stay as they are.
///
/// A row that holds NaN or +∞, or −∞ only, becomes NaN.
pub fn log_softmax_rows<T: Scalar>(x: ArrayViewMut2<'_, T>) {
    for_pieces(x, |piece, width| {
        subtract_max(piece, width);
        let mut exps = piece.to_vec();
        exp_slice(&mut exps);
        for (row, exps) in piece.chunks_exact_mut(width).zip(exps.chunks_exact(width)) {
            let log_sum = sum::all(exps).ln();
            row.iter_mut().for_each(|x| *x -= log_sum);
        }
    });
}

/// −Σ_n ln p_n,label(n) with p = softmax(x); the labels are valid.
pub(crate) fn cross_entropy<T: Scalar>(x: ArrayView2<'_, T>, labels: &[u32]) -> T {
    let mut log_p = x.to_owned();
    log_softmax_rows(log_p.view_mut());
    let terms: Vec<T> = log_p.rows().into_iter().zip(labels).map(|(row, &label)| -row[label as usize]).collect();
    sum::all(&terms)
}

/// Replaces each row of logits z by softmax(z) − one-hot(label), the gradient of the cross-entropy; returns that, −Σₙ ln softmax(zₙ)\[labelₙ\].
///
/// Columns may be contiguous as well as rows: then all examples of a class are treated at once.
///
/// **Shapes**: N × classes, N labels. **Units**: nats, summed.
///
/// **Panics** if there are not N labels, or one is not below the number of classes.
#[track_caller]
pub fn softmax_cross_entropy<T: Scalar>(logits: &mut ArrayViewMut2<'_, T>, labels: &[u32]) -> f64 {
    let rows = logits.nrows();
    assert_eq!(labels.len(), rows, "labels, one for each row");
    let mut loss = 0.0;
    if logits.strides()[0] != 1 {
        for (mut row, &label) in logits.rows_mut().into_iter().zip(labels) {
            let z = &mut row.view_mut().insert_axis(ndarray::Axis(1));
            loss += Arch::new().dispatch(ByClass { z, labels: &[label] });
        }
        return loss;
    }
    for start in (0..rows).step_by(EXAMPLES) {
        let examples = start..(start + EXAMPLES).min(rows);
        let block = logits.slice_mut(ndarray::s![examples.clone(), ..]);
        loss += Arch::new().dispatch(ByClass { z: &mut block.reversed_axes(), labels: &labels[examples] });
    }
    loss
}

/// Examples whose maxima and sums are kept at a time.
const EXAMPLES: usize = 64;

/// [`softmax_cross_entropy`] of at most [`EXAMPLES`] examples: a row for each class.
struct ByClass<'a, 'b, T> {
    z: &'a mut ArrayViewMut2<'b, T>,
    labels: &'a [u32],
}

impl<T: Scalar> NullaryFnOnce for ByClass<'_, '_, T> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        let Self { z, labels } = self;
        let (mut max, mut sum, mut at_label) =
            ([T::neg_infinity(); EXAMPLES], [T::zero(); EXAMPLES], [T::zero(); EXAMPLES]);
        for row in z.rows_mut() {
            max.iter_mut().zip(side_by_side(row)).for_each(|(max, &mut z)| *max = if z > *max { z } else { *max });
        }
        for (n, &label) in labels.iter().enumerate() {
            assert!((label as usize) < z.nrows(), "label {label} of {} classes", z.nrows());
            at_label[n] = z[[label as usize, n]] - max[n];
        }
        for row in z.rows_mut() {
            let row = side_by_side(row);
            row.iter_mut().zip(&max).for_each(|(z, &max)| *z -= max);
            for z in row.iter_mut() {
                *z = z.fast_exp();
            }
            sum.iter_mut().zip(row).for_each(|(sum, &mut z)| *sum += z);
        }
        for row in z.rows_mut() {
            side_by_side(row).iter_mut().zip(&sum).for_each(|(z, &sum)| *z /= sum);
        }
        let mut loss = 0.0;
        for (n, &label) in labels.iter().enumerate() {
            z[[label as usize, n]] -= T::one();
            loss += (sum[n].ln() - at_label[n]).as_f64();
        }
        loss
    }
}

/// Those of one class, which lie side by side: as a slice, loops over them vectorize.
#[inline(always)]
fn side_by_side<'a, T>(row: ArrayViewMut1<'a, T>) -> &'a mut [T] {
    row.into_slice().expect("examples lie side by side")
}

/// x ← eˣ over a slice, on the widest vectors.
fn exp_slice<T: Scalar>(x: &mut [T]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for x in x {
                *x = x.fast_exp();
            }
        },
    );
}

fn subtract_max<T: Scalar>(piece: &mut [T], width: usize) {
    for row in piece.chunks_exact_mut(width) {
        let max = row.iter().fold(T::neg_infinity(), |max, &x| if x > max { x } else { max });
        row.iter_mut().for_each(|x| *x -= max);
    }
}

/// Applies `f` to pieces of whole rows, each row-major with rows of the given width.
fn for_pieces<T: Scalar>(mut x: ArrayViewMut2<'_, T>, f: impl Fn(&mut [T], usize) + Sync) {
    let (len, width) = (x.len(), x.ncols());
    if len == 0 {
        return;
    }
    let Some(data) = x.as_slice_mut() else {
        let mut copy = x.as_standard_layout().into_owned();
        for_pieces(copy.view_mut(), f);
        x.assign(&copy);
        return;
    };
    let piece = (PIECE / width).max(1) * width;
    if len < PARALLEL {
        data.chunks_mut(piece).for_each(|piece| f(piece, width));
    } else {
        data.par_chunks_mut(piece).for_each(|piece| f(piece, width));
    }
}

#[cfg(test)]
mod tests;
