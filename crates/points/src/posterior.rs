//! Posteriors: distributions that points are drawn from.

use apd_seed::Seed;
use ndarray::{Array2, ArrayViewMut2};

/// A distribution of points of R^d: a bank of samples, an ensemble, a Gaussian, a distilled posterior.
///
/// Point number i is a function of (seed, i) alone, to the bit: blocks drawn apart are those of one draw.
pub trait Posterior: Sync {
    /// Dimension d of the points.
    fn dim(&self) -> usize;

    /// Bytes of everything that points are drawn from, as a file keeps it.
    fn bytes(&self) -> usize;

    /// Number of different points that there are to draw, where they are limited: further draws repeat them.
    fn available(&self) -> Option<usize> {
        None
    }

    /// Points `first`, `first + 1`, … of `seed` into the rows of `out`: block by block, any number of points can be drawn in bounded
    /// memory.
    ///
    /// **Shapes**: out is n × d. **Panics** when it has another number of columns.
    fn draw_into(&self, seed: Seed, first: u64, out: ArrayViewMut2<'_, f32>);

    /// `count` points. **Shapes**: count × d.
    fn draw(&self, seed: Seed, count: usize) -> Array2<f32> {
        let mut points = Array2::zeros((count, self.dim()));
        self.draw_into(seed, 0, points.view_mut());
        points
    }

    /// Points of a draw of `count` where they lie, if they are stored as they are: a prediction reads them without a copy.
    ///
    /// All of them where there are no more, else `count` without replacement, in the order in which they are stored.
    fn stored(&self, seed: Seed, count: usize) -> Option<Vec<&[f32]>> {
        let _ = (seed, count);
        None
    }

    /// The affine subspace of few dimensions in which all its points lie, if there is one: predictions then share most of their work.
    fn low_rank(&self) -> Option<&dyn LowRank> {
        None
    }
}

/// Points x̄ + Σ_k c_k·v_k of one affine subspace: point number i of a seed has the coefficients number i.
pub trait LowRank: Sync {
    /// r.
    fn rank(&self) -> usize {
        self.directions().nrows()
    }

    /// x̄: d numbers.
    fn mean(&self) -> Vec<f32>;

    /// v_k: r × d.
    fn directions(&self) -> Array2<f32>;

    /// The coefficients c of points `first..first + count` of `seed`. **Shapes**: count × r.
    fn coefficients(&self, seed: Seed, first: u64, count: usize) -> Array2<f32>;
}
