use apd_points::Entry;
use serde::{Deserialize, Serialize};

use super::{Prior, Scaling};
use crate::error::{ModelError, positive};

/// Weights of which many are small, p(w) ∝ exp(−|w|/b): −ln p = |w|/b + const, of standard deviation √2·b.
///
/// **Where it fails**: at 0 it has no gradient (here 0), and samplers of a finite step do not see the kink: they stay about a step
/// away from it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Laplace {
    /// Scale b.
    pub scale: f64,
    /// Whether all weights have it, or b/√(fan-in).
    #[serde(default)]
    pub scaling: Scaling,
}

impl Prior for Laplace {
    fn check(&self) -> Result<(), ModelError> {
        positive("the scale of the prior", self.scale)
    }

    fn nlp(&self, parameter: &Entry, weight: f64) -> (f64, f64) {
        let rate = self.scaling.divisor(parameter).sqrt() / self.scale;
        // `signum` has no 0.
        let sign = if weight == 0.0 { 0.0 } else { weight.signum() };
        (rate * weight.abs(), rate * sign)
    }
}
