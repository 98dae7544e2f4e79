//! Which of a bank's rows are for training, and which are held out for evaluation.

use apd_points::{Points, Posterior};
use apd_seed::Seed;
use apd_store::Bank;
use ndarray::ArrayViewMut2;

/// Of so many consecutive rows of the bank, the last is held out.
pub(crate) const HOLDOUT_EVERY: usize = 5;

/// Some of a bank's rows as points to distill.
#[derive(Clone)]
pub(crate) struct BankSubset<'a> {
    pub(crate) bank: &'a Bank,
    /// Where they stand in the bank.
    pub(crate) places: Vec<usize>,
}

impl<'a> BankSubset<'a> {
    /// All rows.
    pub(crate) fn all(bank: &'a Bank) -> Self {
        Self { bank, places: (0..bank.len()).collect() }
    }

    /// Of every `HOLDOUT_EVERY` consecutive rows, all but the last; and the last ones.
    pub(crate) fn folds(bank: &'a Bank, of: impl Iterator<Item = usize>) -> [Self; 2] {
        let (mut training, mut held_out) = (Vec::new(), Vec::new());
        for place in of {
            if place % HOLDOUT_EVERY == HOLDOUT_EVERY - 1 { held_out.push(place) } else { training.push(place) }
        }
        [training, held_out].map(|places| Self { bank, places })
    }

    /// A place in the middle of each chain.
    pub(crate) fn middle_of_each_chain(&self) -> Vec<usize> {
        let chains = self.places.chunk_by(|&a, &b| self.bank.meta(a).chain == self.bank.meta(b).chain);
        chains.map(|chain| chain[chain.len() / 2]).collect()
    }

    /// `count` of them at equal distances, or all where there are no more.
    pub(crate) fn spread(&self, count: usize) -> Vec<usize> {
        evenly(self.places.len(), count).map(|i| self.places[i]).collect()
    }
}

/// `count` of `all` numbers at equal distances, or all where there are no more.
pub(crate) fn evenly(all: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(all);
    (0..count).map(move |i| i * all / count)
}

impl Points for BankSubset<'_> {
    fn len(&self) -> usize {
        self.places.len()
    }
    fn dim(&self) -> usize {
        self.bank.dim()
    }
    fn row(&self, i: usize) -> &[f32] {
        self.bank.row(self.places[i])
    }
    fn chain(&self, i: usize) -> u32 {
        self.bank.meta(self.places[i]).chain
    }
}

/// Rows of a bank without replacement: what a posterior that lost nothing would be.
pub(crate) struct Sampled<'a>(pub(crate) BankSubset<'a>);

impl Posterior for Sampled<'_> {
    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn bytes(&self) -> usize {
        4 * self.0.len() * self.0.dim()
    }

    fn draw_into(&self, seed: Seed, first: u64, mut out: ArrayViewMut2<'_, f32>) {
        let order = seed.stream().permutation(self.0.len());
        for (i, mut row) in out.outer_iter_mut().enumerate() {
            let number = (first + i as u64) % order.len() as u64;
            row.iter_mut().zip(self.0.row(order[number as usize] as usize)).for_each(|(out, &x)| *out = x);
        }
    }
}
