//! Sums in an order fixed by the shape.

use ndarray::{ArrayD, IxDyn};
use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

use crate::Scalar;

/// Terms added up in one go; partial sums are then added in index order, which also keeps rounding errors of long sums small.
const PIECE: usize = 1 << 12;
/// Terms below which a second thread costs more than it saves.
const PARALLEL: usize = 1 << 18;
/// Independent accumulators, so that the additions of one piece are vectorized.
const LANES: usize = 16;

/// Σ x, in an order that depends on the length only. Nothing is allocated up to 4 096 terms.
pub fn all<T: Scalar>(x: &[T]) -> T {
    if x.len() <= PIECE {
        return piece(x);
    }
    let parts: Vec<T> = if x.len() < PARALLEL {
        x.chunks(PIECE).map(piece).collect()
    } else {
        x.par_chunks(PIECE).map(piece).collect()
    };
    all(&parts)
}

fn piece<T: Scalar>(x: &[T]) -> T {
    if x.len() <= LANES {
        return x.iter().fold(T::zero(), |sum, &x| sum + x);
    }
    Arch::new().dispatch(Lanes(x))
}

struct Lanes<'a, T>(&'a [T]);

impl<T: Scalar> NullaryFnOnce for Lanes<'_, T> {
    type Output = T;

    #[inline(always)]
    fn call(self) -> T {
        let mut lanes = [T::zero(); LANES];
        let (chunks, rest) = self.0.as_chunks::<LANES>();
        for chunk in chunks {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane += x;
            }
        }
        for (lane, &x) in lanes.iter_mut().zip(rest) {
            *lane += x;
        }
        lanes.into_iter().fold(T::zero(), |sum, lane| sum + lane)
    }
}

/// sums ← sums + Σ over the rows of a row-major matrix, one for each column: each has the bits that [`all`] gives the column.
///
/// **Panics** if `x` is no whole rows.
#[track_caller]
pub fn columns<T: Scalar>(x: &[T], sums: &mut [T]) {
    let width = sums.len();
    assert!(width == 0 || x.len().is_multiple_of(width), "{} elements are no whole rows of {width}", x.len());
    if x.len() > PIECE * width {
        let mut column = Vec::with_capacity(x.len() / width);
        for (j, sum) in sums.iter_mut().enumerate() {
            column.clear();
            column.extend(x[j..].iter().step_by(width));
            *sum += all(&column);
        }
        return;
    }
    Arch::new().dispatch(Columns { x, sums });
}

/// At most [`PIECE`] rows.
struct Columns<'a, T> {
    x: &'a [T],
    sums: &'a mut [T],
}

impl<T: Scalar> NullaryFnOnce for Columns<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { x, sums } = self;
        // A vector of AVX2 at a time: its accumulators fill the registers.
        let (vectors, rest) = sums.as_chunks_mut::<8>();
        let (width, whole) = (vectors.len() * 8 + rest.len(), vectors.len() * 8);
        for (v, sums) in vectors.iter_mut().enumerate() {
            some_columns(x, width, 8 * v, sums);
        }
        for (j, sum) in rest.iter_mut().enumerate() {
            some_columns(x, width, whole + j, std::array::from_mut(sum));
        }
    }
}

/// Columns `first`.. of rows of this width, each as [`Lanes`] adds it up.
#[inline(always)]
fn some_columns<T: Scalar, const N: usize>(x: &[T], width: usize, first: usize, sums: &mut [T; N]) {
    let blocks = x.chunks_exact(LANES * width);
    let rest = blocks.remainder();
    let mut lanes = [[T::zero(); N]; LANES];
    for block in blocks {
        for lane in 0..LANES {
            let row = &block[lane * width + first..][..N];
            for c in 0..N {
                lanes[lane][c] += row[c];
            }
        }
    }
    // A copy, since what is indexed by a variable does not stay in registers.
    let mut last = lanes;
    for (lane, row) in last.iter_mut().zip(rest.chunks_exact(width)) {
        for c in 0..N {
            lane[c] += row[first + c];
        }
    }
    for (c, sum) in sums.iter_mut().enumerate() {
        *sum += last.iter().fold(T::zero(), |sum, lane| sum + lane[c]);
    }
}

/// Sums over the axes along which `shape` would be repeated to become that of `x`; `None` if it does not broadcast to it.
pub(crate) fn to<T: Scalar>(x: &ArrayD<T>, shape: &[usize]) -> Option<ArrayD<T>> {
    let added = x.ndim().checked_sub(shape.len())?;
    let mut data = x.as_slice().expect("row-major").to_vec();
    let mut current = x.shape().to_vec();
    for axis in 0..x.ndim() {
        let target = if axis < added { 1 } else { shape[axis - added] };
        if target == current[axis] {
            continue;
        }
        if target != 1 {
            return None;
        }
        let outer = current[..axis].iter().product();
        let inner = current[axis + 1..].iter().product();
        data = middle(&data, outer, current[axis], inner);
        current[axis] = 1;
    }
    ArrayD::from_shape_vec(IxDyn(shape), data).ok()
}

/// Sum over the middle one of three axes.
fn middle<T: Scalar>(x: &[T], outer: usize, len: usize, inner: usize) -> Vec<T> {
    if inner == 1 {
        return (0..outer).map(|o| all(&x[o * len..(o + 1) * len])).collect();
    }
    let mut sums = vec![T::zero(); outer * inner];
    if inner == 0 || len == 0 {
        return sums;
    }
    let mut part = vec![T::zero(); inner];
    for (x, sums) in x.chunks_exact(len * inner).zip(sums.chunks_exact_mut(inner)) {
        for rows in x.chunks(inner * 128) {
            part.fill(T::zero());
            for row in rows.chunks_exact(inner) {
                part.iter_mut().zip(row).for_each(|(part, &x)| *part += x);
            }
            sums.iter_mut().zip(&part).for_each(|(sum, &part)| *sum += part);
        }
    }
    sums
}

#[cfg(test)]
mod tests;
