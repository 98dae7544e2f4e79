//! Step sizes over time.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::ChainError;

/// Step size ε_t of update t = 0, 1, ….
///
/// **Units**: ε multiplies the full-data gradient: θ ← θ − (ε_t/2)·∇Û + N(0, T·ε_t·I).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// ε_t = ε.
    ///
    /// Leaves a bias of order ε; samples have equal weights.
    Constant(f64),
    /// ε_t = a·(b + t)^(−γ).
    ///
    /// Asymptotically unbiased for γ ∈ (½, 1] (Σε = ∞, Σε² < ∞); samples are weighted ∝ ε_t.
    ///
    /// Reference: Welling & Teh, ICML 2011, eq. 2 and §4.3; weights eq. 11.
    Polynomial {
        /// Scale a > 0.
        a: f64,
        /// Offset b > 0.
        b: f64,
        /// Exponent γ ≥ 0.
        gamma: f64,
    },
    /// ε_t = (ε₀/2)·(1 + cos(π·r)), r = (t mod L)/L: warm restarts every L updates.
    ///
    /// The chain explores in the first part of each cycle: no noise is added and nothing is kept. It samples in the rest, the last
    /// `sampling`·L updates (rounded, at least one), with weights ∝ ε_t (the paper weighs equally; ∝ ε is right for
    /// the time average of a chain whose step shrinks).
    ///
    /// Reference: Zhang, Li, Zhang, Chen & Wilson, ICLR 2020, eq. 1 and algorithm 1, with β = 1 − `sampling`.
    Cyclical {
        /// Step size ε₀ > 0 at the start of each cycle.
        initial: f64,
        /// Updates L in a cycle.
        length: u64,
        /// Part of each cycle, in (0, 1], that samples.
        sampling: f64,
    },
}

impl Schedule {
    /// ε_t.
    pub fn step_size(&self, t: u64) -> f64 {
        match *self {
            Self::Constant(epsilon) => epsilon,
            Self::Polynomial { a, b, gamma } => a * (b + t as f64).powf(-gamma),
            Self::Cyclical { initial, length, .. } => {
                0.5 * initial * (1.0 + (PI * (t % length) as f64 / length as f64).cos())
            }
        }
    }

    /// Whether update t samples (adds noise, and may be kept), rather than explores.
    pub fn samples(&self, t: u64) -> bool {
        match *self {
            Self::Constant(_) | Self::Polynomial { .. } => true,
            Self::Cyclical { length, sampling, .. } => {
                // Rounded: (1 − 0.7)·10 is a little above 3, and would lose update 3.
                t % length >= length - ((sampling * length as f64).round() as u64).clamp(1, length)
            }
        }
    }

    /// Weight ε_t/ε₀ of the sample that update t makes: 1 for a constant step size, 0 where the schedule explores.
    pub fn weight(&self, t: u64) -> f64 {
        match self {
            Self::Constant(_) => 1.0,
            _ if self.samples(t) => self.step_size(t) / self.step_size(0),
            _ => 0.0,
        }
    }

    /// Checks the parameters' ranges.
    ///
    /// **Errors**: [`ChainError::Setting`] names the first that is out of range.
    pub fn validate(&self) -> Result<(), ChainError> {
        let positive = |field, value: f64| {
            if value.is_finite() && value > 0.0 {
                Ok(())
            } else {
                Err(ChainError::Setting { field, value: value.to_string(), expected: "a finite number above 0" })
            }
        };
        match *self {
            Self::Constant(epsilon) => positive("constant step size", epsilon),
            Self::Polynomial { a, b, gamma } => {
                positive("polynomial schedule's a", a)?;
                positive("polynomial schedule's b", b)?;
                if gamma.is_finite() && gamma >= 0.0 {
                    return Ok(());
                }
                let expected = "a finite number, at least 0";
                Err(ChainError::Setting { field: "polynomial schedule's gamma", value: gamma.to_string(), expected })
            }
            Self::Cyclical { initial, length, sampling } => {
                positive("cyclical schedule's initial step size", initial)?;
                if length == 0 {
                    let expected = "at least 1";
                    return Err(ChainError::Setting {
                        field: "cyclical schedule's length",
                        value: "0".into(),
                        expected,
                    });
                }
                if sampling > 0.0 && sampling <= 1.0 {
                    return Ok(());
                }
                let expected = "above 0, at most 1";
                Err(ChainError::Setting {
                    field: "cyclical schedule's sampling",
                    value: sampling.to_string(),
                    expected,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests;
