use apd_tensor::{Tensor, kernel};
use apd_uncertainty::ClassPredictive;
use ndarray::{ArrayView2, ArrayViewMut2};

use super::{Likelihood, Predictive};
use crate::data::TargetRows;
use crate::error::ModelError;

/// One of K classes, p(y = c) = softmax(f)_c: −ln p is the cross-entropy in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Categorical;

impl Likelihood for Categorical {
    fn check(&self, outputs: usize, targets: TargetRows<'_>) -> Result<(), ModelError> {
        let TargetRows::Classes(labels) = targets else {
            return Err(ModelError::Targets { likelihood: "categorical", targets: "real values" });
        };
        match labels.iter().position(|&label| label as usize >= outputs) {
            Some(index) => Err(ModelError::Label { index, label: labels[index], classes: outputs }),
            None => Ok(()),
        }
    }

    fn nll(&self, _phi: &[Tensor<f64>], outputs: &Tensor<f64>, targets: TargetRows<'_>) -> Tensor<f64> {
        outputs.cross_entropy(targets.classes())
    }

    fn add_nll(
        &self,
        _phi: &[f32],
        mut outputs: ArrayViewMut2<'_, f32>,
        targets: TargetRows<'_>,
        _phi_gradient: &mut [f64],
    ) -> f64 {
        kernel::softmax_cross_entropy(&mut outputs, targets.classes())
    }

    fn weighted_gradients(
        &self,
        _phi: &[f32],
        mut outputs: ArrayViewMut2<'_, f32>,
        targets: TargetRows<'_>,
        weigh: &mut dyn FnMut(usize, f32) -> f32,
    ) {
        kernel::log_softmax_rows(outputs.view_mut());
        for (n, (mut row, &label)) in outputs.rows_mut().into_iter().zip(targets.classes()).enumerate() {
            let weight = weigh(n, -row[label as usize]);
            // p − one-hot(y), with 1 − p(y) as the sum of the others: it does not round to 0 where p(y) rounds to 1.
            let mut others = 0.0;
            for (class, value) in row.iter_mut().enumerate() {
                if class != label as usize {
                    *value = weight * value.exp();
                    others += *value;
                }
            }
            row[label as usize] = -others;
        }
    }

    fn inverse_link(&self, outputs: ArrayViewMut2<'_, f32>) {
        kernel::softmax_rows(outputs);
    }

    fn predictive(&self, n: usize, outputs: usize) -> Predictive {
        Predictive::Classes(ClassPredictive::new(n, outputs))
    }

    fn predict(&self, _phi: &[f32], outputs: ArrayView2<'_, f32>, predictive: &mut Predictive) {
        predictive.classes_mut().add(outputs);
    }
}
