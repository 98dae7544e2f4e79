use apd_points::Entry;
use serde::{Deserialize, Serialize};

use super::{Prior, Scaling};
use crate::error::{ModelError, positive};

/// Weights of which some are large, w ~ t_ν(0, b): −ln p = (ν + 1)/2·ln(1 + w²/(ν·b²)) + const.
///
/// Reference: Fortuin et al., *Bayesian Neural Network Priors Revisited*, ICLR 2022 (heavy tails fit fully connected networks).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudentT {
    /// Degrees of freedom ν.
    pub dof: f64,
    /// Scale b.
    pub scale: f64,
    /// Whether all weights have it, or b/√(fan-in).
    #[serde(default)]
    pub scaling: Scaling,
}

impl Prior for StudentT {
    fn check(&self) -> Result<(), ModelError> {
        positive("the degrees of freedom of the prior", self.dof)?;
        positive("the scale of the prior", self.scale)
    }

    fn nlp(&self, parameter: &Entry, weight: f64) -> (f64, f64) {
        let width = self.dof * self.scale * self.scale / self.scaling.divisor(parameter);
        let square = weight * weight;
        (0.5 * (self.dof + 1.0) * (square / width).ln_1p(), (self.dof + 1.0) * weight / (width + square))
    }
}
