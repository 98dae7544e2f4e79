//! Networks from the labels so far, by each of the methods.

use std::sync::{Arc, OnceLock};

use apd_bnn::{Categorical, Data, NetworkPotential, prior};
use apd_data::Labelled;
use apd_nn::{Network, Threads};
use apd_seed::Seed;
use apd_sgmcmc::{ChainConfig, Schedule, Sgld};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::context::Context;
use crate::error::Result;
use crate::method::{FewLabels, Method, SampledLabels};
use crate::methods::descent::Descent;
use crate::methods::langevin::Langevin;
use crate::named_posterior::NamedPosterior;
use crate::tasks::active::settings::{ActiveConfig, Start};

/// What one round's training leaves.
pub(crate) struct Fitted {
    /// A row each.
    pub(crate) networks: Array2<f32>,
    /// Where training ended.
    pub(crate) end: End,
}

/// Where a round's training ended: what the next one may go on from.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct End {
    /// The optimizer's network, or each chain's last position; only for a warm start.
    positions: Vec<Vec<f32>>,
    /// Only for a GAN that is kept across rounds.
    gan: Option<apd_distill::State<'static>>,
}

/// What the methods of a round are trained on.
pub(crate) struct Learner<'a> {
    context: Context<'a>,
    config: &'a Config,
    network: &'a Network,
    data: Data,
    round: u64,
    /// Of the repetition: SGLD and what is distilled from it take the same samples while they hold the same labels.
    seed: Seed,
    sampled: OnceLock<SampledLabels>,
}

impl<'a> Learner<'a> {
    pub(crate) fn new(
        context: Context<'a>,
        config: &'a Config,
        network: &'a Network,
        labeled: &Labelled,
        round: u64,
        seed: Seed,
    ) -> Self {
        let data = Data::classes(labeled.images.pixels.clone(), labeled.labels.as_slice());
        Self { context, config, network, data, round, seed, sampled: OnceLock::new() }
    }

    /// The method's networks; optimizers and chains start at `start`, or at random where that is empty.
    ///
    /// Methods that share chains share their samples too: they have the same starts, the ends of the same chains in the round before.
    ///
    /// **Errors**: a chain or the distiller diverged; the run was asked to stop.
    pub(crate) fn fit(&self, method: &dyn Method, start: &End) -> Result<Fitted> {
        let Self { context, config, network, ref data, round, .. } = *self;
        let (sgd, settings) = (&config.sgd, config.settings::<ActiveConfig>());
        let sgld = &settings.sgld;
        let prior = Arc::new(prior::Gaussian::isotropic(sgld.precision(data.len())));
        let seed = self.seed.child(method.name()).index(round);
        let labels = FewLabels {
            context,
            config,
            network,
            data,
            seed,
            networks: settings.networks,
            descent: Descent {
                network,
                data,
                threads: Threads::Serial,
                lr: sgd.lr,
                momentum: sgd.momentum,
                weight_decay: sgd.weight_decay,
                batch: sgd.batch,
                steps: settings.sgd_steps,
            },
            langevin: Langevin {
                potential: NetworkPotential::new(network, data.clone(), Arc::new(Categorical), prior)?,
                sampler: Sgld::new(Schedule::Constant(sgld.lr / data.len() as f64), sgld.temperature),
                length: ChainConfig {
                    steps: sgld.steps,
                    burn_in: sgld.burn_in,
                    thinning: sgld.thinning,
                    batch_size: sgld.batch.min(data.len()),
                },
            },
            chains: sgld.chains,
            chain_seed: self.seed.child("sgld").index(round),
            sampled: &self.sampled,
            gan: &settings.distill,
            earlier_gan: start.gan.as_ref(),
            keeps_gan: settings.gan_start == Start::Warm,
            starts: &start.positions,
        };
        let learner = method.few_labels().expect("settings name methods that learn from few labels");
        let fitted = learner.fit(&labels)?;
        let drawn = NamedPosterior::baseline(method.name(), &*fitted.posterior);
        let positions = if settings.start == Start::Warm { fitted.ends } else { Vec::new() };
        let networks = drawn.networks(settings.networks, seed.child("networks"));
        Ok(Fitted { networks, end: End { positions, gan: fitted.gan } })
    }
}
