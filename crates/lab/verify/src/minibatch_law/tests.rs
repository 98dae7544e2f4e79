use ndarray::{Array2, array};

use super::*;
use crate::affine::{self, Setting};
use crate::target::conjugate::Conjugate;

/// Variance of the mean's chain at each phase, for data x with variance 1 and the prior N(0, 1/τ), under SGLD.
///
/// ∇Û = (N + τ)θ − Gⱼ, Gⱼ = (N/B)·Σ_batch x, so θ ← aθ + (ε/2)Gⱼ + √(Tε)ξ, a = 1 − ε(N + τ)/2. Drawn without replacement, with
/// s² the sample variance: Var x = s²(N − 1)/N, Cov(x, x′) = −s²/N, hence Var Gⱼ = (N/B)²·B·s²(1 − B/N) and Cov(Gᵢ, Gⱼ) = −N·s².
fn closed_form(data: &[f64], tau: f64, batch: usize, epsilon: f64, temperature: f64, excluding: bool) -> Vec<f64> {
    let (n, b, m) = (data.len() as f64, batch as f64, data.len() / batch);
    let mean = data.iter().sum::<f64>() / n;
    let spread = data.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let within = (n / b).powi(2) * b * spread * (1.0 - b / n);
    let between = if excluding { -n * spread } else { 0.0 };
    let a = 1.0 - 0.5 * epsilon * (n + tau);
    // Variance that `phase` updates add.
    let added = |phase: usize| {
        let weight = |i: usize| a.powi((phase - 1 - i) as i32);
        let mut variance = 0.0;
        for i in 0..phase {
            variance += temperature * epsilon * weight(i).powi(2);
            for j in 0..phase {
                let covariance = if i == j { within } else { between };
                variance += 0.25 * epsilon * epsilon * weight(i) * weight(j) * covariance;
            }
        }
        variance
    };
    let end = added(m) / (1.0 - a.powi(2 * m as i32));
    (0..m).map(|phase| a.powi(2 * phase as i32) * end + added(phase)).collect()
}

const DATA: [f64; 7] = [0.3, 2.9, -1.2, 1.8, 4.4, 0.1, -0.7];

#[test]
fn enumeration_equals_the_closed_form() {
    for (n, batch) in [(7, 2), (6, 3), (5, 1), (4, 4)] {
        let (data, tau, epsilon, temperature) = (&DATA[..n], 2.0, 0.07, 0.5);
        let model = Conjugate::mean(data, tau);
        let law = |minibatch: &[usize]| {
            let (h, b) = model.estimate(n as f64 / batch as f64, minibatch.iter().copied());
            affine::sgld(Setting { epsilon, temperature, samples: true, first: false, h: &h, b: &b })
        };
        let m = n / batch;
        for (excluding, epoch) in [(true, without_replacement(n, batch, law)), (false, independent(n, batch, m, law))] {
            let variances = closed_form(data, tau, batch, epsilon, temperature, excluding);
            assert_eq!(epoch.phases.len(), m);
            for (moments, variance) in epoch.phases.iter().zip(variances) {
                assert!((moments.mean(0) - data.iter().sum::<f64>() / (n as f64 + tau)).abs() < 1e-10);
                let found = moments.covariance(0, 0);
                assert!((found - variance).abs() < 1e-10, "N = {n}, B = {batch}: {found} for {variance}");
            }
        }
    }
}

/// Of three data in minibatches of one, the phases are those of all six orders.
#[test]
fn phases_are_in_order() {
    let shift = [1.0, 10.0, 100.0];
    let law = |minibatch: &[usize]| Affine::new(&array![[0.5]], &array![shift[minibatch[0]]], &Array2::zeros((1, 1)));
    let epoch = without_replacement(3, 1, law);
    // With x at the start, after the first two updates x/4 + aᵢ/2 + aⱼ, whose covariance over pairs i ≠ j is exact.
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let (x, xx) = (epoch.phases[0].mean(0), epoch.phases[0].product(0, 0));
    for (phase, moments) in epoch.phases.iter().enumerate().skip(1) {
        let added = |order: &[usize; 3]| order[..phase].iter().fold(0.0, |sum, &i| 0.5 * sum + shift[i]);
        let scale = 0.5_f64.powi(phase as i32);
        let mean = |f: &dyn Fn(f64) -> f64| orders.iter().map(|order| f(added(order))).sum::<f64>() / 6.0;
        let second = mean(&|y| scale * scale * xx + 2.0 * scale * x * y + y * y);
        assert!((moments.mean(0) - (scale * x + mean(&|y| y))).abs() < 1e-8);
        assert!((moments.product(0, 0) / second - 1.0).abs() < 1e-10);
    }
}

/// At T = 0 the overdamped BAOAB has a momentum of exactly 0, without a deviation to measure its distance in.
#[test]
fn a_momentum_that_does_not_move_is_settled() {
    let model = Conjugate::mean(&DATA, 2.0);
    let law = |minibatch: &[usize]| {
        let (h, b) = model.estimate(3.5, minibatch.iter().copied());
        affine::baoab(Setting { epsilon: 0.05, temperature: 0.0, samples: true, first: false, h: &h, b: &b }, 1.0)
    };
    let epoch = without_replacement(7, 2, law);
    assert!(epoch.settling < 100, "{}", epoch.settling);
    assert!(epoch.phases[0].covariance(0, 0) > 0.0 && epoch.phases[0].covariance(1, 1) == 0.0);
}
