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

    fn chain(&self, i: usize) -> u32 {
        self.meta(i).chain
    }
}

/// Rows without replacement: those of a random permutation, again from its start once all have been drawn.
///
/// Rows of unequal weights are drawn in proportion to them, by a sequence that fills [0, 1) evenly (multiples of the golden ratio, from a
/// random start): of n draws a row is n·w/Σw, up to a few. **Panics** when there are no rows to draw.
impl Posterior for Bank {
    fn dim(&self) -> usize {
        self.dim()
    }

    fn bytes(&self) -> usize {
        4 * self.len() * self.dim()
    }

    /// The rows, if all count the same: an average over more draws than rows is otherwise closer to the weighted one.
    fn available(&self) -> Option<usize> {
        self.has_equal_weights().then(|| self.len())
    }

    fn draw_into(&self, seed: Seed, first: u64, mut out: ArrayViewMut2<'_, f32>) {
        let drawn: Box<dyn Fn(u64) -> usize> = if self.has_equal_weights() {
            let rows = seed.stream().permutation(self.len());
            Box::new(move |i| rows[(i % rows.len() as u64) as usize] as usize)
        } else {
            let sums: Vec<f64> = (0..self.len()).scan(0.0, |sum, i| running(sum, self.meta(i).weight)).collect();
            let (start, total) = (seed.stream().uniform(), sums[sums.len() - 1]);
            let last = sums.partition_point(|sum| *sum < total);
            Box::new(move |i| {
                let place = (start + i as f64 * GOLDEN).fract() * total;
                sums.partition_point(|sum| *sum <= place).min(last)
            })
        };
        for (i, mut point) in out.outer_iter_mut().enumerate() {
            point.assign(&ArrayView1::from(self.row(drawn(first + i as u64))));
        }
    }

    /// The same rows as [`draw_into`](Self::draw_into) gives, in the order of the file: it is read forwards.
    fn stored(&self, seed: Seed, count: usize) -> Option<Vec<&[f32]>> {
        if !self.has_equal_weights() {
            return None;
        }
        let mut rows = seed.stream().permutation(self.len());
        rows.truncate(count);
        rows.sort_unstable();
        Some(rows.into_iter().map(|row| self.row(row as usize)).collect())
    }
}

/// (√5 − 1)/2, the number whose multiples fill an interval most evenly.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

fn running(sum: &mut f64, weight: f64) -> Option<f64> {
    *sum += weight;
    Some(*sum)
}
