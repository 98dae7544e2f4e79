//! The order in which minibatches visit the data.

use crate::Seed;

/// Minibatches without replacement within an epoch, addressed by step.
///
/// Epoch e is a fresh permutation of 0, …, n − 1 (a function of the seed and e); step t takes the (t mod ⌊n/b⌋)-th run of b
/// indices of epoch ⌊t/⌊n/b⌋⌋. The n mod b indices at the end of an epoch are left out, so every minibatch has exactly b, and
/// every step's minibatch is marginally a uniform b-subset. With b ≥ n every minibatch is 0, …, n − 1.
///
/// Steps may be asked for in any order; within an epoch the permutation is kept, and nothing is allocated after `new`.
///
/// ```
/// use apd_seed::{Minibatches, Seed};
/// let mut minibatches = Minibatches::new(Seed::root(0).child("minibatch"), 10, 4);
/// let eighth = minibatches.indices(8).to_vec();
/// minibatches.indices(0);
/// assert_eq!(minibatches.indices(8), eighth);
/// ```
#[derive(Clone, Debug)]
pub struct Minibatches {
    seed: Seed,
    batch: usize,
    per_epoch: u64,
    /// The epoch that `order` holds, if any.
    epoch: Option<u64>,
    order: Vec<u32>,
}

impl Minibatches {
    /// Minibatches of `batch` out of `n` items.
    ///
    /// **Panics** if `batch` is 0, or `n` exceeds 2³² − 1.
    #[track_caller]
    pub fn new(seed: Seed, n: usize, batch: usize) -> Self {
        assert!(batch > 0, "a minibatch needs at least one item");
        let items = u32::try_from(n).expect("indices are 32-bit: at most 2³² − 1 items");
        let batch = batch.min(n);
        let per_epoch = n.checked_div(batch).unwrap_or(1) as u64;
        Self { seed, batch, per_epoch, epoch: None, order: (0..items).collect() }
    }

    /// Items in each minibatch: min(batch, n).
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Minibatches in an epoch: ⌊n/b⌋.
    pub fn per_epoch(&self) -> u64 {
        self.per_epoch
    }

    /// The items of step `step`'s minibatch. The first call of an epoch costs O(n), the others O(1).
    pub fn indices(&mut self, step: u64) -> &[u32] {
        if self.batch == self.order.len() {
            return &self.order;
        }
        let epoch = step / self.per_epoch;
        if self.epoch != Some(epoch) {
            // From the identity each time: the order must not depend on the epochs seen before.
            for (i, index) in self.order.iter_mut().enumerate() {
                *index = i as u32;
            }
            self.seed.index(epoch).stream().shuffle(&mut self.order);
            self.epoch = Some(epoch);
        }
        let start = (step % self.per_epoch) as usize * self.batch;
        &self.order[start..start + self.batch]
    }
}

#[cfg(test)]
mod tests;
