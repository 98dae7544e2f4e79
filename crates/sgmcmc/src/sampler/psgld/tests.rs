use apd_seed::Seed;
use proptest::prelude::*;

use crate::sampler::contract::{
    Running, cases, guards_its_state, refused, resumes_to_the_bit, sees_every_bad_gradient, vector,
};
use crate::testing::{Quadratic, bits};
use crate::{Chain, ChainConfig, Gamma, Psgld, Sampler, Schedule, Sgld};

fn double(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| f64::from(x)).collect()
}

/// V of one coordinate after the gradients `history`: their weighted mean square, written out.
fn mean_square(history: &[f64], decay: f64, n: usize) -> f64 {
    let weights = (0..history.len()).rev().map(|age| (1.0 - decay) * decay.powi(age as i32));
    let sum: f64 = weights.clone().zip(history).map(|(w, g)| w * (g / n as f64).powi(2)).sum();
    sum / weights.sum::<f64>()
}

proptest! {
    #![proptest_config(cases(64))]

    /// θ ← θ − (ε/2)(G·g − T·Γ) + √(TεG)·z with V as a mean over the whole past, five times, with and without Γ.
    #[test]
    fn update_is_the_equation(
        len in 1_usize..3000, scale in 1e-3..1.0, temperature in 0.0..3.0, decay in 0.0..0.999,
        damping in prop_oneof![1e-5..1e-3, 0.1..10.0], n in 1_usize..1000, included in any::<bool>(), step in any::<u64>(),
    ) {
        let noise = Seed::root(90).normals();
        let epsilon = scale / n as f64;
        let gamma = if included { Gamma::Included } else { Gamma::Omitted };
        let sampler = Psgld::new(Schedule::Constant(epsilon), temperature, n)
            .with_decay(decay)
            .with_damping(damping)
            .with_gamma(gamma);
        prop_assert_eq!(sampler.validate(), Ok(()));
        let mut sampler = Running::new(sampler, len);
        let mut theta = vector(0, len);
        let mut history = vec![Vec::new(); len];
        for t in 1..6 {
            let step = step.wrapping_add(t);
            let (before, h) = (double(&theta), vector(100 + t, len));
            // Full-data scale: N times what one term has.
            let gradient: Vec<f32> = vector(t, len).iter().map(|g| n as f32 * g).collect();
            prop_assert_eq!(sampler.sampler.wants_curvature(), included && temperature > 0.0);
            sampler.curvature = h.iter().map(|h| n as f32 * h).collect();
            let mut z = vec![0.0; len];
            noise.fill(step, 0, &mut z);
            prop_assert!(sampler.step(step, &mut theta, &gradient, &noise));
            let fresh = (1.0 - decay) / (1.0 - decay.powi(t as i32));
            for i in 0..len {
                let g = f64::from(gradient[i]);
                history[i].push(g);
                let v = mean_square(&history[i], decay, n);
                let metric = 1.0 / (damping + v.sqrt());
                let slope = -fresh * (g / n as f64) * f64::from(h[i]) / (v.sqrt() * (damping + v.sqrt()).powi(2));
                let drift = -0.5 * epsilon * metric * g;
                let correction = if included { 0.5 * epsilon * temperature * slope } else { 0.0 };
                let push = (temperature * epsilon * metric).sqrt() * f64::from(z[i]);
                let expected = before[i] + drift + correction + push;
                // V, G and Γ come with the rounding of some ten operations.
                let scale = before[i].abs() + 10.0 * (drift.abs() + correction.abs() + push.abs());
                prop_assert!((f64::from(theta[i]) - expected).abs() <= 1e-6 * scale, "update {}, θ {}", t, i);
            }
        }
    }

    /// Where λ outweighs √V, G is 1/λ: SGLD with step ε/λ.
    #[test]
    fn with_great_damping_it_is_sgld(len in 1_usize..3000, epsilon in 1e-6..0.5, temperature in 0.0..3.0) {
        let noise = Seed::root(91).normals();
        // A power of two, so that the division rounds nothing; √V is below 10⁻⁸ of it.
        let damping = 2.0_f64.powi(30);
        let schedule = |factor| Schedule::Cyclical { initial: factor * epsilon, length: 5, sampling: 0.6 };
        let psgld = Psgld::new(schedule(damping), temperature, 1).with_damping(damping);
        let sgld = Sgld::new(schedule(1.0), temperature);
        let (mut psgld, mut sgld) = (Running::new(psgld, len), Running::new(sgld, len));
        let (mut x, mut y) = (vector(0, len), vector(0, len));
        for t in 0..10 {
            let gradient = vector(t + 1, len);
            prop_assert!(psgld.step(t, &mut x, &gradient, &noise) && sgld.step(t, &mut y, &gradient, &noise));
            for i in 0..len {
                prop_assert!((x[i] - y[i]).abs() <= 1e-6 * (10.0 + y[i].abs()), "update {}, θ {}: {} {}", t, i, x[i], y[i]);
            }
        }
    }

    /// RMSProp with learning rate ε·N/2 on the mean loss U/N, once V is old enough for the weights of its start not to matter.
    #[test]
    fn without_temperature_it_is_rmsprop(len in 1_usize..3000, rate in 1e-5..1e-2, n in 1_usize..1000) {
        let noise = Seed::root(92).normals();
        let (decay, damping) = (0.5, 1e-3);
        let sampler = Psgld::new(Schedule::Constant(2.0 * rate / n as f64), 0.0, n)
            .with_decay(decay)
            .with_damping(damping)
            .with_gamma(Gamma::Included);
        let mut sampler = Running::new(sampler, len);
        prop_assert!(!sampler.sampler.wants_curvature(), "Γ is multiplied by 0");
        let (mut theta, mut v) = (vector(0, len), vec![0.0_f64; len]);
        for t in 0..40 {
            let (before, mean) = (theta.clone(), vector(t + 1, len));
            let gradient: Vec<f32> = mean.iter().map(|g| g * n as f32).collect();
            prop_assert!(sampler.step(t, &mut theta, &gradient, &noise));
            for i in 0..len {
                let mean = f64::from(mean[i]);
                v[i] = decay * v[i] + (1.0 - decay) * mean * mean;
                if t > 30 {
                    let expected: f64 = f64::from(before[i]) - rate * mean / (v[i].sqrt() + damping);
                    prop_assert!((f64::from(theta[i]) - expected).abs() <= 2e-7 * (1.0 + f64::from(before[i].abs())));
                }
            }
        }
    }
}

