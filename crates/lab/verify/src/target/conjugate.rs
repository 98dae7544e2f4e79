//! Conjugate models with data: the mean of a Gaussian, and linear regression.

use apd_sgmcmc::{Minibatch, Potential, PotentialError};
use ndarray::{Array1, Array2, array};

/// U(θ) = Σₙ (½θᵀAₙθ − bₙᵀθ) + ½τ‖θ‖²: the mean of Gaussian data (A = 1, b = x), and Bayesian linear regression
/// (A = βxxᵀ, b = βxy).
#[derive(Clone, Debug)]
pub(crate) struct Conjugate {
    /// (Aₙ, bₙ).
    pub(crate) terms: Vec<(Array2<f64>, Array1<f64>)>,
    pub(crate) tau: f64,
    /// Factors of the data's and the prior's parts: 1 and 1, unless an error is to be imitated.
    pub(crate) factors: [f64; 2],
}

impl Conjugate {
    /// The mean of `data` with variance 1 under the prior N(0, 1/τ).
    pub(crate) fn mean(data: &[f64], tau: f64) -> Self {
        Self { terms: data.iter().map(|&x| (array![[1.0]], array![x])).collect(), tau, factors: [1.0, 1.0] }
    }

    /// Intercept and slope of `points` (x, y), with noise of precision β, under the prior N(0, I/τ).
    pub(crate) fn line(points: &[(f64, f64)], beta: f64, tau: f64) -> Self {
        let term = |&(x, y): &(f64, f64)| (beta * array![[1.0, x], [x, x * x]], beta * array![y, x * y]);
        Self { terms: points.iter().map(term).collect(), tau, factors: [1.0, 1.0] }
    }

    /// Coordinates of θ.
    pub(crate) fn parameters(&self) -> usize {
        self.terms[0].1.len()
    }

    /// (H, b) of the estimate ∇Û(θ) = Hθ − b from the given terms, times `scale`.
    pub(crate) fn estimate(&self, scale: f64, terms: impl Iterator<Item = usize>) -> (Array2<f64>, Array1<f64>) {
        let ([data, prior], p) = (self.factors, self.parameters());
        let (mut h, mut b) = (prior * self.tau * Array2::eye(p), Array1::zeros(p));
        for n in terms {
            let (a_n, b_n) = &self.terms[n];
            h.scaled_add(data * scale, a_n);
            b.scaled_add(data * scale, b_n);
        }
        (h, b)
    }

    /// (H, b) of all terms: the posterior is N(H⁻¹b, H⁻¹).
    pub(crate) fn exact(&self) -> (Array2<f64>, Array1<f64>) {
        self.estimate(1.0, 0..self.terms.len())
    }

    /// Mean and covariance of the posterior, for one or two parameters.
    pub(crate) fn posterior(&self) -> (Array1<f64>, Array2<f64>) {
        let (h, b) = self.exact();
        let covariance = match self.parameters() {
            1 => 1.0 / &h,
            2 => {
                array![[h[[1, 1]], -h[[0, 1]]], [-h[[1, 0]], h[[0, 0]]]]
                    / (h[[0, 0]] * h[[1, 1]] - h[[0, 1]] * h[[1, 0]])
            }
            p => unreachable!("no inverse for {p} parameters"),
        };
        (covariance.dot(&b), covariance)
    }
}

impl Potential for Conjugate {
    fn dim(&self) -> usize {
        self.parameters()
    }

    fn num_data(&self) -> usize {
        self.terms.len()
    }

    fn gradient(
        &mut self,
        position: &[f32],
        minibatch: Minibatch<'_>,
        gradient: &mut [f32],
    ) -> Result<f64, PotentialError> {
        let ([data, prior], terms) = (self.factors, self.terms.len());
        let factor = data * minibatch.scale(terms);
        let mut value = 0.0;
        for i in 0..position.len() {
            let x = f64::from(position[i]);
            let (mut curved, mut flat) = (prior * self.tau * x, 0.0);
            for n in minibatch.indices(terms) {
                let (a_n, b_n) = &self.terms[n];
                curved += factor * (0..position.len()).map(|j| a_n[[i, j]] * f64::from(position[j])).sum::<f64>();
                flat += factor * b_n[i];
            }
            gradient[i] = (curved - flat) as f32;
            value += x * (0.5 * curved - flat);
        }
        Ok(value)
    }

    fn prior_precision(&self) -> Option<f64> {
        Some(self.tau)
    }
}

#[cfg(test)]
mod tests;
