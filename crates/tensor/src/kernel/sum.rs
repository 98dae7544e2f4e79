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
