//! SWAG: a Gaussian around the path of SGD.

use apd_distill::Swag;
use apd_nn::{Model as _, Network};
use apd_report::Color;

use crate::config::Config;
use crate::context::Context;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::method::{Effort, FewLabels, FitFewLabels, Fitted, FittedLabels, Given, Method};
use crate::methods::descent::{Descent, to_its_end};
use crate::named_posterior::Role;

/// Positions on the second half of SGD's path, from which few labels make a Gaussian.
const POSITIONS: u64 = 20;

/// A Gaussian around the path that SGD takes from the point estimate on, once an epoch, at the same learning rate.
///
/// Reference: Maddox et al., *A simple baseline for Bayesian uncertainty in deep learning*, NeurIPS 2019.
pub(crate) struct SwagGaussian;

impl Method for SwagGaussian {
    fn name(&self) -> &'static str {
        "swag"
    }

    fn doc(&self) -> &'static str {
        "Networks drawn from a Gaussian around the end of SGD's path"
    }

    fn color(&self) -> Option<Color> {
        Some(Color(0x0056_B4E9))
    }

    fn role(&self) -> Role {
        Role::Baseline
    }

    fn is_enabled(&self, config: &Config, _network: &Network) -> bool {
        config.baselines.swag_epochs > 1
    }

    fn follows(&self) -> Option<&'static str> {
        Some("sgd")
    }

    fn effort(&self, experiment: &Experiment) -> Effort {
        Effort { steps: experiment.config.baselines.swag_epochs * epoch(experiment), concurrent: 0 }
    }

    fn fit(&self, context: Context<'_>, given: &Given<'_>) -> Result<Fitted> {
        let Experiment { config, network, folder, seed, .. } = given.experiment;
        let point = given.baseline().draw(*seed, 1);
        let positions: Vec<Vec<f32>> = folder.finished(self.name(), || {
            let (steps, thinning) = (self.effort(given.experiment).steps, epoch(given.experiment));
            let descent = Descent { steps, ..given.experiment.descent(given.concurrent) };
            let start = point.iter().take(network.dim()).copied().collect();
            let mut path = descent.path(seed.child(self.name()), start, 0, thinning)?;
            let mut positions = Vec::new();
            context.progress.begin(self.name(), steps, 0);
            to_its_end(context, &mut path, |sample| {
                positions.push(given.experiment.row(sample.position));
                context.progress.advance(sample.step, None);
            })?;
            context.progress.end();
            Ok(positions)
        })?;
        let mut swag = Swag::new(network.row_len(), config.baselines.swag_rank)?;
        positions.iter().for_each(|position| swag.collect(position));
        Ok(Fitted::new(swag))
    }

    fn few_labels(&self) -> Option<&dyn FitFewLabels> {
        Some(self)
    }
}

impl FitFewLabels for SwagGaussian {
    fn fit(&self, labels: &FewLabels<'_>) -> Result<FittedLabels> {
        let FewLabels { seed, descent, context, .. } = *labels;
        let thinning = (descent.steps.div_ceil(2) / POSITIONS).max(1);
        let rank = labels.config.baselines.swag_rank;
        let (swag, end) = descent.swag(context, rank, thinning, seed, labels.start(seed, 0))?;
        Ok(FittedLabels::new(swag, vec![end]))
    }
}

/// Minibatches of one pass over the training images.
fn epoch(experiment: &Experiment) -> u64 {
    (experiment.split.train.len() / experiment.config.sgd.batch).max(1) as u64
}
