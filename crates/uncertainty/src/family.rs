//! What one network says of a number.

use std::f64::consts::{PI, SQRT_2};
use std::fmt::Debug;

use statrs::function::beta::beta_reg;
use statrs::function::gamma::gamma_ur;

#[cfg(test)]
mod tests;

/// A family of laws of one number: what a network's outputs are the parameters of.
///
/// A law has a location and a scale. [`Normal`], [`ContaminatedNormal`], [`StudentT`] and [`Poisson`] are families; others implement this trait.
pub trait Family: Debug + Send + Sync {
    /// P(Y ≤ y).
    fn cdf(&self, location: f64, scale: f64, y: f64) -> f64;

    /// ln p(y): the logarithm of the density, or of the probability of y where the law is discrete.
    fn ln_density(&self, location: f64, scale: f64, y: f64) -> f64;

    /// E\[Y\].
    fn mean(&self, location: f64, scale: f64) -> f64 {
        let _ = scale;
        location
    }

    /// Var\[Y\].
    fn variance(&self, location: f64, scale: f64) -> f64;

    /// Whether the law lives on the integers.
    fn is_discrete(&self) -> bool {
        false
    }

    /// One law in place of two of equal weight whose locations are close.
    ///
    /// By default the one with their mean location and, where scale·z + location is the family, with their variance.
    fn merge(&self, [a, b]: [(f64, f64); 2]) -> (f64, f64) {
        let between = (0.5 * (a.0 - b.0)).powi(2);
        let unit = self.variance(0.0, 1.0);
        let spread = if unit > 0.0 { between / unit } else { 0.0 };
        (0.5 * (a.0 + b.0), (0.5 * (a.1.powi(2) + b.1.powi(2)) + spread).sqrt())
    }
}

/// The normal law; its scale is the standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal;

/// Student's t with a location and a scale, p(y) ∝ (1 + z²/ν)^(−(ν+1)/2) with z = (y − location)/scale.
///
/// Its variance is scale²·ν/(ν − 2), and infinite for ν ≤ 2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StudentT {
    /// Degrees of freedom ν, positive.
    pub dof: f64,
}

/// The contaminated normal law: (1 − share)·N(location, scale²) + share·N(location, (width·scale)²), normal but for some observations that are
/// further off.
///
/// Its variance is scale²·(1 + share·(width² − 1)).
///
/// Reference: Tukey, *A survey of sampling from contaminated distributions*, in Contributions to Probability and Statistics, 1960.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ContaminatedNormal {
    /// The share of observations that are further off, from 0 to 1.
    pub share: f64,
    /// How many times further, positive.
    pub width: f64,
}

/// The Poisson law; its location is the rate, and it has no scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Poisson;

/// (y − location)/scale, and 0 where y is the location of a law without width.
fn standardize(location: f64, scale: f64, y: f64) -> f64 {
    if y == location { 0.0 } else { (y - location) / scale }
}

impl Family for Normal {
    fn cdf(&self, location: f64, scale: f64, y: f64) -> f64 {
        0.5 * libm::erfc(-standardize(location, scale, y) / SQRT_2)
    }

    fn ln_density(&self, location: f64, scale: f64, y: f64) -> f64 {
        -0.5 * standardize(location, scale, y).powi(2) - scale.ln() - 0.5 * (2.0 * PI).ln()
    }

    fn variance(&self, _location: f64, scale: f64) -> f64 {
        scale * scale
    }
}

impl Family for ContaminatedNormal {
    fn cdf(&self, location: f64, scale: f64, y: f64) -> f64 {
        let of = |scale| Normal.cdf(location, scale, y);
        (1.0 - self.share) * of(scale) + self.share * of(self.width * scale)
    }

    fn ln_density(&self, location: f64, scale: f64, y: f64) -> f64 {
        let of = |share: f64, scale| share.ln() + Normal.ln_density(location, scale, y);
        let (a, b) = (of(1.0 - self.share, scale), of(self.share, self.width * scale));
        let most = a.max(b);
        // Both are −∞ far out, and NaN stays NaN.
        if most == f64::NEG_INFINITY { most } else { most + ((a - most).exp() + (b - most).exp()).ln() }
    }

    fn variance(&self, _location: f64, scale: f64) -> f64 {
        scale * scale * (1.0 + self.share * (self.width * self.width - 1.0))
    }
}

impl Family for StudentT {
    fn cdf(&self, location: f64, scale: f64, y: f64) -> f64 {
        let z = standardize(location, scale, y);
        if z.is_nan() {
            return f64::NAN;
        }
        // From the center where y is near it, else from the end: neither argument of the beta function then rounds to 1.
        let (half, square) = (0.5 * self.dof, z * z);
        let tail = if square < self.dof {
            0.5 - 0.5 * beta_reg(0.5, half, square / (self.dof + square))
        } else {
            0.5 * beta_reg(half, 0.5, self.dof / (self.dof + square))
        };
        if z > 0.0 { 1.0 - tail } else { tail }
    }

    fn ln_density(&self, location: f64, scale: f64, y: f64) -> f64 {
        let (nu, z) = (self.dof, standardize(location, scale, y));
        let constant = libm::lgamma(0.5 * (nu + 1.0)) - libm::lgamma(0.5 * nu) - 0.5 * (nu * PI).ln();
        constant - scale.ln() - 0.5 * (nu + 1.0) * (z * z / nu).ln_1p()
    }

    fn variance(&self, _location: f64, scale: f64) -> f64 {
        if self.dof > 2.0 { scale * scale * self.dof / (self.dof - 2.0) } else { f64::INFINITY }
    }
}

impl Family for Poisson {
    fn cdf(&self, location: f64, _scale: f64, y: f64) -> f64 {
        if location.is_nan() || y.is_nan() {
            f64::NAN
        } else if y < 0.0 {
            0.0
        } else if location == 0.0 || y == f64::INFINITY {
            1.0
        } else {
            gamma_ur(y.floor() + 1.0, location)
        }
    }

    fn ln_density(&self, location: f64, _scale: f64, y: f64) -> f64 {
        if y < 0.0 || y.fract() != 0.0 {
            return f64::NEG_INFINITY;
        }
        let power = if y == 0.0 { 0.0 } else { y * location.ln() };
        power - location - libm::lgamma(y + 1.0)
    }

    fn variance(&self, location: f64, _scale: f64) -> f64 {
        location
    }

    fn is_discrete(&self) -> bool {
        true
    }
}
