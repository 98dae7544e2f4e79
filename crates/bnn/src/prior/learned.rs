use std::ops::Range;

use apd_points::{Entry, Layout};
use serde::{Deserialize, Serialize};

use super::{Gaussian, Prior, Scaling};
use crate::error::ModelError;
use crate::likelihood::LogScalePrior;

/// Normal weights of a size that is learned layer by layer, w ~ N(0, σ²): one σ for the weights and biases of a layer, sampled with them as
/// `prior.<layer>.log_scale` = ln σ.
///
/// −ln p = Σ w²/(2σ²) + d·ln σ + const for the d weights of a layer. The default ln σ ~ N(0, 1) puts 95 % of its mass on σ between 0.14 and 7.
/// It is log-normal because half-normal and half-Cauchy laws, which do not vanish at σ = 0, give a layer's weights a marginal density with a
/// pole at 0, where no step size fits.
///
/// Reference: Neal, *Bayesian Learning for Neural Networks*, 1996, section 1.2.3 (a scale for each layer, with a prior of its own).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LearnedGaussian {
    /// Whether all weights of a layer have σ, or σ/√(fan-in).
    pub scaling: Scaling,
    /// The prior of every σ.
    pub log_scale: LogScalePrior,
}

impl Default for LearnedGaussian {
    fn default() -> Self {
        Self { scaling: Scaling::Same, log_scale: LogScalePrior { mean: 0.0, sd: 1.0 } }
    }
}

impl LearnedGaussian {
    /// The law of w/σ.
    fn standard(&self) -> Gaussian {
        Gaussian { precision: 1.0, scaling: self.scaling }
    }
}

impl Prior for LearnedGaussian {
    fn check(&self) -> Result<(), ModelError> {
        self.log_scale.check()
    }

    fn log_scale(&self) -> Option<LogScalePrior> {
        Some(self.log_scale)
    }

    fn nlp(&self, parameter: &Entry, weight: f64) -> (f64, f64) {
        self.standard().nlp(parameter, weight)
    }

    fn write_gradient(&self, layout: &Layout, range: Range<usize>, theta: &[f32], gradient: &mut [f32]) -> f64 {
        self.standard().write_gradient(layout, range, theta, gradient)
    }
}
