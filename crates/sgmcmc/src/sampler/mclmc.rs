//! Microcanonical Langevin dynamics on minibatches.

use serde::{Deserialize, Serialize};

use super::{length, within};
use crate::kernel::{product, squares};
use crate::{ChainError, Sampler, Schedule, Update};

/// Microcanonical Langevin dynamics on minibatches: [`Baoab`](crate::Baoab) with a momentum of constant length.
///
/// n ← B(n), θ ← θ + (h/2)·n, n ← ((1 − α)·n + (1 − (1 − α)²)^½·z/√d)/|·|, θ ← θ + (h/2)·n, with h = √(T·ε_t·(d − 1)) and |n| = 1
///
/// B is the exact flow of dn/ds = −(I − n·nᵀ)·∇Û/(T(d − 1)) over the length h: with e = −∇Û/|∇Û|, δ = h·|∇Û|/(T(d − 1)) and a = e·n,
///
/// B(n) = (n + e·(sinh δ + a·(cosh δ − 1)))/S, S = cosh δ + a·sinh δ
///
/// As ε → 0 the law of θ is exp(−U/T) for every α and any d ≥ 2. For many coordinates √(T·ε)·√d·n is BAOAB's u: ε and α mean the same.
///
/// **What minibatches do** (derived here): let V be the covariance of ∇Û, v̄ the mean of its eigenvalues, λ̄ that of the Hessian's. Noise alone turns
/// n by −h/(T(d − 1))·(I − n·nᵀ)·ξ. If V = v̄·I, that is a Brownian motion on the sphere, which leaves its uniform law as it is and only
/// forgets n sooner: the flow itself takes out what the noise heats, as a thermostat would. Otherwise directions w with more noise
/// than others are hotter. In the limit of many coordinates S and δ are as their means, B(n) is linear in n and ∇Û, and the slow
/// directions of a quadratic U have the temperature
///
/// T_w = T + ε·(wᵀVw − v̄)·(2 − α)/(4α) + ε·(v̄ + T·λ̄)/12 + O(ε²)
///
/// The mean noise counts 3(2 − α)/α times less than in BAOAB; of its differences between directions as much is left as there. So it wants units in
/// which V is as near as possible to a multiple of I ([`Rescaled`](crate::Rescaled) by 1/√Vᵢᵢ; [`LangevinTuning`](crate::LangevinTuning)
/// measures them), and, since a diagonal does not rotate, a control variate ([`Svrg`](crate::Svrg)) where the posterior's coordinates are
/// correlated.
///
/// **Seen while it runs**: (d − 1)·ln S is the energy that an update takes out. Averaged over a chain at equilibrium that is what noise brings, so
/// that v̄ = (2T/ε)·mean of ln S: [`MclmcState::noise_seen`].
///
/// **Guards**: δ is at most Δ (`max_turn`): an outlier among gradients turns n by so much and no more, as if |∇Û| were clipped at
/// Δ·T(d − 1)/h, and is counted ([`MclmcState::clipped`]); all is written in e^(−δ), which does not overflow; n is normalized by what its length is,
/// not by what it should be; a gradient that is not finite makes its coordinate so.
///
/// **Units**: ∇Û in nats per unit of θ at full-data scale; ε in θ² per nat; n, α, δ and Δ have none.
///
/// **Where it fails**: noise of N terms has at most N − 1 directions, and where these are few beside d all of V is in them: wᵀVw there is d/N times v̄, and
/// no units help, but a control variate does. d = 1 has no directions to turn to, and few have noise in all of them at once. A direction with k times the mean noise
/// tends, as α → 0, to k times the temperature: friction must stay above that of the noise, ε·v̄/(2T). Clipping takes the largest gradients for smaller
/// ones, which heats. Large steps (δ > 1) forget n by themselves. No noise is added where the schedule explores (see
/// [`Schedule::Cyclical`]).
///
/// References: Robnik & Seljak, *Fluctuation without dissipation: microcanonical Langevin Monte Carlo*, arXiv 2303.18221, 2023 (the flow, its
/// refreshment: eq. 16); Sommer, Diao, Robnik, Seljak & Rügamer, *Can microcanonical Langevin dynamics leverage mini-batch gradient
/// noise?*, arXiv 2602.06500, 2026 (SMILE: the bias of anisotropic noise, units by gradient noise, guards; there a step whose energy error is an
/// outlier is taken back, which needs U twice on the same minibatch).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mclmc {
    /// ε_t.
    pub step_size: Schedule,
    /// T, above 0.
    pub temperature: f64,
    /// α in (0, 1].
    pub friction: f64,
    /// Δ, above 0.
    #[serde(default = "max_turn")]
    pub max_turn: f64,
}

/// An update without noise has δ = √(ε·λ̄), below 1 for any sensible ε; at 2 a quarter of n is left.
fn max_turn() -> f64 {
    2.0
}

/// The memory of [`Mclmc`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MclmcState {
    /// n; zeros before the first update, which draws it uniformly.
    pub direction: Vec<f32>,
    /// Updates made.
    pub updates: u64,
    /// Those whose turn was cut to Δ.
    pub clipped: u64,
    /// Σ (2T/ε)·ln S.
    heat: f64,
}

impl MclmcState {
    /// v̄: the mean variance of a coordinate of ∇Û that the energy tells of; none before there is any.
    ///
    /// The integrator's own part of it is about −T·ε·λ̄²/12. Minibatches that cancel over an epoch count for what is left of them.
    pub fn noise_seen(&self) -> Option<f64> {
        (self.updates > 1).then(|| self.heat / (self.updates - 1) as f64)
    }
}

