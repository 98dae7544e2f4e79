//! Underdamped Langevin dynamics by the BAOAB splitting.

use serde::{Deserialize, Serialize};

use super::{length, within};
use crate::{ChainError, Sampler, Schedule, Update};

/// Underdamped Langevin dynamics by the BAOAB splitting: kick, drift, friction and noise, drift, kick.
///
/// u ← u − ε_t·∇Û(θ), θ ← θ + u/2, u ← (1 − α)·u + N(0, T·ε_t·(1 − (1 − α)²)·I), θ ← θ + u/2
///
/// The half kick that ends a step and that which starts the next are at the same position: they are made as one, with one
/// gradient. The paper's step h, momentum p and friction γ are here u = p·h, **ε = h²** (in [`Sghmc`](crate::Sghmc) ε = 2h²), and
/// 1 − α = exp(−γh). Before the first update there is no half kick to merge: that one alone has half a kick.
///
/// It is, at α = 1, the overdamped limit θ ← θ − (ε/2)·∇Û + √(T·ε)·(z_t + z_{t−1})/2, which has SGLD's drift and a smoother noise;
/// at T = 0 gradient descent with momentum 1 − α, whose step is (2 − α)·ε/2.
///
/// **Units**: ∇Û in nats per unit of θ at full-data scale; ε in θ² per nat; u in θ per update, 0 at the start.
///
/// **Why it**: on a quadratic U with full batches the *position's* stationary variance is T/λ for every stable ε: there the
/// discretization adds no bias. For other U the bias of averages over the position is of order ε, and at α = 1 of order ε² (SGLD:
/// of order ε everywhere).
///
/// **Where it fails**: it diverges for ε ≥ 4/λ. The minibatches' noise, of variance v per coordinate, makes the temperature about
/// T + ε·v·(2 − α)/(4α); with minibatches this, not the discretization, is the larger error. u is not rescaled where
/// step sizes change.
///
/// No noise is added where the schedule explores (see [`Schedule::Cyclical`]).
///
/// Reference: Leimkuhler & Matthews, *Robust and efficient configurational molecular sampling via Langevin dynamics*,
/// J. Chem. Phys. 138, 174102 (2013), and for α = 1 *Rational construction of stochastic numerical methods for molecular sampling*,
/// Appl. Math. Res. Express 2013, 34–56.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baoab {
    /// ε_t.
    pub step_size: Schedule,
    /// T.
    pub temperature: f64,
    /// α in (0, 1].
    pub friction: f64,
}

/// The memory of [`Baoab`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaoabState {
    /// u.
    pub momentum: Vec<f32>,
    /// Whether an update has been made, whose last half kick is due.
    pub started: bool,
}

impl Baoab {
    /// BAOAB with the given step sizes, temperature and friction.
    pub fn new(step_size: Schedule, temperature: f64, friction: f64) -> Self {
        Self { step_size, temperature, friction }
    }
}

impl Sampler for Baoab {
    type State = BaoabState;

    fn name(&self) -> &'static str {
        "BAOAB"
    }

    fn schedule(&self) -> &Schedule {
        &self.step_size
    }

    fn temperature(&self) -> f64 {
        self.temperature
    }

    /// ε·v·(2 − α)/(4α).
    fn noise_temperature(&self, step_size: f64, variance: f64) -> Option<f64> {
        Some(0.25 * step_size * variance * (2.0 - self.friction) / self.friction)
    }

    fn validate(&self) -> Result<(), ChainError> {
        self.step_size.validate()?;
        within("temperature", self.temperature, (0.0, f64::MAX), "a finite number, at least 0")?;
        within("friction", self.friction, (f64::MIN_POSITIVE, 1.0), "above 0, at most 1")
    }

    fn init(&self, dim: usize) -> BaoabState {
        BaoabState { momentum: vec![0.0; dim], started: false }
    }

    fn check(&self, state: &BaoabState, dim: usize) -> Result<(), ChainError> {
        length("momentum", &state.momentum, dim)
    }

    fn step(&self, state: &mut BaoabState, position: &mut [f32], update: Update<'_>) -> bool {
        let BaoabState { momentum, started } = state;
        let epsilon = self.step_size.step_size(update.step);
        let kick = if *started { epsilon } else { 0.5 * epsilon } as f32;
        *started = true;
        // 1 − (1 − α)², without the cancellation.
        let lost = self.friction * (2.0 - self.friction);
        let variance = if self.step_size.samples(update.step) { self.temperature * epsilon * lost } else { 0.0 };
        let (keep, noise) = ((1.0 - self.friction) as f32, variance.sqrt() as f32);
        let rule = move |theta: &mut f32, u: &mut f32, g: f32, z: f32| {
            let before = *u - kick * g;
            let after = keep * before + noise * z;
            // One rounding of θ instead of two.
            *theta += 0.5 * (before + after);
            *u = after;
        };
        update.apply(noise, position, momentum, rule, |_| ())
    }
}

#[cfg(test)]
mod tests;
