//! Sums over coordinates, in an order that depends on their number only.

use pulp::{Arch, NullaryFnOnce};

/// Sums that are made side by side: one alone is a chain of additions, each of which waits for the one before. Six times as many fit into
/// the registers of AVX2.
pub(crate) const LANES: usize = 4;

/// Calls what goes over `length` numbers, with the widest vectors that there are if that is worth the asking.
#[inline(always)]
pub(crate) fn vectorized<F: NullaryFnOnce>(length: usize, f: F) -> F::Output {
    if length < 64 { f.call() } else { Arch::new().dispatch(f) }
}

/// Calls `f` on each coordinate of x and what y has beside it.
#[inline(always)]
pub(crate) fn update<Y>(x: &mut [f64], y: impl IntoIterator<Item = Y>, f: impl Fn(&mut f64, Y)) {
    vectorized(
        x.len(),
        #[inline(always)]
        || x.iter_mut().zip(y).for_each(|(x, y)| f(x, y)),
    );
}

/// aᵀb.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    vectorized(a.len(), Dot(a, b))
}

/// aᵀb, within what is vectorized already.
pub(crate) struct Dot<'a>(pub(crate) &'a [f64], pub(crate) &'a [f64]);

impl NullaryFnOnce for Dot<'_> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        let ((a, a_rest), (b, b_rest)) = (self.0.as_chunks::<LANES>(), self.1.as_chunks::<LANES>());
        let mut sums = [0.0; LANES];
        for (a, b) in a.iter().zip(b) {
            for lane in 0..LANES {
                sums[lane] += a[lane] * b[lane];
            }
        }
        for ((sum, a), b) in sums.iter_mut().zip(a_rest).zip(b_rest) {
            *sum += a * b;
        }
        sums.iter().sum()
    }
}

/// Whether no number is infinite, or none.
pub(crate) fn are_finite(values: &[f64]) -> bool {
    vectorized(values.len(), AreFinite(values))
}

struct AreFinite<'a>(&'a [f64]);

impl NullaryFnOnce for AreFinite<'_> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        let (blocks, rest) = self.0.as_chunks::<LANES>();
        // 0·x is 0, or NaN: a sum vectorizes, a search that may end early does not.
        let mut sums = [0.0; LANES];
        for block in blocks {
            for lane in 0..LANES {
                sums[lane] += 0.0 * block[lane];
            }
        }
        rest.iter().fold(sums.iter().sum::<f64>(), |sum, x| sum + 0.0 * x) == 0.0
    }
}

#[cfg(test)]
mod tests;
