//! The work on one tile of coordinates while it is in the cache.

use std::ops::Range;
use std::sync::Mutex;

use super::TILE;
use super::dense::dot;
use super::products::{CriticGradient, GeneratorGradient, Shapes};
use crate::kernel::{Element, Left, accumulate, accumulate_while};

/// The tiles of `len` coordinates that begin at `start`: their coordinates, and their elements in a block of rows of `hidden`.
pub(super) fn tiles(start: usize, len: usize, hidden: usize) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    (0..len).step_by(TILE).map(move |from| {
        let to = (from + TILE).min(len);
        (start + from..start + to, from * hidden..to * hidden)
    })
}

/// One part's share of A, K, G and w.
pub(super) struct Partial<'a, T> {
    shapes: Shapes,
    real: &'a mut [T],
    gram: &'a mut [T],
    cross: &'a mut [T],
    shift: &'a mut [T],
}

impl<'a, T: Element> Partial<'a, T> {
    /// Zeros in this buffer.
    pub(super) fn new(buffer: &'a mut [T], shapes: Shapes) -> Self {
        buffer.fill(T::zero());
        let (real, rest) = buffer.split_at_mut(shapes.hidden * shapes.batch);
        let (gram, rest) = rest.split_at_mut(shapes.gram_len());
        let (cross, shift) = rest.split_at_mut(shapes.hidden * shapes.hidden);
        Self { shapes, real, gram, cross, shift }
    }

    /// A += X·V.
    pub(super) fn add_points(&mut self, points: &[T], value: &[T], meanwhile: &mut dyn FnMut()) {
        let h = self.shapes.hidden;
        let t = value.len() / h;
        let left = Left::rows(points, t);
        accumulate_while([self.shapes.batch, h, t], left, value, h, self.real, h, meanwhile);
    }

    /// G += W_gᵀ·V and w += Vᵀ·b_g.
    pub(super) fn add_cross(&mut self, weight: &[T], bias: &[T], value: &[T], meanwhile: &mut dyn FnMut()) {
        let h = self.shapes.hidden;
        let t = bias.len();
        accumulate_while([h, h, t], Left::transposed(weight, h), value, h, self.cross, h, meanwhile);
        accumulate([1, h, t], Left::rows(bias, t), value, h, self.shift, h);
    }

    /// K += Vᵀ·V where it is needed, on and above the diagonal: [`Shapes::mirror_gram`] does the rest.
    pub(super) fn add_gram(&mut self, value: &[T]) {
        const ROWS: usize = 16;
        if !self.shapes.gram {
            return;
        }
        let h = self.shapes.hidden;
        let t = value.len() / h;
        // K is symmetric: each block of rows begins at its diagonal, which leaves out nearly half of the multiplications.
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
    pub(super) fn with(pool: &Mutex<Vec<Self>>, shapes: Shapes, f: impl FnOnce(&mut Self)) {
        let Shapes { hidden, batch, .. } = shapes;
        let pooled = pool.lock().expect("nothing panics while it holds the pool").pop();
        let zeros = |len| vec![T::zero(); len];
        let mut scratch = pooled.unwrap_or_else(|| Self {
            hidden,
            batch,
            points: zeros(batch * TILE),
            slope: zeros(TILE * hidden),
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
        meanwhile: &mut dyn FnMut(),
    ) -> &[T] {
        let (h, t, size) = (self.hidden, bias.len(), self.batch);
        let slope = &mut self.slope[..t * h];
        // b_g·∂wᵀ is written where the others are added, so that nothing has to be cleared.
        for (slope, &bias) in slope.chunks_exact_mut(h).zip(bias) {
            slope.iter_mut().zip(&gradient.shift).for_each(|(slope, &shift)| *slope = bias * shift);
        }
        // Xᵀ·∂A + W_g·∂G, long enough to fetch the next minibatch meanwhile; V·(∂K + ∂Kᵀ) only under a penalty.
        let points = Left::transposed(&self.points, t);
        accumulate_while([t, h, size], points, &gradient.real, h, slope, h, meanwhile);
        accumulate_while([t, h, h], Left::rows(weight, h), &gradient.cross, h, slope, h, meanwhile);
        if !gradient.gram.is_empty() {
            accumulate([t, h, h], Left::rows(value, h), &gradient.gram, h, slope, h);
        }
        slope
    }

    /// ∂W_g and ∂b_g of a tile.
    pub(super) fn generator_gradient(&mut self, gradient: &GeneratorGradient<T>, value: &[T]) -> (&[T], &[T]) {
        let h = self.hidden;
        let t = value.len() / h;
        let (slope, bias_slope) = (&mut self.slope[..t * h], &mut self.bias_slope[..t]);
        // ∂W_g = V·∂Gᵀ, which `small` has transposed already, and ∂b_g = V·∂w.
        slope.fill(T::zero());
        accumulate([t, h, h], Left::rows(value, h), &gradient.cross, h, slope, h);
        for (slope, row) in bias_slope.iter_mut().zip(value.chunks_exact(h)) {
            *slope = dot(row, &gradient.shift);
        }
        (slope, bias_slope)
    }
}
