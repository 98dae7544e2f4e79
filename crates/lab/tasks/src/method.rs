//! The methods that are compared: where each one's networks come from, and their averaged predictions.

use apd_bnn::{Categorical, Dropout, predict_dropout, predict_networks};
use apd_distill::Swag;
use apd_nn::{Model as _, Network};
use apd_points::Posterior;
use apd_seed::Seed;
use apd_store::Bank;
use apd_uncertainty::{ClassPredictive, Score};
use ndarray::{Array2, ArrayBase, ArrayView2, Axis, Data, Ix2};

use crate::error::{Error, Result};

/// A source of networks: one point, a bank of samples, what was distilled from one, or one of the baselines.
#[derive(Clone, Copy)]
pub enum Method<'a> {
    /// One network, the point estimate of SGD: it has no spread.
    Point(&'a [f32]),
    /// One network whose hidden units are left out at random.
    Dropout(&'a Network, &'a [f32]),
    /// Independently trained networks.
    Ensemble(&'a [Vec<f32>]),
    /// A Gaussian around the end of an optimiser's path.
    Swag(&'a Swag),
    /// Samples of SGLD.
    Bank(&'a Bank),
    /// A distilled posterior, or a rival of one, by its name in tables.
    Drawn(&'static str, &'a dyn Posterior),
}

impl Method<'_> {
    /// The method's name in tables and results.
    pub fn name(self) -> &'static str {
        match self {
            Method::Point(_) => "sgd",
            Method::Dropout(..) => "mc-dropout",
            Method::Ensemble(_) => "ensemble",
            Method::Swag(_) => "swag",
            Method::Bank(_) => "sgld",
            Method::Drawn(name, _) => name,
        }
    }

    /// Whether a second draw can differ from the first.
    pub fn is_random(self) -> bool {
        !matches!(self, Method::Point(_) | Method::Ensemble(_))
    }

    /// Whether its networks differ, so that their disagreement can be measured.
    pub fn has_spread(self) -> bool {
        !matches!(self, Method::Point(_))
    }

    /// The scores that it has: one network has no disagreement to measure.
    pub fn scores(self) -> Vec<Score> {
        let needs_spread = |score| matches!(score, Score::Bald | Score::VariationRatio | Score::ModelVariance);
        Score::ALL.into_iter().filter(|&score| self.has_spread() || !needs_spread(score)).collect()
    }

    /// Whether it is the posterior itself, stored or distilled, rather than a baseline.
    pub fn holds_samples(self) -> bool {
        matches!(self, Method::Bank(_) | Method::Drawn(..))
    }

    /// Networks that there are to draw, if they are limited.
    pub fn available(self) -> Option<usize> {
        match self {
            Method::Point(_) => Some(1),
            Method::Ensemble(members) => Some(members.len()),
            Method::Bank(bank) => Some(bank.len()),
            Method::Dropout(..) | Method::Swag(_) | Method::Drawn(..) => None,
        }
    }

    /// Bytes of everything that networks are drawn from.
    pub fn bytes(self) -> usize {
        match self {
            Method::Point(theta) | Method::Dropout(_, theta) => 4 * theta.len(),
            Method::Ensemble(members) => members.iter().map(|member| 4 * member.len()).sum(),
            Method::Swag(swag) => swag.bytes(),
            Method::Bank(bank) => 4 * bank.len() * bank.dim(),
            Method::Drawn(_, posterior) => posterior.bytes(),
        }
    }

    /// Draws `count` networks, a row each: the point itself, rows of the bank without replacement (all of them where
    /// there are no more), fresh networks of a distilled posterior or of SWAG, the ensemble, or the network with the same units left
    /// out for every input.
    pub fn networks(self, count: usize, seed: Seed) -> Array2<f32> {
        match self {
            Method::Point(theta) => ArrayView2::from_shape((1, theta.len()), theta).expect("one row").to_owned(),
            Method::Dropout(network, theta) => match network {
                Network::Mlp(mlp) => Dropout::new(mlp, theta.to_vec()).draw(seed, count),
                // The others have no dropout.
                _ => stack(count, theta.len(), |_, row| row.copy_from_slice(theta)),
            },
            Method::Ensemble(members) => {
                stack(members.len(), members[0].len(), |i, row| row.copy_from_slice(&members[i]))
            }
            Method::Swag(swag) => swag.draw(seed, count),
            Method::Bank(bank) => bank.gather(&bank_rows(bank, count, seed)),
            Method::Drawn(_, posterior) => posterior.draw(seed, count),
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
    ) -> Result<ClassPredictive> {
        let dim = match self {
            Method::Point(theta) | Method::Dropout(_, theta) => theta.len(),
            Method::Ensemble(members) => members.first().map_or(network.row_len(), Vec::len),
            Method::Swag(swag) => swag.dim(),
            Method::Bank(bank) => bank.dim(),
            Method::Drawn(_, posterior) => posterior.dim(),
        };
        if dim != network.row_len() {
            return Err(Error::Mismatch {
                what: format!("parameters of a network of method {}", self.name()),
                expected: network.row_len(),
                found: dim,
            });
        }
        let empty = match self {
            Method::Bank(bank) => bank.is_empty(),
            Method::Ensemble(members) => members.is_empty(),
            _ => false,
        };
        if empty || count == 0 {
            return Err(Error::Empty(self.name()));
        }
        let mut predictive = ClassPredictive::new(inputs.nrows(), network.outputs());
        let visit = |_, probabilities: ArrayView2<'_, f32>| predictive.add(probabilities);
        match self {
            Method::Point(theta) => predict_networks(network, &Categorical, [theta], inputs, visit),
            Method::Dropout(network, theta) => {
                predict_dropout(network, &Categorical, theta, count, seed, inputs, visit);
            }
            Method::Ensemble(members) => predict_networks(network, &Categorical, members, inputs, visit),
            Method::Bank(bank) => {
                predict_networks(
                    network,
                    &Categorical,
                    bank_rows(bank, count, seed).into_iter().map(|row| bank.row(row)),
                    inputs,
                    visit,
                );
            }
            Method::Swag(swag) => {
                let networks = (0..count).map(|i| {
                    let mut theta = Array2::zeros((1, dim));
                    swag.draw_into(seed, i as u64, theta.view_mut());
                    theta.into_raw_vec_and_offset().0
                });
                predict_networks(network, &Categorical, networks, inputs, visit);
            }
            Method::Drawn(_, posterior) => {
                let predictive = apd_bnn::predict(posterior, network, &Categorical, inputs, count, seed)?;
                return Ok(predictive.into_classes());
            }
        }
        Ok(predictive)
    }
}

/// The rows of an array of networks, which lie one after the other.
pub(crate) fn network_rows<S: Data<Elem = f32>>(networks: &ArrayBase<S, Ix2>) -> impl Iterator<Item = &[f32]> {
    networks.axis_iter(Axis(0)).map(|row| row.to_slice().expect("rows are contiguous"))
}

/// The averaged prediction of these networks for each input.
pub(crate) fn averaged(
    network: &Network,
    thetas: impl IntoIterator<Item: AsRef<[f32]>>,
    inputs: ArrayView2<'_, f32>,
) -> ClassPredictive {
    let mut predictive = ClassPredictive::new(inputs.nrows(), network.outputs());
    predict_networks(network, &Categorical, thetas, inputs, |_, p| predictive.add(p));
    predictive
}

/// `count` rows of `dim`, each filled in.
fn stack(count: usize, dim: usize, mut fill: impl FnMut(usize, &mut [f32])) -> Array2<f32> {
    let mut rows = Array2::zeros((count, dim));
    for (i, mut row) in rows.rows_mut().into_iter().enumerate() {
        fill(i, row.as_slice_mut().expect("rows of a fresh array"));
    }
    rows
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
