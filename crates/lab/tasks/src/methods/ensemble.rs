//! A deep ensemble: networks that are trained from starts of their own.

use apd_nn::Network;
use apd_points::Ensemble;
use apd_report::Color;
use rayon::prelude::*;

use crate::config::Config;
use crate::context::Context;
use crate::error::{self, Result};
use crate::experiment::Experiment;
use crate::method::{Effort, FewLabels, FitFewLabels, Fitted, FittedLabels, Given, Method};
use crate::methods::sgd;
use crate::named_posterior::Role;
use crate::shared_progress::SharedProgress;

/// Independently trained networks.
///
/// Reference: Lakshminarayanan, Pritzel and Blundell, *Simple and scalable predictive uncertainty estimation using deep ensembles*, NIPS 2017.
pub(crate) struct DeepEnsemble;

impl Method for DeepEnsemble {
    fn name(&self) -> &'static str {
        "ensemble"
    }

    fn doc(&self) -> &'static str {
        "Several networks by SGD, each from its own start"
    }

    fn color(&self) -> Option<Color> {
        Some(Color(0x007A_7A7A))
    }

    fn role(&self) -> Role {
        Role::Baseline
    }

    fn is_enabled(&self, config: &Config, _network: &Network) -> bool {
        config.baselines.ensemble > 0
    }

    fn effort(&self, experiment: &Experiment) -> Effort {
        let members = experiment.config.baselines.ensemble;
        Effort { steps: members as u64 * experiment.config.sgd.steps, concurrent: members }
    }

    fn fit(&self, context: Context<'_>, given: &Given<'_>) -> Result<Fitted> {
        let shared = SharedProgress::begin(context, self.name(), self.effort(given.experiment).steps);
        let member = |number: usize| {
            let name = format!("ensemble-{number}");
            shared.run(|context| sgd::train(context, given, &name, &given.experiment.network))
        };
        let members: Vec<usize> = (1..=given.experiment.config.baselines.ensemble).collect();
        let rows = members.into_par_iter().with_max_len(1).map(member).collect::<Vec<_>>();
        shared.end();
        Ok(Fitted::new(Ensemble::of(error::all(rows)?)))
    }

    fn few_labels(&self) -> Option<&dyn FitFewLabels> {
        Some(self)
    }
}

impl FitFewLabels for DeepEnsemble {
    fn fit(&self, labels: &FewLabels<'_>) -> Result<FittedLabels> {
        let FewLabels { seed, descent, context, .. } = *labels;
        let member = |i: usize| descent.end(context, seed.child("member").index(i as u64), labels.start(seed, i));
        let ends = (0..labels.config.baselines.ensemble).map(member).collect::<Result<Vec<_>>>()?;
        Ok(FittedLabels::new(Ensemble::of(ends.iter().map(|end| descent.row(end))), ends))
    }
}
