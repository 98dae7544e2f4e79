//! What networks can be drawn from.

use apd_seed::Seed;
use ndarray::{Array2, ArrayViewMut2};

use crate::Subspace;

/// A distribution of points of R^d from which any number can be drawn: a distilled posterior, or one of its rivals.
///
/// Point number i is a function of (seed, i) alone, to the bit: blocks drawn apart are those of one draw.
pub trait Posterior: Sync {
    /// Dimension d of the points.
    fn dim(&self) -> usize;

    /// Bytes of everything that points are drawn from, as a file keeps it.
    fn bytes(&self) -> usize;

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

    /// The subspace that all its points lie in, if it is one of few dimensions: predictions then share most of their work.
    fn subspace(&self) -> Option<&Subspace> {
        None
    }
}
