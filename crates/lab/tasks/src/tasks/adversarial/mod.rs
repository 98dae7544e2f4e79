//! Adversarial examples: how far do small changes mislead each method, and does its uncertainty tell?

use crate::config::Config;
use crate::context::Context;
use crate::error::Result;
use crate::resources::{Cost, halved};
use crate::settings::Settings;
use crate::sizes::Sizes;
use crate::task::{Findings, Needs, Prepared, Task};
use crate::tasks::adversarial::settings::AdversarialConfig;

mod attack_target;
pub(crate) mod compute;
mod section;
pub(crate) mod settings;

/// The task.
pub(crate) struct Adversarial;

impl Task for Adversarial {
    fn name(&self) -> &'static str {
        "adversarial"
    }

    fn doc(&self) -> &'static str {
        "Inputs made to mislead, and whether the uncertainty tells"
    }

    fn needs(&self) -> Needs {
        Needs { models: true, ood_images: false }
    }

    fn defaults(&self, config: &Config) -> Option<Box<dyn Settings>> {
        Some(Box::new(AdversarialConfig::new(config)))
    }

    fn check(&self, config: &Config) -> Result<()> {
        config.settings::<AdversarialConfig>().check()
    }

    fn cost(&self, sizes: &Sizes, config: &Config) -> Cost {
        let count = config.settings::<AdversarialConfig>().networks;
        Cost { memory: sizes.networks(2 * count), disk: 0, flag: halved("adversarial.networks", count) }
    }

    fn run(&self, context: Context<'_>, prepared: &Prepared<'_>) -> Result<Findings> {
        let found = compute::adversarial(context, prepared.experiment, &prepared.posteriors())?;
        let results = prepared.results_with(&found.rows);
        let section = section::adversarial(prepared.experiment, &results, &found);
        Ok(Findings { rows: found.rows, section, seconds: Vec::new() })
    }
}
