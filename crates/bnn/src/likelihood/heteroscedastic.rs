use apd_tensor::Tensor;
use apd_uncertainty::{Normal, NumberPredictive};
use ndarray::{ArrayView2, ArrayViewMut2};
use serde::{Deserialize, Serialize};

use super::{Likelihood, Predictive, numbers};
use crate::data::TargetRows;
use crate::error::{ModelError, positive};

/// Numbers with noise that depends on the input, y_m ~ N(f_m, σ_m²): of 2·M outputs the first M are the means f_m, the others s_m, where
/// σ_m² = exp(2·s_m) + floor².
///
/// −ln p = Σ_m ½·ln σ_m² + (y_m − f_m)²/(2σ_m²) + const.
///
/// A number that was rounded to multiples of r is at least r/√12 from what was measured: that is the floor of such targets
/// ([`rounded`](Self::rounded)).
///
/// **Where it fails**: without a floor it is not bounded below. Where a residual is exactly 0 a small σ makes it as likely as you please, and
/// rounded targets, or rows that stand twice, have many such; only the prior of the weights keeps that off.
///
/// Reference: Nix & Weigend, *Estimating the mean and variance of the target probability distribution*, ICNN 1994, eq. 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeteroscedasticGaussian {
    /// The smallest deviation that the noise may have, in the units of the targets.
    #[serde(default)]
    pub floor: f64,
}

/// Smaller s would overflow f32, and change nothing where there is a floor.
const LEAST: f32 = -40.0;

impl HeteroscedasticGaussian {
    /// Of targets that were rounded: r is the smallest distance between two of them. Of numbers that were not, that is next to nothing.
    pub fn rounded<'a>(targets: impl IntoIterator<Item = &'a f64>) -> Self {
        let mut sorted: Vec<f64> = targets.into_iter().copied().filter(|y| y.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let range = sorted.last().zip(sorted.first()).map_or(0.0, |(last, first)| last - first);
        // Nearer than this two numbers differ by the rounding of their binary form.
        let distances = sorted.windows(2).map(|pair| pair[1] - pair[0]).filter(|&distance| distance > 1e-9 * range);
        let least = distances.fold(f64::INFINITY, f64::min);
        Self { floor: if least.is_finite() { least / 12_f64.sqrt() } else { 0.0 } }
    }

    /// Of s: it, bounded below; 1/σ²; and exp(2s)/σ².
    fn precision(&self, s: f32) -> (f32, f32, f32) {
        let floor = (self.floor * self.floor) as f32;
        let s = if floor > 0.0 { s.max(LEAST) } else { s };
        let precision = (-2.0 * s).exp();
        let share = 1.0 / (1.0 + floor * precision);
        (s, share * precision, share)
    }
}

impl Likelihood for HeteroscedasticGaussian {
    fn check(&self, outputs: usize, targets: TargetRows<'_>) -> Result<(), ModelError> {
        let likelihood = "heteroscedastic Gaussian";
        if !(self.floor >= 0.0 && self.floor.is_finite()) {
            positive("the floor of a heteroscedastic Gaussian likelihood", self.floor)?;
        }
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
        let variance = log_sd.scale(2.0).exp().add_scalar(self.floor * self.floor);
        squares.div(&variance).add(&variance.ln()).scale(0.5).sum()
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
                let residual = outputs[j] - y;
                let (s, precision, share) = self.precision(outputs[m + j]);
                let chi_squared = precision * residual * residual;
                let log_share = if self.floor > 0.0 { f64::from(share).ln() } else { 0.0 };
                nll += f64::from(s) + 0.5 * (f64::from(chi_squared) - log_share);
                (outputs[j], outputs[m + j]) = (precision * residual, share * (1.0 - chi_squared));
            }
        }
        nll
    }

    fn predictive(&self, n: usize, outputs: usize) -> Predictive {
        Predictive::Numbers(NumberPredictive::new(n, outputs / 2, Normal))
    }

    fn predict(&self, _phi: &[f32], outputs: ArrayView2<'_, f32>, predictive: &mut Predictive) {
        let m = outputs.ncols() / 2;
        predictive
            .numbers_mut()
            .add(|n, j| (f64::from(outputs[[n, j]]), f64::from(outputs[[n, m + j]]).exp().hypot(self.floor)));
    }
}
