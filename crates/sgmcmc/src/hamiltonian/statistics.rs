//! The statistics that distinguish a good run from a bad one.

use serde::{Deserialize, Serialize};

use super::{HamiltonianConfig, Trajectory};
use crate::{ChainError, Warning};

/// The statistics of one draw.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// Mean of min(1, exp(−ΔH)) over the trajectory's new points (NUTS), or at its end.
    pub acceptance: f64,
    /// H of the draw, with the momentum that it was reached with: nats.
    pub energy: f64,
    /// Leapfrog steps, each of which costs one gradient.
    pub leapfrogs: u32,
    /// Doublings that the draw was chosen from (NUTS).
    pub depth: Option<u32>,
    /// Whether the draw is another position than the one before.
    pub moved: bool,
    /// Whether H rose by more than 1000 nats, or ceased to be a number: the leapfrog has lost the level set.
    pub divergent: bool,
    /// Whether the trajectory came to a wall, where U is +∞ or has no value: it ends there, and nothing is wrong with it.
    pub wall: bool,
}

/// Sums over the draws after the warm-up.
///
/// A good run has no divergences, an acceptance near its target, depths below the maximum, and an [`e_bfmi`](Self::e_bfmi) of
/// at least 0.3: no [`warnings`](Self::warnings).
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HamiltonianStatistics {
    draws: u64,
    moves: u64,
    divergences: u64,
    walls: u64,
    leapfrogs: u64,
    acceptance: f64,
    depths: Vec<u64>,
    /// H of the last draw, its running mean, the sum of its squared deviations, and that of its squared changes.
    energy: [f64; 4],
}

impl HamiltonianStatistics {
    pub(super) fn record(&mut self, transition: &Transition) {
        self.draws += 1;
        self.moves += u64::from(transition.moved);
        self.divergences += u64::from(transition.divergent);
        self.walls += u64::from(transition.wall);
        self.leapfrogs += u64::from(transition.leapfrogs);
        self.acceptance += transition.acceptance;
        if let Some(depth) = transition.depth {
            let depth = depth as usize;
            self.depths.resize(self.depths.len().max(depth + 1), 0);
            self.depths[depth] += 1;
        }
        let energy = transition.energy;
        let [last, mean, deviations, changes] = &mut self.energy;
        if self.draws > 1 {
            *changes += (energy - *last).powi(2);
        }
        let deviation = energy - *mean;
        *mean += deviation / self.draws as f64;
        *deviations += deviation * (energy - *mean);
        *last = energy;
    }

    /// **Errors**: [`ChainError::Setting`] for saved sums that no run leaves behind.
    pub(super) fn validate(&self) -> Result<(), ChainError> {
        if self.energy.iter().chain([&self.acceptance]).all(|sum| sum.is_finite()) {
            return Ok(());
        }
        Err(ChainError::Setting { field: "a saved statistic", value: "not finite".into(), expected: "finite numbers" })
    }

    /// Draws made.
    pub fn draws(&self) -> u64 {
        self.draws
    }

    /// Draws whose trajectory diverged. Even a few say that the chain does not enter some region, and that its draws are biased.
    pub fn divergences(&self) -> u64 {
        self.divergences
    }

    /// Draws whose trajectory came to where U is +∞ or has no value. The draws are right; many make them slow to mix.
    pub fn walls(&self) -> u64 {
        self.walls
    }

    /// Leapfrog steps, and so gradients.
    pub fn leapfrogs(&self) -> u64 {
        self.leapfrogs
    }

    /// The mean acceptance probability.
    pub fn mean_acceptance(&self) -> Option<f64> {
        (self.draws > 0).then(|| self.acceptance / self.draws as f64)
    }

    /// Numbers of draws with 0, 1, … doublings; empty unless the trajectories are those of NUTS.
    ///
    /// Many at the maximal depth mean that the trajectories are cut off: the draws are right, but slow to mix.
    pub fn depths(&self) -> &[u64] {
        &self.depths
    }

    /// The energy Bayesian fraction of missing information, Σ(Hₙ − Hₙ₋₁)²/Σ(Hₙ − H̄)².
    ///
    /// Momenta change the energy by their own law only; if that is narrow beside the marginal law of H, the chain walks slowly
    /// from level set to level set. Below 0.3 it should not be trusted: heavy tails, funnels.
    ///
    /// Reference: Betancourt, *Diagnosing suboptimal cotangent disintegrations in Hamiltonian Monte Carlo*, arXiv 1604.00695, 2016.
    pub fn e_bfmi(&self) -> Option<f64> {
        let [_, _, deviations, changes] = self.energy;
        (deviations > 0.0).then(|| changes / deviations)
    }

    /// What is to be said against the draws of a chain with these settings.
    pub fn warnings(&self, config: &HamiltonianConfig) -> Vec<Warning> {
        let draws = self.draws;
        let depth = match config.trajectory {
            Trajectory::Nuts { max_depth: depth } => {
                let count = self.depths.get(depth as usize).copied().unwrap_or(0);
                (count > 0).then_some(Warning::Depth { count, draws, depth })
            }
            Trajectory::Hmc { .. } => None,
        };
        let warnings = [
            Warning::of_moves(self.moves, draws),
            Warning::of_divergences(self.divergences, draws),
            self.e_bfmi().filter(|&e_bfmi| e_bfmi < 0.3).map(|e_bfmi| Warning::Energy { e_bfmi }),
            Warning::of_acceptance(self.mean_acceptance(), config.target_acceptance),
            depth,
        ];
        warnings.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests;
