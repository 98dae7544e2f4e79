use apd_tensor::Tensor;
use apd_uncertainty::{Normal, NumberPredictive};
use ndarray::{ArrayView2, ArrayViewMut2};

use super::{Likelihood, Predictive, numbers};
use crate::data::TargetRows;
use crate::error::ModelError;

/// Numbers with noise that depends on the input, y_m ~ N(f_m, σ_m²): of 2·M outputs the first M are the means, the others ln σ_m.
///
/// −ln p = Σ_m ln σ_m + (y_m − f_m)²/(2σ_m²) + const.
///
/// **Where it fails**: it is not bounded below. Where one residual is exactly 0 a small σ makes it as likely as you please; only the
/// prior of the weights keeps that off.
///
/// Reference: Nix & Weigend, *Estimating the mean and variance of the target probability distribution*, ICNN 1994, eq. 2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeteroscedasticGaussian;

impl Likelihood for HeteroscedasticGaussian {
    fn check(&self, outputs: usize, targets: TargetRows<'_>) -> Result<(), ModelError> {
        let likelihood = "heteroscedastic Gaussian";
        if let TargetRows::Values(values) = targets
            && 2 * values.ncols() != outputs
        {
            return Err(ModelError::Heads { likelihood, columns: values.ncols(), outputs });
        }
        numbers(likelihood, outputs / 2, targets, |_| None)
    }

    fn nll(&self, _phi: &[Tensor<f64>], outputs: &Tensor<f64>, targets: TargetRows<'_>) -> Tensor<f64> {
        let m = outputs.shape()[1] / 2;
        let (mean, log_sd) = (outputs.slice_axis(1, 0..m), outputs.slice_axis(1, m..2 * m));
        let squares = mean.sub(&targets.tensor()).square();
        squares.mul(&log_sd.scale(-2.0).exp()).scale(0.5).add(&log_sd).sum()
    }

    fn add_nll(
        &self,
        _phi: &[f32],
        mut outputs: ArrayViewMut2<'_, f32>,
        targets: TargetRows<'_>,
        _phi_gradient: &mut [f64],
    ) -> f64 {
        let targets = targets.values();
        let m = targets.ncols();
        let mut nll = 0.0;
        for (mut outputs, targets) in outputs.rows_mut().into_iter().zip(targets.rows()) {
            for (j, &y) in targets.iter().enumerate() {
                let (residual, log_sd) = (outputs[j] - y, outputs[m + j]);
                let precision = (-2.0 * log_sd).exp();
                let chi_squared = precision * residual * residual;
                nll += f64::from(log_sd) + 0.5 * f64::from(chi_squared);
                (outputs[j], outputs[m + j]) = (precision * residual, 1.0 - chi_squared);
            }
        }
        nll
    }

    fn predictive(&self, n: usize, outputs: usize) -> Predictive {
        Predictive::Numbers(NumberPredictive::new(n, outputs / 2, Normal))
    }

    fn predict(&self, _phi: &[f32], outputs: ArrayView2<'_, f32>, predictive: &mut Predictive) {
        let m = outputs.ncols() / 2;
        predictive.numbers_mut().add(|n, j| (f64::from(outputs[[n, j]]), f64::from(outputs[[n, m + j]]).exp()));
    }
}
