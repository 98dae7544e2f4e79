//! End to end: SGLD on minibatches of a Bayesian linear regression, against the posterior in closed form.

use std::convert::Infallible;
use std::sync::Arc;

use apd_nn::Network;
use apd_seed::Seed;
use apd_sgmcmc::{Chain, ChainConfig, Sample, Schedule, Sgld, run_chains};
use ndarray::Array2;

use super::*;
use crate::data::Targets;
use crate::{likelihood, prior};

const N: usize = 60;
const BATCH: usize = 15;
pub(super) const CHAINS: usize = 24;
const NOISE_PRECISION: f64 = 4.0;
const PRIOR: f64 = 2.0;
const STEP_SIZE: f64 = 2e-4;

/// y = 1 + 2x₁ − x₂ + noise.
fn data() -> Data {
    let normals = Seed::root(2024).normals();
    let (mut inputs, mut noise) = (Array2::zeros((N, 2)), [0.0_f32; N]);
    normals.fill(0, 0, inputs.as_slice_mut().unwrap());
    normals.fill(1, 0, &mut noise);
    let y = |i: usize| 1.0 + 2.0 * inputs[[i, 0]] - inputs[[i, 1]] + 0.5 * noise[i];
    let values = Array2::from_shape_fn((N, 1), |(i, _)| y(i));
    Data::values(inputs, values)
}

/// Mean and covariance of p(w₁, w₂, b|data): A = λX̃ᵀX̃ + τI, Σ = A⁻¹, μ = λ·Σ·X̃ᵀy.
fn posterior(data: &Data) -> ([f64; 3], [[f64; 3]; 3]) {
    let Targets::Values(y) = &data.targets else { panic!("a regression") };
    let (mut a, mut c) = ([[0.0; 3]; 3], [0.0; 3]);
    for i in 0..N {
        let x = [f64::from(data.inputs[[i, 0]]), f64::from(data.inputs[[i, 1]]), 1.0];
        for r in 0..3 {
            c[r] += NOISE_PRECISION * x[r] * f64::from(y[[i, 0]]);
            (0..3).for_each(|s| a[r][s] += NOISE_PRECISION * x[r] * x[s]);
        }
    }
    (0..3).for_each(|r| a[r][r] += PRIOR);
    let minor = |r: usize, s: usize| {
        let (r1, r2, s1, s2) = ((r + 1) % 3, (r + 2) % 3, (s + 1) % 3, (s + 2) % 3);
        a[r1][s1] * a[r2][s2] - a[r1][s2] * a[r2][s1]
    };
    let determinant: f64 = (0..3).map(|s| a[0][s] * minor(0, s)).sum();
    let covariance: [[f64; 3]; 3] = std::array::from_fn(|r| std::array::from_fn(|s| minor(s, r) / determinant));
    let mean = std::array::from_fn(|r| (0..3).map(|s| covariance[r][s] * c[s]).sum());
    (mean, covariance)
}

/// Per chain: its mean, and its mean of squares about the exact mean. Chains are independent, so these are samples of 24.
fn sample(model: &NetworkPotential, mean: [f64; 3]) -> Vec<[f64; 6]> {
    let config = ChainConfig { steps: 20_000, burn_in: 1_000, thinning: 5, batch_size: BATCH };
    let mut chains: Vec<_> = (0..CHAINS)
        .map(|c| {
            let sampler = Sgld::new(Schedule::Constant(STEP_SIZE), 1.0);
            Chain::new(c as u32, model.clone(), sampler, config, Seed::root(5), vec![0.0; 3]).unwrap()
        })
        .collect();
    let mut sums = vec![[0.0; 6]; CHAINS];
    let mut sinks: Vec<_> = sums
        .iter_mut()
        .map(|sums| {
            move |sample: Sample<'_>| {
                for i in 0..3 {
                    let x = f64::from(sample.position[i]);
                    sums[i] += x / config.kept() as f64;
                    sums[3 + i] += (x - mean[i]).powi(2) / config.kept() as f64;
                }
                Ok::<(), Infallible>(())
            }
        })
        .collect();
    assert!(run_chains(&mut chains, &mut sinks).iter().all(Result::is_ok));
    drop(sinks);
    sums
}

/// |mean of the chains' statistic − expected| beyond the allowed bias, in standard errors of that mean.
pub(super) fn excess<const N: usize>(chains: &[[f64; N]], statistic: usize, expected: f64, bias: f64) -> f64 {
    let n = chains.len() as f64;
    let mean = chains.iter().map(|c| c[statistic]).sum::<f64>() / n;
    let variance = chains.iter().map(|c| (c[statistic] - mean).powi(2)).sum::<f64>() / (n - 1.0);
    ((mean - expected).abs() - bias).max(0.0) / (variance / n).sqrt()
}

/// Student's t with 23 degrees of freedom exceeds 5.7 in absolute value with probability 8·10⁻⁶; six statistics: α < 5·10⁻⁵.
pub(super) const THRESHOLD: f64 = 5.7;

/// The drift is linear, so the mean has no bias. The variance has: relatively εA/4 ≈ 0.012 by discretization and at most
/// ε·Var(∇Û)/4 ≈ 0.036 by the minibatches' noise (their trace is less, as epochs visit each observation once).
const VARIANCE_BIAS: f64 = 0.06;

#[test]
fn sgld_on_minibatches_samples_the_conjugate_posterior() {
    let data = data();
    let (mean, covariance) = posterior(&data);
    let network = Network::mlp(&[2, 1]);
    let potential = |data, precision: f64| {
        let likelihood = likelihood::Gaussian { sd: precision.sqrt().recip() };
        NetworkPotential::new(&network, data, Arc::new(likelihood), Arc::new(prior::Gaussian::isotropic(PRIOR)))
            .unwrap()
    };
    let model = potential(data.clone(), NOISE_PRECISION);
    let chains = sample(&model, mean);
    for i in 0..3 {
        let t = excess(&chains, i, mean[i], 0.0);
        assert!(t < THRESHOLD, "mean of parameter {i}: {t} standard errors off");
        let t = excess(&chains, 3 + i, covariance[i][i], VARIANCE_BIAS * covariance[i][i]);
        assert!(t < THRESHOLD, "variance of parameter {i}: {t} standard errors beyond the bias");
    }

    // The same test must notice a likelihood that lost the factor N/B.
    let wrong = potential(data, NOISE_PRECISION * BATCH as f64 / N as f64);
    let chains = sample(&wrong, mean);
    for i in 0..3 {
        let t = excess(&chains, 3 + i, covariance[i][i], VARIANCE_BIAS * covariance[i][i]);
        assert!(t > 2.0 * THRESHOLD, "a posterior four times as wide passes: {t}");
    }
}
