//! Networks from the labels so far, by each of the methods.

use std::sync::Arc;

use apd_bnn::{Categorical, Data, NetworkPotential, prior};
use apd_data::Labelled;
use apd_distill::Subspace;
use apd_nn::{Model as _, Network};
use apd_points::{Ensemble, Posterior};
use apd_seed::Seed;
use apd_sgmcmc::{ChainConfig, Schedule, Sgld};
use ndarray::{Array2, Axis};

use crate::config::Config;
use crate::context::Context;
use crate::error::Result;
use crate::methods::descent::Descent;
use crate::methods::gan::distil;
use crate::methods::langevin::Langevin;
use crate::named_posterior::NamedPosterior;
use crate::tasks::active::settings::{ActiveConfig, ActiveMethod};

/// Positions on the second half of SGD's path, from which SWAG makes a Gaussian.
const POSITIONS: u64 = 20;

/// What one round's training leaves.
pub(crate) struct Fitted {
    /// A row each.
    pub(crate) networks: Array2<f32>,
    /// Where the optimiser or each chain ended, for a warm start of the next round.
    pub(crate) ends: Vec<Vec<f32>>,
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
        let start = |seed: Seed, chain: usize| match starts.get(chain) {
            Some(start) => start.clone(),
            None => self.network.initialize(seed.child("initial").index(chain as u64)),
        };
        let (baselines, sgd, steps) =
            (&self.config.baselines, &self.config.sgd, self.config.settings::<ActiveConfig>().sgd_steps);
        let descent = Descent {
            network: self.network,
            data: &data,
            lr: sgd.lr,
            momentum: sgd.momentum,
            weight_decay: sgd.weight_decay,
            batch: sgd.batch,
            steps,
            thinning: (steps.div_ceil(2) / POSITIONS).max(1),
        };
        let seed = self.seed.child(self.method.name()).index(round);
        let sampled = || {
            // Methods that hold the same labels take the same samples.
            let seed = self.seed.child("sgld").index(round);
            self.sgld(&descent, seed, &|chain| start(seed, chain))
        };
        let context = self.context;
        let (posterior, ends): (Box<dyn Posterior>, _) = match self.method {
            ActiveMethod::Sgd => {
                let theta = descent.end(context, seed, start(seed, 0))?;
                (Box::new(Ensemble::of([descent.row(&theta)])), vec![theta])
            }
            ActiveMethod::McDropout => {
                let (dropout, theta) = descent.dropout(context, baselines.dropout, seed, start(seed, 0))?;
                (dropout, vec![theta])
            }
            ActiveMethod::Ensemble => {
                let members = 0..baselines.ensemble;
                let starts = members.map(|i| (seed.child("member").index(i as u64), start(seed, i)));
                let (ensemble, ends) = descent.ensemble(context, starts)?;
                (Box::new(ensemble), ends)
            }
            ActiveMethod::Swag => {
                let (swag, theta) = descent.swag(context, baselines.swag_rank, seed, start(seed, 0))?;
                (Box::new(swag), vec![theta])
            }
            ActiveMethod::Sgld => {
                let (samples, ends) = sampled()?;
                (Box::new(Ensemble::new(spread_out(samples, self.config.settings::<ActiveConfig>().networks))), ends)
            }
            ActiveMethod::Subspace => {
                let (samples, ends) = sampled()?;
                (Box::new(Subspace::fit(&samples, &self.config.subspace, seed)?), ends)
            }
            ActiveMethod::Apd => {
                let (samples, ends) = sampled()?;
                (
                    Box::new(distil(context, samples, &self.config.settings::<ActiveConfig>().distill, seed, |_| ())?),
                    ends,
                )
            }
        };
        let drawn = NamedPosterior::baseline(self.method.name(), &*posterior);
        Ok(Fitted {
            networks: drawn.networks(self.config.settings::<ActiveConfig>().networks, seed.child("networks")),
            ends,
        })
    }

    /// The row of every kept sample, chain by chain, and where the chains ended.
    fn sgld(
        &self,
        descent: &Descent<'_>,
        seed: Seed,
        start: &dyn Fn(usize) -> Vec<f32>,
    ) -> Result<(Array2<f32>, Vec<Vec<f32>>)> {
        let (settings, data) = (&self.config.settings::<ActiveConfig>().sgld, descent.data);
        let langevin = Langevin {
            potential: NetworkPotential::new(
                self.network,
                data.clone(),
                Arc::new(Categorical),
                Arc::new(prior::Gaussian::isotropic(settings.prior_precision)),
            )?,
            sampler: Sgld::new(Schedule::Constant(settings.lr / data.len() as f64), settings.temperature),
            length: ChainConfig {
                steps: settings.steps,
                burn_in: settings.burn_in,
                thinning: settings.thinning,
                batch_size: settings.batch.min(data.len()),
            },
        };
        let (mut samples, mut ends) = (Vec::new(), Vec::new());
        for number in 0..settings.chains {
            let (kept, end) = langevin.sample(self.context, number as u32, seed, start(number))?;
            samples.extend(kept.iter().flat_map(|theta| descent.row(theta)));
            ends.push(end);
        }
        let dim = self.network.row_len();
        Ok((Array2::from_shape_vec((samples.len() / dim, dim), samples).expect("whole networks were kept"), ends))
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
