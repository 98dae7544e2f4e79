//! SGLD with minibatches without replacement on conjugate posteriors.
//!
//! Within an epoch the minibatches of one permutation exclude each other, so their gradients' noise is negatively correlated and
//! the stationary variance is *not* that of independent minibatches. Over an epoch the position goes through a random affine map,
//! drawn independently for each epoch, so the moments at the epoch's end obey a linear equation, and those at the phases in between
//! follow. Two ways to solve it, compared with each other: a closed form for the Gaussian mean, whose gradient noise does not
//! depend on θ, and, for any quadratic potential, enumeration of all divisions of a few data into minibatches.

use std::convert::Infallible;

use apd_seed::Seed;

use super::verdict::Law;
use super::{apply, distance, identity, multiply, plus, transpose};
use crate::testing::{Matrix, Terms, Vector};
use crate::{Chain, ChainConfig, Sample, Sampler, Schedule, Sgld, Sink, run_chains};

/// Independent chains.
const CHAINS: u32 = 2000;
/// Epochs over which each chain averages.
const EPOCHS: u64 = 30;

/// E θ and E θθᵀ at each phase: after a multiple of m = ⌊N/B⌋ updates, one later, ….
#[derive(Clone, Debug)]
pub(super) struct Epoch<const P: usize> {
    first: Vec<Vector<P>>,
    second: Vec<Matrix<P>>,
}

/// The law for data x with variance 1 and the prior N(0, 1/τ).
///
/// ∇Û = (N + τ)θ − Gⱼ, Gⱼ = (N/B)·Σ_batch x, so θ ← aθ + (ε/2)Gⱼ + √(Tε)ξ, a = 1 − ε(N + τ)/2. Drawn without replacement, with
/// s² the sample variance: Var x = s²(N − 1)/N, Cov(x, x′) = −s²/N, hence Var Gⱼ = (N/B)²·B·s²(1 − B/N) and Cov(Gᵢ, Gⱼ) = −N·s².
fn conjugate_mean(data: &[f64], tau: f64, batch: usize, epsilon: f64, temperature: f64) -> Epoch<1> {
    conjugate_mean_with(data, tau, batch, epsilon, temperature, |n, spread| -n * spread)
}

/// As above, with Cov(Gᵢ, Gⱼ) as a function of N and s².
fn conjugate_mean_with(
    data: &[f64],
    tau: f64,
    batch: usize,
    epsilon: f64,
    temperature: f64,
    between: impl Fn(f64, f64) -> f64,
) -> Epoch<1> {
    let (n, b, m) = (data.len() as f64, batch as f64, data.len() / batch);
    let sum = data.iter().sum::<f64>();
    let spread = data.iter().map(|x| (x - sum / n).powi(2)).sum::<f64>() / (n - 1.0);
    let within = (n / b).powi(2) * b * spread * (1.0 - b / n);
    let a = 1.0 - 0.5 * epsilon * (n + tau);
    // Variance that `phase` updates add.
    let added = |phase: usize| {
        let weight = |i: usize| a.powi((phase - 1 - i) as i32);
        let mut variance = 0.0;
        for i in 0..phase {
            variance += temperature * epsilon * weight(i).powi(2);
            for j in 0..phase {
                let covariance = if i == j { within } else { between(n, spread) };
                variance += 0.25 * epsilon * epsilon * weight(i) * weight(j) * covariance;
            }
        }
        variance
    };
    let end = added(m) / (1.0 - a.powi(2 * m as i32));
    let mean = sum / (n + tau);
    let second = |phase: usize| [[a.powi(2 * phase as i32) * end + added(phase) + mean * mean]];
    Epoch { first: vec![[mean]; m], second: (0..m).map(second).collect() }
}

