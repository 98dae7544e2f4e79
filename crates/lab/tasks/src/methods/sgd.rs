//! The point estimate: SGD, keeping the parameters that did best on the validation images.

use std::path::PathBuf;

use apd_bnn::NetworkPotential;
use apd_nn::{Model as _, Network};
use apd_points::Ensemble;
use apd_report::Color;
use apd_sgmcmc::{Chain, ChainState, Sampler, Sgd};
use apd_store::checkpoint;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::method::{Effort, FewLabels, FitFewLabels, Fitted, FittedLabels, Given, Method};
use crate::methods::descent::Descent;
use crate::named_posterior::{Role, averaged};
use crate::stage::{Stage, drive, saved};

const KIND: &str = "sgd";

/// One network.
pub(crate) struct SgdPoint;

impl Method for SgdPoint {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn doc(&self) -> &'static str {
        "One network, trained by SGD"
    }

    fn color(&self) -> Option<Color> {
        Some(Color(0x00CC_79A7))
    }

    fn role(&self) -> Role {
        Role::Baseline
    }

    fn effort(&self, experiment: &Experiment) -> Effort {
        Effort { steps: experiment.config.sgd.steps, concurrent: 1 }
    }

    fn fit(&self, context: Context<'_>, given: &Given<'_>) -> Result<Fitted> {
        let point = train(context, given, self.name(), &given.experiment.network)?;
        Ok(Fitted::new(Ensemble::of([point])))
    }

    fn few_labels(&self) -> Option<&dyn FitFewLabels> {
        Some(self)
    }
}

impl FitFewLabels for SgdPoint {
    fn has_spread(&self) -> bool {
        false
    }

    fn fit(&self, labels: &FewLabels<'_>) -> Result<FittedLabels> {
        let end = labels.descent.end(labels.context, labels.seed, labels.start(labels.seed, 0))?;
        Ok(FittedLabels::new(Ensemble::of([labels.descent.row(&end)]), vec![end]))
    }
}

/// The parameters with the best validation accuracy so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Best {
    accuracy: f64,
    position: Vec<f32>,
}

/// Trains a network, or goes on from a checkpoint; `name` is that of its streams, its checkpoint and its progress bar. The result is a row,
/// as [`Experiment::row`] makes it.
///
/// Among equal validation accuracies the earliest point is kept.
pub(crate) fn train(context: Context<'_>, given: &Given<'_>, name: &str, network: &Network) -> Result<Vec<f32>> {
    let mut training = Training::new(given, name, network)?;
    context.progress.begin(name, given.experiment.config.sgd.steps, training.chain.progress().step);
    drive(context, &mut training)?;
    context.progress.end();
    Ok(given.experiment.row(training.best.as_ref().map_or(training.chain.position(), |best| &best.position)))
}

struct Training<'a> {
    experiment: &'a Experiment,
    path: PathBuf,
    chain: Chain<NetworkPotential, Sgd>,
    best: Option<Best>,
}

impl<'a> Training<'a> {
    fn new(given: &Given<'a>, name: &str, network: &Network) -> Result<Self> {
        let experiment = given.experiment;
        let seed = experiment.seed.child(name);
        let descent = Descent { network, ..experiment.descent(given.concurrent) };
        let path = experiment.folder.checkpoint(name);
        let (chain, best) = match saved::<(ChainState<<Sgd as Sampler>::State>, Option<Best>)>(&path, KIND)? {
            Some((state, best)) => (descent.resume(seed, state)?, best),
            // Nothing is kept: the chain's position is looked at directly.
            None => (descent.path(seed, network.initialize(seed.child("initial")), descent.steps, 1)?, None),
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
