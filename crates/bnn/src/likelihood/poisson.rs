use apd_tensor::Tensor;
use apd_uncertainty::{self as uncertainty, NumberPredictive};
use ndarray::{ArrayView2, ArrayViewMut2};

use super::{Likelihood, Predictive, numbers};
use crate::data::TargetRows;
use crate::error::ModelError;

/// Counts with the rates eᶠ: −ln p = Σ_m exp(f_m) − y_m·f_m + const.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Poisson;

impl Likelihood for Poisson {
    fn check(&self, outputs: usize, targets: TargetRows<'_>) -> Result<(), ModelError> {
        numbers("Poisson", outputs, targets, |y| (y < 0.0 || y.fract() != 0.0).then_some("a count"))
    }

    fn nll(&self, _phi: &[Tensor<f64>], outputs: &Tensor<f64>, targets: TargetRows<'_>) -> Tensor<f64> {
        outputs.exp().sub(&outputs.mul(&targets.tensor())).sum()
    }

    fn add_nll(
        &self,
        _phi: &[f32],
        outputs: ArrayViewMut2<'_, f32>,
        targets: TargetRows<'_>,
        _phi_gradient: &mut [f64],
    ) -> f64 {
        targets.fold(outputs, |f, y| {
            let rate = f.exp();
            (rate - y * f, rate - y)
        })
    }

    fn predictive(&self, n: usize, outputs: usize) -> Predictive {
        Predictive::Numbers(NumberPredictive::new(n, outputs, uncertainty::Poisson))
    }

    fn predict(&self, _phi: &[f32], outputs: ArrayView2<'_, f32>, predictive: &mut Predictive) {
        predictive.numbers_mut().add(|n, m| (f64::from(outputs[[n, m]]).exp(), 0.0));
    }
}
