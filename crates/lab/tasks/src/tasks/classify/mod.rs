//! Classification: is the averaged prediction right, and does it know how sure to be?

use crate::config::Config;
use crate::context::Context;
use crate::error::Result;
use crate::resources::{Cost, halved};
use crate::sizes::Sizes;
use crate::task::{Findings, Needs, Prepared, Task};

pub(crate) mod compute;
mod section;

/// The task.
pub(crate) struct Classify;

impl Task for Classify {
    fn name(&self) -> &'static str {
        "classify"
    }

    fn doc(&self) -> &'static str {
        "Accuracy, NLL, ECE and Brier score on the test set"
    }

    fn needs(&self) -> Needs {
        Needs { models: true, ood_images: false }
    }

    fn cost(&self, sizes: &Sizes, config: &Config) -> Cost {
        let count = config.evaluation.networks;
        Cost { memory: sizes.networks(count), disk: 0, flag: halved("evaluation.networks", count) }
    }

    fn run(&self, context: Context<'_>, prepared: &Prepared<'_>) -> Result<Findings> {
        let posteriors = [prepared.posteriors(), prepared.online_posteriors()].concat();
        let found = compute::classify(context, prepared.experiment, &posteriors)?;
        let results = prepared.results_with(&found.rows);
        let section = section::classification(prepared.experiment, &results, &found);
        Ok(Findings { rows: found.rows, section, seconds: Vec::new() })
    }
}
