//! Every sampler beside long runs of NUTS.

use crate::config::Config;
use crate::context::Context;
use crate::error::Result;
use crate::resources::{Cost, halved};
use crate::settings::Settings;
use crate::sizes::Sizes;
use crate::task::{Findings, Prepared, Task};
use crate::tasks::samplers::settings::SamplersConfig;

pub(crate) mod compute;
mod section;
pub(crate) mod settings;

/// The task.
pub(crate) struct Samplers;

impl Task for Samplers {
    fn name(&self) -> &'static str {
        "samplers"
    }

    fn doc(&self) -> &'static str {
        "Every sampler beside long runs of NUTS, on a small network"
    }

    fn defaults(&self, config: &Config) -> Option<Box<dyn Settings>> {
        Some(Box::new(SamplersConfig::new(config.profile)))
    }

    fn check(&self, config: &Config) -> Result<()> {
        config.settings::<SamplersConfig>().check()
    }

    fn cost(&self, _sizes: &Sizes, config: &Config) -> Cost {
        // Networks of a few hundred parameters.
        let images = config.settings::<SamplersConfig>().images;
        Cost { memory: 0, disk: 0, flag: halved("samplers.images", images) }
    }

    fn run(&self, context: Context<'_>, prepared: &Prepared<'_>) -> Result<Findings> {
        let config = &prepared.experiment.config;
        let found = compute::compare_samplers(context, config)?;
        let section = section::samplers(config, &found);
        Ok(Findings { rows: found.rows, section, seconds: Vec::new() })
    }
}
