//! What an acquisition thinks of the candidates.

use apd_bnn::{Categorical, predict_networks};
use apd_data::Images;
use apd_nn::{Model as _, Network};
use apd_seed::Seed;
use apd_uncertainty::{batch_bald, epig};
use ndarray::{Array2, Array3, ArrayView2, Axis};

use crate::named_posterior::{averaged, network_rows};
use crate::tasks::active::pool::Pool;
use crate::tasks::active::settings::Acquisition;

/// Images of the pool that EPIG wants to predict, drawn anew for each round.
const TARGETS: usize = 100;
/// Configurations of a batch's labels that BatchBALD's expectation is over, at most.
const CONFIGURATIONS: usize = 1_000;

/// What is asked, and of whom.
pub(crate) struct Question<'a> {
    pub(crate) acquisition: Acquisition,
    pub(crate) network: &'a Network,
    /// A row each.
    pub(crate) networks: &'a Array2<f32>,
    pub(crate) images: &'a Images,
    pub(crate) pool: &'a Pool,
    /// Labels that the round acquires.
    pub(crate) count: usize,
    /// Of repetition and round.
    pub(crate) seed: Seed,
}

impl Question<'_> {
    /// A score for each candidate: the largest are labeled. Those that BatchBALD leaves out of its batch have −∞; where predictions are no
    /// numbers, neither are scores.
    pub(crate) fn scores(&self, candidates: &[u32]) -> Vec<f64> {
        let Self { acquisition, network, networks, images, pool, count, seed } = *self;
        let none = || vec![f64::NAN; candidates.len()];
        let pixels = |rows: &[u32]| images.select(rows).pixels;
        match acquisition {
            // Candidates come in random order.
            Acquisition::Random => vec![0.0; candidates.len()],
            Acquisition::Entropy | Acquisition::Bald | Acquisition::VariationRatio => {
                let score = acquisition.score().expect("a score of the averaged prediction");
                averaged(network, network_rows(networks), pixels(candidates).view()).score(score)
            }
            Acquisition::BatchBald => {
                let predicted = predicted(network, networks, pixels(candidates).view());
                let mut stream = seed.child("configurations").stream();
                let batch = batch_bald(predicted.view(), count, CONFIGURATIONS, || stream.uniform());
                batch.map_or_else(
                    |_| none(),
                    |batch| {
                        let mut scores = vec![f64::NEG_INFINITY; candidates.len()];
                        batch.into_iter().for_each(|(place, gain)| scores[place] = gain);
                        scores
                    },
                )
            }
            Acquisition::Epig => {
                let targets = pool.candidates(TARGETS, seed.child("targets"));
                let [pool, targets] =
                    [candidates, &targets].map(|rows| predicted(network, networks, pixels(rows).view()));
                epig(pool.view(), targets.view()).unwrap_or_else(|_| none())
            }
        }
    }
}

/// The softmax rows of every network, S×N×K.
fn predicted(network: &Network, networks: &Array2<f32>, inputs: ArrayView2<'_, f32>) -> Array3<f32> {
    let mut predicted = Array3::zeros((networks.nrows(), inputs.nrows(), network.outputs()));
    predict_networks(network, &Categorical, network_rows(networks), inputs, |s, p| {
        predicted.index_axis_mut(Axis(0), s).assign(&p);
    });
    predicted
}

#[cfg(test)]
mod tests;
