//! Preconditioned stochastic gradient Langevin dynamics.

use apd_seed::Normals;
use serde::{Deserialize, Serialize};

use super::within;
use crate::kernel::{self, Correction, Preconditioner};
use crate::{Buffers, ChainError, Sampler, Schedule};

/// What becomes of Γ in [`Psgld`]: Γᵢ = ∂Gᵢ/∂θᵢ, the drift that makes up for noise whose size depends on the position.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gamma {
    /// It is left out, as in the paper's experiments and most implementations.
    Omitted,
    /// It is computed, from the diagonal curvature of the same minibatch; see
    /// [`Potential::curvature`](crate::Potential::curvature) for what that costs.
    Included,
}

/// Preconditioned SGLD: a step size per coordinate, from a running mean of the squared gradient as in RMSProp.
///
/// V ← w·V + (1 − w)·(∇Û/N)², G = 1/(λ + √V), θ ← θ − (ε_t/2)·(G·∇Û − T·Γ) + N(0, T·ε_t·G), all per coordinate
///
/// * w is the decay β (the paper's α) once V is old. V starts without a value, and w = β·(1 − β^(t−1))/(1 − β^t) in update t from 1
///   makes it (1 − β)·Σₛ β^(t−s)·(∇Ûₛ/N)²/(1 − β^t), a weighted mean of the squares so far: the first V is the first square. (With
///   V = 0 at the start and w = β, as in the paper, the first G would be 1/√(1 − β) times too large: ten times.)
/// * Γ = ∂G/∂θ = −(1 − w)·(∇Û/N)·(h/N)/(√V·(λ + √V)²) with the diagonal curvature h, and 0 where V = 0, if [`Gamma::Included`].
/// * N is [`per`](Self::per), the number of data terms. ∇Û/N is that of the whole U, prior included; the paper's is the data's.
///
/// **Units**: ∇Û in nats per unit of θ at full-data scale, so that √V and λ are in nats per unit of θ *and data term*, G is in θ per
/// nat and term, and **ε in θ**: it is ε·G that compares with the ε of [`Sgld`](crate::Sgld). A coordinate drifts by about ε·N/2 per
/// update whatever its gradient's scale: at T = 0 this is RMSProp with learning rate ε·N/2. T = 0 has no Γ.
///
/// **Where it fails**: it samples exp(−U/T) only where G is nearly constant in time, which V's memory of 1/(1 − β) updates must
/// arrange for: it must be longer than the chain takes to cross the posterior, or the noise of the minibatches must outweigh, in V,
/// the gradient's dependence on θ. Otherwise
/// * G shrinks where the gradient is large and the chain lingers there: without Γ its law tends to exp(−U/T)/G, too wide;
/// * Γ as the paper has it, which is what [`Gamma::Included`] computes, knows only of the newest square's share 1 − w in V. A V that
///   follows a slow chain depends on θ with the *whole* of its squares: all but 1 − w of the bias is still there;
/// * G and the gradient that it multiplies come from one minibatch: large gradients are damped just when they occur, and the mean
///   of G·∇Û is not the mean of G times ∇U. With β → 1 the newest square no longer matters to G.
///
/// Measured on standard normals (4096 coordinates, full batches, N = 1, λ = 0.1, ε = 0.02): the variance, which should be 1, is
/// 1.72, 1.32, 1.06 and 1.02 for β = 0.9, 0.99, 0.999 and 0.9999, and with Γ 1.61, 1.31, 1.05 and 1.01. It is β that helps, not Γ.
///
/// Where the schedule explores (see [`Schedule::Cyclical`]) neither noise nor Γ is added.
///
/// Reference: Li, Chen, Carlson & Carin, *Preconditioned stochastic gradient Langevin dynamics for deep neural networks*, AAAI 2016,
/// algorithm 1.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Psgld {
    /// ε_t.
    pub step_size: Schedule,
    /// T.
    pub temperature: f64,
    /// β in [0, 1).
    pub decay: f64,
    /// λ.
    pub damping: f64,
    /// Γ.
    pub gamma: Gamma,
    /// N.
    pub per: usize,
    #[serde(skip)]
    mean_square: Vec<f32>,
    /// 1 − β^t: how much of the weight of an endless past V has seen.
    #[serde(skip)]
    seen: f32,
    /// h, if Γ is wanted.
    #[serde(skip)]
    curvature: Vec<f32>,
}

