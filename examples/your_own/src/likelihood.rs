//! A likelihood: Laplace's law, y ~ f ± exponential of mean b, for targets with outliers: −ln p = |y − f|/b + ln 2b.

use std::f64::consts::LN_2;

use apd::Likelihood;
use apd::bnn::likelihood::{Predictive, numbers};
use apd::bnn::{ModelError, TargetRows};
use apd::tensor::Tensor;
use apd::uncertainty::{Family, NumberPredictive};
use ndarray::ArrayView2;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Laplace {
    pub(crate) scale: f64,
}

impl Likelihood for Laplace {
    fn check(&self, outputs: usize, targets: TargetRows<'_>) -> Result<(), ModelError> {
        numbers("laplace", outputs, targets, |_| None)
    }
    fn nll(&self, _: &[Tensor<f64>], outputs: &Tensor<f64>, targets: TargetRows<'_>) -> Tensor<f64> {
        let residuals = outputs.sub(&targets.tensor());
        residuals.relu().add(&residuals.scale(-1.0).relu()).sum().scale(1.0 / self.scale)
    }
    fn predictive(&self, n: usize, outputs: usize) -> Predictive {
        Predictive::Numbers(NumberPredictive::new(n, outputs, *self))
    }
    fn predict(&self, _: &[f32], outputs: ArrayView2<'_, f32>, predictive: &mut Predictive) {
        predictive.numbers_mut().add(|n, m| (f64::from(outputs[[n, m]]), self.scale));
    }
}

/// What its predictions are mixtures of.
impl Family for Laplace {
    fn cdf(&self, location: f64, scale: f64, y: f64) -> f64 {
        let tail = 0.5 * (-(y - location).abs() / scale).exp();
        if y < location { tail } else { 1.0 - tail }
    }
    fn ln_density(&self, location: f64, scale: f64, y: f64) -> f64 {
        -(y - location).abs() / scale - LN_2 - scale.ln()
    }
    fn variance(&self, _: f64, scale: f64) -> f64 {
        2.0 * scale * scale
    }
}
