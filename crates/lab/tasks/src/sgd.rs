//! The point estimate: SGD, keeping the parameters that did best on the validation images.

use std::time::Instant;

use apd_nn::{Model as _, Network};
use apd_sgmcmc::{Chain, ChainConfig, ChainState, Sampler, Sgd, from_mean_loss};
use apd_store::checkpoint;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::method::Method;

const KIND: &str = "sgd";

/// The parameters with the best validation accuracy so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Best {
    accuracy: f64,
    position: Vec<f32>,
}

/// One training run.
pub(crate) struct Run {
    /// Of its streams, its checkpoint and its progress bar.
    pub(crate) name: String,
    /// Trains with this probability of dropout.
    pub(crate) dropout: Option<f32>,
}

/// Trains a network by SGD, while so many runs go on at the same time; goes on from a checkpoint where there is one. The result is a row, as
/// [`Experiment::row`] makes it.
///
/// Among equal validation accuracies the earliest point is kept.
pub(crate) fn train(context: Context<'_>, experiment: &Experiment, run: &Run, concurrent: usize) -> Result<Vec<f32>> {
    let Experiment { config, network, split, folder, seed, .. } = experiment;
    let (sgd, seed) = (&config.sgd, seed.child(&run.name));
    let terms = split.train.len();
    let (_, prior_precision) = from_mean_loss(sgd.lr, sgd.weight_decay, terms);
    let mut potential = experiment.potential(prior_precision, concurrent)?;
    if let Some(p) = run.dropout {
        potential = experiment.potential_of(&with_dropout(network, p), prior_precision, concurrent)?;
        potential = potential.with_dropout(seed.child("dropout"));
    }
    let sampler = Sgd::from_mean_loss(sgd.lr, sgd.momentum, terms);
    // Nothing is sampled: the chain's position is looked at directly.
    let length = ChainConfig { steps: sgd.steps, burn_in: sgd.steps, thinning: 1, batch_size: sgd.batch };
    let path = folder.checkpoint(&run.name);
    let (mut chain, mut best) = if checkpoint::exists(&path) {
        let (state, best): (ChainState<<Sgd as Sampler>::State>, Option<Best>) = checkpoint::load(&path, KIND)?.value;
        (Chain::resume(potential, sampler, length, seed, state)?, best)
    } else {
        let initial = network.initialize(seed.child("initial"));
        (Chain::new(0, potential, sampler, length, seed, initial)?, None)
    };
    let images = split.validation.images.pixels.view();
    context.progress.begin(&run.name, sgd.steps, chain.progress().step);
    let mut saved = Instant::now();
    while chain.progress().step < sgd.steps {
        chain.step()?;
        let step = chain.progress().step;
        let finished = step == sgd.steps;
        if step.is_multiple_of(sgd.validate_every) || finished {
            let row = experiment.row(chain.position());
            let predictive = Method::Point(&row).predict(network, 1, seed, images)?;
            let accuracy = apd_uncertainty::accuracy(predictive.mean().view(), &split.validation.labels)?;
            if best.as_ref().is_none_or(|best: &Best| accuracy > best.accuracy) {
                best = Some(Best { accuracy, position: chain.position().to_vec() });
            }
            let best = best.as_ref().map_or(0.0, |best| best.accuracy);
            context.progress.advance(
                step,
                Some(format!("validation accuracy {:.2} %, best {:.2} %", 100.0 * accuracy, 100.0 * best)),
            );
        }
        let stop = context.control.stop_requested();
        if stop || finished || saved.elapsed() >= context.control.checkpoint_every() {
            checkpoint::save(&path, KIND, &(chain.state(), &best))?;
            saved = Instant::now();
        }
        if stop {
            return Err(Error::Stopped);
        }
    }
    context.progress.end();
    Ok(experiment.row(best.as_ref().map_or(chain.position(), |best| &best.position)))
}

/// The same network with dropout after its hidden layers.
pub(crate) fn with_dropout(network: &Network, p: f32) -> Network {
    let mut network = network.clone();
    if let Network::Mlp(mlp) = &mut network {
        mlp.dropout = p;
    }
    network
}
