//! Networks whose units are left out at random.

use apd_nn::{Mlp, Model as _};
use apd_points::Posterior;
use apd_seed::Seed;
use ndarray::ArrayViewMut2;

/// A trained perceptron of which units are left out at random: MC-dropout as a posterior.
///
/// A draw leaves the same units out for all inputs: their weights are multiplied by 0, those of the others by 1/(1 − p). So its networks
/// can be stored, compared and attacked like any others.
///
/// Reference: Gal & Ghahramani, *Dropout as a Bayesian Approximation*, ICML 2016, section 3.
#[derive(Clone, Debug)]
pub struct Dropout {
    mlp: Mlp,
    theta: Vec<f32>,
}

impl Dropout {
    /// Units of this perceptron, left out with its own probability.
    ///
    /// **Panics** if θ has another length than the perceptron's.
    #[track_caller]
    pub fn new(mlp: &Mlp, theta: Vec<f32>) -> Self {
        assert_eq!(theta.len(), mlp.dim(), "elements of θ");
        Self { mlp: mlp.clone(), theta }
    }
}

impl Posterior for Dropout {
    fn dim(&self) -> usize {
        self.theta.len()
    }

    fn bytes(&self) -> usize {
        4 * self.theta.len()
    }

    fn draw_into(&self, seed: Seed, first: u64, mut out: ArrayViewMut2<'_, f32>) {
        assert_eq!(out.ncols(), self.theta.len(), "columns of the points");
        for (i, mut row) in out.outer_iter_mut().enumerate() {
            let mut stream = seed.index(first + i as u64).stream();
            let mut theta = self.theta.clone();
            for linear in self.mlp.linears().iter().skip(1) {
                let keep = 1.0 - f64::from(self.mlp.dropout);
                let mut factor = || if stream.uniform() < keep { keep.recip() as f32 } else { 0.0 };
                let factors: Vec<f32> = (0..linear.inputs).map(|_| factor()).collect();
                for weights in theta[linear.weight.clone()].chunks_exact_mut(linear.inputs) {
                    weights.iter_mut().zip(&factors).for_each(|(weight, factor)| *weight *= factor);
                }
            }
            row.iter_mut().zip(&theta).for_each(|(out, &weight)| *out = weight);
        }
    }
}

#[cfg(test)]
mod tests;
