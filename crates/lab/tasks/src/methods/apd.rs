//! The distiller of the paper: a GAN on whole networks.

use apd_distill::Distilled;
use apd_report::Color;

use crate::context::Context;
use crate::distill::{distill, generator_file};
use crate::error::Result;
use crate::experiment::Experiment;
use crate::method::{Effort, FewLabels, FitFewLabels, Fitted, FittedLabels, Given, Method, SampledLabels};
use crate::methods::gan::distill_samples;
use crate::methods::sgld;
use crate::named_posterior::Role;
use crate::rows::{Rows, push_bytes, push_spread};

/// The bank, distilled by a GAN.
///
/// Reference: Wang et al., *Adversarial distillation of Bayesian neural network posteriors*, ICML 2018.
pub(crate) struct GanOfBank;

impl Method for GanOfBank {
    fn name(&self) -> &'static str {
        "apd"
    }

    fn doc(&self) -> &'static str {
        "The samples, distilled by the paper's GAN"
    }

    fn color(&self) -> Option<Color> {
        Some(Color(0x00D5_5E00))
    }

    fn role(&self) -> Role {
        Role::Distilled
    }

    fn effort(&self, experiment: &Experiment) -> Effort {
        Effort { steps: experiment.config.distill.iterations, concurrent: 0 }
    }

    fn fit(&self, context: Context<'_>, given: &Given<'_>) -> Result<Fitted> {
        let (experiment, bank) = (given.experiment, given.bank());
        let (generator, history) = distill(context, experiment, bank)?;
        let generator = Distilled::Gan(generator);
        apd_points::write_atomic(experiment.folder.apd_generator(), &generator_file(&generator, bank)?)?;
        let mut rows = Rows::new(&experiment.config, "distill");
        push_bytes(&mut rows, self.name(), &generator);
        push_spread(&mut rows, self.name(), &history);
        Ok(Fitted { rows: rows.finish(), history: Some(history), ..Fitted::new(generator) })
    }

    fn few_labels(&self) -> Option<&dyn FitFewLabels> {
        Some(self)
    }
}

impl FitFewLabels for GanOfBank {
    fn fit(&self, labels: &FewLabels<'_>) -> Result<FittedLabels> {
        let SampledLabels { rows, ends } = sgld::samples(labels)?;
        let trainer = distill_samples(labels.context, rows, labels.gan, labels.seed, labels.earlier_gan, |_| ())?;
        let gan = labels.keeps_gan.then(|| trainer.state().into_owned());
        Ok(FittedLabels { gan, ..FittedLabels::new(trainer.into_generator(), ends.clone()) })
    }
}
