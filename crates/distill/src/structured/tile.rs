//! What is done to one tile of coordinates while it is in the cache.

use std::ops::Range;
use std::sync::Mutex;

use super::small::{CriticGradient, GeneratorGradient};
use super::{Products, TILE};
use crate::kernel::{Element, Left, accumulate};
use crate::model::Widths;

/// The tiles of `len` coordinates that begin at `start`: their coordinates, and their elements in a block of rows of `hidden`.
pub(super) fn tiles(start: usize, len: usize, hidden: usize) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    (0..len).step_by(TILE).map(move |from| {
        let to = (from + TILE).min(len);
        (start + from..start + to, from * hidden..to * hidden)
    })
}

/// One part's share of A, G, K and w.
pub(super) struct Partial<'a, T> {
    widths: Widths,
    batch: usize,
    real: &'a mut [T],
    cross: &'a mut [T],
    gram: &'a mut [T],
    shift: &'a mut [T],
}

impl<'a, T: Element> Partial<'a, T> {
    pub(super) fn len(widths: Widths, batch: usize) -> usize {
        widths.hidden * (batch + 2 * widths.hidden + 1)
    }

    /// Zeros in this buffer.
    pub(super) fn new(buffer: &'a mut [T], widths: Widths, batch: usize) -> Self {
        buffer.fill(T::zero());
        let h = widths.hidden;
        let (real, rest) = buffer.split_at_mut(batch * h);
        let (cross, rest) = rest.split_at_mut(h * h);
        let (gram, shift) = rest.split_at_mut(h * h);
        Self { widths, batch, real, cross, gram, shift }
    }

    /// The parts of a sum of such buffers.
    pub(super) fn split(sum: &[T], widths: Widths, batch: usize) -> Products<T> {
        let h = widths.hidden;
        let (real, rest) = sum.split_at(batch * h);
        let (cross, rest) = rest.split_at(h * h);
        let (gram, shift) = rest.split_at(h * h);
        let [real, cross, mut gram, shift] = [real, cross, gram, shift].map(<[T]>::to_vec);
        for i in 0..h {
            for j in 0..i {
                gram[i * h + j] = gram[j * h + i];
            }
        }
        Products { real, cross, gram, shift }
    }

    /// A += X·V.
    pub(super) fn add_points(&mut self, points: &[T], value: &[T]) {
        let h = self.widths.hidden;
        let t = value.len() / h;
        accumulate([self.batch, h, t], Left::rows(points, t), value, h, self.real, h);
    }

    /// G += W_gᵀ·V and w += Vᵀ·b_g.
    pub(super) fn add_cross(&mut self, weight: &[T], bias: &[T], value: &[T]) {
        let h = self.widths.hidden;
        let t = bias.len();
        accumulate([h, h, t], Left::transposed(weight, h), value, h, self.cross, h);
        accumulate([1, h, t], Left::rows(bias, t), value, h, self.shift, h);
    }

    /// K += Vᵀ·V, on and above the diagonal: [`split`](Self::split) mirrors it.
    pub(super) fn add_gram(&mut self, value: &[T]) {
        const ROWS: usize = 16;
        let h = self.widths.hidden;
        let t = value.len() / h;
        for i in (0..h).step_by(ROWS) {
            let (rows, left) = (ROWS.min(h - i), Left::transposed(value, h).from(i, 0));
            accumulate([rows, h - i, t], left, &value[i..], h, &mut self.gram[i * h + i..], h);
        }
    }
}

/// Buffers for one tile, reused.
pub(super) struct Scratch<T> {
    hidden: usize,
    batch: usize,
    points: Vec<T>,
    slope: Vec<T>,
    bias_slope: Vec<T>,
}

impl<T: Element> Scratch<T> {
    /// Runs `f` with buffers from the pool.
    pub(super) fn with(pool: &Mutex<Vec<Self>>, widths: Widths, batch: usize, f: impl FnOnce(&mut Self)) {
        let pooled = pool.lock().expect("nothing panics while it holds the pool").pop();
        let zeros = |len| vec![T::zero(); len];
        let mut scratch = pooled.unwrap_or_else(|| Self {
            hidden: widths.hidden,
            batch,
            points: zeros(batch * TILE),
            slope: zeros(TILE * widths.hidden),
            bias_slope: zeros(TILE),
        });
        f(&mut scratch);
        pool.lock().expect("nothing panics while it holds the pool").push(scratch);
    }

    /// Where the batch's `t` coordinates of a tile go.
    pub(super) fn points(&mut self, t: usize) -> &mut [T] {
        &mut self.points[..self.batch * t]
    }

    /// ∂V of a tile whose points have been gathered.
    pub(super) fn critic_gradient(
        &mut self,
        gradient: &CriticGradient<T>,
        value: &[T],
        weight: &[T],
        bias: &[T],
    ) -> &[T] {
        let (h, t, size) = (self.hidden, bias.len(), self.batch);
        let slope = &mut self.slope[..t * h];
        for (slope, &bias) in slope.chunks_exact_mut(h).zip(bias) {
            slope.iter_mut().zip(&gradient.shift).for_each(|(slope, &shift)| *slope = bias * shift);
        }
        accumulate([t, h, size], Left::transposed(&self.points, t), &gradient.real, h, slope, h);
        accumulate([t, h, h], Left::rows(weight, h), &gradient.cross, h, slope, h);
        accumulate([t, h, h], Left::rows(value, h), &gradient.gram, h, slope, h);
        slope
    }

    /// ∂W_g and ∂b_g of a tile.
    pub(super) fn generator_gradient(&mut self, gradient: &GeneratorGradient<T>, value: &[T]) -> (&[T], &[T]) {
        let h = self.hidden;
        let t = value.len() / h;
        let (slope, bias_slope) = (&mut self.slope[..t * h], &mut self.bias_slope[..t]);
        slope.fill(T::zero());
        accumulate([t, h, h], Left::rows(value, h), &gradient.cross, h, slope, h);
        for (slope, row) in bias_slope.iter_mut().zip(value.chunks_exact(h)) {
            *slope = dot(row, &gradient.shift);
        }
        (slope, bias_slope)
    }
}

/// x·y, in eight interleaved sums that the compiler can keep in one register.
fn dot<T: Element>(x: &[T], y: &[T]) -> T {
    const LANES: usize = 8;
    let mut sums = [T::zero(); LANES];
    let (x_chunks, y_chunks) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let rest = x_chunks.remainder().iter().zip(y_chunks.remainder()).fold(T::zero(), |sum, (&x, &y)| sum + x * y);
    for (x, y) in x_chunks.zip(y_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.into_iter().fold(rest, |sum, x| sum + x)
}
