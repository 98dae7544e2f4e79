use apd_points::Layout;
use apd_tensor::Tensor;
use apd_uncertainty::{self as uncertainty, NumberPredictive};
use ndarray::{ArrayView2, ArrayViewMut2};
use serde::{Deserialize, Serialize};

use super::{Likelihood, LogScalePrior, Predictive, numbers};
use crate::data::TargetRows;
use crate::error::{ModelError, positive};

/// Numbers with outliers, y_m ~ t_ν(f_m, σ): one scale σ, sampled with the weights as `likelihood.log_scale` = ln σ.
///
/// −ln p = Σ_m ln σ + (ν + 1)/2·ln(1 + (y_m − f_m)²/(ν·σ²)) + const.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudentT {
    /// Degrees of freedom ν: 4 is robust, hundreds are normal.
    pub dof: f64,
    /// The prior of σ.
    #[serde(default)]
    pub prior: LogScalePrior,
}

impl Likelihood for StudentT {
    fn check(&self, outputs: usize, targets: TargetRows<'_>) -> Result<(), ModelError> {
        positive("the degrees of freedom of a Student-t likelihood", self.dof)?;
        self.prior.check()?;
        numbers("Student-t", outputs, targets, |_| None)
    }

    fn layout(&self) -> Layout {
        LogScalePrior::layout()
    }

    fn initialize(&self) -> Vec<f32> {
        vec![self.prior.mean as f32]
    }

    fn nll(&self, phi: &[Tensor<f64>], outputs: &Tensor<f64>, targets: TargetRows<'_>) -> Tensor<f64> {
        let squares = outputs.sub(&targets.tensor()).square().mul(&phi[0].scale(-2.0).exp());
        let nll = squares.scale(1.0 / self.dof).add_scalar(1.0).ln().sum().scale(0.5 * (self.dof + 1.0));
        nll.add(&phi[0].scale(outputs.len() as f64))
    }

    fn add_nll(
        &self,
        phi: &[f32],
        outputs: ArrayViewMut2<'_, f32>,
        targets: TargetRows<'_>,
        phi_gradient: &mut [f64],
    ) -> f64 {
        let (log_scale, count, nu) = (f64::from(phi[0]), outputs.len() as f64, self.dof);
        let width = nu * (2.0 * log_scale).exp();
        let (mut nll, mut slopes) = (count * log_scale, 0.0);
        targets.fold(outputs, |f, y| {
            let residual = f64::from(f - y);
            let slope = (nu + 1.0) * residual / (width + residual * residual);
            nll += 0.5 * (nu + 1.0) * (residual * residual / width).ln_1p();
            slopes += slope * residual;
            (0.0, slope as f32)
        });
        phi_gradient[0] += count - slopes;
        nll
    }

    fn nlp(&self, phi: &[Tensor<f64>]) -> Tensor<f64> {
        self.prior.nlp(&phi[0])
    }

    fn predictive(&self, n: usize, outputs: usize) -> Predictive {
        Predictive::Numbers(NumberPredictive::new(n, outputs, uncertainty::StudentT { dof: self.dof }))
    }

    fn predict(&self, phi: &[f32], outputs: ArrayView2<'_, f32>, predictive: &mut Predictive) {
        let scale = f64::from(phi[0]).exp();
        predictive.numbers_mut().add(|n, m| (f64::from(outputs[[n, m]]), scale));
    }
}
