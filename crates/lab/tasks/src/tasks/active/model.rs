//! Networks from the labels so far, by each of the methods.

use std::sync::Arc;

use apd_bnn::{Categorical, Data, NetworkPotential, predict_dropout, prior};
use apd_data::Labelled;
use apd_distill::{Generator, Subspace, Swag, Trainer};
use apd_nn::{Model as _, Network};
use apd_points::Posterior;
use apd_seed::Seed;
use apd_sgmcmc::{Chain, ChainConfig, Sampler, Schedule, Sgd, Sgld, from_mean_loss};
use apd_uncertainty::ClassPredictive;
use ndarray::{Array2, ArrayView2, Axis};

use crate::config::{ActiveMethod, Config};
use crate::context::Context;
use crate::error::Result;
use crate::method::{Method, averaged, network_rows};
use crate::sgd::with_dropout;

/// Steps between looks at the stop flag.
const STRIDE: u64 = 100;
/// Positions on the second half of SGD's path, from which SWAG makes a Gaussian.
const POSITIONS: u64 = 20;

/// What one round's training leaves.
pub(crate) struct Fitted {
    pub(crate) model: Model,
    /// Where the optimiser or each chain ended, for a warm start of the next round.
    pub(crate) ends: Vec<Vec<f32>>,
}

/// Where the networks of a prediction come from.
pub(crate) enum Model {
    Point(Vec<f32>),
    /// Passes with dropout.
    Dropout(Network, Vec<f32>),
    /// A network per row.
    Networks(Array2<f32>),
}

/// Trains on what is labelled.
pub(crate) struct Learner<'a> {
    pub(crate) config: &'a Config,
    pub(crate) network: &'a Network,
    pub(crate) method: ActiveMethod,
    /// Of the repetition: SGLD and what is distilled from it take the same samples while they hold the same labels.
    pub(crate) seed: Seed,
    pub(crate) context: Context<'a>,
}

