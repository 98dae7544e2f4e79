//! Active learning: does the posterior know which labels it lacks?

use crate::config::Config;
use crate::context::Context;
use crate::error::Result;
use crate::resources::Cost;
use crate::settings::Settings;
use crate::sizes::Sizes;
use crate::task::{Findings, Prepared, Task};
use crate::tasks::active::settings::ActiveConfig;

pub(crate) mod compute;
mod model;
mod pool;
mod scores;
mod section;
pub(crate) mod settings;

/// The task.
pub(crate) struct Active;

impl Task for Active {
    fn name(&self) -> &'static str {
        "active"
    }

    fn doc(&self) -> &'static str {
        "Labels acquired where the posterior is unsure"
    }

    fn defaults(&self, config: &Config) -> Option<Box<dyn Settings>> {
        Some(Box::new(ActiveConfig::new(config.dataset, config.profile)))
    }

    fn check(&self, config: &Config) -> Result<()> {
        config.sgd.check()?;
        config.baselines.check(config.net)?;
        config.settings::<ActiveConfig>().check()
    }

    fn cost(&self, sizes: &Sizes, config: &Config) -> Cost {
        let settings = config.settings::<ActiveConfig>();
        let rows = settings.sgld.samples_per_chain() * settings.sgld.chains as u64;
        let distilling = sizes.gan(&settings.distill).max(sizes.directions(config.subspace.rank, rows));
        let of_one = 2 * rows * sizes.row() + sizes.networks(settings.networks) + distilling;
        Cost { memory: sizes.threads() * of_one, disk: 0, flag: "--threads 1".to_owned() }
    }

    fn run(&self, context: Context<'_>, prepared: &Prepared<'_>) -> Result<Findings> {
        let found = compute::active(context, prepared.experiment)?;
        let results = prepared.results_with(&found.rows);
        let section = section::active(&prepared.experiment.config, &results, &found);
        Ok(Findings { rows: found.rows, section, seconds: Vec::new() })
    }
}
