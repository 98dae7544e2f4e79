use apd_tensor::Tensor;
use apd_uncertainty::{Normal, NumberPredictive};
use ndarray::{ArrayView2, ArrayViewMut2};
use serde::{Deserialize, Serialize};

use super::{Likelihood, Predictive, numbers};
use crate::data::TargetRows;
use crate::error::{ModelError, positive};

/// Numbers with noise of a known size, y ~ N(f, σ²·I): −ln p = ‖y − f‖²/(2σ²) + const.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gaussian {
    /// Standard deviation σ of the noise.
    pub sd: f64,
}

impl Likelihood for Gaussian {
    fn check(&self, outputs: usize, targets: TargetRows<'_>) -> Result<(), ModelError> {
        positive("the standard deviation of a Gaussian likelihood", self.sd)?;
        numbers("Gaussian", outputs, targets, |_| None)
    }

    fn nll(&self, _phi: &[Tensor<f64>], outputs: &Tensor<f64>, targets: TargetRows<'_>) -> Tensor<f64> {
        outputs.sub(&targets.tensor()).square().sum().scale(0.5 / self.sd.powi(2))
    }

    fn add_nll(
        &self,
        _phi: &[f32],
        outputs: ArrayViewMut2<'_, f32>,
        targets: TargetRows<'_>,
        _phi_gradient: &mut [f64],
    ) -> f64 {
        let precision = self.sd.powi(-2);
        0.5 * precision * squared_error(precision, outputs, targets)
    }

    fn predictive(&self, n: usize, outputs: usize) -> Predictive {
        Predictive::Numbers(NumberPredictive::new(n, outputs, Normal))
    }

    fn predict(&self, _phi: &[f32], outputs: ArrayView2<'_, f32>, predictive: &mut Predictive) {
        predictive.numbers_mut().add(|n, m| (f64::from(outputs[[n, m]]), self.sd));
    }
}

/// ‖f − y‖²; leaves factor·(f − y) in place of f.
pub(super) fn squared_error(factor: f64, outputs: ArrayViewMut2<'_, f32>, targets: TargetRows<'_>) -> f64 {
    let factor = factor as f32;
    let mut sum = 0.0;
    targets.fold(outputs, |f, y| {
        let residual = f - y;
        sum += f64::from(residual) * f64::from(residual);
        (0.0, factor * residual)
    });
    sum
}
