//! A method: networks whose weights are drawn independently, each with its own mean and deviation in a bank.

use apd::points::Points;
use apd::{Posterior, Seed};
use apd_tasks::{Context, Effort, Experiment, Fitted, Given, Method, Result, Role};
use ndarray::{ArrayView1, ArrayViewMut2};

pub(crate) struct Diagonal {
    mean: Vec<f32>,
    sd: Vec<f32>,
}

impl Diagonal {
    pub(crate) fn fit(bank: &impl Points) -> Self {
        let (n, d) = (bank.len() as f32, bank.dim());
        let (mut mean, mut sd) = (vec![0.0; d], vec![0.0; d]);
        let rows = || (0..bank.len()).map(|i| bank.row(i));
        rows().for_each(|row| mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / n));
        rows().for_each(|row| (0..d).for_each(|i| sd[i] += (row[i] - mean[i]).powi(2) / n));
        Self { mean, sd: sd.into_iter().map(f32::sqrt).collect() }
    }
}

impl Posterior for Diagonal {
    fn dim(&self) -> usize {
        self.mean.len()
    }
    fn bytes(&self) -> usize {
        4 * (self.mean.len() + self.sd.len())
    }
    fn draw_into(&self, seed: Seed, first: u64, mut out: ArrayViewMut2<'_, f32>) {
        let (normals, mean, sd) = (seed.normals(), ArrayView1::from(&self.mean), ArrayView1::from(&self.sd));
        for (i, mut row) in out.outer_iter_mut().enumerate() {
            normals.fill(first + i as u64, 0, row.as_slice_mut().expect("rows are contiguous"));
            let noise = &sd * &row;
            row.assign(&(&mean + &noise));
        }
    }
}

/// The same as one of the methods of a run, in all its tables.
pub(crate) struct DiagonalOfBank;

impl Method for DiagonalOfBank {
    fn name(&self) -> &'static str {
        "diagonal"
    }
    fn doc(&self) -> &'static str {
        "Independent weights"
    }
    fn role(&self) -> Role {
        Role::Distilled
    }
    fn effort(&self, _: &Experiment) -> Effort {
        Effort { steps: 1, concurrent: 0 }
    }
    fn fit(&self, _: Context<'_>, given: &Given<'_>) -> Result<Fitted> {
        Ok(Fitted::new(Diagonal::fit(given.bank())))
    }
}
