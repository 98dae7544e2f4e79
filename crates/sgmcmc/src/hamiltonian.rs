//! Hamiltonian Monte Carlo on the full data, with an accept–reject correction: the gold standard for small problems.
//!
//! The position gets a momentum p ~ N(0, M), and the pair moves along the level sets of the energy
//!
//! H(θ, p) = U(θ)/T + ½·pᵀM⁻¹p
//!
//! by leapfrog steps; what the discretization does to H is corrected, so that the draws have the law exp(−U/T) *exactly*, whatever
//! the step size. There is no bias to extrapolate away, as the samplers with minibatches have.
//!
//! * [`dynamics`]: the energy and the leapfrog.
//! * [`metropolis`], [`nuts`]: the two ways to choose the next position from a trajectory.
//! * [`adaptation`], [`window`], [`metric`]: step size and mass, learned during the warm-up only.
//! * [`statistics`]: what tells a good run from a bad one.
//! * [`chain`]: all of it together, resumable.
//!
//! Positions, momenta and potentials are `f64`; [`FullBatch`](crate::FullBatch) takes in a potential on `f32` vectors. The leapfrog
//! is reversible and keeps volumes whatever the force.

use serde::{Deserialize, Serialize};

use crate::sampler::within;
use crate::{ChainError, Change};

mod adaptation;
mod chain;
mod dynamics;
mod metric;
mod metropolis;
mod nuts;
mod statistics;
mod window;

pub use chain::{HamiltonianChain, HamiltonianState};
pub use metric::{Metric, Preconditioner};
pub use statistics::{HamiltonianStatistics, Transition};

/// Greatest rise of H along a trajectory, in nats, that is not a divergence.
const DIVERGENCE: f64 = 1000.0;

/// The length of a [`HamiltonianChain`], and its moves.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HamiltonianConfig {
    /// First draws, in which step size and mass are learned and nothing is kept.
    pub warmup: u64,
    /// Draws after the warm-up, all of which are kept.
    pub draws: u64,
    /// The trajectory that finds the next position.
    pub trajectory: Trajectory,
    /// The mean acceptance probability δ that the step size is adapted to; 0.8 is usual, more for rough posteriors.
    pub target_acceptance: f64,
    /// T; 1 is the Bayesian posterior.
    pub temperature: f64,
    /// The mass that the warm-up learns.
    pub metric: Metric,
}

impl HamiltonianConfig {
    /// NUTS of depth 10 at T = 1, with δ = 0.8 and a diagonal mass.
    pub fn nuts(warmup: u64, draws: u64) -> Self {
        let trajectory = Trajectory::Nuts { max_depth: 10 };
        Self { warmup, draws, trajectory, target_acceptance: 0.8, temperature: 1.0, metric: Metric::Diagonal }
    }

    /// What a chain may not go on without, and with.
    fn facts(&self) -> [(Change, String); 5] {
        let Self { warmup, draws: _, trajectory, target_acceptance, temperature, metric } = self;
        [
            (Change::Warmup, warmup.to_string()),
            (Change::Trajectory, format!("{trajectory:?}")),
            (Change::Target, target_acceptance.to_string()),
            (Change::Temperature, temperature.to_string()),
            (Change::Metric, format!("{metric:?}")),
        ]
    }

    /// Checks the settings' ranges.
    ///
    /// **Errors**: [`ChainError::Setting`].
    pub fn validate(&self) -> Result<(), ChainError> {
        within("temperature", self.temperature, (f64::MIN_POSITIVE, f64::MAX), "a finite number above 0")?;
        within("target acceptance", self.target_acceptance, (0.01, 0.999), "between 0.01 and 0.999")?;
        match self.trajectory {
            Trajectory::Hmc { length, jitter, max_steps } => {
                within("trajectory length", length, (f64::MIN_POSITIVE, f64::MAX), "a finite number above 0")?;
                within("trajectory jitter", jitter, (0.0, 1.0), "between 0 and 1")?;
                within("maximal leapfrog steps", max_steps.into(), (1.0, u32::MAX.into()), "at least 1")
            }
            Trajectory::Nuts { max_depth } => {
                within("maximal depth", max_depth.into(), (1.0, 20.0), "between 1 and 20")
            }
        }
    }
}

/// The length of a trajectory, and the choice of the next draw among its points.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Trajectory {
    /// Trajectories of a given length, whose end is accepted with probability min(1, exp(−ΔH)).
    ///
    /// A length that is near to a period of the posterior brings the chain back to where it was; the jitter is against that.
    ///
    /// Reference: Neal, *MCMC using Hamiltonian dynamics*, in: Handbook of Markov Chain Monte Carlo, 2011, §5.3.
    Hmc {
        /// Integration time λ: the number of leapfrog steps is λ/ε, rounded. In standard deviations of the posterior, once the
        /// mass is adapted; π/2 makes the draws of a Gaussian posterior independent.
        length: f64,
        /// Each trajectory's λ is uniform in `length`·[1 − jitter, 1 + jitter].
        jitter: f64,
        /// Most leapfrog steps of a trajectory, however small ε is.
        max_steps: u32,
    },
    /// The No-U-Turn sampler: trajectories are doubled until they turn back on themselves, and the draw is one of their points,
    /// with probability ∝ exp(−H) and a preference for the later doublings.
    ///
    /// References: Hoffman & Gelman, *The No-U-Turn sampler*, JMLR 15, 2014; with multinomial weights, Betancourt, *A conceptual
    /// introduction to Hamiltonian Monte Carlo*, arXiv 1701.02434, 2017, appendix A.
    Nuts {
        /// Most doublings: up to 2^`max_depth` − 1 leapfrog steps per draw.
        max_depth: u32,
    },
}

#[cfg(test)]
mod tests;