/// Γ is the derivative of G that a difference quotient finds, sign included: on U = ½hθ² with the old V fixed.
#[test]
fn gamma_is_the_derivative_of_the_preconditioner() {
    let (n, h, decay, damping, epsilon) = (10, 30.0, 0.9, 0.3, 1.0);
    let noise = Seed::root(93).normals();
    for theta in [0.7_f32, -0.2, 1e-3] {
        let from = |gamma, temperature: f64| {
            let sampler = Psgld::new(Schedule::Constant(epsilon), temperature, n)
                .with_decay(decay)
                .with_damping(damping)
                .with_gamma(gamma);
            let mut sampler = Running::new(sampler, 1);
            assert!(sampler.step(0, &mut [0.5], &[h * 0.5], &noise));
            sampler.curvature[0] = h;
            let mut position = [theta];
            assert!(sampler.step(1, &mut position, &[h * theta], &noise));
            f64::from(position[0])
        };
        let found = (from(Gamma::Included, 1.0) - from(Gamma::Omitted, 1.0)) / (0.5 * epsilon);
        let metric = |theta: f64| {
            let h = f64::from(h);
            1.0 / (damping + mean_square(&[h * 0.5, h * theta], decay, n).sqrt())
        };
        let (theta, step) = (f64::from(theta), 1e-5);
        let expected = (metric(theta + step) - metric(theta - step)) / (2.0 * step);
        assert!((found - expected).abs() < 1e-5 * expected.abs().max(0.1), "θ = {theta}: {found}, not {expected}");
    }
}

/// V = 0 is a place like another: G = 1/λ, and Γ, whose limits from left and right are opposite, is 0.
#[test]
fn a_coordinate_without_gradient_is_not_lost() {
    let noise = Seed::root(94).normals();
    for g in [0.0, 1e-30, -1e-40, 1e-20] {
        let sampler = Psgld::new(Schedule::Constant(1e-6), 1.0, 1).with_gamma(Gamma::Included);
        let mut sampler = Running::new(sampler, 1);
        let mut theta = [0.0];
        for t in 0..3 {
            sampler.curvature[0] = 1e-3;
            let (before, mut z) = (theta[0], [0.0]);
            noise.fill(t, 0, &mut z);
            assert!(sampler.step(t, &mut theta, &[g], &noise));
            // √(ε/λ)·z, and Γ of at most h/λ² = 10⁷ where g is not 0.
            let push = (1e-6_f64 / 1e-5).sqrt() * f64::from(z[0]);
            let gamma = if g == 0.0 { 0.0 } else { 0.5e-6 * 1e7 };
            assert!((f64::from(theta[0] - before) - push).abs() <= 1.01 * gamma + 1e-6, "g = {g}, t = {t}");
        }
    }
}

