//! Settings of the comparison with held-out rows and with baselines.

use apd_distill::{AdversaryConfig, ConditionalConfig};
use serde::{Deserialize, Serialize};

use crate::config::{Config, Profile};
use crate::error::{Error, Result};

/// The distilled posterior, and other ways of keeping a bank in fewer bytes, beside rows that were held out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FidelityConfig {
    /// Held-out rows whose average is the reference, at equal distances; all of them where there are no more.
    pub truth: usize,
    /// Networks of one averaged prediction.
    pub networks: usize,
    /// Independent draws of that many, for mean and standard error.
    pub draws: usize,
    /// Budgets, in the bytes of networks of 32-bit weights, of the baselines that come in several sizes.
    pub sizes: Vec<f64>,
    /// Directions of the subspace whose coefficients a GAN generates; 0 leaves it out.
    pub gan_rank: usize,
    /// Budgets at which the conditional GAN learns.
    pub adversarial: Vec<f64>,
    /// Whether the paper's GAN, with the settings of `distill`, learns from the same rows too: as long as `distill` takes.
    pub apd: bool,
    /// The distillers chain by chain, `path` and `adversarial`, but for their directions, which are as many as a budget holds, and their noise,
    /// which is chosen by the predictions of validation images.
    pub conditional: ConditionalConfig,
}

impl FidelityConfig {
    pub(crate) fn new(config: &Config) -> Self {
        let quick = config.profile == Profile::Quick;
        if quick && config.net.is_convolutional() {
            return Self {
                truth: 100,
                networks: 20,
                draws: 2,
                sizes: vec![4.0, 16.0],
                gan_rank: 0,
                adversarial: Vec::new(),
                apd: false,
                conditional: ConditionalConfig::default(),
            };
        }
        Self {
            truth: 1_000,
            networks: 200,
            draws: if quick { 3 } else { 10 },
            sizes: if quick {
                vec![2.0, 4.0, 16.0, 64.0]
            } else {
                vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 200.0]
            },
            gan_rank: if quick { 0 } else { 20 },
            adversarial: if quick { vec![16.0] } else { vec![2.0, 4.0, 8.0, 16.0, 24.0, 32.0] },
            // It would be trained a second time, and that takes as long as the rest of a quick run.
            apd: !quick,
            conditional: ConditionalConfig {
                // A third of the time, and the same distances on the digits.
                adversary: AdversaryConfig { iterations: if quick { 500 } else { 1_500 }, ..Default::default() },
                ..Default::default()
            },
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        for (name, value) in [("truth", self.truth), ("networks", self.networks), ("draws", self.draws)] {
            if value == 0 {
                return Err(Error::Config(format!("fidelity.{name} = 0: must be positive")));
            }
        }
        for (name, sizes) in [("sizes", &self.sizes), ("adversarial", &self.adversarial)] {
            if let Some(size) = sizes.iter().find(|&&size| !(size >= 1.0 && size.is_finite())) {
                return Err(Error::Config(format!("fidelity.{name} = {size}: must be at least 1 and finite")));
            }
        }
        self.conditional.validate().map_err(|e| Error::Config(format!("fidelity.conditional: {e}")))
    }
}