/// All ways to give `items` items to `slots` minibatches of `batch`, the others to none.
fn divisions(items: usize, slots: usize, batch: usize) -> Vec<Vec<Vec<usize>>> {
    fn place(item: usize, items: usize, batch: usize, division: &mut [Vec<usize>], all: &mut Vec<Vec<Vec<usize>>>) {
        if item == items {
            all.push(division[..division.len() - 1].to_vec());
            return;
        }
        // The last slot takes what is left out.
        let rest = items - (division.len() - 1) * batch;
        for slot in 0..division.len() {
            if division[slot].len() < if slot + 1 == division.len() { rest } else { batch } {
                division[slot].push(item);
                place(item + 1, items, batch, division, all);
                division[slot].pop();
            }
        }
    }
    let mut all = Vec::new();
    place(0, items, batch, &mut vec![Vec::new(); slots + 1], &mut all);
    all
}

/// The law of any quadratic potential, by enumeration and iteration to the fixed point.
///
/// For a division π the updates are θ ← Aθ + b + √(Tε)ξ with A, b from its minibatches in turn, so
/// Eθ ← A·Eθ + b and Eθθᵀ ← A·Eθθᵀ·Aᵀ + A·Eθ·bᵀ + b·Eθᵀ·Aᵀ + bbᵀ + TεI; the mean over π starts the next epoch.
fn enumerate<const P: usize>(model: &Terms<P>, batch: usize, epsilon: f64, temperature: f64) -> Epoch<P> {
    let n = model.terms.len();
    let m = n / batch;
    let maps: Vec<Vec<(Matrix<P>, Vector<P>)>> = divisions(n, m, batch)
        .iter()
        .map(|division| {
            let map = |terms: &Vec<usize>| {
                let (h, b) = model.estimate(n as f64 / batch as f64, terms.iter().copied());
                (plus(&identity(), -0.5 * epsilon, &h), b.map(|b| 0.5 * epsilon * b))
            };
            division.iter().map(map).collect()
        })
        .collect();
    let mut law = Epoch { first: vec![[0.0; P]; m], second: vec![[[0.0; P]; P]; m] };
    loop {
        let mut next = Epoch { first: vec![[0.0; P]; m], second: vec![[[0.0; P]; P]; m] };
        for division in &maps {
            let (mut first, mut second) = (law.first[0], law.second[0]);
            for (j, (a, b)) in division.iter().enumerate() {
                let moved = apply(a, &first);
                second = multiply(&multiply(a, &second), &transpose(a));
                for i in 0..P {
                    for k in 0..P {
                        second[i][k] += moved[i] * b[k] + b[i] * moved[k] + b[i] * b[k];
                    }
                    second[i][i] += temperature * epsilon;
                }
                first = std::array::from_fn(|i| moved[i] + b[i]);
                let phase = (j + 1) % m;
                for i in 0..P {
                    next.first[phase][i] += first[i] / maps.len() as f64;
                }
                next.second[phase] = plus(&next.second[phase], 1.0 / maps.len() as f64, &second);
            }
        }
        let change = distance(&next.second[0], &law.second[0]);
        law = next;
        if change < 1e-13 {
            return law;
        }
    }
}

/// One chain's averages over the epochs, phase by phase.
struct Phases<const P: usize>(Epoch<P>);

impl<const P: usize> Sink for Phases<P> {
    type Error = Infallible;

    fn sample(&mut self, sample: Sample<'_>) -> Result<(), Infallible> {
        let phase = (sample.step % self.0.first.len() as u64) as usize;
        for i in 0..P {
            let x = f64::from(sample.position[i]);
            self.0.first[phase][i] += x / EPOCHS as f64;
            for j in 0..P {
                self.0.second[phase][i][j] += x * f64::from(sample.position[j]) / EPOCHS as f64;
            }
        }
        Ok(())
    }
}

