//! Networks from the labels so far, by each of the methods.

use std::sync::Arc;

use apd_bnn::{Categorical, Data, NetworkPotential, prior};
use apd_data::Labelled;
use apd_nn::{Network, Threads};
use apd_seed::Seed;
use apd_sgmcmc::{ChainConfig, Schedule, Sgld};
use ndarray::Array2;

use crate::config::Config;
use crate::context::Context;
use crate::error::Result;
use crate::method::{FewLabels, Method};
use crate::methods::descent::Descent;
use crate::methods::langevin::Langevin;
use crate::named_posterior::NamedPosterior;
use crate::tasks::active::settings::ActiveConfig;

/// What one round's training leaves.
pub(crate) struct Fitted {
    /// A row each.
    pub(crate) networks: Array2<f32>,
    /// Where the optimizer or each chain ended, for a warm start of the next round.
    pub(crate) ends: Vec<Vec<f32>>,
}

/// Trains on what is labeled.
pub(crate) struct Learner<'a> {
    pub(crate) config: &'a Config,
    pub(crate) network: &'a Network,
    pub(crate) method: &'a dyn Method,
    /// Of the repetition: SGLD and what is distilled from it take the same samples while they hold the same labels.
    pub(crate) seed: Seed,
    pub(crate) context: Context<'a>,
}

impl Learner<'_> {
    /// The networks after training on `labeled` in round `round`; optimizers and chains start at `starts`, or at random where there are none.
    ///
    /// **Errors**: a chain or the distiller diverged; the run was asked to stop.
    pub(crate) fn fit(&self, labeled: &Labelled, round: u64, starts: &[Vec<f32>]) -> Result<Fitted> {
        let Self { config, network, method, context, .. } = *self;
        let data = Data::classes(labeled.images.pixels.clone(), labeled.labels.as_slice());
        let (sgd, settings) = (&config.sgd, config.settings::<ActiveConfig>());
        let sgld = &settings.sgld;
        let prior = Arc::new(prior::Gaussian::isotropic(sgld.prior_precision));
        let seed = self.seed.child(method.name()).index(round);
        let labels = FewLabels {
            context,
            config,
            network,
            data: &data,
            seed,
            networks: settings.networks,
            descent: Descent {
                network,
                data: &data,
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
            gan: &settings.distill,
            starts,
        };
        let learner = method.few_labels().expect("settings name methods that learn from few labels");
        let fitted = learner.fit(&labels)?;
        let drawn = NamedPosterior::baseline(method.name(), &*fitted.posterior);
        Ok(Fitted { networks: drawn.networks(settings.networks, seed.child("networks")), ends: fitted.ends })
    }
}