impl Psgld {
    /// Preconditioned SGLD with the given step sizes and temperature for `per` = N data terms; β = 0.99, λ = 10⁻⁵, without Γ.
    pub fn new(step_size: Schedule, temperature: f64, per: usize) -> Self {
        Self {
            step_size,
            temperature,
            decay: 0.99,
            damping: 1e-5,
            gamma: Gamma::Omitted,
            per,
            mean_square: Vec::new(),
            seen: 0.0,
            curvature: Vec::new(),
        }
    }

    /// With the decay β of the mean square.
    pub fn with_decay(self, decay: f64) -> Self {
        Self { decay, ..self }
    }

    /// With the damping λ, which keeps G below 1/λ.
    pub fn with_damping(self, damping: f64) -> Self {
        Self { damping, ..self }
    }

    /// With or without Γ.
    pub fn with_gamma(self, gamma: Gamma) -> Self {
        Self { gamma, ..self }
    }

    fn corrects(&self) -> bool {
        self.gamma == Gamma::Included && self.temperature > 0.0
    }
}

impl Sampler for Psgld {
    fn name(&self) -> &'static str {
        "pSGLD"
    }

    fn schedule(&self) -> &Schedule {
        &self.step_size
    }

    fn temperature(&self) -> f64 {
        self.temperature
    }

    /// Every coordinate has its own.
    fn heating(&self, _step_size: f64, _variance: f64) -> Option<f64> {
        None
    }

    fn validate(&self) -> Result<(), ChainError> {
        self.step_size.validate()?;
        within("temperature", self.temperature, (0.0, f64::MAX), "a finite number, at least 0")?;
        within("decay", self.decay, (0.0, 1.0_f64.next_down()), "at least 0, below 1")?;
        // G² must be a number in single precision.
        within("damping", self.damping, (1e-15, 1e15), "at least 1e-15, at most 1e15")?;
        within("number of data terms", self.per as f64, (1.0, f64::MAX), "at least 1")
    }

    fn prepare(&mut self, dim: usize) {
        self.mean_square.clear();
        self.mean_square.resize(dim, 0.0);
        self.seen = 0.0;
        self.curvature.clear();
        self.curvature.resize(if self.corrects() { dim } else { 0 }, 0.0);
    }

    fn step(&mut self, step: u64, position: &mut [f32], gradient: &[f32], noise: &Normals) -> bool {
        let epsilon = self.step_size.step_size(step);
        let temperature = if self.step_size.samples(step) { self.temperature } else { 0.0 };
        let kept = self.decay * f64::from(self.seen);
        let seen = kept + (1.0 - self.decay);
        self.seen = seen as f32;
        let preconditioner = Preconditioner {
            keep: (kept / seen) as f32,
            fresh: ((1.0 - self.decay) / seen) as f32,
            mean: (1.0 / self.per as f64) as f32,
            damping: self.damping as f32,
        };
        let factor = (0.5 * epsilon * temperature) as f32;
        let correction = (factor != 0.0 && self.corrects()).then(|| Correction { factor, curvature: &self.curvature });
        kernel::preconditioned(
            preconditioner,
            (0.5 * epsilon) as f32,
            (temperature * epsilon).sqrt() as f32,
            correction,
            noise,
            step,
            &mut self.mean_square,
            position,
            gradient,
        )
    }

    fn curvature(&mut self) -> Option<&mut [f32]> {
        self.corrects().then_some(&mut self.curvature)
    }

    fn save(&self) -> Buffers {
        let mut buffers = Buffers::default();
        buffers.insert("mean square", &self.mean_square);
        buffers.insert("seen", &[self.seen]);
        buffers
    }

    fn restore(&mut self, buffers: &Buffers) -> Result<(), ChainError> {
        let len = self.mean_square.len();
        self.mean_square.copy_from_slice(buffers.get("mean square", len)?);
        self.seen = buffers.get("seen", 1)?[0];
        Ok(())
    }
}

#[cfg(test)]
mod tests;
