//! The default distiller: a few directions of weight space.

use apd_distill::Subspace;
use apd_report::Color;

use crate::context::Context;
use crate::distill::{generator_file, subspace_of_bank};
use crate::error::Result;
use crate::experiment::Experiment;
use crate::method::{Effort, FewLabels, FitFewLabels, Fitted, FittedLabels, Given, Method};
use crate::methods::sgld;
use crate::named_posterior::Role;
use crate::rows::{Rows, push_bytes};

/// The bank, distilled into a subspace: `generator.safetensors`.
pub(crate) struct SubspaceOfBank;

impl Method for SubspaceOfBank {
    fn name(&self) -> &'static str {
        "subspace"
    }

    fn doc(&self) -> &'static str {
        "The samples, distilled into a few directions of weight space"
    }

    fn color(&self) -> Option<Color> {
        Some(Color(0x00E6_9F00))
    }

    fn role(&self) -> Role {
        Role::Distilled
    }

    fn effort(&self, experiment: &Experiment) -> Effort {
        Effort { steps: experiment.config.subspace.rank as u64, concurrent: 0 }
    }

    fn fit(&self, context: Context<'_>, given: &Given<'_>) -> Result<Fitted> {
        let (Experiment { config, folder, seed, .. }, bank) = (given.experiment, given.bank());
        let subspace = subspace_of_bank(context, bank, &config.subspace, seed.child("subspace"))?;
        apd_points::write_atomic(folder.generator(), &generator_file(&subspace, bank)?)?;
        let mut rows = Rows::new(config, "distill");
        push_bytes(&mut rows, self.name(), &subspace);
        if let Some(subspace) = subspace.subspace() {
            rows.push(self.name(), "explained_variance", (subspace.explained(), None), 1);
        }
        Ok(Fitted { rows: rows.finish(), ..Fitted::new(subspace) })
    }

    fn few_labels(&self) -> Option<&dyn FitFewLabels> {
        Some(self)
    }
}

impl FitFewLabels for SubspaceOfBank {
    fn fit(&self, labels: &FewLabels<'_>) -> Result<FittedLabels> {
        let (samples, ends) = sgld::samples(labels)?;
        let subspace = Subspace::fit(&samples, &labels.config.subspace, labels.seed)?;
        Ok(FittedLabels { posterior: Box::new(subspace), ends })
    }
}
