//! Quality against the number of networks.

use apd_nn::Model as _;

use crate::config::Config;
use crate::context::Context;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::resources::Cost;
use crate::settings::Settings;
use crate::sizes::Sizes;
use crate::task::{Findings, Needs, Prepared, Task};
use crate::tasks::curves::settings::CurvesConfig;

pub(crate) mod compute;
mod section;
pub(crate) mod settings;

/// The task.
pub(crate) struct Curves;

impl Task for Curves {
    fn name(&self) -> &'static str {
        "curves"
    }

    fn doc(&self) -> &'static str {
        "Quality against the number of networks, and their cost"
    }

    fn needs(&self) -> Needs {
        Needs { models: true, ood_images: true }
    }

    fn defaults(&self, config: &Config) -> Option<Box<dyn Settings>> {
        Some(Box::new(CurvesConfig::new(config)))
    }

    fn check(&self, config: &Config) -> Result<()> {
        config.settings::<CurvesConfig>().check()
    }

    fn cost(&self, sizes: &Sizes, config: &Config) -> Cost {
        let count = config.settings::<CurvesConfig>().networks.iter().copied().max().unwrap_or(0);
        Cost { memory: sizes.networks(count), disk: 0, flag: format!("--set curves.networks=[{}]", count / 2) }
    }

    fn run(&self, context: Context<'_>, prepared: &Prepared<'_>) -> Result<Findings> {
        let (inside, sets) = prepared.ood_images();
        let rows = compute::curves(context, prepared.experiment, inside, sets, &prepared.posteriors())?;
        let results = prepared.results_with(&rows);
        let Experiment { config, network, .. } = prepared.experiment;
        let section = section::curves(config, &results, network.row_len());
        Ok(Findings { rows, section, seconds: Vec::new() })
    }
}
