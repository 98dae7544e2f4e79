//! Settings of the comparison of the samplers.

use serde::{Deserialize, Serialize};

use crate::config::Profile;
use crate::error::Result;
use crate::settings::positive;

/// The comparison of the samplers, on the embedded digits and a network of one hidden layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SamplersConfig {
    /// Training images N.
    pub images: usize,
    /// Width of the hidden layer.
    pub hidden: usize,
    /// Precision τ of the prior N(0, 1/τ).
    pub prior_precision: f64,
    /// Examples in a minibatch.
    pub batch: usize,
    /// Chains of each sampler.
    pub chains: usize,
    /// Minibatch gradients of each chain, burn-in included.
    pub steps: u64,
    /// Of these, before the first sample.
    pub burn_in: u64,
    /// Of these, between two samples.
    pub thinning: u64,
    /// Step sizes ε at full-data scale, of SGLD; the others take the step that moves them as far.
    pub step_sizes: Vec<f64>,
    /// Draws of NUTS and HMC in which step size and mass are learned.
    pub reference_warmup: u64,
    /// Draws of NUTS and HMC after these.
    pub reference_draws: u64,
}

impl SamplersConfig {
    pub(crate) fn new(profile: Profile) -> Self {
        let (steps, burn_in, thinning, reference_draws) = match profile {
            Profile::Quick => (10_000, 2_000, 20, 200),
            Profile::Full | Profile::Paper => (200_000, 40_000, 400, 2_000),
        };
        Self {
            images: 300,
            hidden: 10,
            prior_precision: 10.0,
            batch: 30,
            chains: 4,
            steps,
            burn_in,
            thinning,
            step_sizes: vec![2e-4, 8e-4, 3.2e-3],
            reference_warmup: 300,
            reference_draws,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        positive("samplers.images", self.images as f64)?;
        positive("samplers.hidden", self.hidden as f64)?;
        positive("samplers.prior-precision", self.prior_precision)?;
        positive("samplers.batch", self.batch as f64)?;
        positive("samplers.chains", self.chains as f64)?;
        positive("samplers.thinning", self.thinning as f64)?;
        positive("samplers.reference-draws", self.reference_draws as f64)?;
        self.step_sizes.iter().try_for_each(|&step_size| positive("samplers.step-sizes", step_size))
    }
}
