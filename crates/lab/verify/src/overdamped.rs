//! The exact law on the line of BAOAB in its overdamped limit, α = 1, at T = 1.
//!
//! An update kicks by −ε·U′(θ) and drifts to y = θ + u/2, where the momentum is drawn anew: θ = y + √ε·z/2. The y alone are a
//! Markov chain, y′ = y + 2·(θ − y) − (ε/2)·U′(θ) = 2θ − y − (ε/2)·U′(θ), and for a given θ this is its own inverse, of slope −1.
//! So a density p of y becomes
//!
//! p′(y′) = ∫ p(y)·φ(θ − y) dθ at y = 2θ − y′ − (ε/2)·U′(θ), φ the density of N(0, ε/4).
//!
//! All of it is smooth and vanishes at the ends, where the trapezoidal rule and interpolation by sinc functions are exact to
//! rounding.

use std::f64::consts::PI;

/// Points of the line.
const SPACING: f64 = 0.05;
const POINTS: usize = 181;

fn point(i: usize) -> f64 {
    (i as f64 - (POINTS - 1) as f64 / 2.0) * SPACING
}

/// The density of N(0, `variance`).
fn normal(x: f64, variance: f64) -> f64 {
    (-0.5 * x * x / variance).exp() / (2.0 * PI * variance).sqrt()
}

/// Where θ is, in the long run: points and their masses, for a potential of slope `slope` that holds it within ±4.
///
/// **Panics** for ε below 0.04, for which the points are too far apart, and where mass gets lost at the ends.
#[track_caller]
pub(crate) fn law(slope: impl Fn(f64) -> f64, epsilon: f64) -> Vec<(f64, f64)> {
    let variance = 0.25 * epsilon;
    assert!(variance.sqrt() >= 2.0 * SPACING, "ε = {epsilon} needs points closer to each other");
    // Row by row: how much each old value of p counts for a new one.
    let mut update = vec![vec![0.0; POINTS]; POINTS];
    for (i, row) in update.iter_mut().enumerate() {
        for theta in (0..POINTS).map(point) {
            let y = 2.0 * theta - point(i) - 0.5 * epsilon * slope(theta);
            let mass = SPACING * normal(theta - y, variance);
            // Where p is not held it is 0.
            if mass > 1e-20 && y.abs() <= point(POINTS - 1) {
                let place = (y - point(0)) / SPACING;
                for (k, weight) in row.iter_mut().enumerate() {
                    *weight += mass * sinc(place - k as f64);
                }
            }
        }
    }
    let mut density: Vec<f64> = (0..POINTS).map(|i| normal(point(i), 0.5)).collect();
    for _ in 0..20_000 {
        let mut next: Vec<f64> = update.iter().map(|row| row.iter().zip(&density).map(|(a, b)| a * b).sum()).collect();
        let kept = next.iter().sum::<f64>() / density.iter().sum::<f64>();
        next.iter_mut().for_each(|p| *p /= kept);
        let change: f64 = next.iter().zip(&density).map(|(a, b)| (a - b).abs()).sum();
        density = next;
        if change < 1e-11 {
            assert!((kept - 1.0).abs() < 1e-7, "an update keeps {kept} of the mass");
            let at = |theta: f64| (0..POINTS).map(|i| density[i] * normal(theta - point(i), variance)).sum::<f64>();
            let law: Vec<(f64, f64)> = (0..POINTS).map(point).map(|theta| (theta, at(theta))).collect();
            let total: f64 = law.iter().map(|(_, mass)| mass).sum();
            return law.into_iter().map(|(theta, mass)| (theta, mass / total)).collect();
        }
    }
    panic!("no stationary law was reached")
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

#[cfg(test)]
mod tests;
