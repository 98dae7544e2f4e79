//! A bank as a cloud of points, and as a posterior that networks are drawn from.

use apd_points::{Points, Posterior};
use apd_seed::Seed;
use ndarray::{ArrayView1, ArrayViewMut2};

use super::Bank;

impl Points for Bank {
    fn len(&self) -> usize {
        self.len()
    }

    fn dim(&self) -> usize {
        self.dim()
    }

    fn row(&self, i: usize) -> &[f32] {
        self.row(i)
    }
}

/// Rows without replacement: those of a random permutation, again from its start once all have been drawn.
///
/// Weights of the rows are not looked at: each row counts the same. **Panics** when there are no rows to draw.
impl Posterior for Bank {
    fn dim(&self) -> usize {
        self.dim()
    }

    fn bytes(&self) -> usize {
        4 * self.len() * self.dim()
    }

    fn available(&self) -> Option<usize> {
        Some(self.len())
    }

    fn draw_into(&self, seed: Seed, first: u64, mut out: ArrayViewMut2<'_, f32>) {
        let rows = seed.stream().permutation(self.len());
        for (i, mut point) in out.outer_iter_mut().enumerate() {
            let row = rows[((first + i as u64) % rows.len() as u64) as usize];
            point.assign(&ArrayView1::from(self.row(row as usize)));
        }
    }

    /// The same rows as [`draw_into`](Self::draw_into) gives, in the order of the file: it is read forwards.
    fn stored(&self, seed: Seed, count: usize) -> Option<Vec<&[f32]>> {
        let mut rows = seed.stream().permutation(self.len());
        rows.truncate(count);
        rows.sort_unstable();
        Some(rows.into_iter().map(|row| self.row(row as usize)).collect())
    }
}
