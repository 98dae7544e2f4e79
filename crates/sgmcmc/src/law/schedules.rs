//! SGLD with step sizes that change.
//!
//! With U = ½λx² the moments still follow exactly: Ex ← aₜ·Ex, Ex² ← aₜ²·Ex² + Tεₜ·[update t samples], aₜ = 1 − εₜλ/2. Chains are
//! compared with the weighted time averages of these, not with the posterior: a decaying chain is unbiased only in the limit.

use std::convert::Infallible;

use apd_seed::Seed;

use super::verdict::Law;
use crate::testing::Quadratic;
use crate::{Chain, ChainConfig, Sample, Schedule, Sgld};

/// Replicates.
const COORDINATES: usize = 8192;
const LAMBDA: f64 = 1.5;
const START: f64 = 2.0;

/// E Σwx/Σw and E Σwx²/Σw over the kept positions.
fn averages(
    schedule: Schedule,
    temperature: f64,
    config: ChainConfig,
    noise: impl Fn(u64) -> bool,
    weight: impl Fn(u64) -> f64,
) -> (f64, f64) {
    let (mut first, mut second) = (START, START * START);
    let (mut sums, mut weights) = ((0.0, 0.0), 0.0);
    for t in 0..config.steps {
        let epsilon = schedule.step_size(t);
        let a = 1.0 - 0.5 * epsilon * LAMBDA;
        first *= a;
        second *= a * a;
        if noise(t) {
            second += temperature * epsilon;
        }
        if t + 1 > config.burn_in && (t + 1 - config.burn_in).is_multiple_of(config.thinning) {
            sums = (sums.0 + weight(t) * first, sums.1 + weight(t) * second);
            weights += weight(t);
        }
    }
    (sums.0 / weights, sums.1 / weights)
}

/// The weighted averages of SGLD's samples, one pair per replicate.
fn observe(schedule: Schedule, temperature: f64, config: ChainConfig, seed: Seed) -> (Vec<f64>, Vec<f64>) {
    let target = Quadratic { precision: [[LAMBDA]], centre: [0.0], blocks: COORDINATES };
    let sampler = Sgld::new(schedule, temperature);
    let mut chain = Chain::new(0, target, sampler, config, seed, vec![START as f32; COORDINATES]).unwrap();
    let (mut first, mut second, mut weights) = (vec![0.0; COORDINATES], vec![0.0; COORDINATES], 0.0);
    chain
        .run(&mut |sample: Sample<'_>| {
            weights += sample.weight;
            for (i, &x) in sample.position.iter().enumerate() {
                first[i] += sample.weight * f64::from(x);
                second[i] += sample.weight * f64::from(x) * f64::from(x);
            }
            Ok::<(), Infallible>(())
        })
        .unwrap();
    first.iter_mut().chain(&mut second).for_each(|sum| *sum /= weights);
    (first, second)
}

fn law((mean, square): (f64, f64), (means, squares): &(Vec<f64>, Vec<f64>)) -> Law {
    let mut law = Law::default();
    law.expect("weighted mean", mean, means);
    law.expect("weighted mean square", square, squares);
    law
}

#[test]
fn polynomial() {
    // ε₀λ = 1.3, ε₃₀₀₀λ = 0.025.
    let schedule = Schedule::Polynomial { a: 2.0, b: 4.0, gamma: 0.6 };
    let weight = |t| schedule.step_size(t) / schedule.step_size(0);
    let config = ChainConfig { steps: 3000, burn_in: 0, thinning: 1, batch_size: 1 };
    let observed = observe(schedule, 1.0, config, Seed::root(6).child("polynomial"));
    law(averages(schedule, 1.0, config, |_| true, weight), &observed).accept("polynomial");
    // Whether samples carry their weights is visible.
    law(averages(schedule, 1.0, config, |_| true, |_| 1.0), &observed).refuse("polynomial without weights");

    // Consistency: the exact expectation, which the chain was just shown to have, tends to the posterior's E x² = T/λ.
    let bias = |steps| {
        let (mean, square) = averages(schedule, 1.0, ChainConfig { steps, ..config }, |_| true, weight);
        (mean.abs(), (square * LAMBDA - 1.0).abs())
    };
    let biases = [100, 1_000, 10_000, 1_000_000].map(bias);
    assert!(biases.is_sorted_by(|a, b| a.0 > 1.5 * b.0 && a.1 > 1.5 * b.1), "{biases:?}");
    assert!(biases[3].0 < 0.005 && biases[3].1 < 0.01, "{biases:?}");
}

#[test]
fn cyclical() {
    let schedule = Schedule::Cyclical { initial: 0.8, length: 50, sampling: 0.6 };
    let samples = |t| t % 50 >= 20;
    let weight = |t| if samples(t) { schedule.step_size(t) / 0.8 } else { 0.0 };
    let config = ChainConfig { steps: 1000, burn_in: 50, thinning: 1, batch_size: 1 };
    let observed = observe(schedule, 2.0, config, Seed::root(7).child("cyclical"));
    law(averages(schedule, 2.0, config, samples, weight), &observed).accept("cyclical");
    law(averages(schedule, 2.0, config, |_| true, weight), &observed).refuse("cyclical with noise while it explores");
    law(averages(schedule, 2.0, config, samples, |_| 1.0), &observed).refuse("cyclical that keeps all");
}