/// Runs chains of `sampler` on `model`, and checks their moments at every phase of the epoch against `theory`.
fn law<const P: usize, S: Sampler + Clone>(
    model: &Terms<P>,
    batch: usize,
    sampler: &S,
    burn_in: u64,
    theory: &Epoch<P>,
    seed: Seed,
) -> Law {
    let m = (model.terms.len() / batch) as u64;
    let config = ChainConfig { steps: (burn_in + EPOCHS) * m, burn_in: burn_in * m, thinning: 1, batch_size: batch };
    let chain = |c| Chain::new(c, model.clone(), sampler.clone(), config, seed, vec![0.0; P]).unwrap();
    let mut chains: Vec<_> = (0..CHAINS).map(chain).collect();
    let zero = || Phases(Epoch { first: vec![[0.0; P]; m as usize], second: vec![[[0.0; P]; P]; m as usize] });
    let mut sinks: Vec<Phases<P>> = (0..CHAINS).map(|_| zero()).collect();
    let mut law = Law::default();
    if let Some(error) = run_chains(&mut chains, &mut sinks).into_iter().find_map(Result::err) {
        law.reject(error);
    }
    for phase in 0..m as usize {
        for i in 0..P {
            let means: Vec<f64> = sinks.iter().map(|Phases(epoch)| epoch.first[phase][i]).collect();
            law.expect(format!("phase {phase}, mean {i}"), theory.first[phase][i], &means);
            for j in i..P {
                // About the true mean: far narrower than the raw moment, where the mean is far from 0.
                let (mu, nu) = (theory.first[phase][i], theory.first[phase][j]);
                let products: Vec<f64> = sinks
                    .iter()
                    .map(|Phases(e)| e.second[phase][i][j] - mu * e.first[phase][j] - nu * e.first[phase][i] + mu * nu)
                    .collect();
                let covariance = theory.second[phase][i][j] - mu * nu;
                law.expect(format!("phase {phase}, covariance {i} {j}"), covariance, &products);
            }
        }
    }
    law
}

/// Thirteen numbers, in minibatches of three: one is left out of every epoch.
const DATA: [f64; 13] = [0.3, 2.9, -1.2, 1.8, 4.4, 0.1, -0.7, 2.2, 1.1, 5.0, -2.1, 0.9, 3.3];
const TAU: f64 = 2.0;
const BATCH: usize = 3;
/// ε(N + τ) = 0.8.
pub(super) const EPSILON: f64 = 0.8 / 15.0;

/// Checks `sampler` on the posterior of the mean of [`DATA`], with the potential's parts multiplied by `factors`.
pub(super) fn conjugate_mean_law<S: Sampler + Clone>(sampler: &S, factors: [f64; 2]) -> Law {
    let theory = conjugate_mean(&DATA, TAU, BATCH, sampler.schedule().step_size(0), sampler.temperature());
    let model = Terms { factors, ..Terms::mean(&DATA, TAU) };
    law(&model, BATCH, sampler, 12, &theory, Seed::root(4).child("mean"))
}

/// The N/B of [`conjugate_mean_law`], and 1/N.
pub(super) const SCALE: f64 = DATA.len() as f64 / BATCH as f64;
pub(super) const PER_DATUM: f64 = 1.0 / DATA.len() as f64;

#[test]
fn closed_form_equals_enumeration() {
    for (n, batch) in [(7, 2), (6, 3), (5, 1), (4, 4)] {
        let data = &DATA[..n];
        let closed = conjugate_mean(data, TAU, batch, 0.07, 0.5);
        let enumerated = enumerate(&Terms::mean(data, TAU), batch, 0.07, 0.5);
        for phase in 0..n / batch {
            assert!((closed.first[phase][0] - enumerated.first[phase][0]).abs() < 1e-11, "N = {n}, phase {phase}");
            let (a, b) = (closed.second[phase][0][0], enumerated.second[phase][0][0]);
            assert!((a - b).abs() < 1e-11, "N = {n}, B = {batch}, phase {phase}: {a} and {b}");
        }
    }
}

