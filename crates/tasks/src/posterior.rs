//! The methods that are compared: where each one's networks come from, and their averaged predictions.

use apd_bnn::predict;
use apd_distill::Generator;
use apd_nn::Network;
use apd_seed::Seed;
use apd_store::Bank;
use apd_uncertainty::Predictive;
use ndarray::{Array2, ArrayView2};

use crate::error::{Error, Result};

/// A source of networks: one point, a bank of samples, or a generator.
#[derive(Clone, Copy)]
pub enum Posterior<'a> {
    /// One network, the point estimate of SGD: it has no spread.
    Point(&'a [f32]),
    /// Samples of SGLD.
    Bank(&'a Bank),
    /// The distilled posterior.
    Generator(&'a Generator),
}

impl Posterior<'_> {
    /// The method's name in tables and results.
    pub fn name(self) -> &'static str {
        match self {
            Posterior::Point(_) => "sgd",
            Posterior::Bank(_) => "sgld",
            Posterior::Generator(_) => "apd",
        }
    }

    /// Whether a second draw can differ from the first.
    pub fn is_random(self) -> bool {
        !matches!(self, Posterior::Point(_))
    }

    /// Draws `count` networks, a row each: the point itself, rows of the bank without replacement (all of them where
    /// there are no more), or fresh networks of the generator.
    pub fn networks(self, count: usize, seed: Seed) -> Array2<f32> {
        match self {
            Posterior::Point(theta) => ArrayView2::from_shape((1, theta.len()), theta).expect("one row").to_owned(),
            Posterior::Bank(bank) => bank.gather(&bank_rows(bank, count, seed)),
            Posterior::Generator(generator) => generator.draw(seed, count),
        }
    }

    /// The averaged prediction of `count` freshly drawn networks for each input.
    ///
    /// **Errors**: networks of another length than `network` takes; no networks.
    pub fn predict(
        self,
        network: &Network,
        count: usize,
        seed: Seed,
        inputs: ArrayView2<'_, f32>,
    ) -> Result<Predictive> {
        let dim = match self {
            Posterior::Point(theta) => theta.len(),
            Posterior::Bank(bank) => bank.dim(),
            Posterior::Generator(generator) => generator.dim(),
        };
        if dim != network.dim() {
            return Err(Error::Mismatch {
                what: format!("parameters of a network of method {}", self.name()),
                expected: network.dim(),
                found: dim,
            });
        }
        let empty = matches!(self, Posterior::Bank(bank) if bank.is_empty());
        if empty || count == 0 {
            return Err(Error::Empty(self.name()));
        }
        let mut predictive = Predictive::new(inputs.nrows(), network.outputs());
        let visit = |_, probabilities: ArrayView2<'_, f32>| predictive.add(probabilities);
        match self {
            Posterior::Point(theta) => predict(network, [theta], inputs, visit),
            Posterior::Bank(bank) => {
                predict(network, bank_rows(bank, count, seed).into_iter().map(|row| bank.row(row)), inputs, visit);
            }
            Posterior::Generator(generator) => {
                let networks = generator.draw(seed, count);
                let rows = networks.rows().into_iter().map(|row| row.to_slice().expect("rows of a fresh array"));
                predict(network, rows, inputs, visit);
            }
        }
        Ok(predictive)
    }
}

/// `count` rows of the bank without replacement, or all of them where there are no more, in order: the file is read forwards.
fn bank_rows(bank: &Bank, count: usize, seed: Seed) -> Vec<usize> {
    let rows = seed.stream().permutation(bank.len());
    let mut rows: Vec<usize> = rows.into_iter().take(count).map(|row| row as usize).collect();
    rows.sort_unstable();
    rows
}

/// Mean and standard deviation over draws; the deviation of one draw is unknown.
pub(crate) fn mean_sd(values: &[f64]) -> (f64, Option<f64>) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let sd = (values.len() > 1).then(|| (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt());
    (mean, sd)
}

#[cfg(test)]
mod tests;
