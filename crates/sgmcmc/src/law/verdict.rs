//! The checker: replicates against a theoretical value, at a family-wise level.

use std::fmt::Display;

use apd_seed::Seed;

/// Probability that a correct sampler, run with random seeds, fails anywhere in the laws.
const ALPHA: f64 = 1e-3;
/// Laws that a correct sampler must pass, and checks in each, at most: Bonferroni's divisor.
const LAWS: usize = 16;
const CHECKS: usize = 32;

/// The checks of one law.
#[derive(Debug, Default)]
pub(super) struct Law {
    checks: usize,
    rejected: Vec<String>,
    worst: f64,
}

impl Law {
    /// Checks that the replicates, independent and identically distributed, have mean `theory`: a two-sided normal test with
    /// the replicates' own standard error.
    ///
    /// A replicate is a time average over a stretch of one chain, so autocorrelation *within* it is in its variance already; and
    /// there are at least a thousand, so that their mean is normal and its standard error known well.
    pub(super) fn expect(&mut self, what: impl Display, theory: f64, replicates: &[f64]) {
        assert!(replicates.len() >= 1000, "{what}: {} replicates are too few for a normal test", replicates.len());
        self.checks += 1;
        let n = replicates.len() as f64;
        let mean = replicates.iter().sum::<f64>() / n;
        let variance = replicates.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let z = (mean - theory) / (variance / n).sqrt();
        self.worst = self.worst.max(z.abs());
        let p = erfc(z.abs() / std::f64::consts::SQRT_2);
        let level = ALPHA / (LAWS * CHECKS) as f64;
        // Written so that a NaN is rejected.
        if !matches!(p.partial_cmp(&level), Some(std::cmp::Ordering::Greater)) {
            self.rejected
                .push(format!("{what}: {mean:.6}, in theory {theory:.6}; z = {z:.1}, p = {p:.1e} ≤ {level:.1e}"));
        }
    }

    /// Rejects for a reason other than a moment.
    pub(super) fn reject(&mut self, why: impl Display) {
        self.checks += 1;
        self.rejected.push(why.to_string());
    }

    /// The rejected checks, one per line.
    pub(super) fn verdict(self) -> Result<(), String> {
        assert!((1..=CHECKS).contains(&self.checks), "{} checks; the level is for at most {CHECKS}", self.checks);
        if self.rejected.is_empty() { Ok(()) } else { Err(self.rejected.join("\n")) }
    }

    /// **Panics** if a check was rejected.
    #[track_caller]
    pub(super) fn accept(self, name: &str) {
        println!("{name}: {} checks, greatest |z| {:.2}", self.checks, self.worst);
        if let Err(why) = self.verdict() {
            panic!("{name} was rejected:\n{why}");
        }
    }

    /// **Panics** if no check was rejected.
    #[track_caller]
    pub(super) fn refuse(self, name: &str) {
        match self.verdict() {
            Ok(()) => panic!("{name} should have been rejected"),
            Err(why) => println!("{name}: rejected, {}", why.lines().next().unwrap_or_default()),
        }
    }
}

/// 1 − erf(x) for x ≥ 0, to a relative 1.2·10⁻⁷ however small.
///
/// Reference: Press et al., *Numerical Recipes in C*, 2nd ed., §6.2, `erfcc`.
fn erfc(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.5 * x);
    let coefficients = [
        -1.26551223,
        1.00002368,
        0.37409196,
        0.09678418,
        -0.18628806,
        0.27886807,
        -1.13520398,
        1.48851587,
        -0.82215223,
        0.17087277,
    ];
    t * (coefficients.iter().rev().fold(0.0, |sum, c| sum * t + c) - x * x).exp()
}

#[test]
fn erfc_agrees_with_tables() {
    // Abramowitz & Stegun, table 7.1, and the two-sided levels of the normal distribution.
    for (x, expected) in [(0.0, 1.0), (0.5, 0.479_500_122), (1.0, 0.157_299_207), (3.0, 2.209_049_7e-5)] {
        assert!((erfc(x) / expected - 1.0).abs() < 2e-7, "erfc({x}) = {}", erfc(x));
    }
    assert!((erfc(4.891_638 / std::f64::consts::SQRT_2) / 1e-6 - 1.0).abs() < 1e-5);
}

/// The checker itself: it passes normals, and sees a mean that is off by 8 standard errors.
#[test]
fn checker_has_size_and_power() {
    let n = 4096;
    let mut z = vec![0.0; n];
    let mut law = Law::default();
    for row in 0..30 {
        Seed::root(1).child("checker").normals().fill_f64(row, 0, &mut z);
        law.expect(format!("row {row}"), 0.0, &z);
    }
    law.accept("normals");
    for theory in [-8.0 / (n as f64).sqrt(), 8.0 / (n as f64).sqrt(), f64::NAN] {
        let mut law = Law::default();
        law.expect("normals", theory, &z);
        law.refuse("a wrong mean");
    }
}
