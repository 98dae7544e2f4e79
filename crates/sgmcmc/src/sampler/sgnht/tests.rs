use apd_seed::Seed;
use proptest::prelude::*;

use crate::sampler::contract::{
    Running, cases, descends, guards_its_state, refuses_bad_settings, resumes_to_the_bit, running,
    sees_every_bad_gradient, stationary, vector,
};
use crate::testing::{Quadratic, bits, keep};
use crate::{Chain, ChainConfig, Schedule, Sgd, Sgld, Sgnht};

fn double(momentum: &[f32]) -> Vec<f64> {
    momentum.iter().map(|&u| f64::from(u)).collect()
}

fn mean_square(momentum: &[f64]) -> f64 {
    momentum.iter().map(|u| u * u).sum::<f64>() / momentum.len() as f64
}

proptest! {
    #![proptest_config(cases(64))]

    /// u ← (1 − α)u − (ε/2)g + √(Tεa)·z, θ ← θ + u, α ← α + mean u² − Tε/(2 − α), three times.
    #[test]
    fn update_is_the_equation(
        len in 1_usize..3000, epsilon in 1e-6..0.5, temperature in 1e-3..3.0, diffusion in 1e-3..=1.0, step in any::<u64>(),
    ) {
        let noise = Seed::root(70).normals();
        let sampler = Sgnht::new(Schedule::Constant(epsilon), temperature, diffusion);
        let mut sampler = Running::new(sampler, len);
        let (mut theta, mut alpha) = (vector(0, len), diffusion);
        for row in 1..4 {
            let step = step.wrapping_add(row);
            let (u, mut expected, gradient) = (double(&sampler.state.momentum), theta.clone(), vector(row, len));
            let mut z = vec![0.0; len];
            noise.fill(step, 0, &mut z);
            let deviation = (temperature * epsilon * diffusion).sqrt();
            prop_assert!(sampler.step(step, &mut theta, &gradient, &noise));
            let after = double(&sampler.state.momentum);
            for i in 0..len {
                let [kick, push] = [0.5 * epsilon * f64::from(gradient[i]), deviation * f64::from(z[i])];
                let next = (1.0 - alpha) * u[i] - kick + push;
                // The rounding of three additions, and of 1 − α.
                let scale = (1.0 + alpha.abs()) * u[i].abs() + kick.abs() + push.abs();
                prop_assert!((after[i] - next).abs() <= 4e-7 * scale, "u {}", i);
                expected[i] += after[i] as f32;
            }
            prop_assert_eq!(bits(&theta), bits(&expected));
            let increment = mean_square(&after) - temperature * epsilon / (2.0 - alpha.min(1.0));
            alpha += increment;
            prop_assert!((sampler.state.thermostat - alpha).abs() <= 1e-14 * (1.0 + mean_square(&after)), "row {}", row);
            alpha = sampler.state.thermostat;
        }
    }

    /// The first update, before the thermostat has moved.
    #[test]
    fn with_full_friction_it_starts_as_sgld(len in 1_usize..3000, epsilon in 1e-6..0.5, temperature in 0.0..3.0) {
        let noise = Seed::root(71).normals();
        let schedule = Schedule::Constant(epsilon);
        let (sgnht, sgld) = (Sgnht::new(schedule, temperature, 1.0), Sgld::new(schedule, temperature));
        let (mut sgnht, mut sgld) = (Running::new(sgnht, len), Running::new(sgld, len));
        let (mut x, mut y, gradient) = (vector(0, len), vector(0, len), vector(1, len));
        prop_assert!(sgnht.step(0, &mut x, &gradient, &noise) && sgld.step(0, &mut y, &gradient, &noise));
        prop_assert_eq!(bits(&x), bits(&y));
    }

    #[test]
    fn without_temperature_it_is_gradient_descent_with_momentum(
        len in 1_usize..3000, epsilon in 1e-6..0.5, diffusion in 1e-3..=1.0,
    ) {
        let noise = Seed::root(72).normals();
        let schedule = Schedule::Polynomial { a: epsilon, b: 1.0, gamma: 0.4 };
        let (sgnht, descent) = (Sgnht::new(schedule, 0.0, diffusion), Sgd::new(schedule, 1.0 - diffusion));
        let sgnht = descends(sgnht, descent, len, &noise);
        prop_assert_eq!(sgnht.state.thermostat, diffusion);
    }
}

