//! What else people use for uncertainty: MC-dropout, a deep ensemble, SWAG. Each is trained as the point estimate is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use apd_nn::Network;
use apd_sgmcmc::{Chain, ChainConfig, Momentum, Swag, from_mean_loss};
use apd_store::checkpoint;
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::method::Method;
use crate::observer::Observer;
use crate::sgd::{Run, train_run, with_dropout};

/// The baselines of a run; those that the settings leave out are not there.
pub struct Baselines {
    /// A network with dropout, and its weights.
    dropout: Option<(Network, Vec<f32>)>,
    /// Independently trained networks.
    ensemble: Vec<Vec<f32>>,
    /// A Gaussian around the end of the point estimate's path.
    swag: Option<Swag>,
}

impl Baselines {
    /// Trains what `config.baselines` asks for, or takes it from checkpoints; SWAG goes on from `point`.
    pub fn train(experiment: &Experiment, point: &[f32], observer: &dyn Observer) -> Result<Self> {
        let settings = &experiment.config.baselines;
        let dropout = match settings.dropout {
            p if p > 0.0 && matches!(experiment.network, Network::Mlp(_)) => {
                let run = Run { name: "mc-dropout", dropout: Some(p), siblings: 1 };
                Some((with_dropout(&experiment.network, p), train_run(experiment, &run, observer)?))
            }
            _ => None,
        };
        let ensemble = ensemble(experiment, observer)?;
        let swag = if settings.swag_epochs >= 2 { Some(swag(experiment, point, observer)?) } else { None };
        Ok(Self { dropout, ensemble, swag })
    }

    /// The members of the deep ensemble; none where it was left out.
    pub fn ensemble(&self) -> &[Vec<f32>] {
        &self.ensemble
    }

    /// Those that there are.
    pub fn posteriors(&self) -> Vec<Method<'_>> {
        let mut posteriors = Vec::new();
        if let Some((network, theta)) = &self.dropout {
            posteriors.push(Method::Dropout(network, theta));
        }
        if !self.ensemble.is_empty() {
            posteriors.push(Method::Ensemble(&self.ensemble));
        }
        if let Some(swag) = &self.swag {
            posteriors.push(Method::Swag(swag));
        }
        posteriors
    }
}

/// Networks from different starts and minibatch orders, several at a time.
fn ensemble(experiment: &Experiment, observer: &dyn Observer) -> Result<Vec<Vec<f32>>> {
    let (members, steps) = (experiment.config.baselines.ensemble, experiment.config.sgd.steps);
    if members == 0 {
        return Ok(Vec::new());
    }
    let total = Total { observer, done: AtomicU64::new(0) };
    observer.begin("ensemble", steps * members as u64, 0);
    let member = |number: usize| {
        let name = format!("ensemble-{}", number + 1);
        let part = Part { total: &total, last: AtomicU64::new(0) };
        train_run(experiment, &Run { name: &name, dropout: None, siblings: members }, &part)
    };
    let networks: Vec<Result<Vec<f32>>> = (0..members).into_par_iter().with_max_len(1).map(member).collect();
    let networks = networks.into_iter().collect::<Result<Vec<_>>>()?;
    observer.end();
    Ok(networks)
}

/// The progress of several runs as that of one.
struct Total<'a> {
    observer: &'a dyn Observer,
    done: AtomicU64,
}

struct Part<'a> {
    total: &'a Total<'a>,
    last: AtomicU64,
}

impl Observer for Part<'_> {
    fn begin(&self, _stage: &str, _total: u64, done: u64) {
        self.advance(done, None);
    }

    fn advance(&self, done: u64, message: Option<String>) {
        let step = done.saturating_sub(self.last.swap(done, Ordering::Relaxed));
        let done = self.total.done.fetch_add(step, Ordering::Relaxed) + step;
        self.total.observer.advance(done, message);
    }

    fn end(&self) {}

    fn note(&self, text: &str) {
        self.total.observer.note(text);
    }

    fn stop_requested(&self) -> bool {
        self.total.observer.stop_requested()
    }

    fn checkpoint_every(&self) -> Duration {
        self.total.observer.checkpoint_every()
    }
}

/// Collects the point estimate's path from its best point on, once an epoch, at the same learning rate.
fn swag(experiment: &Experiment, point: &[f32], observer: &dyn Observer) -> Result<Swag> {
    let Experiment { config, split, folder, seed, .. } = experiment;
    let (sgd, settings, terms) = (&config.sgd, &config.baselines, split.train.len());
    let path = folder.checkpoint("swag");
    let positions: Vec<Vec<f32>> = if checkpoint::exists(&path) {
        checkpoint::load(&path, "swag")?.value
    } else {
        let (_, prior_precision) = from_mean_loss(sgd.lr, sgd.weight_decay, terms);
        let epoch = (terms / sgd.batch).max(1) as u64;
        let length =
            ChainConfig { steps: settings.swag_epochs * epoch, burn_in: 0, thinning: epoch, batch_size: sgd.batch };
        let sampler = Momentum::from_mean_loss(sgd.lr, sgd.momentum, terms);
        let potential = experiment.potential(prior_precision, 1)?;
        let theta = point[..experiment.network.dim()].to_vec();
        let mut chain = Chain::new(0, potential, sampler, length, seed.child("swag"), theta)?;
        let mut positions = Vec::new();
        observer.begin("swag", length.steps, 0);
        while chain.progress().step < length.steps {
            if let Some(sample) = chain.step()? {
                positions.push(experiment.row(sample.position));
                observer.advance(sample.step, None);
                if observer.stop_requested() {
                    return Err(Error::Stopped);
                }
            }
        }
        observer.end();
        checkpoint::save(&path, "swag", &positions)?;
        positions
    };
    let mut swag = Swag::new(point.len(), settings.swag_rank)?;
    positions.iter().for_each(|position| swag.collect(position));
    Ok(swag)
}
