//! Quantile functions of the normal and the beta law, by root finding on `erfc` and `lgamma`.

use std::f64::consts::{PI, SQRT_2};

/// Φ⁻¹(p), to a few units of the last place of p or 1 − p, whichever is smaller; `p` in (0, 1).
///
/// A start good to 4.5·10⁻⁴ (Abramowitz & Stegun, 26.2.23), then Halley's method, which triples the digits at every step.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    let tail = p.min(1.0 - p);
    let t = (-2.0 * tail.ln()).sqrt();
    let numerator = 2.515517 + t * (0.802853 + t * 0.010328);
    let mut x = t - numerator / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    for _ in 0..2 {
        // f(x) = Q(x) − tail, f'/f'' = −1/x: Halley's step is u/(1 − x·u/2) with Newton's step u = −f/f'.
        let density = (-0.5 * x * x).exp() / (2.0 * PI).sqrt();
        let u = (0.5 * libm::erfc(x / SQRT_2) - tail) / density;
        x += u / (1.0 - 0.5 * x * u);
    }
    if p < 0.5 { -x } else { x }
}

/// The x with I_x(a, b) = p, by bisection; `p` in (0, 1), `a` and `b` positive.
pub(crate) fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if beta_distribution(middle, a, b) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// I_x(a, b), the distribution function of Beta(a, b) at `x` in (0, 1).
fn beta_distribution(x: f64, a: f64, b: f64) -> f64 {
    // On its own side of the mean the fraction needs O(√max(a, b)) terms, on the other side it may never converge.
    let log_beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let factor = (a * x.ln() + b * (-x).ln_1p() - log_beta).exp();
    if x <= (a + 1.0) / (a + b + 2.0) {
        factor / (a * beta_fraction(x, a, b))
    } else {
        1.0 - factor / (b * beta_fraction(1.0 - x, b, a))
    }
}

/// The continued fraction 1 + d₁/(1 + d₂/(1 + …)) of DLMF 8.17.22, by the modified Lentz method.
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    let nonzero = |v: f64| if v == 0.0 { f64::MIN_POSITIVE } else { v };
    let (mut numerators, mut denominators) = (1.0, 0.0);
    let mut value = 1.0;
    let mut extend = |d: f64| {
        numerators = nonzero(1.0 + d / numerators);
        denominators = 1.0 / nonzero(1.0 + d * denominators);
        value *= numerators * denominators;
        value
    };
    let mut m = 0.0;
    loop {
        let before = extend(-(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)));
        m += 1.0;
        let after = extend(m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)));
        let change = (after - before).abs();
        // Two roundings may go on for ever: not tighter than a few units of the last place.
        if change <= 8.0 * f64::EPSILON * after.abs() || change.is_nan() {
            return after;
        }
    }
}

#[cfg(test)]
mod tests;
