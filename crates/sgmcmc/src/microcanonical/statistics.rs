//! What distinguishes a good run from a bad one.

use serde::{Deserialize, Serialize};

use super::{Correction, MicrocanonicalConfig};
use crate::Warning;

/// Sums over the steps after the warm-up.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MicrocanonicalStatistics {
    steps: u64,
    moves: u64,
    divergences: u64,
    walls: u64,
    acceptance: f64,
    energy: f64,
}

impl MicrocanonicalStatistics {
    pub(super) fn record(&mut self, error: f64, moved: bool, wall: bool) {
        self.steps += 1;
        self.moves += u64::from(moved);
        if error.is_finite() {
            self.acceptance += (-error).exp().min(1.0);
            self.energy += error * error;
        } else {
            self.walls += u64::from(wall);
            self.divergences += u64::from(!wall);
        }
    }

    /// Steps made: of the integrator, or trajectories with a test.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Steps that came to where U is not a number, or to nowhere; they are not taken.
    pub fn divergences(&self) -> u64 {
        self.divergences
    }

    /// Steps that came to a wall, where U is +∞ or has no value; they are not taken, and nothing is wrong with them.
    pub fn walls(&self) -> u64 {
        self.walls
    }

    /// The mean of min(1, exp(−ΔE)).
    pub fn mean_acceptance(&self) -> Option<f64> {
        (self.steps > 0).then(|| self.acceptance / self.steps as f64)
    }

    /// The mean square of the energy errors ΔE, in nats².
    pub fn energy_variance(&self) -> Option<f64> {
        let finite = self.steps - self.divergences - self.walls;
        (finite > 0).then(|| self.energy / finite as f64)
    }

    /// What is to be said against the draws of a chain with these settings, of so many dimensions.
    pub fn warnings(&self, config: &MicrocanonicalConfig, dim: usize) -> Vec<Warning> {
        let of_step = match config.correction {
            Correction::None { energy_variance } => {
                let found = self.energy_variance().map(|found| found / dim as f64);
                Warning::of_energy_variance(found, energy_variance)
            }
            Correction::Metropolis { target_acceptance } => {
                Warning::of_acceptance(self.mean_acceptance(), target_acceptance)
            }
        };
        let stuck = Warning::of_moves(self.moves, self.steps);
        [stuck, Warning::of_divergences(self.divergences, self.steps), of_step].into_iter().flatten().collect()
    }
}
