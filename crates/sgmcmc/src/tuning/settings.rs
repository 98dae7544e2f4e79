//! What each sampler is set to, by what was measured, and the bias that it has then.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::LangevinTuning;
use crate::{Baoab, Mclmc, Psgld, Sampler, SamplerConfig, Schedule, Sghmc, Sgld, Sgnht};

/// The largest ε·λ: BAOAB is stable below 4, and exact on a quadratic U wherever it is stable.
const STIFFEST: f64 = 0.5;

/// The samplers that are tuned.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SamplerKind {
    /// [`Sgld`].
    Sgld,
    /// [`Psgld`].
    Psgld,
    /// [`Sghmc`].
    Sghmc,
    /// [`Sgnht`].
    Sgnht,
    /// [`Baoab`].
    Baoab,
    /// [`Mclmc`].
    Mclmc,
}

impl SamplerKind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Sgld, Self::Psgld, Self::Sghmc, Self::Sgnht, Self::Baoab, Self::Mclmc];
}

/// By how much variances are too large, relative to them, to first order in ε: before a run, what is expected.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bias {
    /// By the step: in the direction of a quadratic U where it is most.
    pub discretization: f64,
    /// By the noise of minibatches: the mean over directions, or, where a sampler takes most of the mean out, what is left of it and the
    /// standard deviation.
    pub minibatches: f64,
}

/// A sampler of z that keeps to the budget.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TunedSampler {
    /// With its settings, at temperature 1.
    pub sampler: SamplerConfig,
    /// What it is expected to add.
    pub bias: Bias,
    /// What each part of that may be.
    pub budget: f64,
}

impl fmt::Display for TunedSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ε = {:.3e}", self.sampler.name(), self.sampler.schedule().step_size(0))?;
        if let Some(friction) = friction(&self.sampler) {
            write!(f, ", friction {friction:.3}")?;
        }
        write!(f, "; {} (budget {:.1} % each)", self.bias, 100.0 * self.budget)
    }
}

impl fmt::Display for Bias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [steps, minibatches] = [self.discretization, self.minibatches].map(|part| 100.0 * part);
        write!(f, "variances too large by {steps:.2} % by the step, {minibatches:.2} % by minibatches")
    }
}

impl LangevinTuning {
    /// The settings of a sampler of z: the longest step whose bias, by discretization and by minibatches, is each within the budget b, and the
    /// least friction.
    ///
    /// | | longest ε for the curvature | ε and α for the noise |
    /// |---|---|---|
    /// | SGLD | ε·λ/4 ≤ b | ε·v/4 ≤ b |
    /// | pSGLD | as SGLD, for ε·G ≤ ε/λ_d | the damping λ_d is the size of the mean gradient, and the memory 4/(b·ε·G), which lets a unit of z be crossed often before G moves |
    /// | SGHMC | ε·λ/(4(2 − α)) ≤ b | ε·v/(4α) ≤ b |
    /// | SGNHT | the same | ε·w/(4a) ≤ b; it comes to the friction α = a + ε·v/4, which is at most 1 |
    /// | BAOAB | ε·λ ≤ ½ (no bias where U is quadratic) | ε·v·(2 − α)/(4α) ≤ b |
    /// | MCLMC | ε·λ ≤ ½, ε·λ̄/12 ≤ b | ε·v/12 ≤ b/2, ε·w·(2 − α)/(4α) ≤ b/2 |
    ///
    /// w is the standard deviation of the noise's eigenvalues. The least friction is that which forgets within a unit of z.
    pub fn tuned(&self, kind: SamplerKind) -> TunedSampler {
        let Self { curvature, mean_curvature, gradient_noise: v, noise_spread: w, budget, .. } = *self;
        let constant = Schedule::Constant;
        // ελ/4 = b/(1 + b) makes 1/(1 − ελ/4) = 1 + b.
        let short = 4.0 * budget / ((1.0 + budget) * curvature);
        let sampler = match kind {
            SamplerKind::Sgld => Sgld::new(constant(short.min(4.0 * budget / v)), 1.0).into(),
            SamplerKind::Psgld => {
                let (epsilon, damping) = (short.min(4.0 * budget / v), self.mean_gradient());
                let sampler = Psgld::new(constant(epsilon * damping), 1.0, self.num_data);
                sampler.with_damping(damping).with_decay(1.0 - 0.25 * budget * epsilon).into()
            }
            SamplerKind::Sghmc => {
                let (epsilon, friction) = with_momentum(short, v, budget, |share| share, 0.5);
                Sghmc::new(constant(epsilon), 1.0, friction).into()
            }
            SamplerKind::Sgnht => {
                let (epsilon, friction) = with_momentum(short.min(2.0 / v), w, budget, |share| share, 0.5);
                // The thermostat adds the friction ε·v/4, and must not come to more than all.
                Sgnht::new(constant(epsilon), 1.0, friction.min(1.0 - 0.25 * epsilon * v)).into()
            }
            SamplerKind::Baoab => {
                let (epsilon, friction) = with_momentum(STIFFEST / curvature, v, budget, baoab, 1.0);
                Baoab::new(constant(epsilon), 1.0, friction).into()
            }
            SamplerKind::Mclmc => {
                let longest = (STIFFEST / curvature).min(12.0 * budget / mean_curvature).min(6.0 * budget / v);
                let (epsilon, friction) = with_momentum(longest, w, 0.5 * budget, baoab, 1.0);
                Mclmc::new(constant(epsilon), 1.0, friction).into()
            }
        };
        TunedSampler { sampler, bias: self.bias_of(&sampler), budget }
    }

