use apd_tensor::Tensor;
use apd_uncertainty::ClassPredictive;
use ndarray::{Array2, ArrayView2, ArrayViewMut2};

use super::{Likelihood, Predictive, numbers};
use crate::data::TargetRows;
use crate::error::ModelError;

/// Several labels, each there or not, p(y_k = 1) = 1/(1 + exp(−f_k)): targets are 0 and 1.
///
/// Its prediction has a row for each input and label, of the classes 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bernoulli;

impl Likelihood for Bernoulli {
    fn check(&self, outputs: usize, targets: TargetRows<'_>) -> Result<(), ModelError> {
        numbers("Bernoulli", outputs, targets, |y| (y != 0.0 && y != 1.0).then_some("0 or 1"))
    }

    fn nll(&self, _phi: &[Tensor<f64>], outputs: &Tensor<f64>, targets: TargetRows<'_>) -> Tensor<f64> {
        outputs.softplus().sub(&outputs.mul(&targets.tensor())).sum()
    }

    fn add_nll(
        &self,
        _phi: &[f32],
        outputs: ArrayViewMut2<'_, f32>,
        targets: TargetRows<'_>,
        _phi_gradient: &mut [f64],
    ) -> f64 {
        targets.fold(outputs, |f, y| {
            // ln(1 + eᶠ) without an overflow.
            let nll = f.max(0.0) + (-f.abs()).exp().ln_1p() - y * f;
            (nll, sigmoid(f) - y)
        })
    }

    fn inverse_link(&self, mut outputs: ArrayViewMut2<'_, f32>) {
        outputs.mapv_inplace(sigmoid);
    }

    fn predictive(&self, n: usize, outputs: usize) -> Predictive {
        Predictive::Classes(ClassPredictive::new(n * outputs, 2))
    }

    fn predict(&self, _phi: &[f32], outputs: ArrayView2<'_, f32>, predictive: &mut Predictive) {
        let mut rows = Array2::zeros((outputs.len(), 2));
        rows.rows_mut().into_iter().zip(&outputs).for_each(|(mut row, &p)| (row[0], row[1]) = (1.0 - p, p));
        predictive.classes_mut().add(rows.view());
    }
}

fn sigmoid(f: f32) -> f32 {
    1.0 / (1.0 + (-f).exp())
}
