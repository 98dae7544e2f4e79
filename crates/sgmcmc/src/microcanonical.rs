//! Microcanonical Langevin dynamics on the full data: a velocity of constant length, and an energy that measures the error.
//!
//! The position moves at unit speed, in a direction u on the sphere S^(d−1) that the gradient turns and that noise forgets over the
//! length L:
//!
//! dθ = Σ^½·u·dt, du = −P(u)·Σ^½∇U/(T(d − 1))·dt + η·P(u)·dW, P(u) = I − u·uᵀ
//!
//! with a diagonal Σ, about the coordinates' variances, or I. The law of θ is exp(−U/T) exactly as ε → 0. A step of size ε
//! loses the energy U/T + K, which the exact flow keeps; the variance of that loss is what the step size is adapted to, and a
//! Metropolis test on it makes the law exact for any ε.
//!
//! * [`dynamics`]: the flow's two parts, the integrator, the refreshment.
//! * [`warmup`]: step size, scales and length, learned during the warm-up only.
//! * [`statistics`]: what tells a good run from a bad one.
//! * [`chain`]: all of it together, resumable.
//!
//! References: Robnik, De Luca, Silverstein & Seljak, *Microcanonical Hamiltonian Monte Carlo*, arXiv 2212.08549, 2022; Robnik & Seljak,
//! *Fluctuation without dissipation: microcanonical Langevin Monte Carlo*, arXiv 2303.18221, 2023; Robnik, Cohn-Gordon & Seljak,
//! *Metropolis adjusted microcanonical Hamiltonian Monte Carlo*, arXiv 2503.01707, 2025; Sommer et al., *Microcanonical Langevin
//! ensembles: advancing the sampling of Bayesian neural networks*, arXiv 2502.06335, 2025.

use serde::{Deserialize, Serialize};

use crate::sampler::within;
use crate::{ChainError, Change};

mod chain;
mod dynamics;
mod statistics;
mod warmup;

pub use chain::{MicrocanonicalChain, MicrocanonicalState};
pub use statistics::MicrocanonicalStatistics;

/// How long a [`MicrocanonicalChain`] runs, and how it moves.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MicrocanonicalConfig {
    /// First steps, in which step size, length and scales are learned and nothing is kept.
    pub warmup: u64,
    /// Positions that are kept after the warm-up.
    pub draws: u64,
    /// Steps from one of them to the next.
    pub thinning: u64,
    /// Whether steps are tested, and what the step size is adapted to.
    pub correction: Correction,
    /// T; 1 is the Bayesian posterior.
    pub temperature: f64,
    /// Whether the warm-up learns a diagonal Σ, from positions and gradients; without, Σ = I.
    pub precondition: bool,
}

impl MicrocanonicalConfig {
    /// Langevin dynamics without a test at T = 1, with learned scales and an energy variance of 5·10⁻⁴ per dimension.
    pub fn langevin(warmup: u64, draws: u64, thinning: u64) -> Self {
        let correction = Correction::None { energy_variance: 5e-4 };
        Self { warmup, draws, thinning, correction, temperature: 1.0, precondition: true }
    }

    /// Trajectories with a Metropolis test at T = 1, with learned scales and an acceptance of 0.9.
    pub fn adjusted(warmup: u64, draws: u64) -> Self {
        let correction = Correction::Metropolis { target_acceptance: 0.9 };
        Self { correction, ..Self::langevin(warmup, draws, 1) }
    }

    /// What a chain may not go on without, and with.
    fn facts(&self) -> [(Change, String); 5] {
        let Self { warmup, draws: _, thinning, correction, temperature, precondition } = self;
        [
            (Change::Warmup, warmup.to_string()),
            (Change::Thinning, thinning.to_string()),
            (Change::Target, format!("{correction:?}")),
            (Change::Temperature, temperature.to_string()),
            (Change::Metric, if *precondition { "diagonal" } else { "identity" }.to_owned()),
        ]
    }

    /// Checks the settings' ranges.
    ///
    /// **Errors**: [`ChainError::Setting`].
    pub fn validate(&self) -> Result<(), ChainError> {
        let positive = (f64::MIN_POSITIVE, f64::MAX);
        within("temperature", self.temperature, positive, "a finite number above 0")?;
        within("thinning", self.thinning as f64, (1.0, f64::MAX), "at least 1")?;
        match self.correction {
            Correction::None { energy_variance } => {
                within("energy variance", energy_variance, positive, "a finite number above 0")
            }
            Correction::Metropolis { target_acceptance } => {
                within("target acceptance", target_acceptance, (0.01, 0.999), "between 0.01 and 0.999")
            }
        }
    }
}

/// What is done about the integrator's error.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
#[non_exhaustive]
pub enum Correction {
    /// Nothing: a step is one of the integrator, and the law has a bias of O(ε²).
    ///
    /// Reference: Robnik & Seljak, arXiv 2303.18221, 2023.
    None {
        /// Mean square of the energy that a step loses, per dimension, that the step size is adapted to. 5·10⁻⁴ keeps the error of
        /// variances at some per cent; neural networks are usually sampled with .1 and more.
        energy_variance: f64,
    },
    /// A step is a trajectory from a fresh direction, of a random length about (π/2)·√(tr Σ), and is taken with probability
    /// min(1, exp(−ΔE)): the law is exact.
    ///
    /// Reference: Robnik, Cohn-Gordon & Seljak, arXiv 2503.01707, 2025.
    Metropolis {
        /// The mean acceptance that the step size is adapted to.
        target_acceptance: f64,
    },
}

#[cfg(test)]
mod tests;
