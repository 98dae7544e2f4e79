//! The deterministic limit: gradient descent with momentum.

use serde::{Deserialize, Serialize};

use super::length;
use crate::{ChainError, Sampler, Schedule, Update};

/// Stochastic gradient descent with heavy-ball momentum: v ← μ·v − (ε_t/2)·∇Û(θ), θ ← θ + v.
///
/// It is [`Sgld`](crate::Sgld) at T = 0 if μ = 0. **Units** as there: ∇Û at full-data scale, so that plain SGD with learning rate
/// lr on a mean loss over N terms is ε = 2·lr/N ([`from_mean_loss`](Self::from_mean_loss)).
///
/// Reference: Polyak, *Some methods of speeding up the convergence of iteration methods*, 1964, eq. 9.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sgd {
    /// ε_t.
    pub step_size: Schedule,
    /// μ in [0, 1).
    pub momentum: f64,
}

impl Sgd {
    /// Momentum `momentum` with the given step sizes.
    pub fn new(step_size: Schedule, momentum: f64) -> Self {
        Self { step_size, momentum }
    }

    /// SGD as deep-learning libraries define it, θ ← θ + v, v ← μ·v − lr·∇L, on the mean loss L = U/n: ε = 2·lr/n.
    ///
    /// The weight decay of such a library corresponds to the prior precision τ = n·wd of the potential. (With a constant lr
    /// this also is PyTorch's form, in which lr multiplies v instead of the gradient.)
    ///
    /// **Panics** if `n` is 0.
    #[track_caller]
    pub fn from_mean_loss(lr: f64, momentum: f64, n: usize) -> Self {
        assert!(n > 0, "a mean loss needs at least one term");
        Self::new(Schedule::Constant(2.0 * lr / n as f64), momentum)
    }
}

impl Sampler for Sgd {
    /// v.
    type State = Vec<f32>;

    fn name(&self) -> &'static str {
        "SGD"
    }

    fn schedule(&self) -> &Schedule {
        &self.step_size
    }

    fn temperature(&self) -> f64 {
        0.0
    }

    /// ε·v/(4(1 − μ)).
    fn noise_temperature(&self, step_size: f64, variance: f64) -> Option<f64> {
        Some(0.25 * step_size * variance / (1.0 - self.momentum))
    }

    fn validate(&self) -> Result<(), ChainError> {
        self.step_size.validate()?;
        if (0.0..1.0).contains(&self.momentum) {
            return Ok(());
        }
        let expected = "at least 0, below 1";
        Err(ChainError::Setting { field: "momentum", value: self.momentum.to_string(), expected })
    }

    fn init(&self, dim: usize) -> Vec<f32> {
        vec![0.0; dim]
    }

    fn check(&self, velocity: &Vec<f32>, dim: usize) -> Result<(), ChainError> {
        length("velocity", velocity, dim)
    }

    fn step(&self, velocity: &mut Vec<f32>, position: &mut [f32], update: Update<'_>) -> bool {
        let (momentum, drift) = (self.momentum as f32, (0.5 * self.step_size.step_size(update.step)) as f32);
        let rule = move |theta: &mut f32, v: &mut f32, g: f32, _| {
            *v = momentum * *v - drift * g;
            *theta += *v;
        };
        update.apply(0.0, position, velocity, rule, |_| ())
    }
}

#[cfg(test)]
mod tests;
