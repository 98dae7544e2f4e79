//! End to end: microcanonical chains of a Bayesian linear regression whose prior has a scale to learn, against quadrature.

use std::sync::Arc;

use apd_nn::Network;
use apd_sgmcmc::{FullBatch, MicrocanonicalChain, MicrocanonicalConfig, Potential64};
use ndarray::Array2;

use super::conjugate::{CHAINS, THRESHOLD, excess};
use super::*;
use crate::data::Targets;
use crate::likelihood::{Gaussian, LogScalePrior};
use crate::prior::LearnedGaussian;

const N: usize = 10;
/// Two weights and a bias.
const D: usize = 3;
const NOISE: f64 = 0.5;
const LOG_SCALE: LogScalePrior = LogScalePrior { mean: 0.3, sd: 0.8 };

/// y = ½ + x₁ − x₂ + noise.
fn data() -> Data {
    let normals = Seed::root(71).normals();
    let (mut inputs, mut noise) = (Array2::zeros((N, D - 1)), [0.0_f32; N]);
    normals.fill(0, 0, inputs.as_slice_mut().unwrap());
    normals.fill(1, 0, &mut noise);
    let values =
        Array2::from_shape_fn((N, 1), |(i, _)| 0.5 + inputs[[i, 0]] - inputs[[i, 1]] + NOISE as f32 * noise[i]);
    Data::values(inputs, values)
}

/// ln p(y|σ) + const: with the weights integrated out, y ~ N(0, s²·I + σ²·X̃X̃ᵀ), by its Cholesky factor.
fn log_evidence(data: &Data, log_sigma: f64) -> f64 {
    let Targets::Values(y) = &data.targets else { panic!("a regression") };
    let x = |i: usize, j: usize| if j < D - 1 { f64::from(data.inputs[[i, j]]) } else { 1.0 };
    let covariance = |i: usize, k: usize| {
        let dot: f64 = (0..D).map(|j| x(i, j) * x(k, j)).sum();
        (2.0 * log_sigma).exp() * dot + if i == k { NOISE * NOISE } else { 0.0 }
    };
    let (mut factor, mut z, mut log_density) = ([[0.0; N]; N], [0.0; N], 0.0);
    for i in 0..N {
        for k in 0..=i {
            let left = covariance(i, k) - (0..k).map(|j| factor[i][j] * factor[k][j]).sum::<f64>();
            factor[i][k] = if i == k { left.sqrt() } else { left / factor[k][k] };
        }
        z[i] = (f64::from(y[[i, 0]]) - (0..i).map(|j| factor[i][j] * z[j]).sum::<f64>()) / factor[i][i];
        log_density -= factor[i][i].ln() + 0.5 * z[i] * z[i];
    }
    log_density
}

/// Mean and variance of ln σ given the data, by the trapezoidal rule on [−8, 8].
fn posterior(data: &Data) -> [f64; 2] {
    let grid: Vec<f64> = (0..=4_000).map(|i| -8.0 + f64::from(i) / 250.0).collect();
    let log_prior = |psi: f64| -0.5 * ((psi - LOG_SCALE.mean) / LOG_SCALE.sd).powi(2);
    let densities: Vec<f64> = grid.iter().map(|&psi| (log_evidence(data, psi) + log_prior(psi)).exp()).collect();
    let sum: f64 = densities.iter().sum();
    let average = |of: &dyn Fn(f64) -> f64| grid.iter().zip(&densities).map(|(&psi, p)| p / sum * of(psi)).sum::<f64>();
    let mean = average(&|psi| psi);
    [mean, average(&|psi| (psi - mean).powi(2))]
}

/// A potential that counts the weights of the layer wrongly: so many units of ln σ more.
struct Miscounted(FullBatch<NetworkPotential>, f64);

impl Potential64 for Miscounted {
    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> Result<f64, PotentialError> {
        let energy = self.0.gradient(position, gradient)?;
        gradient[D] += self.1;
        Ok(energy + self.1 * position[D])
    }
}

/// Per chain: the mean of ln σ, and its mean of squares about the exact mean. Chains are independent, so these are samples of 24.
fn sample(model: &NetworkPotential, miscounted: f64, mean: f64) -> Vec<[f64; 2]> {
    let config = MicrocanonicalConfig::adjusted(500, 1_500);
    let chain = |c: usize| {
        let start = model.initialize(Seed::root(9).index(c as u64));
        let potential = Miscounted(FullBatch::new(model.clone()), miscounted);
        let mut chain = MicrocanonicalChain::new(c as u32, potential, config, Seed::root(5), start).unwrap();
        let mut sums = [0.0; 2];
        while chain.progress().step < 2_000 {
            if let Some(sample) = chain.step().unwrap() {
                let psi = sample.position[D];
                sums[0] += psi / 1_500.0;
                sums[1] += (psi - mean).powi(2) / 1_500.0;
            }
        }
        sums
    };
    (0..CHAINS).map(chain).collect()
}

/// Steps are tested, so that the law is exact; two statistics at the threshold of `conjugate`: α < 2·10⁻⁵.
#[test]
fn microcanonical_chains_sample_the_posterior_of_a_scale() {
    let data = data();
    let [mean, variance] = posterior(&data);
    let prior = Arc::new(LearnedGaussian { log_scale: LOG_SCALE, ..LearnedGaussian::default() });
    let likelihood = Arc::new(Gaussian { sd: NOISE });
    let model = NetworkPotential::new(&Network::mlp(&[D - 1, 1]), data, likelihood, prior).unwrap();
    let chains = sample(&model, 0.0, mean);
    for (statistic, expected) in [mean, variance].into_iter().enumerate() {
        let t = excess(&chains, statistic, expected, 0.0);
        assert!(t < THRESHOLD, "statistic {statistic}: {t} standard errors from {expected}");
    }

    // The same test must notice a weight that is not counted, which is also what a forgotten Jacobian amounts to.
    let t = excess(&sample(&model, -1.0, mean), 0, mean, 0.0);
    assert!(t > 2.0 * THRESHOLD, "a weight that is not counted passes: {t}");
}
