//! Preconditioned stochastic gradient Langevin dynamics.

use serde::{Deserialize, Serialize};

use super::{length, within};
use crate::kernel::{self, Coordinates};
use crate::{ChainError, Sampler, Schedule, Update};

/// The treatment of Γ in [`Psgld`]: Γᵢ = ∂Gᵢ/∂θᵢ, the drift that makes up for noise whose size depends on the position.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
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
///   of G·∇Û is not the mean of G times ∇U. The newest square no longer matters to G as β → 1.
///
/// Measured on standard normals (4096 coordinates, full batches, N = 1, λ = 0.1, ε = 0.02): the variance, which should be 1, is
/// 1.72, 1.32, 1.06 and 1.02 for β = 0.9, 0.99, 0.999 and 0.9999, and with Γ 1.61, 1.31, 1.05 and 1.01. It is β that helps, not Γ.
///
/// Neither noise nor Γ is added where the schedule explores (see [`Schedule::Cyclical`]).
///
/// Reference: Li, Chen, Carlson & Carin, *Preconditioned stochastic gradient Langevin dynamics for deep neural networks*, AAAI 2016,
/// algorithm 1.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
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
}

/// The memory of [`Psgld`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PsgldState {
    /// V.
    pub mean_square: Vec<f32>,
    /// 1 − β^t: how much of the weight of an endless past V has seen.
    pub seen: f32,
}

impl Psgld {
    /// Preconditioned SGLD with the given step sizes and temperature for `per` = N data terms; β = 0.99, λ = 10⁻⁵, without Γ.
    pub fn new(step_size: Schedule, temperature: f64, per: usize) -> Self {
        Self { step_size, temperature, decay: 0.99, damping: 1e-5, gamma: Gamma::Omitted, per }
    }

    /// The same sampler with the decay β of the mean square.
    pub fn with_decay(self, decay: f64) -> Self {
        Self { decay, ..self }
    }

    /// The same sampler with the damping λ, which keeps G below 1/λ.
    pub fn with_damping(self, damping: f64) -> Self {
        Self { damping, ..self }
    }

    /// The same sampler with or without Γ.
    pub fn with_gamma(self, gamma: Gamma) -> Self {
        Self { gamma, ..self }
    }
}

impl Sampler for Psgld {
    type State = PsgldState;

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
    fn noise_temperature(&self, _step_size: f64, _variance: f64) -> Option<f64> {
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

    fn init(&self, dim: usize) -> PsgldState {
        PsgldState { mean_square: vec![0.0; dim], seen: 0.0 }
    }

    fn check(&self, state: &PsgldState, dim: usize) -> Result<(), ChainError> {
        length("mean square", &state.mean_square, dim)
    }

    fn wants_curvature(&self) -> bool {
        self.gamma == Gamma::Included && self.temperature > 0.0
    }

    fn step(&self, state: &mut PsgldState, position: &mut [f32], update: Update<'_>) -> bool {
        let epsilon = self.step_size.step_size(update.step);
        let temperature = if self.step_size.samples(update.step) { self.temperature } else { 0.0 };
        let kept = self.decay * f64::from(state.seen);
        let seen = kept + (1.0 - self.decay);
        state.seen = seen as f32;
        let metric = Metric {
            keep: (kept / seen) as f32,
            fresh: ((1.0 - self.decay) / seen) as f32,
            mean: (1.0 / self.per as f64) as f32,
            damping: self.damping as f32,
        };
        let (drift, noise) = ((0.5 * epsilon) as f32, (temperature * epsilon).sqrt() as f32);
        let factor = (0.5 * epsilon * temperature) as f32;
        let memory = &mut state.mean_square[..];
        if factor == 0.0 || !self.wants_curvature() {
            let rule = move |theta: &mut f32, v: &mut f32, g: f32, z: f32| {
                let metric = metric.update(v, g);
                *theta += noise * metric.sqrt() * z - drift * metric * g;
            };
            return update.apply(noise, position, memory, rule, |_| ());
        }
        let rule = move |theta: &mut f32, v: &mut f32, g: f32, h: f32, z: f32| {
            let preconditioner = metric.update(v, g);
            let slope = metric.slope(*v, g, h, preconditioner);
            *theta += noise * preconditioner.sqrt() * z - drift * preconditioner * g - factor * slope;
        };
        let coordinates = Coordinates { position, memory, gradient: update.gradient, extra: update.curvature };
        kernel::update(&update.noise(noise), coordinates, rule, |_| ())
    }
}

/// The update of V, and G made of it: v ← `keep`·v + `fresh`·(`mean`·g)², G = 1/(`damping` + √v).
#[derive(Clone, Copy)]
struct Metric {
    keep: f32,
    fresh: f32,
    /// 1/N.
    mean: f32,
    damping: f32,
}

impl Metric {
    /// G with the new v.
    #[inline(always)]
    fn update(self, v: &mut f32, g: f32) -> f32 {
        let mean = self.mean * g;
        *v = self.keep * *v + self.fresh * (mean * mean);
        // An infinite square would stop the coordinate for good (G = 0), and silently.
        *v = v.min(f32::MAX);
        1.0 / (self.damping + v.sqrt())
    }

    /// −∂G/∂θ with the new v and the diagonal curvature h: fresh·(mean·g/√v)·(mean·h)·G².
    #[inline(always)]
    fn slope(self, v: f32, g: f32, h: f32, metric: f32) -> f32 {
        // |mean·g|/√v is at most 1/√fresh; it is 0 where both are, the mean of its limits from either side.
        let direction = self.mean * g / v.max(f32::MIN_POSITIVE).sqrt();
        self.fresh * direction * (self.mean * h) * (metric * metric)
    }
}

#[cfg(test)]
mod tests;