impl Mclmc {
    /// The sampler with the given step sizes, temperature and friction; Δ = 2.
    pub fn new(step_size: Schedule, temperature: f64, friction: f64) -> Self {
        Self { step_size, temperature, friction, max_turn: max_turn() }
    }

    /// The same sampler with the longest turn Δ.
    pub fn with_max_turn(self, max_turn: f64) -> Self {
        Self { max_turn, ..self }
    }
}

/// B(n) = `keep`·n − `push`·∇Û, and ln S.
#[derive(Clone, Copy)]
struct Turn {
    keep: f64,
    push: f64,
    log_stretch: f64,
}

impl Turn {
    /// The turn by δ where the gradient has the length `norm` and a = `along`.
    fn new(delta: f64, along: f64, norm: f64) -> Self {
        if norm == 0.0 {
            return Self { keep: 1.0, push: 0.0, log_stretch: 0.0 };
        }
        let zeta = (-delta).exp();
        // Sums of numbers that are not negative: at a = −1 nothing cancels.
        let (with, against) = (1.0 + along, 1.0 - along);
        let stretch = with + against * zeta * zeta;
        let toward = (1.0 - zeta) * (with + against * zeta);
        let log_stretch = delta - std::f64::consts::LN_2 + stretch.ln();
        Self { keep: 2.0 * zeta / stretch, push: toward / (stretch * norm), log_stretch }
    }
}

impl Sampler for Mclmc {
    type State = MclmcState;

    fn name(&self) -> &'static str {
        "MCLMC"
    }

    fn schedule(&self) -> &Schedule {
        &self.step_size
    }

    fn temperature(&self) -> f64 {
        self.temperature
    }

    /// ε·v/12, of noise that is alike in all directions.
    fn noise_temperature(&self, step_size: f64, variance: f64) -> Option<f64> {
        Some(step_size * variance / 12.0)
    }

    fn validate(&self) -> Result<(), ChainError> {
        self.step_size.validate()?;
        let positive = (f64::MIN_POSITIVE, f64::MAX);
        within("temperature", self.temperature, positive, "a finite number above 0")?;
        within("friction", self.friction, (f64::MIN_POSITIVE, 1.0), "above 0, at most 1")?;
        // e^Δ must be a number in single precision.
        within("longest turn", self.max_turn, (f64::MIN_POSITIVE, 40.0), "above 0, at most 40")
    }

    fn init(&self, dim: usize) -> MclmcState {
        MclmcState { direction: vec![0.0; dim], updates: 0, clipped: 0, heat: 0.0 }
    }

    /// **Errors**: [`ChainError::Setting`] for fewer than two coordinates, too.
    fn check(&self, state: &MclmcState, dim: usize) -> Result<(), ChainError> {
        within("number of coordinates", dim as f64, (2.0, f64::MAX), "at least 2, as directions need")?;
        within("the saved heat", state.heat, (f64::MIN, f64::MAX), "a finite number")?;
        length("direction", &state.direction, dim)
    }

    fn step(&self, state: &mut MclmcState, position: &mut [f32], update: Update<'_>) -> bool {
        let MclmcState { direction, updates, clipped, heat } = state;
        let (dim, epsilon) = (position.len(), self.step_size.step_size(update.step));
        let freedom = dim.saturating_sub(1).max(1) as f64;
        let first = *updates == 0;
        *updates += 1;
        if first {
            // Beyond the elements of this row that refresh the direction.
            update.noise.fill(update.step, dim.next_multiple_of(1024), direction);
            let scale = (1.0 / squares(direction).sqrt()) as f32;
            direction.iter_mut().for_each(|n| *n *= scale);
        }
        let square = squares(update.gradient);
        if !square.is_finite() {
            position.iter_mut().zip(update.gradient).for_each(|(x, g)| *x += 0.0 * g);
            return false;
        }

        // As in BAOAB, two half kicks at the same position are made as one, and the first is alone.
        let (norm, kick) = (square.sqrt(), if first { 0.5 } else { 1.0 });
        let delta = kick * (epsilon / (self.temperature * freedom)).sqrt() * norm;
        *clipped += u64::from(delta > self.max_turn);
        let along = if norm > 0.0 { (-product(update.gradient, direction) / norm).clamp(-1.0, 1.0) } else { 0.0 };
        let turn = Turn::new(delta.min(self.max_turn), along, norm);
        if !first {
            *heat += 2.0 * self.temperature / epsilon * turn.log_stretch;
        }

        let half = (0.5 * (self.temperature * epsilon * freedom).sqrt()) as f32;
        let samples = self.step_size.samples(update.step);
        let kept = if samples { 1.0 - self.friction } else { 1.0 };
        let noise = ((1.0 - kept * kept) / dim as f64).sqrt() as f32;
        let (keep, push, kept) = (turn.keep as f32, turn.push as f32, kept as f32);
        let refresh = move |theta: &mut f32, n: &mut f32, g: f32, z: f32| {
            let turned = keep * *n - push * g;
            *theta += half * turned;
            *n = kept * turned + noise * z;
        };
        let mut sum = 0.0;
        update.apply(noise, position, direction, refresh, |direction| sum += squares(direction));
        let scale = (1.0 / sum.sqrt()) as f32;
        let normalize = move |theta: &mut f32, n: &mut f32, _: f32, _: f32| {
            *n *= scale;
            *theta += half * *n;
        };
        update.apply(0.0, position, direction, normalize, |_| ())
    }
}

#[cfg(test)]
mod tests;
