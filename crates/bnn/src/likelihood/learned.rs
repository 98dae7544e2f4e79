use apd_points::Layout;
use apd_tensor::Tensor;
use apd_uncertainty::{Normal, NumberPredictive};
use ndarray::{ArrayView2, ArrayViewMut2};
use serde::{Deserialize, Serialize};

use super::gaussian::squared_error;
use super::{Likelihood, Predictive, numbers};
use crate::data::TargetRows;
use crate::error::{ModelError, positive};

/// The prior of a scale σ: ln σ ~ N(mean, sd²).
///
/// The default, N(−1, 1), is for the noise of targets of unit variance: it puts 95 % of its mass on σ between 0.05 and 2.7.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogScalePrior {
    /// Mean of ln σ.
    pub mean: f64,
    /// Standard deviation of ln σ.
    pub sd: f64,
}

impl Default for LogScalePrior {
    fn default() -> Self {
        Self { mean: -1.0, sd: 1.0 }
    }
}

impl LogScalePrior {
    pub(crate) fn check(&self) -> Result<(), ModelError> {
        if !self.mean.is_finite() {
            let name = "the mean of a log scale";
            return Err(ModelError::Setting { name, value: self.mean, expected: "a finite number" });
        }
        positive("the standard deviation of a log scale", self.sd)
    }

    /// One number, the logarithm of the scale.
    pub(super) fn layout() -> Layout {
        Layout::new([("likelihood.log_scale".to_owned(), vec![])])
    }

    pub(super) fn nlp(&self, log_scale: &Tensor<f64>) -> Tensor<f64> {
        log_scale.add_scalar(-self.mean).square().scale(0.5 / self.sd.powi(2))
    }
}

/// Numbers with noise of an unknown size, y ~ N(f, σ²·I): one σ, sampled with the weights as `likelihood.log_scale` = ln σ.
///
/// −ln p = M·ln σ + ‖y − f‖²/(2σ²) + const, with M numbers for each input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LearnedGaussian {
    /// The prior of σ.
    pub prior: LogScalePrior,
}

impl Likelihood for LearnedGaussian {
    fn check(&self, outputs: usize, targets: TargetRows<'_>) -> Result<(), ModelError> {
        self.prior.check()?;
        numbers("Gaussian", outputs, targets, |_| None)
    }

    fn layout(&self) -> Layout {
        LogScalePrior::layout()
    }

    fn initialize(&self) -> Vec<f32> {
        vec![self.prior.mean as f32]
    }

    fn nll(&self, phi: &[Tensor<f64>], outputs: &Tensor<f64>, targets: TargetRows<'_>) -> Tensor<f64> {
        let squares = outputs.sub(&targets.tensor()).square().sum();
        let precision = phi[0].scale(-2.0).exp();
        squares.mul(&precision).scale(0.5).add(&phi[0].scale(outputs.len() as f64))
    }

    fn add_nll(
        &self,
        phi: &[f32],
        outputs: ArrayViewMut2<'_, f32>,
        targets: TargetRows<'_>,
        phi_gradient: &mut [f64],
    ) -> f64 {
        let (log_scale, count) = (f64::from(phi[0]), outputs.len() as f64);
        let precision = (-2.0 * log_scale).exp();
        let chi_squared = precision * squared_error(precision, outputs, targets);
        phi_gradient[0] += count - chi_squared;
        0.5 * chi_squared + count * log_scale
    }

    fn nlp(&self, phi: &[Tensor<f64>]) -> Tensor<f64> {
        self.prior.nlp(&phi[0])
    }

    fn predictive(&self, n: usize, outputs: usize) -> Predictive {
        Predictive::Numbers(NumberPredictive::new(n, outputs, Normal))
    }

    fn predict(&self, phi: &[f32], outputs: ArrayView2<'_, f32>, predictive: &mut Predictive) {
        let sd = f64::from(phi[0]).exp();
        predictive.numbers_mut().add(|n, m| (f64::from(outputs[[n, m]]), sd));
    }
}