impl Learner<'_> {
    /// The networks after training on `labelled` in round `round`; optimisers and chains start at `starts`, or at random where there are none.
    ///
    /// **Errors**: a chain or the distiller diverged; the run was asked to stop.
    pub(crate) fn fit(&self, labelled: &Labelled, round: u64, starts: &[Vec<f32>]) -> Result<Fitted> {
        let data = Data::classes(labelled.images.pixels.clone(), labelled.labels.as_slice());
        // As predictions read it: with the buffers of batch normalisation, which are those of what is labelled.
        let row = |theta: &[f32]| [theta, &self.network.calibrate(theta, labelled.images.pixels.view())].concat();
        let start = |seed: Seed, chain: usize| match starts.get(chain) {
            Some(start) => start.clone(),
            None => self.network.initialize(seed.child("initial").index(chain as u64)),
        };
        let seed = self.seed.child(self.method.name()).index(round);
        let sampled = || {
            // Methods that hold the same labels take the same samples.
            let seed = self.seed.child("sgld").index(round);
            self.sgld(&data, seed, &|chain| start(seed, chain), &row)
        };
        let drawn = |posterior: &dyn Posterior| {
            Model::Networks(posterior.draw(seed.child("networks"), self.config.active.networks))
        };
        let (model, ends) = match self.method {
            ActiveMethod::Sgd => {
                let theta = self.descend(&data, self.network, seed, start(seed, 0), |_| ())?;
                (Model::Point(row(&theta)), vec![theta])
            }
            ActiveMethod::McDropout => {
                let network = with_dropout(self.network, self.config.baselines.dropout);
                let theta = self.descend(&data, &network, seed, start(seed, 0), |_| ())?;
                (Model::Dropout(network, theta.clone()), vec![theta])
            }
            ActiveMethod::Ensemble => {
                let member = |i: usize| {
                    let streams = seed.child("member").index(i as u64);
                    self.descend(&data, self.network, streams, start(seed, i), |_| ())
                };
                let members = (0..self.config.baselines.ensemble).map(member).collect::<Result<Vec<_>>>()?;
                let rows: Vec<Vec<f32>> = members.iter().map(|theta| row(theta)).collect();
                (Model::Networks(Method::Ensemble(&rows).networks(rows.len(), seed)), members)
            }
            ActiveMethod::Swag => {
                let mut swag = Swag::new(self.network.row_len(), self.config.baselines.swag_rank)?;
                let collect = |theta: &[f32]| swag.collect(&row(theta));
                let theta = self.descend(&data, self.network, seed, start(seed, 0), collect)?;
                let networks = Method::Swag(&swag).networks(self.config.active.networks, seed.child("networks"));
                (Model::Networks(networks), vec![theta])
            }
            ActiveMethod::Sgld => {
                let (samples, ends) = sampled()?;
                (Model::Networks(spread_out(samples, self.config.active.networks)), ends)
            }
            ActiveMethod::Subspace => {
                let (samples, ends) = sampled()?;
                (drawn(&Subspace::fit(&samples, &self.config.subspace, seed)?), ends)
            }
            ActiveMethod::Apd => {
                let (samples, ends) = sampled()?;
                (drawn(&self.distil(samples, seed)?), ends)
            }
        };
        Ok(Fitted { model, ends })
    }

    /// Where SGD ends; on the second half of its path, a few positions are handed to `keep`.
    fn descend(
        &self,
        data: &Data,
        network: &Network,
        seed: Seed,
        start: Vec<f32>,
        keep: impl FnMut(&[f32]),
    ) -> Result<Vec<f32>> {
        let (sgd, n, steps) = (&self.config.sgd, data.len(), self.config.active.sgd_steps);
        let (_, precision) = from_mean_loss(sgd.lr, sgd.weight_decay, n);
        // It counts only where the network has dropout.
        let potential = NetworkPotential::new(
            network,
            data.clone(),
            Arc::new(Categorical),
            Arc::new(prior::Gaussian::isotropic(precision)),
        )?
        .with_dropout(seed.child("dropout"));
        let (burn_in, thinning) = (steps / 2, (steps.div_ceil(2) / POSITIONS).max(1));
        let length = ChainConfig { steps, burn_in, thinning, batch_size: sgd.batch.min(n) };
        let sampler = Sgd::from_mean_loss(sgd.lr, sgd.momentum, n);
        let mut chain = Chain::new(0, potential, sampler, length, seed, start)?;
        self.walk(&mut chain, keep)?;
        Ok(chain.position().to_vec())
    }

    /// The row of every kept sample, chain by chain, and where the chains ended.
    fn sgld(
        &self,
        data: &Data,
        seed: Seed,
        start: &dyn Fn(usize) -> Vec<f32>,
        row: &dyn Fn(&[f32]) -> Vec<f32>,
    ) -> Result<(Array2<f32>, Vec<Vec<f32>>)> {
        let (settings, n, dim) = (&self.config.active.sgld, data.len(), self.network.row_len());
        let length = ChainConfig {
            steps: settings.steps,
            burn_in: settings.burn_in,
            thinning: settings.thinning,
            batch_size: settings.batch.min(n),
        };
        let sampler = Sgld::new(Schedule::Constant(settings.lr / n as f64), settings.temperature);
        let precision = settings.prior_precision;
        let potential = NetworkPotential::new(
            self.network,
            data.clone(),
            Arc::new(Categorical),
            Arc::new(prior::Gaussian::isotropic(precision)),
        )?;
        let (mut samples, mut ends) = (Vec::new(), Vec::new());
        for number in 0..settings.chains {
            let mut chain = Chain::new(number as u32, potential.clone(), sampler, length, seed, start(number))?;
            self.walk(&mut chain, |position| samples.extend(row(position)))?;
            ends.push(chain.position().to_vec());
        }
        let rows = samples.len() / dim;
        Ok((Array2::from_shape_vec((rows, dim), samples).expect("whole networks were kept"), ends))
    }

    /// A generator that has seen the round's samples.
    ///
    /// It starts anew even where the chains do not: one that went on from the round before, with that one's scales of the weights, lost ten
    /// to twenty points of accuracy on the digits until it had caught up.
    fn distil(&self, samples: Array2<f32>, seed: Seed) -> Result<Generator> {
        let config = &self.config.active.distill;
        let mut trainer = Trainer::new(samples, config.clone(), seed)?;
        while trainer.iteration() < config.iterations {
            trainer.step()?;
            self.context.stop_if_asked()?;
        }
        Ok(trainer.into_generator())
    }

    /// Takes the chain to its end.
    fn walk<S: Sampler>(&self, chain: &mut Chain<NetworkPotential, S>, mut keep: impl FnMut(&[f32])) -> Result<()> {
        for step in 1..=chain.config().steps {
            if let Some(sample) = chain.step()? {
                keep(sample.position);
            }
            if step.is_multiple_of(STRIDE) {
                self.context.stop_if_asked()?;
            }
        }
        Ok(())
    }
}

impl Model {
    /// The averaged prediction for each input; `passes` is how many where their number is free.
    pub(crate) fn predict(
        &self,
        network: &Network,
        passes: usize,
        seed: Seed,
        inputs: ArrayView2<'_, f32>,
    ) -> ClassPredictive {
        match self {
            Model::Point(theta) => averaged(network, [theta], inputs),
            Model::Networks(networks) => averaged(network, network_rows(networks), inputs),
            Model::Dropout(network, theta) => {
                let mut predictive = ClassPredictive::new(inputs.nrows(), network.outputs());
                predict_dropout(network, &Categorical, theta, passes, seed, inputs, |_, p| predictive.add(p));
                predictive
            }
        }
    }
}

/// `count` rows at equal distances: the least correlated ones of a chain. All of them where there are no more.
fn spread_out(rows: Array2<f32>, count: usize) -> Array2<f32> {
    let n = rows.nrows();
    if n <= count {
        return rows;
    }
    // The last of each of `count` equal parts.
    let places: Vec<usize> = (1..=count).map(|i| i * n / count - 1).collect();
    rows.select(Axis(0), &places)
}

#[cfg(test)]
mod tests;