/// Exploring is gradient descent with momentum 1 − a, and the thermostat rests whatever the momentum does.
#[test]
fn the_thermostat_rests_while_the_schedule_explores() {
    let schedule = Schedule::Cyclical { initial: 0.02, length: 10, sampling: 0.3 };
    let noise = Seed::root(73).normals();
    let (sampler, descent) = (Sgnht::new(schedule, 1.0, 0.125), Sgd::new(schedule, 0.875));
    let mut sampler = Running::new(sampler, 100);
    let mut descent = Running::new(descent, 100);
    let (mut theta, mut other) = (vector(0, 100), vector(0, 100));
    for t in 0..30 {
        let (before, gradient) = (sampler.state.thermostat, theta.clone());
        if !schedule.samples(t) {
            // From the same place and momentum.
            descent.state.clone_from(&sampler.state.momentum);
            other.copy_from_slice(&theta);
            descent.step(t, &mut other, &gradient, &noise);
        }
        sampler.step(t, &mut theta, &gradient, &noise);
        assert_eq!(sampler.state.thermostat == before, !schedule.samples(t), "update {t}");
        assert_eq!(bits(&theta) == bits(&other), !schedule.samples(t), "update {t}");
    }
    assert_ne!(sampler.state.thermostat, 0.125);
}

/// After n updates of any schedule: α_n − a = Σ (mean u² − Tε_t/(2 − α_t)).
#[test]
fn the_thermostat_keeps_the_account() {
    let (temperature, diffusion, dim, steps) = (0.7, 0.1, 3000, 500);
    let polynomial = Schedule::Polynomial { a: 0.3, b: 2.0, gamma: 0.4 };
    let cyclical = Schedule::Cyclical { initial: 0.2, length: 50, sampling: 0.5 };
    for schedule in [Schedule::Constant(0.1), polynomial, cyclical] {
        let target = Quadratic { precision: [[1.5]], center: [0.0], blocks: dim };
        let config = ChainConfig { steps, burn_in: 0, thinning: 1, batch_size: 1 };
        let sampler = Sgnht::new(schedule, temperature, diffusion);
        let mut chain = Chain::new(0, target, sampler, config, Seed::root(74), vec![0.0; dim]).unwrap();
        let mut account = diffusion;
        for step in 0..steps {
            chain.step().unwrap();
            if schedule.samples(step) {
                account += mean_square(&double(&chain.memory.momentum))
                    - temperature * schedule.step_size(step) / (2.0 - account);
            }
        }
        assert!((chain.memory.thermostat - account).abs() < 1e-12, "{} and {account}", chain.memory.thermostat);
        // The momentum starts at 0, much too cold, and the friction has made up for it.
        assert!((account - diffusion).abs() < 0.5 * diffusion, "α = {account}");
    }
}

/// With the friction held at α, var θ/var u = (2 − α)/(ελ) on a quadratic: the thermostat's target T·ε/(2 − α) for u² makes
/// var θ = T/λ for every ε, where all curvatures are the same.
#[test]
fn the_target_gives_the_position_its_temperature() {
    for (epsilon, lambda, diffusion) in [(0.1, 1.0, 0.1), (0.5, 2.0, 0.4), (0.01, 3.0, 0.05)] {
        // A little T, for the first update not to move the thermostat by much; it has no part in the ratio.
        let sampler = running(&Sgnht::new(Schedule::Constant(epsilon), 1e-3, diffusion));
        let [[position, _], [_, momentum]] = stationary(&sampler, lambda as f32);
        let found = position / momentum * epsilon * lambda / (2.0 - sampler.state.thermostat);
        assert!((found - 1.0).abs() < 1e-5, "ε = {epsilon}, a = {diffusion}: {found}");
    }
}

/// No coordinates: no mean, and no NaN.
#[test]
fn nothing_to_sample_is_no_error() {
    let target = Quadratic { precision: [[1.0]], center: [0.0], blocks: 0 };
    let config = ChainConfig { steps: 5, burn_in: 0, thinning: 1, batch_size: 1 };
    let sampler = Sgnht::new(Schedule::Constant(0.1), 1.0, 0.1);
    let mut chain = Chain::new(0, target, sampler, config, Seed::root(0), Vec::new()).unwrap();
    chain.run(&mut keep(&mut Vec::new())).unwrap();
    assert!(chain.memory.thermostat.is_finite());
}

#[test]
fn it_keeps_the_samplers_contract() {
    let polynomial = Schedule::Polynomial { a: 0.05, b: 1.0, gamma: 0.3 };
    let cyclical = Schedule::Cyclical { initial: 0.05, length: 13, sampling: 0.6 };
    for schedule in [polynomial, cyclical] {
        resumes_to_the_bit(&Sgnht::new(schedule, 1.0, 0.2));
        sees_every_bad_gradient(&Sgnht::new(schedule, 1.0, 0.2));
    }
    guards_its_state(&Sgnht::new(polynomial, 1.0, 0.2), "momentum");
}

#[test]
fn bad_settings_are_named() {
    refuses_bad_settings(Sgnht::new, "diffusion");
}

#[test]
fn settings_survive_text() {
    let sampler = Sgnht::new(Schedule::Constant(0.1), 1.0, 0.25);
    assert_eq!(serde_json::from_str::<Sgnht>(&serde_json::to_string(&sampler).unwrap()).unwrap(), sampler);
}
