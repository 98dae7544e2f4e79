//! The checks of one test, at a family-wise level.

use std::fmt::Display;

use statrs::distribution::{ChiSquared, ContinuousCDF};
use statrs::function::erf::erfc;

/// Probability that correct samplers, run with random seeds, are rejected anywhere in the whole suite.
pub const ALPHA: f64 = 1e-3;
/// Checks in the whole suite, at most: Bonferroni's divisor.
pub const CHECKS: usize = 10_000;
/// The level of one check.
pub const LEVEL: f64 = ALPHA / CHECKS as f64;

/// The check of a test that came closest to being rejected, or was the worst of those that were.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Worst {
    /// What was compared.
    pub what: String,
    /// The statistic, such as `z = 1.2`.
    pub statistic: String,
    /// The probability of one as extreme, if the sampler is right.
    pub p: f64,
}

/// What a test found: how many checks, and the worst of them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Trial {
    /// Checks made.
    pub checks: usize,
    /// The worst, once there is one.
    pub worst: Option<Worst>,
}

impl Trial {
    /// Checks that the replicates, independent and identically distributed, have mean `theory`: a two-sided normal test with
    /// the replicates' own standard error.
    ///
    /// A replicate may be a time average over a stretch of one chain: the autocorrelation *within* it is in its variance.
    ///
    /// **Panics** for fewer than 500 replicates: their mean must be normal, and its standard error known well.
    #[track_caller]
    pub fn mean(&mut self, what: impl Display, theory: f64, replicates: &[f64]) {
        assert!(replicates.len() >= 500, "{what}: {} replicates are too few for a normal test", replicates.len());
        let n = replicates.len() as f64;
        let mean = replicates.iter().sum::<f64>() / n;
        let variance = replicates.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let what = format!("{what}: {mean:.5} for {theory:.5}");
        self.normal(what, (mean - theory) / (variance / n).sqrt());
    }

    /// As [`mean`](Self::mean), for replicates with a bias that is known to be at most `tolerance`.
    ///
    /// **Panics** for fewer than 500 replicates.
    #[track_caller]
    pub fn mean_within(&mut self, what: impl Display, theory: f64, tolerance: f64, replicates: &[f64]) {
        let mean = replicates.iter().sum::<f64>() / replicates.len() as f64;
        // The nearest that is allowed; a mean that is not a number stays one.
        let nearest = if mean.is_nan() { theory } else { mean.clamp(theory - tolerance, theory + tolerance) };
        self.mean(format!("{what}, within {tolerance:.5} of {theory:.5}"), nearest, replicates);
    }

    /// Checks that z, standard normal if all is right, is not extreme on either side.
    pub fn normal(&mut self, what: impl Display, z: f64) {
        self.record(what, format!("z = {z:.2}"), erfc(z.abs() / std::f64::consts::SQRT_2));
    }

    /// Checks that counts, each of the same expectation if all is right, are not too uneven (χ²).
    ///
    /// **Panics** for fewer than two cells, or fewer than five expected in each.
    #[track_caller]
    pub fn uniform(&mut self, what: impl Display, counts: &[u64]) {
        let total = counts.iter().sum::<u64>() as f64;
        let expected = total / counts.len() as f64;
        assert!(counts.len() > 1 && expected >= 5.0, "{what}: {expected} expected in each of {} cells", counts.len());
        let statistic = counts.iter().map(|&n| (n as f64 - expected).powi(2) / expected).sum::<f64>();
        self.chi_squared(what, statistic, counts.len() - 1);
    }

    /// Checks that a statistic, χ² with so many degrees of freedom if all is right, is not too large.
    ///
    /// **Panics** without degrees of freedom.
    #[track_caller]
    pub fn chi_squared(&mut self, what: impl Display, statistic: f64, freedom: usize) {
        let law = ChiSquared::new(freedom as f64).expect("degrees of freedom");
        let p = if statistic.is_finite() { law.sf(statistic) } else { f64::NAN };
        self.record(what, format!("χ²({freedom}) = {statistic:.1}"), p);
    }

    /// Checks that `values` are uniform on [0, 1] (Kolmogorov–Smirnov, with Stephens' correction for finite n).
    pub fn kolmogorov_smirnov(&mut self, what: impl Display, values: &[f64]) {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len() as f64;
        let distance = sorted
            .iter()
            .enumerate()
            .map(|(i, x)| (x - i as f64 / n).max((i + 1) as f64 / n - x))
            .fold(0.0, |a: f64, b| if b.is_nan() { f64::NAN } else { a.max(b) });
        let scaled = distance * (n.sqrt() + 0.12 + 0.11 / n.sqrt());
        let term = |k: f64| (-2.0 * (k * scaled).powi(2)).exp();
        let p = 2.0 * (1..=100).map(|k| if k % 2 == 1 { term(f64::from(k)) } else { -term(f64::from(k)) }).sum::<f64>();
        // The series needs many terms near 0, where p is 1 anyway.
        let p = if scaled < 0.2 { 1.0 } else { p };
        self.record(what, format!("D = {distance:.4} of {n}"), p);
    }

    /// Checks something that has no distribution: a failure is certain.
    pub fn require(&mut self, what: impl Display, holds: bool) {
        self.record(what, if holds { "holds".into() } else { "does not hold".into() }, if holds { 1.0 } else { 0.0 });
    }

    /// Whether a check was rejected.
    pub fn rejected(&self) -> bool {
        self.worst.as_ref().is_some_and(|worst| worst.p.is_nan() || worst.p <= LEVEL)
    }

    fn record(&mut self, what: impl Display, statistic: String, p: f64) {
        self.checks += 1;
        let key = |p: f64| if p.is_nan() { -1.0 } else { p };
        if self.worst.as_ref().is_none_or(|worst| key(p) < key(worst.p)) {
            self.worst = Some(Worst { what: what.to_string(), statistic, p });
        }
    }
}

#[cfg(test)]
mod tests;
