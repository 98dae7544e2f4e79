//! Networks from the labels so far, by each of the methods.

use std::sync::Arc;

use apd_bnn::{Data, Likelihood, NetworkPotential, Targets, predict_dropout};
use apd_datasets::Labelled;
use apd_distill::{Posterior, Trainer};
use apd_nn::Network;
use apd_seed::Seed;
use apd_sgmcmc::{Chain, ChainConfig, Momentum, Sampler, Schedule, Sgld, from_mean_loss};
use apd_uncertainty::Predictive;
use ndarray::{Array2, ArrayView2, Axis};

use crate::config::{ActiveMethod, Config};
use crate::error::{Error, Result};
use crate::method::{averaged, network_rows};
use crate::observer::Observer;
use crate::sgd::with_dropout;

/// Steps between looks at the stop flag.
const STRIDE: u64 = 100;

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
    /// Of the repetition: SGLD and APD that hold the same labels take the same samples.
    pub(crate) seed: Seed,
    pub(crate) observer: &'a dyn Observer,
}

impl Learner<'_> {
    /// The networks after training on `labelled` in round `round`; optimisers and chains start at `starts`, or at random where there are none.
    ///
    /// **Errors**: a chain or the distiller diverged; the observer asked to stop.
    pub(crate) fn fit(&self, labelled: &Labelled, round: u64, starts: &[Vec<f32>]) -> Result<Fitted> {
        let data = Data {
            inputs: Arc::new(labelled.images.pixels.clone()),
            targets: Targets::Classes(labelled.labels.as_slice().into()),
        };
        // As predictions read it: with the buffers of batch normalisation, which are those of what is labelled.
        let row = |theta: &[f32]| [theta, &self.network.calibrate(theta, labelled.images.pixels.view())].concat();
        let start = |seed: Seed, chain: usize| match starts.get(chain) {
            Some(start) => start.clone(),
            None => self.network.initialize(seed.child("initial").index(chain as u64)),
        };
        let descend = |network: &Network, dropout: bool| -> Result<Vec<f32>> {
            let (sgd, n, steps) = (&self.config.sgd, data.len(), self.config.active.sgd_steps);
            let seed = self.seed.child(self.method.name()).index(round);
            let (_, precision) = from_mean_loss(sgd.lr, sgd.weight_decay, n);
            let mut potential = NetworkPotential::new(network, data.clone(), Likelihood::Categorical, precision)?;
            if dropout {
                potential = potential.with_dropout(seed.child("dropout"));
            }
            let length = ChainConfig { steps, burn_in: steps, thinning: 1, batch_size: sgd.batch.min(n) };
            let sampler = Momentum::from_mean_loss(sgd.lr, sgd.momentum, n);
            let mut chain = Chain::new(0, potential, sampler, length, seed, start(seed, 0))?;
            self.walk(&mut chain, |_| ())?;
            Ok(chain.position().to_vec())
        };
        let (model, ends) = match self.method {
            ActiveMethod::Sgd => {
                let theta = descend(self.network, false)?;
                (Model::Point(row(&theta)), vec![theta])
            }
            ActiveMethod::McDropout => {
                let network = with_dropout(self.network, self.config.baselines.dropout);
                let theta = descend(&network, true)?;
                (Model::Dropout(network, theta.clone()), vec![theta])
            }
            ActiveMethod::Sgld | ActiveMethod::Apd => {
                let seed = self.seed.child("sgld").index(round);
                let (samples, ends) = self.sgld(&data, seed, &|chain| start(seed, chain), &row)?;
                let networks = match self.method {
                    ActiveMethod::Apd => self.distil(samples, round)?,
                    _ => spread_out(samples, self.config.active.networks),
                };
                (Model::Networks(networks), ends)
            }
        };
        Ok(Fitted { model, ends })
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
        let potential = NetworkPotential::new(self.network, data.clone(), Likelihood::Categorical, precision)?;
        let (mut samples, mut ends) = (Vec::new(), Vec::new());
        for number in 0..settings.chains {
            let mut chain = Chain::new(number as u32, potential.clone(), sampler, length, seed, start(number))?;
            self.walk(&mut chain, |position| samples.extend(row(position)))?;
            ends.push(chain.position().to_vec());
        }
        let rows = samples.len() / dim;
        Ok((Array2::from_shape_vec((rows, dim), samples).expect("whole networks were kept"), ends))
    }

    /// Networks of a generator that has seen the round's samples.
    ///
    /// It starts anew even where the chains do not: one that went on from the round before, with that one's scales of the weights, lost ten
    /// to twenty points of accuracy on the digits until it had caught up.
    fn distil(&self, samples: Array2<f32>, round: u64) -> Result<Array2<f32>> {
        let settings = &self.config.active;
        let seed = self.seed.child("distill").index(round);
        let mut trainer = Trainer::new(samples, settings.distill.clone(), seed)?;
        while trainer.iteration() < settings.distill.iterations {
            trainer.step()?;
            self.stop_if_asked()?;
        }
        Ok(trainer.into_generator().draw(seed.child("networks"), settings.networks))
    }

    /// Takes the chain to its end.
    fn walk<S: Sampler>(&self, chain: &mut Chain<NetworkPotential, S>, mut keep: impl FnMut(&[f32])) -> Result<()> {
        for step in 1..=chain.config().steps {
            if let Some(sample) = chain.step()? {
                keep(sample.position);
            }
            if step.is_multiple_of(STRIDE) {
                self.stop_if_asked()?;
            }
        }
        Ok(())
    }

    fn stop_if_asked(&self) -> Result<()> {
        if self.observer.stop_requested() { Err(Error::Stopped) } else { Ok(()) }
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
    ) -> Predictive {
        match self {
            Model::Point(theta) => averaged(network, [theta], inputs),
            Model::Networks(networks) => averaged(network, network_rows(networks), inputs),
            Model::Dropout(network, theta) => {
                let mut predictive = Predictive::new(inputs.nrows(), network.outputs());
                predict_dropout(network, theta, passes, seed, inputs, |_, p| predictive.add(p));
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
