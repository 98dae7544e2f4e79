//! The methods that are compared: what each one's networks are drawn from, and their averaged predictions.

use apd_bnn::{Categorical, predict, predict_networks};
use apd_nn::{Model as _, Network};
use apd_points::Posterior;
use apd_seed::Seed;
use apd_uncertainty::{ClassPredictive, Score};
use ndarray::{Array2, ArrayBase, ArrayView2, Axis, Data, Ix2};

use crate::error::{Error, Result};

/// What the networks of a method are drawn from, and what the method is called.
#[derive(Clone, Copy)]
pub struct NamedPosterior<'a> {
    /// In tables and results.
    pub name: &'static str,
    /// What networks are drawn from.
    pub posterior: &'a dyn Posterior,
    /// What it is beside the bank.
    pub role: Role,
}

/// What a method is beside the bank of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Trained apart from it.
    Baseline,
    /// The samples themselves.
    Bank,
    /// Distilled from the samples.
    Distilled,
    /// Distilled while they are sampled.
    Online,
}

impl<'a> NamedPosterior<'a> {
    /// The bank of SGLD's samples.
    pub fn bank(bank: &'a dyn Posterior) -> Self {
        Self { name: "sgld", posterior: bank, role: Role::Bank }
    }

    /// A distilled posterior.
    pub fn distilled(name: &'static str, posterior: &'a dyn Posterior) -> Self {
        Self { name, posterior, role: Role::Distilled }
    }

    /// One that was trained apart from the bank.
    pub fn baseline(name: &'static str, posterior: &'a dyn Posterior) -> Self {
        Self { name, posterior, role: Role::Baseline }
    }

    /// Whether a second draw can differ from the first: a baseline of a few networks is drawn as a whole.
    pub fn is_random(self) -> bool {
        self.role != Role::Baseline || self.posterior.available().is_none()
    }

    /// Whether its networks differ, so that their disagreement can be measured.
    pub fn has_spread(self) -> bool {
        self.posterior.available() != Some(1)
    }

    /// The scores that it has: one network has no disagreement to measure.
    pub fn scores(self) -> Vec<Score> {
        let needs_spread = |score| matches!(score, Score::Bald | Score::VariationRatio | Score::ModelVariance);
        Score::ALL.into_iter().filter(|&score| self.has_spread() || !needs_spread(score)).collect()
    }

    /// Draws `count` networks, a row each: those that are stored without replacement, all of them where there are no more.
    pub fn networks(self, count: usize, seed: Seed) -> Array2<f32> {
        let Some(rows) = self.posterior.stored(seed, count) else { return self.posterior.draw(seed, count) };
        Array2::from_shape_vec((rows.len(), self.posterior.dim()), rows.concat()).expect("rows of this length")
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
        let Self { name, posterior, .. } = self;
        let dim = posterior.dim();
        if count == 0 || posterior.available() == Some(0) {
            return Err(Error::Empty(name));
        }
        if dim != network.row_len() {
            return Err(Error::Mismatch {
                what: format!("parameters of a network of method {name}"),
                expected: network.row_len(),
                found: dim,
            });
        }
        Ok(predict(posterior, network, &Categorical, inputs, count, seed)?.into_classes())
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

#[cfg(test)]
mod tests;
