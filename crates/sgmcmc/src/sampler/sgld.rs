//! Stochastic gradient Langevin dynamics.

use serde::{Deserialize, Serialize};

use super::within;
use crate::{ChainError, Sampler, Schedule, Update};

/// Stochastic gradient Langevin dynamics: θ ← θ − (ε_t/2)·∇Û(θ) + N(0, T·ε_t·I).
///
/// **Units**: ∇Û in nats per unit of θ at full-data scale; ε in θ² per nat. T = 1 is the Bayesian posterior, T = 0 gradient
/// descent with step ε/2.
///
/// **Where it fails**: the discretization biases the variance: on a quadratic U with curvature λ it is T/(λ(1 − ελ/4)), and the
/// chain diverges for ε > 4/λ. The minibatches' own noise adds about ε·Var(∇Û)/4 to the temperature; see
/// [`Summary::effective_temperature`](crate::Summary::effective_temperature). There is no accept–reject step.
///
/// No noise is added where the schedule explores (see [`Schedule::Cyclical`]).
///
/// Reference: Welling & Teh, *Bayesian learning via stochastic gradient Langevin dynamics*, ICML 2011, eq. 4.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sgld {
    /// ε_t.
    pub step_size: Schedule,
    /// T.
    pub temperature: f64,
}

impl Sgld {
    /// SGLD with the given step sizes and temperature.
    pub fn new(step_size: Schedule, temperature: f64) -> Self {
        Self { step_size, temperature }
    }
}

impl Sampler for Sgld {
    type State = ();

    fn name(&self) -> &'static str {
        "SGLD"
    }

    fn schedule(&self) -> &Schedule {
        &self.step_size
    }

    fn temperature(&self) -> f64 {
        self.temperature
    }

    fn validate(&self) -> Result<(), ChainError> {
        self.step_size.validate()?;
        within("temperature", self.temperature, (0.0, f64::MAX), "a finite number, at least 0")
    }

    fn init(&self, _dim: usize) {}

    fn check(&self, (): &(), _dim: usize) -> Result<(), ChainError> {
        Ok(())
    }

    fn step(&self, (): &mut (), position: &mut [f32], update: Update<'_>) -> bool {
        let epsilon = self.step_size.step_size(update.step);
        let variance = if self.step_size.samples(update.step) { self.temperature * epsilon } else { 0.0 };
        let (drift, noise) = ((0.5 * epsilon) as f32, variance.sqrt() as f32);
        let rule = move |theta: &mut f32, (): &mut (), g: f32, z: f32| *theta += noise * z - drift * g;
        update.apply(noise, position, &mut vec![(); update.gradient.len()], rule, |_| ())
    }
}

/// (ε, τ) for a learning rate and weight decay that belong to a *mean* loss over `n` terms: ε = lr/n, τ = n·wd.
///
/// Let L(θ) = (1/n)·Σₙ −log p(yₙ|xₙ, θ) + (wd/2)·‖θ‖². Then U = n·L with the prior precision τ = n·wd, and SGLD's update is
///
/// θ ← θ − (ε/2)·∇U + N(0, T·ε·I) = θ − **(lr/2)**·∇L + N(0, T·(lr/n)·I).
///
/// Mind the ½: the drift is that of plain SGD with learning rate **lr/2**. This is the update of the authors of adversarial
/// posterior distillation, whose optimizer halves the step in the same way, so their `lr` is the `lr` here. For an ordinary SGD
/// baseline with learning rate lr on L use [`Sgd::from_mean_loss`](crate::Sgd::from_mean_loss), which takes ε = 2·lr/n.
///
/// ```
/// let (epsilon, tau) = apd_sgmcmc::from_mean_loss(0.05, 0.001, 50_000);
/// assert!((epsilon - 1e-6).abs() < 1e-18 && (tau - 50.0).abs() < 1e-12);
/// ```
///
/// **Panics** if `n` is 0.
///
/// Reference: Wang et al., *Adversarial distillation of Bayesian neural network posteriors*, ICML 2018, §2.
#[track_caller]
pub fn from_mean_loss(lr: f64, weight_decay: f64, n: usize) -> (f64, f64) {
    assert!(n > 0, "a mean loss needs at least one term");
    (lr / n as f64, weight_decay * n as f64)
}

#[cfg(test)]
mod tests;
