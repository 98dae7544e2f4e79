//! Element by element.

use ndarray::{ArrayD, IxDyn, Zip};
use pulp::Arch;
use rayon::prelude::*;

use crate::Scalar;

/// Elements below which a second thread costs more than it saves, and the length of the fixed pieces above it.
const PIECE: usize = 1 << 16;

/// f(x), element by element.
pub(crate) fn unary<T: Scalar>(x: &ArrayD<T>, f: impl Fn(T) -> T + Sync) -> ArrayD<T> {
    let piece = |y: &mut [T], x: &[T]| {
        Arch::new().dispatch(
            #[inline(always)]
            || {
                // A closure of `for_each` with much in it may end up as a function of its own, without vectors.
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = f(x);
                }
            },
        );
    };
    let mut y = vec![T::zero(); x.len()];
    let from = x.as_slice().expect("row-major");
    if y.len() < 2 * PIECE {
        piece(&mut y, from);
    } else {
        y.par_chunks_mut(PIECE).zip(from.par_chunks(PIECE)).for_each(|(y, x)| piece(y, x));
    }
    ArrayD::from_shape_vec(x.raw_dim(), y).expect("same length")
}

/// f(a, b), element by element, after broadcasting both to their common shape; panics when there is none.
#[track_caller]
pub(crate) fn binary<T: Scalar>(op: &str, a: &ArrayD<T>, b: &ArrayD<T>, f: impl Fn(T, T) -> T + Sync) -> ArrayD<T> {
    if a.shape() == b.shape() {
        return same_shape(a, b, f);
    }
    let Some(shape) = broadcast_shape(a.shape(), b.shape()) else {
        panic!("{op}: shapes {:?} and {:?} do not broadcast", a.shape(), b.shape());
    };
    if b.len() == 1 && shape == a.shape() {
        let b = b.as_slice().expect("row-major")[0];
        return unary(a, |a| f(a, b));
    }
    if a.len() == 1 && shape == b.shape() {
        let a = a.as_slice().expect("row-major")[0];
        return unary(b, |b| f(a, b));
    }
    let (a, b) = (a.broadcast(IxDyn(&shape)), b.broadcast(IxDyn(&shape)));
    Zip::from(a.expect("broadcasts")).and(b.expect("broadcasts")).map_collect(|&a, &b| f(a, b))
}

fn same_shape<T: Scalar>(a: &ArrayD<T>, b: &ArrayD<T>, f: impl Fn(T, T) -> T + Sync) -> ArrayD<T> {
    let piece = |y: &mut [T], a: &[T], b: &[T]| {
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
                    *y = f(a, b);
                }
            },
        );
    };
    let mut y = vec![T::zero(); a.len()];
    let (from_a, from_b) = (a.as_slice().expect("row-major"), b.as_slice().expect("row-major"));
    if y.len() < 2 * PIECE {
        piece(&mut y, from_a, from_b);
    } else {
        (y.par_chunks_mut(PIECE), from_a.par_chunks(PIECE), from_b.par_chunks(PIECE))
            .into_par_iter()
            .for_each(|(y, a, b)| piece(y, a, b));
    }
    ArrayD::from_shape_vec(a.raw_dim(), y).expect("same length")
}

/// The common shape of two tensors as in NumPy: aligned at the last axis, lengths equal or one of them 1.
pub(crate) fn broadcast_shape(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let ndim = a.len().max(b.len());
    let length = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(ndim).map_or(1, |i| shape[i]);
    (0..ndim)
        .map(|axis| match (length(a, axis), length(b, axis)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}
