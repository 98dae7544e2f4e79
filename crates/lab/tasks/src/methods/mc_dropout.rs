//! MC-dropout: one network whose hidden units are left out at random.

use apd_bnn::Dropout;
use apd_nn::{Model as _, Network};
use apd_report::Color;

use crate::config::Config;
use crate::context::Context;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::method::{Effort, FewLabels, FitFewLabels, Fitted, FittedLabels, Given, Method};
use crate::methods::descent::{Descent, with_dropout};
use crate::methods::sgd;
use crate::named_posterior::Role;

/// One network that is trained with dropout and predicts with it.
///
/// Reference: Gal and Ghahramani, *Dropout as a Bayesian approximation*, ICML 2016.
pub(crate) struct McDropout;

impl Method for McDropout {
    fn name(&self) -> &'static str {
        "mc-dropout"
    }

    fn doc(&self) -> &'static str {
        "One network whose hidden units are left out at random, in training and in predictions"
    }

    fn color(&self) -> Option<Color> {
        Some(Color(0x0000_9E73))
    }

    fn role(&self) -> Role {
        Role::Baseline
    }

    fn is_enabled(&self, config: &Config, network: &Network) -> bool {
        config.baselines.dropout > 0.0 && matches!(network, Network::Mlp(_))
    }

    fn effort(&self, experiment: &Experiment) -> Effort {
        Effort { steps: experiment.config.sgd.steps, concurrent: 1 }
    }

    fn fit(&self, context: Context<'_>, given: &Given<'_>) -> Result<Fitted> {
        let Experiment { config, network, .. } = given.experiment;
        let network = with_dropout(network, config.baselines.dropout);
        let row = sgd::train(context, given, self.name(), &network)?;
        Ok(Fitted::new(posterior(&network, row)))
    }

    fn few_labels(&self) -> Option<&dyn FitFewLabels> {
        Some(self)
    }
}

impl FitFewLabels for McDropout {
    fn fit(&self, labels: &FewLabels<'_>) -> Result<FittedLabels> {
        let network = with_dropout(labels.network, labels.config.baselines.dropout);
        let descent = Descent { network: &network, ..labels.descent };
        let end = descent.end(labels.context, labels.seed, labels.start(labels.seed, 0))?;
        Ok(FittedLabels::new(posterior(&network, labels.descent.row(&end)), vec![end]))
    }
}

/// What MC-dropout draws from: a perceptron that was trained with the dropout it has.
///
/// **Panics** for another network.
#[track_caller]
pub(crate) fn posterior(network: &Network, row: Vec<f32>) -> Dropout {
    Dropout::new(&network.as_mlp().expect("only perceptrons have dropout"), row)
}