    /// The bias of a sampler of z by what was measured here, whatever it was tuned by.
    pub fn bias_of(&self, sampler: &SamplerConfig) -> Bias {
        let Self { curvature: lambda, mean_curvature, gradient_noise: v, noise_spread: w, .. } = *self;
        let epsilon = sampler.schedule().step_size(0);
        let heat = |noise: f64| sampler.noise_temperature(epsilon, noise).unwrap_or(0.0);
        let quarter = 0.25 * epsilon;
        let (discretization, minibatches) = match sampler {
            SamplerConfig::Sgld(_) => (excess(quarter * lambda), heat(v)),
            SamplerConfig::Psgld(psgld) => (excess(quarter * lambda / psgld.damping), quarter * v / psgld.damping),
            SamplerConfig::Sghmc(sghmc) => (excess(quarter * lambda / (2.0 - sghmc.friction)), heat(v)),
            SamplerConfig::Sgnht(sgnht) => {
                let friction = sgnht.diffusion + quarter * v;
                (quarter * (lambda - mean_curvature) / (2.0 - friction).max(1.0), quarter * w / friction)
            }
            SamplerConfig::Baoab(_) => (0.0, heat(v)),
            SamplerConfig::Mclmc(mclmc) => {
                let spread =
                    Baoab::new(mclmc.step_size, 1.0, mclmc.friction).noise_temperature(epsilon, w).unwrap_or(0.0);
                (epsilon * mean_curvature / 12.0, heat(v) + spread)
            }
            // A point has no variance.
            SamplerConfig::Sgd(_) => (-1.0, 0.0),
        };
        Bias { discretization, minibatches }
    }

    /// What minibatches add to the temperature of [`sampler`](Self::sampler), relative to it: ε·v·(2 − α)/(4α).
    pub fn bias(&self) -> f64 {
        self.bias_of(&self.sampler().into()).minibatches
    }

    /// √(λ̄ + v)/N: the size of a coordinate of the mean gradient in z.
    fn mean_gradient(&self) -> f64 {
        (self.mean_curvature + self.gradient_noise).max(1e-6).sqrt() / self.num_data.max(1) as f64
    }
}

/// 1/(1 − x) − 1: what a step adds to the variance of a quadratic U.
fn excess(x: f64) -> f64 {
    if x < 1.0 { x / (1.0 - x) } else { f64::INFINITY }
}

/// The least α with share·(2 − α)/α ≤ 1.
fn baoab(share: f64) -> f64 {
    2.0 * share / (1.0 + share)
}

/// ε and α: ε at most `longest`, and less where α = 1 would not do; α the `least` for ¼·ε·noise/bias, or 1 − exp(−√(part·ε)), which forgets
/// within a unit of z.
pub(super) fn with_momentum(longest: f64, noise: f64, bias: f64, least: impl Fn(f64) -> f64, part: f64) -> (f64, f64) {
    let mut step_size = longest;
    if step_size * noise > 4.0 * bias {
        step_size = 4.0 * bias / noise;
    }
    let least = least(0.25 * step_size * noise / bias);
    (step_size, least.max(1.0 - (-(part * step_size).sqrt()).exp()).min(1.0))
}

/// α, or a, where there is one.
fn friction(sampler: &SamplerConfig) -> Option<f64> {
    match sampler {
        SamplerConfig::Sghmc(sampler) => Some(sampler.friction),
        SamplerConfig::Sgnht(sampler) => Some(sampler.diffusion),
        SamplerConfig::Baoab(sampler) => Some(sampler.friction),
        SamplerConfig::Mclmc(sampler) => Some(sampler.friction),
        SamplerConfig::Sgld(_) | SamplerConfig::Psgld(_) | SamplerConfig::Sgd(_) => None,
    }
}
