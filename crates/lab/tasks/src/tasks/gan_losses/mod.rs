//! The distiller's losses on the run's bank.

use crate::config::Config;
use crate::context::Context;
use crate::error::Result;
use crate::holdout::HOLDOUT_EVERY;
use crate::resources::{Cost, halved};
use crate::settings::Settings;
use crate::sizes::Sizes;
use crate::sizes::bank_rows;
use crate::task::{Findings, Needs, Prepared, Task};
use crate::tasks::gan_losses::settings::GanLossesConfig;
use apd_distill::Loss;

pub(crate) mod compute;
mod section;
pub(crate) mod settings;

/// The task.
pub(crate) struct GanLosses;

impl Task for GanLosses {
    fn name(&self) -> &'static str {
        "gan-losses"
    }

    fn doc(&self) -> &'static str {
        "The distiller's losses on the run's bank"
    }

    fn needs(&self) -> Needs {
        Needs { models: true, ood_images: false }
    }

    fn defaults(&self, config: &Config) -> Option<Box<dyn Settings>> {
        Some(Box::new(GanLossesConfig::new(config.profile)))
    }

    fn check(&self, config: &Config) -> Result<()> {
        config.settings::<GanLossesConfig>().check()?;
        match bank_rows(config) {
            rows if rows < HOLDOUT_EVERY as u64 => Err(compute::too_few(rows as usize)),
            _ => Ok(()),
        }
    }

    fn cost(&self, sizes: &Sizes, config: &Config) -> Cost {
        let settings = config.settings::<GanLossesConfig>();
        let gan = compute::config(settings, Loss::WganGp);
        let runs = (Loss::ALL.len() * settings.seeds) as u64;
        let at_once = sizes.threads().min(runs) * (sizes.gan(&gan) + sizes.networks(settings.networks));
        Cost {
            memory: at_once + sizes.networks(2 * settings.networks),
            disk: 2 * runs * sizes.saved_gan(&gan),
            flag: halved("gan-losses.hidden", settings.hidden),
        }
    }

    fn run(&self, context: Context<'_>, prepared: &Prepared<'_>) -> Result<Findings> {
        let found = compute::gan_losses(context, prepared.experiment, prepared.bank())?;
        let results = prepared.results_with(&found.rows);
        let section = section::gan_losses(&prepared.experiment.config, &results, &found);
        Ok(Findings { rows: found.rows, section, seconds: Vec::new() })
    }
}
