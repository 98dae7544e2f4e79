//! A posterior that can be looked at.

use crate::config::Config;
use crate::context::Context;
use crate::error::Result;
use crate::resources::{Cost, halved};
use crate::settings::Settings;
use crate::sizes::Sizes;
use crate::task::{Findings, Prepared, Task};
use crate::tasks::toy2d::settings::Toy2dConfig;

pub(crate) mod compute;
mod section;
pub(crate) mod settings;

/// The task.
pub(crate) struct Toy2d;

impl Task for Toy2d {
    fn name(&self) -> &'static str {
        "toy2d"
    }

    fn doc(&self) -> &'static str {
        "Two blobs in the plane: predictions as pictures"
    }

    fn defaults(&self, config: &Config) -> Option<Box<dyn Settings>> {
        Some(Box::new(Toy2dConfig::new(config.profile)))
    }

    fn check(&self, config: &Config) -> Result<()> {
        config.baselines.check(config.net)?;
        config.settings::<Toy2dConfig>().check()
    }

    fn cost(&self, _sizes: &Sizes, config: &Config) -> Cost {
        // Networks of a few hundred parameters.
        Cost { memory: 0, disk: 0, flag: halved("toy2d.grid", config.settings::<Toy2dConfig>().grid) }
    }

    fn run(&self, context: Context<'_>, prepared: &Prepared<'_>) -> Result<Findings> {
        let found = compute::toy2d(context, prepared.experiment)?;
        let results = prepared.results_with(&found.rows);
        let section = section::toy2d(&prepared.experiment.config, &results, &found);
        Ok(Findings { rows: found.rows, section, seconds: Vec::new() })
    }
}
