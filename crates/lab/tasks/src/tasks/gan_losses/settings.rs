//! Settings of the comparison of the distiller's losses.

use serde::{Deserialize, Serialize};

use crate::config::Profile;
use crate::error::Result;
use crate::settings::positive;

/// The comparison of the distiller's losses on the run's bank, each with its published optimizer and critic updates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GanLossesConfig {
    /// Runs of each loss.
    pub seeds: usize,
    /// Generator iterations of each run.
    pub iterations: u64,
    /// Evaluations of the generator during a run.
    pub looks: u64,
    /// Width of the networks' hidden layers.
    pub hidden: usize,
    /// Points per update.
    pub batch: usize,
    /// Networks drawn for an evaluation.
    pub networks: usize,
}

impl GanLossesConfig {
    pub(crate) fn new(profile: Profile) -> Self {
        let quick = profile == Profile::Quick;
        let (seeds, iterations) = if quick { (2, 150) } else { (3, 3_000) };
        Self { seeds, iterations, looks: 10, hidden: 50, batch: 50, networks: 100 }
    }

    pub(crate) fn check(&self) -> Result<()> {
        positive("gan-losses.seeds", self.seeds as f64)?;
        positive("gan-losses.iterations", self.iterations as f64)?;
        positive("gan-losses.looks", self.looks as f64)?;
        positive("gan-losses.hidden", self.hidden as f64)?;
        positive("gan-losses.batch", self.batch as f64)?;
        positive("gan-losses.networks", self.networks as f64)
    }
}