/// Squares beyond the largest number neither stop a coordinate (G = 0) nor end the chain.
#[test]
fn a_huge_gradient_does_not_stop_a_coordinate() {
    let noise = Seed::root(95).normals();
    for gamma in [Gamma::Omitted, Gamma::Included] {
        let sampler = Psgld::new(Schedule::Constant(1e-2), 1.0, 1).with_decay(0.5).with_gamma(gamma);
        let mut sampler = Running::new(sampler, 1);
        let mut theta = [1.0];
        assert!(sampler.step(0, &mut theta, &[3e25], &noise));
        assert!(theta[0] < 0.0, "it does not move: {}", theta[0]);
        // And is forgotten in the end: 2⁻³⁰⁰ of its square is nothing.
        for t in 1..300 {
            assert!(sampler.step(t, &mut theta, &[1.0], &noise));
        }
        let v = sampler.state.mean_square[0];
        assert!((v - 1.0).abs() < 1e-6, "{v}");
    }
}

#[test]
fn exploring_updates_add_neither_noise_nor_gamma() {
    let schedule = Schedule::Cyclical { initial: 0.25, length: 10, sampling: 0.3 };
    let noise = Seed::root(96).normals();
    for t in 0..20 {
        let end = |gamma, temperature| {
            let sampler = Psgld::new(schedule, temperature, 1).with_gamma(gamma);
            let mut sampler = Running::new(sampler, 100);
            sampler.curvature.fill(1.0);
            let mut theta = [0.0_f32; 100];
            assert!(sampler.step(t, &mut theta, &[1.0; 100], &noise));
            bits(&theta)
        };
        let samples = t % 10 >= 7;
        assert_eq!(end(Gamma::Included, 1.0) != end(Gamma::Omitted, 1.0), samples, "update {t}");
        assert_eq!(end(Gamma::Omitted, 1.0) != end(Gamma::Omitted, 0.0), samples, "update {t}");
    }
}

/// The chain hands over the curvature at the position of each update: one update of a chain against the equation.
#[test]
fn a_chain_provides_the_curvature() {
    let (lambda, epsilon) = (2.0, 0.01);
    let target = Quadratic { precision: [[lambda]], center: [0.5], blocks: 40 };
    let config = ChainConfig { steps: 1, burn_in: 0, thinning: 1, batch_size: 1 };
    let end = |gamma| {
        let sampler = Psgld::new(Schedule::Constant(epsilon), 1.0, 1).with_damping(0.1).with_gamma(gamma);
        let mut chain = Chain::new(0, target.clone(), sampler, config, Seed::root(97), vector(0, 40)).unwrap();
        chain.step().unwrap();
        double(chain.position())
    };
    let (with, without) = (end(Gamma::Included), end(Gamma::Omitted));
    for (i, theta) in double(&vector(0, 40)).into_iter().enumerate() {
        let g = lambda * (theta - 0.5);
        let expected = -0.5 * epsilon * g.signum() * lambda / (0.1 + g.abs()).powi(2);
        // The default curvature is a difference quotient, good to 10⁻³.
        assert!((with[i] - without[i] - expected).abs() < 3e-3 * expected.abs() + 1e-6, "θ {i}");
    }
}

#[test]
fn it_keeps_the_samplers_contract() {
    let polynomial = Schedule::Polynomial { a: 0.5, b: 1.0, gamma: 0.3 };
    let cyclical = Schedule::Cyclical { initial: 0.5, length: 13, sampling: 0.6 };
    for schedule in [polynomial, cyclical] {
        for gamma in [Gamma::Omitted, Gamma::Included] {
            let sampler = Psgld::new(schedule, 1.0, 7).with_damping(0.3).with_gamma(gamma);
            resumes_to_the_bit(&sampler);
            sees_every_bad_gradient(&sampler);
            guards_its_state(&sampler, "mean square");
        }
    }
}

#[test]
fn bad_settings_are_named() {
    let new = |temperature| Psgld::new(Schedule::Constant(0.1), temperature, 10);
    for temperature in [-1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(refused(&new(temperature)), "temperature");
    }
    for decay in [-0.1, 1.0, f64::NAN] {
        assert_eq!(refused(&new(1.0).with_decay(decay)), "decay");
    }
    for damping in [0.0, -1.0, 1e-30, 1e30, f64::NAN] {
        assert_eq!(refused(&new(1.0).with_damping(damping)), "damping");
    }
    assert_eq!(refused(&Psgld::new(Schedule::Constant(0.1), 1.0, 0)), "number of data terms");
    assert_eq!(refused(&Psgld::new(Schedule::Constant(0.0), 1.0, 1)), "constant step size");
    assert_eq!(new(0.0).with_decay(0.0).validate(), Ok(()));
}

#[test]
fn settings_survive_text() {
    let sampler = Psgld::new(Schedule::Constant(0.1), 1.0, 50).with_gamma(Gamma::Included);
    let text = serde_json::to_string(&sampler).unwrap();
    assert!(text.contains("\"included\""), "{text}");
    assert_eq!(serde_json::from_str::<Psgld>(&text).unwrap(), sampler);
}
