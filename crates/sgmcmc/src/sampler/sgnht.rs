//! The stochastic gradient Nosé–Hoover thermostat.

use serde::{Deserialize, Serialize};

use super::sghmc::underdamped;
use super::{length, within};
use crate::kernel::squares;
use crate::{ChainError, Sampler, Schedule, Update};

/// The stochastic gradient Nosé–Hoover thermostat: SGHMC whose friction α adapts until the momentum has the right temperature.
///
/// u ← (1 − α)·u − (ε_t/2)·∇Û(θ) + N(0, T·ε_t·a·I), θ ← θ + u, α ← α + (mean of u² − T·ε_t/(2 − α))
///
/// The paper's step h, momentum p, friction ξ and diffusion A are here u = p·h, ε = 2h², α = ξ·h, a = A·h, so that its target
/// p² = T is u² = T·ε/2. That is the balance of friction and noise for small steps, α → 0. An update that loses a part α of the
/// momentum and gains noise of variance T·ε·α balances at u² = T·ε/(2 − α) instead, and this is the target here: with T·ε/2
/// the thermostat would settle at α(2 − α) = 2a, and the position would be too cold by about a/2 *however small ε is*.
///
/// α starts at a, where without minibatch noise it also stays but for fluctuations of standard deviation about √(T·ε/(2d)).
/// Minibatch noise of variance v per coordinate, *unknown* and the same for all coordinates, is balanced by α ≈ a + ε·v/(4T): this
/// is what [`Sghmc`](crate::Sghmc) needs its V for.
///
/// The increments of α add up: after n updates the mean of u² − T·ε/(2 − α) over time is (α_n − a)/n, exactly.
///
/// **Units**: ∇Û in nats per unit of θ at full-data scale; ε in θ² per nat; u in θ per update, 0 at the start; α and a are parts
/// of the momentum per update.
///
/// **Where it fails**: one thermostat holds the *mean* of u², so that coordinates with more gradient noise than the mean stay too
/// hot and others too cold. α fluctuates widely if there are few coordinates, and may be negative for a while. It holds u² rather than
/// θ: the bias of a large ε remains. It follows at the rate T·ε/(2α) per update. Its target T·ε_t/(2 − α) falls under a decaying schedule,
/// and so does the needed α; it lags behind once 2α/(T·ε_t) updates are no longer few beside those in which ε_t changes.
///
/// **Where nothing is sampled** (T = 0, or an exploring update of [`Schedule::Cyclical`]) there is no noise to balance, and the
/// thermostat would feed the momentum through negative friction. It rests: α keeps its value for the next sampling update, and the
/// friction is a, which is gradient descent with momentum 1 − a ([`Sgd`](crate::Sgd)).
///
/// Reference: Ding, Fang, Babbush, Chen, Skeel & Neven, *Bayesian sampling using stochastic gradient thermostats*, NIPS 2014,
/// eq. 8 and algorithm 2.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sgnht {
    /// ε_t.
    pub step_size: Schedule,
    /// T.
    pub temperature: f64,
    /// a in (0, 1].
    pub diffusion: f64,
}

/// The memory of [`Sgnht`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SgnhtState {
    /// u.
    pub momentum: Vec<f32>,
    /// α, in double precision: its increments may be 10⁻⁹ of it.
    pub thermostat: f64,
}

impl Sgnht {
    /// The thermostat with the given step sizes, temperature and diffusion.
    pub fn new(step_size: Schedule, temperature: f64, diffusion: f64) -> Self {
        Self { step_size, temperature, diffusion }
    }
}

impl Sampler for Sgnht {
    type State = SgnhtState;

    fn name(&self) -> &'static str {
        "SGNHT"
    }

    fn schedule(&self) -> &Schedule {
        &self.step_size
    }

    fn temperature(&self) -> f64 {
        self.temperature
    }

    /// None: the thermostat takes it out.
    fn noise_temperature(&self, _step_size: f64, _variance: f64) -> Option<f64> {
        Some(0.0)
    }

    fn validate(&self) -> Result<(), ChainError> {
        self.step_size.validate()?;
        within("temperature", self.temperature, (0.0, f64::MAX), "a finite number, at least 0")?;
        within("diffusion", self.diffusion, (f64::MIN_POSITIVE, 1.0), "above 0, at most 1")
    }

    fn init(&self, dim: usize) -> SgnhtState {
        SgnhtState { momentum: vec![0.0; dim], thermostat: self.diffusion }
    }

    fn check(&self, state: &SgnhtState, dim: usize) -> Result<(), ChainError> {
        within("the saved thermostat", state.thermostat, (f64::MIN, f64::MAX), "a finite number")?;
        length("momentum", &state.momentum, dim)
    }

    fn step(&self, state: &mut SgnhtState, position: &mut [f32], update: Update<'_>) -> bool {
        let SgnhtState { momentum, thermostat } = state;
        let epsilon = self.step_size.step_size(update.step);
        let samples = self.temperature > 0.0 && self.step_size.samples(update.step);
        let friction = if samples { *thermostat } else { self.diffusion };
        let variance = if samples { self.temperature * epsilon * self.diffusion } else { 0.0 };
        let noise = variance.sqrt() as f32;
        let rule = underdamped((1.0 - friction) as f32, (0.5 * epsilon) as f32, noise);
        let mut sum = 0.0;
        let finite = update.apply(noise, position, momentum, rule, |momentum| sum += squares(momentum));
        if samples {
            // Beyond full friction, which only few coordinates reach by chance, the target must stay where it is, not turn negative.
            let target = self.temperature * epsilon / (2.0 - thermostat.min(1.0));
            *thermostat += sum / position.len().max(1) as f64 - target;
        }
        finite
    }
}

#[cfg(test)]
mod tests;