#[test]
fn gaussian_mean() {
    // T = 0: the minibatches' noise alone.
    for temperature in [0.0, 1.0, 2.0] {
        let sampler = Sgld::new(Schedule::Constant(EPSILON), temperature);
        conjugate_mean_law(&sampler, [1.0, 1.0]).accept(&format!("Gaussian mean, T = {temperature}"));
    }
}

/// The check can tell minibatches without replacement from independent ones, and both from none at all.
#[test]
fn gaussian_mean_is_not_that_of_other_minibatches() {
    let (sampler, model) = (Sgld::new(Schedule::Constant(EPSILON), 1.0), Terms::mean(&DATA, TAU));
    let seed = Seed::root(4).child("mean");
    let independent = conjugate_mean_with(&DATA, TAU, BATCH, EPSILON, 1.0, |_, _| 0.0);
    law(&model, BATCH, &sampler, 12, &independent, seed).refuse("the law of independent minibatches");
    let full = conjugate_mean(&DATA, TAU, DATA.len(), EPSILON, 1.0);
    let m = DATA.len() / BATCH;
    let full = Epoch { first: vec![full.first[0]; m], second: vec![full.second[0]; m] };
    law(&model, BATCH, &sampler, 12, &full, seed).refuse("the law of full batches");
}

const POINTS: [(f64, f64); 7] =
    [(-1.0, -0.4), (-0.6, 0.9), (-0.1, 0.2), (0.4, 1.6), (0.9, 1.1), (1.3, 2.9), (2.0, 2.4)];

/// Intercept and slope: here the minibatch's noise depends on θ, so that even the mean is biased, by O(ε).
#[test]
fn linear_regression() {
    let (model, epsilon) = (Terms::line(&POINTS, 2.0, 1.0), 0.03);
    let theory = enumerate(&model, 2, epsilon, 1.0);
    let sampler = Sgld::new(Schedule::Constant(epsilon), 1.0);
    law(&model, 2, &sampler, 60, &theory, Seed::root(5).child("line")).accept("linear regression");

    // What the law is worth: its distance from the posterior is O(ε) …
    let (h, b) = model.estimate(1.0, 0..POINTS.len());
    let determinant = h[0][0] * h[1][1] - h[0][1] * h[1][0];
    let posterior = [[h[1][1], -h[0][1]], [-h[1][0], h[0][0]]].map(|row| row.map(|x| x / determinant));
    let mean = apply(&posterior, &b);
    let bias = |epsilon: f64| {
        let law = enumerate(&model, 2, epsilon, 1.0);
        let covariance: Matrix<2> =
            std::array::from_fn(|i| std::array::from_fn(|j| law.second[0][i][j] - law.first[0][i] * law.first[0][j]));
        let mean_bias = (0..2).map(|i| (law.first[0][i] - mean[i]).abs() / posterior[i][i].sqrt()).fold(0.0, f64::max);
        (mean_bias, distance(&covariance, &posterior) / posterior[0][0])
    };
    let (large, small) = (bias(epsilon), bias(epsilon / 8.0));
    println!("bias of the mean (posterior deviations) and covariance (relative): {large:?}, with ε/8 {small:?}");
    assert!(small.0 < large.0 / 4.0 && small.1 < large.1 / 4.0, "{large:?} {small:?}");
    assert!(small.0 < 0.02 && small.1 < 0.05, "{small:?}");
    // … and the check is sharp enough to tell it from the posterior.
    let second = std::array::from_fn(|i| std::array::from_fn(|j| posterior[i][j] + mean[i] * mean[j]));
    let continuous = Epoch { first: vec![mean; 3], second: vec![second; 3] };
    law(&model, 2, &sampler, 60, &continuous, Seed::root(5).child("line")).refuse("the posterior itself");
}

#[test]
fn divisions_are_all_and_each_once() {
    let all = divisions(7, 3, 2);
    assert_eq!(all.len(), 630); // 7!/(2!·2!·2!·1!)
    let mut sorted = all.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), 630);
    assert!(all.iter().flatten().all(|batch| batch.len() == 2));
}
