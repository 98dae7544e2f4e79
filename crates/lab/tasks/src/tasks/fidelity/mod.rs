//! The distilled posterior and its baselines beside held-out rows of the bank.

use crate::config::Config;
use crate::context::Context;
use crate::error::Result;
use crate::resources::Cost;
use crate::settings::Settings;
use crate::sizes::Sizes;
use crate::sizes::bank_rows;
use crate::task::{Findings, Needs, Prepared, Task};
use crate::tasks::fidelity::settings::FidelityConfig;

mod chains;
pub(crate) mod compute;
mod section;
pub(crate) mod settings;

/// The task.
pub(crate) struct Fidelity;

impl Task for Fidelity {
    fn name(&self) -> &'static str {
        "fidelity"
    }

    fn doc(&self) -> &'static str {
        "The distilled posterior and its baselines beside held-out rows of the bank"
    }

    fn needs(&self) -> Needs {
        Needs { models: true, ood_images: true }
    }

    fn defaults(&self, config: &Config) -> Option<Box<dyn Settings>> {
        Some(Box::new(FidelityConfig::new(config)))
    }

    fn check(&self, config: &Config) -> Result<()> {
        config.settings::<FidelityConfig>().check()
    }

    fn cost(&self, sizes: &Sizes, config: &Config) -> Cost {
        let settings = config.settings::<FidelityConfig>();
        let rank = compute::directions(config);
        // Ten baselines at each size, each at most as large as it says.
        let of_sizes: usize = settings.sizes.iter().map(|size| (10.0 * size) as usize).sum();
        let baselines = of_sizes + settings.adversarial.iter().map(|&size| size as usize).sum::<usize>();
        let (apd, saved) = match settings.apd {
            true => (sizes.gan(&config.distill), 2 * sizes.saved_gan(&config.distill)),
            false => (0, 0),
        };
        // Clouds of networks are compared once everything has been fitted.
        let judging = sizes.networks(settings.networks.max(3 * compute::CLOUD));
        let fitted = sizes.networks(rank + baselines) + apd.max(judging);
        let memory = sizes.directions(rank, bank_rows(config)).max(fitted);
        Cost { memory, disk: saved, flag: "--set fidelity.sizes=[4.0]".to_owned() }
    }

    fn run(&self, context: Context<'_>, prepared: &Prepared<'_>) -> Result<Findings> {
        let (models, (inside, sets)) = (prepared.models(), prepared.ood_images());
        let ensemble = models.posteriors().into_iter().find(|posterior| posterior.name == "ensemble");
        let ensemble = ensemble
            .map(|ensemble| ensemble.networks(ensemble.posterior.available().unwrap_or(0), prepared.experiment.seed));
        let found = compute::fidelity(context, prepared.experiment, &models.bank, ensemble.as_ref(), inside, sets)?;
        let results = prepared.results_with(&found.rows);
        let section = section::fidelity(&prepared.experiment.config, &results, &found);
        Ok(Findings { rows: found.rows, section, seconds: found.seconds })
    }
}
