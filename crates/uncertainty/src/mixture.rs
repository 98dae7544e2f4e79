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

    /// By bisection, to the last place or so.
    pub(crate) fn quantile(&self, p: f64) -> f64 {
        let ends = self.laws.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &(_, location, _)| {
            (location.min(low), location.max(high))
        });
        let mut step = self.width().max(f64::MIN_POSITIVE).max(1e-15 * ends.0.abs().max(ends.1.abs()));
        let (mut low, mut high) = (ends.0 - step, ends.1 + step);
        while self.cdf(low) >= p && low.is_finite() {
            step *= 2.0;
            low -= step;
        }
        while self.cdf(high) < p && high.is_finite() {
            step *= 2.0;
            high += step;
        }
        // The function is below p at `low` and not at `high`.
        loop {
            let middle = 0.5 * low + 0.5 * high;
            if middle <= low || middle >= high || high - low <= 1e-14 * (low.abs() + high.abs()) {
                // A step lies on an integer, which `high` has come down to.
                return if self.family.is_discrete() { high.floor() } else { middle };
            }
            if self.cdf(middle) < p {
                low = middle;
            } else {
                high = middle;
            }
        }
    }
}
