//! Chains against the exact law of the *discretised* process.
//!
//! Comparing a sampler with the posterior it is meant for only shows that it is close, and "close" must be wide enough for the
//! discretisation's bias. Here every potential is quadratic, so that an update is an affine map plus noise and the moments of
//! the discretised chain, minibatches included, follow exactly: the only tolerance left is the Monte Carlo error, which many
//! independent replicates estimate ([`verdict`]). Seeds are fixed; α says how often random ones would fail a correct sampler.
//!
//! * [`gaussian`]: full-batch chains on diagonal and correlated Gaussians.
//! * [`minibatch`]: conjugate posteriors with minibatches without replacement.
//! * [`schedules`]: decaying and cyclical step sizes.
//! * [`controls`]: faulty samplers and potentials that the very same checks must reject.

mod controls;
mod gaussian;
mod minibatch;
mod schedules;
mod verdict;

use crate::testing::{Matrix, Vector};

fn multiply<const P: usize>(a: &Matrix<P>, b: &Matrix<P>) -> Matrix<P> {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..P).map(|k| a[i][k] * b[k][j]).sum()))
}

fn transpose<const P: usize>(a: &Matrix<P>) -> Matrix<P> {
    std::array::from_fn(|i| std::array::from_fn(|j| a[j][i]))
}

fn apply<const P: usize>(a: &Matrix<P>, x: &Vector<P>) -> Vector<P> {
    std::array::from_fn(|i| (0..P).map(|j| a[i][j] * x[j]).sum())
}

/// a + factor·b
fn plus<const P: usize>(a: &Matrix<P>, factor: f64, b: &Matrix<P>) -> Matrix<P> {
    std::array::from_fn(|i| std::array::from_fn(|j| a[i][j] + factor * b[i][j]))
}

fn identity<const P: usize>() -> Matrix<P> {
    std::array::from_fn(|i| std::array::from_fn(|j| f64::from(u8::from(i == j))))
}

/// The greatest |aᵢⱼ − bᵢⱼ|.
fn distance<const P: usize>(a: &Matrix<P>, b: &Matrix<P>) -> f64 {
    a.as_flattened().iter().zip(b.as_flattened()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}
