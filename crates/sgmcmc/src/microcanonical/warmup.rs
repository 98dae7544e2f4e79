//! The warm-up: a step size for the wanted error, scales, and the length over which directions are forgotten.
//!
//! All three are frozen when the warm-up ends: a chain that adapts for ever need not have the right law.

use serde::{Deserialize, Serialize};

use super::Correction;
use crate::ChainError;
use crate::adaptation::{DualAveraging, Variances};
use crate::sampler::{length, within};

/// The timetable of a warm-up of so many steps.
///
/// Only the step size is learned in the first third, while the chain finds the bulk of the posterior; the scales are in the second, and the
/// autocorrelation in the last, in the scaled coordinates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Phases {
    steps: u64,
}

impl Phases {
    /// Fewest steps in which anything but the step size is learned.
    const FEWEST: u64 = 60;
    /// Batches that the last part is cut into.
    const BATCHES: u64 = 20;

    pub(super) fn new(steps: u64) -> Self {
        Self { steps }
    }

    /// Whether the position after `step` steps counts for the scales.
    pub(super) fn learns_scales(self, step: u64) -> bool {
        self.steps >= Self::FEWEST && step > self.steps / 3 && step <= 2 * self.steps / 3
    }

    /// Whether the scales are set after `step` steps.
    pub(super) fn sets_scales(self, step: u64) -> bool {
        self.steps >= Self::FEWEST && step == 2 * self.steps / 3
    }

    /// Whether the position after `step` steps counts for the autocorrelation.
    fn learns_length(self, step: u64) -> bool {
        self.steps >= Self::FEWEST && step > self.steps - self.batch() * Self::BATCHES && step <= self.steps
    }

    /// Steps of a batch: a quarter of the warm-up is cut into them.
    fn batch(self) -> u64 {
        self.steps / (4 * Self::BATCHES)
    }
}

/// What the warm-up has learned so far.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Warmup {
    pub(super) step_size: StepSize,
    pub(super) positions: Variances,
    pub(super) gradients: Variances,
    autocorrelation: Autocorrelation,
}

impl Warmup {
    pub(super) fn new(dim: usize, correction: Correction, step_size: f64) -> Self {
        let step_size = StepSize::new(correction, step_size);
        let [positions, gradients] = [(); 2].map(|()| Variances::new(dim));
        Self { step_size, positions, gradients, autocorrelation: Autocorrelation::new(dim) }
    }

    /// Learns from the position after `step` steps; after the last the autocorrelation time, in steps.
    pub(super) fn learn_length(&mut self, phases: Phases, step: u64, position: &[f64]) -> Option<f64> {
        if !phases.learns_length(step) {
            return None;
        }
        self.autocorrelation.add(position, phases.batch());
        (step == phases.steps).then(|| self.autocorrelation.time(phases.batch()))
    }

    pub(super) fn validate(&self, dim: usize) -> Result<(), ChainError> {
        let Autocorrelation { of_positions, of_batches, sum } = &self.autocorrelation;
        for variances in [&self.positions, &self.gradients, of_positions, of_batches] {
            length("mean", &variances.mean, dim)?;
            length("squares", &variances.squares, dim)?;
        }
        length("sum", sum, dim)?;
        let step_size = self.step_size.current();
        within(
            "the saved step size of the warm-up",
            step_size,
            (f64::MIN_POSITIVE, f64::MAX),
            "a finite number above 0",
        )
    }
}

/// The step size's adaptation.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum StepSize {
    /// Adaptation to an energy variance.
    Energy(EnergyVariance),
    /// Adaptation to an acceptance.
    Acceptance(DualAveraging),
}

impl StepSize {
    pub(super) fn new(correction: Correction, step_size: f64) -> Self {
        match correction {
            Correction::None { .. } => Self::Energy(EnergyVariance::new(step_size)),
            Correction::Metropolis { .. } => Self::Acceptance(DualAveraging::new(step_size)),
        }
    }

    /// The step size to stay at.
    pub(super) fn current(&self) -> f64 {
        match self {
            Self::Energy(energy) => energy.step_size,
            Self::Acceptance(averaging) => averaging.average(),
        }
    }
}

/// The step size at which the mean square of the energy error is that wanted, by its law E[ΔE²] ∝ ε⁶.
///
/// ξₙ is the n-th step's square over the wanted one, and ε⁻⁶ the weighted mean of ξₙ/εₙ⁶. The weights fall where ξₙ is far from 1,
/// whose law is another, and with age.
///
/// Reference: Robnik & Seljak, arXiv 2303.18221, 2023, §4; Sommer et al., arXiv 2502.06335, 2025, appendix.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnergyVariance {
    step_size: f64,
    /// Steps larger than this have lost the energy altogether.
    most: f64,
    weight: f64,
    /// The weighted sum of ξ/ε⁶ relative to `unit`⁻⁶.
    sum: f64,
    unit: f64,
}

impl EnergyVariance {
    /// Standard deviation of ln ξ/6, the error of ln ε that one step tells.
    const TRUST: f64 = 1.5;
    /// Steps that are remembered.
    const MEMORY: f64 = 150.0;

    pub(super) fn new(step_size: f64) -> Self {
        Self { step_size, most: f64::MAX, weight: 0.0, sum: 0.0, unit: step_size }
    }

    /// Learns from a step with this energy error, in `dim` dimensions; a step that failed has none.
    pub(super) fn update(&mut self, error: f64, dim: usize, wanted: f64) -> f64 {
        if !error.is_finite() {
            self.most = 0.8 * self.step_size;
            self.step_size = self.most;
            return self.step_size;
        }
        let xi = error * error / (dim as f64 * wanted) + 1e-8;
        let weight = (-0.5 * (xi.ln() / (6.0 * Self::TRUST)).powi(2)).exp();
        let decay = (Self::MEMORY - 1.0) / (Self::MEMORY + 1.0);
        self.sum = decay * self.sum + weight * xi * (self.unit / self.step_size).powi(6);
        self.weight = decay * self.weight + weight;
        self.step_size = (self.unit * (self.weight / self.sum).powf(1.0 / 6.0)).min(self.most);
        self.step_size
    }
}

/// The autocorrelation time of a chain's positions, by batch means.
///
/// τ = b·Var(batch means)/Var(positions), averaged over the coordinates, for batches of b steps.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Autocorrelation {
    of_positions: Variances,
    of_batches: Variances,
    /// The sum of the batch that is not full yet.
    sum: Vec<f64>,
}

impl Autocorrelation {
    fn new(dim: usize) -> Self {
        Self { of_positions: Variances::new(dim), of_batches: Variances::new(dim), sum: vec![0.0; dim] }
    }

    fn add(&mut self, position: &[f64], batch: u64) {
        self.of_positions.add(position);
        self.sum.iter_mut().zip(position).for_each(|(sum, x)| *sum += x);
        if self.of_positions.count().is_multiple_of(batch) {
            self.sum.iter_mut().for_each(|sum| *sum /= batch as f64);
            self.of_batches.add(&self.sum);
            self.sum.fill(0.0);
        }
    }

    fn time(&self, batch: u64) -> f64 {
        let ratios = self.of_batches.variances().zip(self.of_positions.variances());
        let (mut sum, mut count) = (0.0, 0.0);
        for (of_batches, of_positions) in ratios.filter(|&(_, of_positions)| of_positions > 0.0) {
            sum += of_batches / of_positions;
            count += 1.0;
        }
        if count == 0.0 { 1.0 } else { (batch as f64 * sum / count).max(1.0) }
    }
}

#[cfg(test)]
mod tests;
