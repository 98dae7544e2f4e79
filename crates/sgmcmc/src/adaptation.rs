//! What warm-ups learn from: an acceptance, and the coordinates' variances with those of the gradient.

use serde::{Deserialize, Serialize};

/// Stochastic approximation of the log step size at which the mean acceptance is δ.
///
/// Reference: Hoffman & Gelman, *The No-U-Turn sampler*, JMLR 15, 2014, §3.2, eq. 6 and algorithm 5.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DualAveraging {
    /// μ, which the iterates are drawn to: large, since a step size that is too large costs less than one that is too small.
    center: f64,
    /// t.
    count: u64,
    /// H̄: the average lack of acceptance.
    lack: f64,
    /// Iterates in the average.
    averaged: u64,
    /// log ε̄: the average of the iterates, the k-th of which had the weight k^−κ.
    average: f64,
}

impl DualAveraging {
    const GAMMA: f64 = 0.05;
    const T0: f64 = 10.0;
    const KAPPA: f64 = 0.75;

    pub(crate) fn new(step_size: f64) -> Self {
        Self { center: (10.0 * step_size).ln(), count: 0, lack: 0.0, averaged: 0, average: 0.0 }
    }

    /// The step size to try next, after one with this acceptance.
    pub(crate) fn update(&mut self, acceptance: f64, target: f64) -> f64 {
        self.count += 1;
        let t = self.count as f64;
        self.lack += (target - acceptance - self.lack) / (t + Self::T0);
        let iterate = self.center - t.sqrt() / Self::GAMMA * self.lack;
        self.averaged += 1;
        self.average += (self.averaged as f64).powf(-Self::KAPPA) * (iterate - self.average);
        iterate.exp()
    }

    /// Begins the average anew, at the next iterate; these go on, and swing less and less.
    pub(crate) fn restart_average(&mut self) {
        self.averaged = 0;
    }

    /// The step size to stay at.
    pub(crate) fn average(&self) -> f64 {
        self.average.exp()
    }
}

/// Variances of the coordinates, by Welford's recursion.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variances {
    count: u64,
    pub(crate) mean: Vec<f64>,
    /// Sums of squared deviations.
    pub(crate) squares: Vec<f64>,
}

impl Variances {
    pub(crate) fn new(dim: usize) -> Self {
        Self { count: 0, mean: vec![0.0; dim], squares: vec![0.0; dim] }
    }

    pub(crate) fn add(&mut self, position: &[f64]) {
        self.count += 1;
        for ((mean, squares), &x) in self.mean.iter_mut().zip(&mut self.squares).zip(position) {
            let deviation = x - *mean;
            *mean += deviation / self.count as f64;
            *squares += deviation * (x - *mean);
        }
    }

    /// How many positions.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The unbiased estimate of each coordinate's variance.
    pub(crate) fn variances(&self) -> impl Iterator<Item = f64> + '_ {
        let freedom = (self.count as f64 - 1.0).max(1.0);
        self.squares.iter().map(move |squares| squares / freedom)
    }

    /// The sum of the variances, each drawn toward 10⁻³ with the weight of five draws as Stan does, for a radius in θ's own units.
    pub(crate) fn shrunken_trace(&self) -> f64 {
        let n = self.count as f64;
        let shrunken = |squares: &f64| n / (n + 5.0) * squares / (n - 1.0).max(1.0) + 5.0 / (n + 5.0) * 1e-3;
        self.squares.iter().map(shrunken).sum()
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.mean.len());
    }
}

/// Writes the scales sᵢ⁴ = Var θᵢ/Var ∂ᵢ(U/T) of a window's positions and gradients ∇U: of a Gaussian with independent coordinates the
/// standard deviations exactly, from any two positions; they have θ's units, and nothing draws them to a size of their own.
///
/// A coordinate that has not moved, or feels no change of force, keeps the scale that it has.
///
/// Reference: Seyboldt, Carlson & Carpenter, *Preconditioning Hamiltonian Monte Carlo by minimizing Fisher divergence*, arXiv
/// 2603.18845, 2026: the diagonal minimizer.
pub(crate) fn learn_scales(positions: &Variances, gradients: &Variances, temperature: f64, scales: &mut [f64]) {
    for ((scale, of_position), of_gradient) in scales.iter_mut().zip(&positions.squares).zip(&gradients.squares) {
        let square = temperature * (of_position / of_gradient).sqrt();
        if square.is_normal() {
            *scale = square.sqrt();
        }
    }
}

#[cfg(test)]
mod tests;
