//! Out-of-distribution detection: do images unlike the training data stand out?

use crate::config::Config;
use crate::context::Context;
use crate::error::Result;
use crate::resources::{Cost, halved};
use crate::sizes::Sizes;
use crate::task::{Findings, Needs, Prepared, Task};

pub(crate) mod compute;
mod section;

/// The task.
pub(crate) struct Ood;

impl Task for Ood {
    fn name(&self) -> &'static str {
        "ood"
    }

    fn doc(&self) -> &'static str {
        "Out-of-distribution detection"
    }

    fn needs(&self) -> Needs {
        Needs { models: true, ood_images: true }
    }

    fn cost(&self, sizes: &Sizes, config: &Config) -> Cost {
        let count = config.evaluation.networks;
        Cost { memory: sizes.networks(count), disk: 0, flag: halved("evaluation.networks", count) }
    }

    fn run(&self, context: Context<'_>, prepared: &Prepared<'_>) -> Result<Findings> {
        let (inside, sets) = prepared.ood_images();
        let posteriors = [prepared.posteriors(), prepared.online_posteriors()].concat();
        let found = compute::ood(context, prepared.experiment, inside, sets, &posteriors)?;
        let results = prepared.results_with(&found.rows);
        let section = section::detection_section(&prepared.experiment.config, &results, &found, inside, sets)?;
        Ok(Findings { rows: found.rows, section, seconds: Vec::new() })
    }
}
