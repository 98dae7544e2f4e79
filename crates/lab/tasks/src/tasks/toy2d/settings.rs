//! Settings of the posterior in the plane.

use serde::{Deserialize, Serialize};

use crate::config::Profile;
use crate::error::{Error, Result};

/// Two blobs in the plane, a 2-10-10-2 network, and every method's prediction on a square around them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Toy2dConfig {
    /// Training points of each of the two classes.
    pub points: usize,
    /// Full-batch steps of SGD, of MC-dropout's training and of each SGLD chain.
    pub steps: u64,
    /// SGLD keeps a sample every this many steps, from the first one on.
    pub thinning: u64,
    /// Learning rate on the mean loss: SGLD's ε = lr/N.
    pub lr: f64,
    /// Weight decay on the mean loss: τ = N·weight_decay, for every method.
    pub weight_decay: f64,
    /// Chains of NUTS, the reference.
    pub hmc_chains: usize,
    /// Draws of each in which step size and mass are learned.
    pub hmc_warmup: u64,
    /// Draws of each after these.
    pub hmc_draws: u64,
    /// Cells along each side of the square on which predictions are compared.
    pub grid: usize,
    /// The distiller of SGLD's samples.
    pub distill: apd_distill::Config,
}

impl Toy2dConfig {
    pub(crate) fn new(profile: Profile) -> Self {
        let (hmc_draws, iterations) = match profile {
            Profile::Quick => (300, 3_000),
            Profile::Full | Profile::Paper => (2_000, 20_000),
        };
        Self {
            points: 10,
            steps: 10_000,
            thinning: 20,
            lr: 0.05,
            weight_decay: 0.001,
            hmc_chains: 4,
            hmc_warmup: 300,
            hmc_draws,
            grid: 60,
            distill: apd_distill::Config { iterations, ..apd_distill::Config::toy2d().with_moments() },
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        let positive = [
            ("points", self.points as f64),
            ("thinning", self.thinning as f64),
            ("lr", self.lr),
            ("weight-decay", self.weight_decay),
            ("grid", self.grid as f64),
        ];
        for (name, value) in positive {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::Config(format!("toy2d.{name} = {value}: must be positive and finite")));
            }
        }
        // Diagnostics halve chains of at least four draws, and the reference is told from itself by halves of its chains.
        for (name, value, least) in [("hmc-chains", self.hmc_chains as u64, 2), ("hmc-draws", self.hmc_draws, 4)] {
            if value < least {
                return Err(Error::Config(format!("toy2d.{name} = {value}: must be at least {least}")));
            }
        }
        if self.steps < self.thinning {
            return Err(Error::Config(format!(
                "toy2d: {} steps with thinning {} keep no sample",
                self.steps, self.thinning
            )));
        }
        self.distill.validate().map_err(|e| Error::Config(format!("toy2d.distill: {e}")))
    }
}
