//! A weighted mixture of laws of one family.

use crate::Family;

/// One number's law: weights, locations and scales.
pub(crate) struct Mixture<'a> {
    pub(crate) family: &'a dyn Family,
    pub(crate) laws: Vec<(f64, f64, f64)>,
}

impl Mixture<'_> {
    pub(crate) fn cdf(&self, y: f64) -> f64 {
        self.laws.iter().map(|&(weight, location, scale)| weight * self.family.cdf(location, scale, y)).sum()
    }

    pub(crate) fn ln_density(&self, y: f64) -> f64 {
        let terms =
            || self.laws.iter().map(|&(w, location, scale)| w.ln() + self.family.ln_density(location, scale, y));
        let peak = terms().fold(f64::NEG_INFINITY, f64::max);
        if peak.is_infinite() { peak } else { peak + terms().map(|x| (x - peak).exp()).sum::<f64>().ln() }
    }

    /// Σ of what is typical for a law: never 0 unless the law is a single point.
    pub(crate) fn width(&self) -> f64 {
        let center: f64 = self.laws.iter().map(|&(weight, location, _)| weight * location).sum();
        self.laws.iter().map(|&(weight, location, scale)| weight * ((location - center).abs() + scale)).sum()
    }

    /// The least y with P(Y ≤ y) ≥ p, to about 1e-14 of it.
    ///
    /// Chandrupatla's method: inverse quadratic interpolation where the last three points allow it, bisection where they do not, as at the
    /// step of a law of a single point. An evaluation costs a function call per law, and few are needed: see the test that counts them.
    ///
    /// Reference: Chandrupatla, *A new hybrid quadratic/bisection algorithm for finding the zero of a nonlinear function without using
    /// derivatives*, Advances in Engineering Software 28, 1997.
    pub(crate) fn quantile(&self, p: f64) -> f64 {
        let excess = |y: f64| self.cdf(y) - p;
        let ends = self.laws.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &(_, location, _)| {
            (location.min(low), location.max(high))
        });
        let width = self.width();
        let mut step = width.max(f64::MIN_POSITIVE).max(1e-15 * ends.0.abs().max(ends.1.abs()));
        let mut low = (ends.0 - step, excess(ends.0 - step));
        let mut high = (ends.1 + step, excess(ends.1 + step));
        while low.1 >= 0.0 && low.0.is_finite() {
            step *= 2.0;
            low = (low.0 - step, excess(low.0 - step));
        }
        while high.1 < 0.0 && high.0.is_finite() {
            step *= 2.0;
            high = (high.0 + step, excess(high.0 + step));
        }
        // P(Y ≤ y) reaches p between `newest` and `other`.
        let (mut newest, mut other, mut part) = (low, high, 0.5);
        loop {
            let y = newest.0 + part * (other.0 - newest.0);
            let point = (y, excess(y));
            let third =
                if (point.1 < 0.0) == (newest.1 < 0.0) { newest } else { std::mem::replace(&mut other, newest) };
            newest = point;
            let upper = if newest.1 < 0.0 { other } else { newest };
            let tolerance = 1e-14 * (newest.0.abs() + other.0.abs()) + 1e-15 * width;
            let least = tolerance / (other.0 - newest.0).abs();
            if least.is_nan() || least >= 0.5 || y == third.0 || y == other.0 {
                // A step lies on an integer, which the upper end has come down to.
                return if self.family.is_discrete() { upper.0.floor() } else { upper.0 };
            }
            let xi = (newest.0 - other.0) / (third.0 - other.0);
            let phi = (newest.1 - other.1) / (third.1 - other.1);
            part = if phi * phi < xi && (1.0 - phi) * (1.0 - phi) < 1.0 - xi {
                let [a, b, c] = [newest.1, other.1, third.1];
                let slope = (third.0 - newest.0) / (other.0 - newest.0);
                a / (b - a) * c / (b - c) + slope * a / (c - a) * b / (c - b)
            } else {
                0.5
            };
            part = part.clamp(least, 1.0 - least);
        }
    }
}
