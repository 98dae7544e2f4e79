//! Stochastic gradient Hamiltonian Monte Carlo.

use serde::{Deserialize, Serialize};

use super::{length, within};
use crate::{ChainError, Sampler, Schedule, Update};

/// Stochastic gradient Hamiltonian Monte Carlo: Langevin dynamics with momentum.
///
/// u ← (1 − α)·u − (ε_t/2)·∇Û(θ) + N(0, (T·ε_t·α − (ε_t/2)²·V)·I), θ ← θ + u
///
/// The paper's η, α, β̂ are ε/2, α, and ηV/2. At α = 1 and V = 0 it is [`Sgld`](crate::Sgld), at T = 0 gradient descent with
/// momentum 1 − α ([`Sgd`](crate::Sgd)). With little friction the momentum carries the chain over some 1/α updates
/// before it turns, which is faster than a random walk; below α ≈ 2·√(ελ/2), λ the smallest curvature, there is no more to gain.
///
/// **Units**: ∇Û in nats per unit of θ at full-data scale; ε in θ² per nat; u in θ per update, 0 at the start; V, the variance over
/// minibatches of *one coordinate* of ∇Û, in nats²/θ².
///
/// **Where it fails**: on a quadratic U with curvature λ the variance is T/(λ(1 − ελ/(4(2 − α)))), and the chain diverges for
/// ε > 4(2 − α)/λ. The minibatches' noise, of variance v per coordinate, makes the temperature about T + ε(v − V)/(4α): 1/α times
/// as much as in SGLD. V corrects for it as far as one number for all coordinates can; a V that is too large makes the chain too
/// cold. u is not rescaled where step sizes change.
///
/// No noise is added where the schedule explores (see [`Schedule::Cyclical`]).
///
/// Reference: Chen, Fox & Guestrin, *Stochastic gradient Hamiltonian Monte Carlo*, ICML 2014, eq. 13–15.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sghmc {
    /// ε_t.
    pub step_size: Schedule,
    /// T.
    pub temperature: f64,
    /// α in (0, 1].
    pub friction: f64,
    /// V, at least 0.
    #[serde(default)]
    pub gradient_noise: f64,
}

impl Sghmc {
    /// SGHMC with the given step sizes, temperature and friction; V = 0.
    pub fn new(step_size: Schedule, temperature: f64, friction: f64) -> Self {
        Self { step_size, temperature, friction, gradient_noise: 0.0 }
    }

    /// Injects less noise, by what minibatches of gradient variance V = `gradient_noise` per coordinate add of their own.
    pub fn with_gradient_noise(self, gradient_noise: f64) -> Self {
        Self { gradient_noise, ..self }
    }

    /// T·ε·α, the variance that the friction asks for, and (ε/2)²·V, the part of it that the minibatches bring.
    fn variances(&self, epsilon: f64) -> (f64, f64) {
        (self.temperature * epsilon * self.friction, (0.5 * epsilon).powi(2) * self.gradient_noise)
    }
}

impl Sampler for Sghmc {
    /// u.
    type State = Vec<f32>;

    fn name(&self) -> &'static str {
        "SGHMC"
    }

    fn schedule(&self) -> &Schedule {
        &self.step_size
    }

    fn temperature(&self) -> f64 {
        self.temperature
    }

    /// ε·(v − V)/(4α).
    fn noise_temperature(&self, step_size: f64, variance: f64) -> Option<f64> {
        Some(0.25 * step_size * (variance - self.gradient_noise) / self.friction)
    }

    fn validate(&self) -> Result<(), ChainError> {
        self.step_size.validate()?;
        within("temperature", self.temperature, (0.0, f64::MAX), "a finite number, at least 0")?;
        within("friction", self.friction, (f64::MIN_POSITIVE, 1.0), "above 0, at most 1")?;
        within("gradient noise", self.gradient_noise, (0.0, f64::MAX), "a finite number, at least 0")?;
        // Every schedule starts with its largest step, and (ε/2)²V/(Tεα) grows with ε.
        let epsilon = self.step_size.step_size(0);
        let (wanted, brought) = self.variances(epsilon);
        if brought <= wanted {
            return Ok(());
        }
        let noise = self.gradient_noise;
        Err(ChainError::Setting {
            field: "gradient noise",
            value: format!("V = {noise:e} with (ε/2)²·V = {brought:e} above T·ε·α = {wanted:e} at ε = {epsilon:e}"),
            expected: "at most 4·T·α/ε (a smaller step size, or more friction)",
        })
    }

    fn init(&self, dim: usize) -> Vec<f32> {
        vec![0.0; dim]
    }

    fn check(&self, momentum: &Vec<f32>, dim: usize) -> Result<(), ChainError> {
        length("momentum", momentum, dim)
    }

    fn step(&self, momentum: &mut Vec<f32>, position: &mut [f32], update: Update<'_>) -> bool {
        let epsilon = self.step_size.step_size(update.step);
        let (wanted, brought) = self.variances(epsilon);
        let variance = if self.step_size.samples(update.step) { wanted - brought } else { 0.0 };
        let noise = variance.sqrt() as f32;
        let rule = underdamped((1.0 - self.friction) as f32, (0.5 * epsilon) as f32, noise);
        update.apply(noise, position, momentum, rule, |_| ())
    }
}

/// u ← `keep`·u + (`noise`·z − `drift`·g), θ ← θ + u.
pub(super) fn underdamped(keep: f32, drift: f32, noise: f32) -> impl Fn(&mut f32, &mut f32, f32, f32) + Copy {
    // In brackets what SGLD adds to θ: without momentum (`keep` = 0) it is SGLD to the bit.
    move |theta, u, g, z| {
        *u = keep * *u + (noise * z - drift * g);
        *theta += *u;
    }
}

#[cfg(test)]
mod tests;
