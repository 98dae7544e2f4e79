//! The point estimate: SGD, keeping the parameters that did best on the validation images.

use std::path::PathBuf;

use apd_bnn::NetworkPotential;
use apd_nn::Model as _;
use apd_sgmcmc::{Chain, ChainConfig, ChainState, Sampler, Sgd, from_mean_loss};
use apd_store::checkpoint;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::methods::descent::with_dropout;
use crate::named_posterior::averaged;
use crate::stage::{Stage, drive, saved};

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
    let mut training = Training::new(experiment, run, concurrent)?;
    context.progress.begin(&run.name, experiment.config.sgd.steps, training.chain.progress().step);
    drive(context, &mut training)?;
    context.progress.end();
    Ok(experiment.row(training.best.as_ref().map_or(training.chain.position(), |best| &best.position)))
}

struct Training<'a> {
    experiment: &'a Experiment,
    path: PathBuf,
    chain: Chain<NetworkPotential, Sgd>,
    best: Option<Best>,
}

impl<'a> Training<'a> {
    fn new(experiment: &'a Experiment, run: &Run, concurrent: usize) -> Result<Self> {
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
        let (chain, best) = match saved::<(ChainState<<Sgd as Sampler>::State>, Option<Best>)>(&path, KIND)? {
            Some((state, best)) => (Chain::resume(potential, sampler, length, seed, state)?, best),
            None => {
                let initial = network.initialize(seed.child("initial"));
                (Chain::new(0, potential, sampler, length, seed, initial)?, None)
            }
        };
        Ok(Self { experiment, path, chain, best })
    }
}

impl Stage for Training<'_> {
    fn is_finished(&self) -> bool {
        self.chain.progress().step >= self.experiment.config.sgd.steps
    }

    fn step(&mut self, context: Context<'_>) -> Result<()> {
        self.chain.step()?;
        let Experiment { config, network, split, .. } = self.experiment;
        let step = self.chain.progress().step;
        if step.is_multiple_of(config.sgd.validate_every) || self.is_finished() {
            let row = self.experiment.row(self.chain.position());
            let predictive = averaged(network, [&row], split.validation.images.pixels.view());
            let accuracy = apd_uncertainty::accuracy(predictive.mean().view(), &split.validation.labels)?;
            if self.best.as_ref().is_none_or(|best| accuracy > best.accuracy) {
                self.best = Some(Best { accuracy, position: self.chain.position().to_vec() });
            }
            let best = self.best.as_ref().map_or(0.0, |best| best.accuracy);
            context.progress.advance(
                step,
                Some(format!("validation accuracy {:.2} %, best {:.2} %", 100.0 * accuracy, 100.0 * best)),
            );
        }
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        Ok(checkpoint::save(&self.path, KIND, &(self.chain.state(), &self.best))?)
    }
}
