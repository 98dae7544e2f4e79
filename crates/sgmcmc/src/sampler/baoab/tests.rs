use apd_seed::Seed;
use proptest::prelude::*;

use crate::sampler::contract::{
    Running, cases, guards_its_state, refuses_bad_settings, resumes_to_the_bit, running, sees_every_bad_gradient,
    stationary, vector,
};
use crate::{Baoab, Schedule, Sgd, Sghmc};

proptest! {
    #![proptest_config(cases(64))]

    /// The textbook order B A O A B with half kicks, three times. After the last half kick the momenta differ by that kick, which
    /// is made with the next update.
    #[test]
    fn update_is_the_splitting(
        len in 1_usize..3000, epsilon in 1e-6..0.5, temperature in 0.0..3.0, friction in 1e-3..=1.0, step in any::<u64>(),
    ) {
        let noise = Seed::root(80).normals();
        let sampler = Baoab::new(Schedule::Constant(epsilon), temperature, friction);
        let mut sampler = Running::new(sampler, len);
        let mut theta = vector(0, len);
        // Position and momentum p = u/h of the splitting, in double precision.
        let h = epsilon.sqrt();
        let mut x: Vec<f64> = theta.iter().map(|&x| f64::from(x)).collect();
        let mut p = vec![0.0; len];
        let slope = |x: f64, i: usize| (0.5 + (i % 7) as f64) * (x - 0.3);
        let keep = 1.0 - friction;
        for row in 0..3 {
            let step = step.wrapping_add(row);
            let gradient: Vec<f32> = theta.iter().enumerate().map(|(i, &x)| slope(x.into(), i) as f32).collect();
            prop_assert!(sampler.step(step, &mut theta, &gradient, &noise));
            let u: Vec<f64> = sampler.state.momentum.iter().map(|&u| f64::from(u)).collect();
            let mut z = vec![0.0; len];
            noise.fill(step, 0, &mut z);
            for i in 0..len {
                p[i] -= 0.5 * h * slope(x[i], i);
                x[i] += 0.5 * h * p[i];
                p[i] = keep * p[i] + (temperature * (1.0 - keep * keep)).sqrt() * f64::from(z[i]);
                x[i] += 0.5 * h * p[i];
                prop_assert!((f64::from(theta[i]) - x[i]).abs() <= 3e-6 * (1.0 + x[i].abs()), "θ {}: {} {}", i, theta[i], x[i]);
                prop_assert!((u[i] - h * p[i]).abs() <= 3e-6 * (1.0 + x[i].abs() + u[i].abs()), "u {}", i);
                p[i] -= 0.5 * h * slope(x[i], i);
            }
        }
    }

    /// θ_{t+1} − θ_t = −(ε/2)·g_t + √(Tε)·(z_t + z_{t−1})/2, from the second update on.
    #[test]
    fn with_full_friction_it_is_the_overdamped_limit(
        len in 1_usize..3000, epsilon in 1e-6..0.5, temperature in 0.0..3.0,
    ) {
        let noise = Seed::root(81).normals();
        let sampler = Baoab::new(Schedule::Constant(epsilon), temperature, 1.0);
        let mut sampler = Running::new(sampler, len);
        let mut theta = vector(0, len);
        prop_assert!(sampler.step(0, &mut theta, &vector(1, len), &noise));
        for t in 1..4 {
            let (before, gradient) = (theta.clone(), vector(t + 1, len));
            prop_assert!(sampler.step(t, &mut theta, &gradient, &noise));
            let (mut last, mut z) = (vec![0.0; len], vec![0.0; len]);
            noise.fill(t - 1, 0, &mut last);
            noise.fill(t, 0, &mut z);
            for i in 0..len {
                let kick = 0.5 * epsilon * f64::from(gradient[i]);
                let push = 0.5 * (temperature * epsilon).sqrt() * (f64::from(z[i]) + f64::from(last[i]));
                let expected = f64::from(before[i]) - kick + push;
                let scale = f64::from(before[i].abs()) + kick.abs() + f64::from(z[i].abs() + last[i].abs());
                prop_assert!((f64::from(theta[i]) - expected).abs() <= 5e-7 * scale, "update {}, θ {}", t, i);
            }
        }
    }

    /// With step (2 − α)·ε/2, after a first kick that is half of the others.
    #[test]
    fn without_temperature_it_is_gradient_descent_with_momentum(
        len in 1_usize..3000, epsilon in 1e-6..0.5, friction in 1e-3..=1.0,
    ) {
        let noise = Seed::root(82).normals();
        let sampler = Baoab::new(Schedule::Constant(epsilon), 0.0, friction);
        let descent = Sgd::new(Schedule::Constant((2.0 - friction) * epsilon), 1.0 - friction);
        let mut sampler = Running::new(sampler, len);
        let mut descent = Running::new(descent, len);
        let (mut x, mut y) = (vector(0, len), vector(0, len));
        for t in 0..10 {
            let gradient = vector(t + 1, len);
            let half: Vec<f32> = gradient.iter().map(|g| if t == 0 { 0.5 * g } else { *g }).collect();
            prop_assert!(sampler.step(t, &mut x, &gradient, &noise) && descent.step(t, &mut y, &half, &noise));
            for i in 0..len {
                let scale = 1.0 + x[i].abs() + (t + 1) as f32;
                prop_assert!((x[i] - y[i]).abs() <= 1e-6 * scale, "update {}, θ {}: {} {}", t, i, x[i], y[i]);
            }
        }
    }
}

/// The first kick is half of the others, also after a restart.
#[test]
fn the_first_kick_is_half_a_kick() {
    let noise = Seed::root(83).normals();
    let sampler = Baoab::new(Schedule::Constant(0.25), 0.0, 1.0);
    for _ in 0..2 {
        let mut sampler = Running::new(sampler, 1);
        let mut theta = [0.0];
        for expected in [-0.0625, -0.1875, -0.3125] {
            assert!(sampler.step(0, &mut theta, &[1.0], &noise));
            assert_eq!(theta, [expected]);
        }
    }
}

#[test]
fn exploring_updates_add_no_noise() {
    let schedule = Schedule::Cyclical { initial: 0.25, length: 10, sampling: 0.3 };
    for t in 0..20 {
        let sampler = Baoab::new(schedule, 1.0, 0.5);
        let mut sampler = Running::new(sampler, 100);
        let mut theta = [0.0_f32; 100];
        assert!(sampler.step(t, &mut theta, &[0.0; 100], &Seed::root(84).normals()));
        assert_eq!(theta.iter().any(|&x| x != 0.0), t % 10 >= 7, "update {t}");
    }
}

/// T/λ, up to the rounding of the sampler's own numbers, near the border of stability (ελ = 4) too.
#[test]
fn the_positions_variance_is_exact_on_a_quadratic() {
    for (epsilon, lambda, temperature) in [(0.01, 1.0, 1.0), (0.5, 2.0, 0.5), (1.5, 2.0, 1.0), (0.625, 6.0, 2.0)] {
        for friction in [0.05, 0.3, 0.9, 1.0] {
            let sampler = Baoab::new(Schedule::Constant(epsilon), temperature, friction);
            let found = stationary(&running(&sampler), lambda as f32)[0][0] * lambda / temperature;
            assert!((found - 1.0).abs() < 3e-5, "ε = {epsilon}, λ = {lambda}, α = {friction}: {found}");
        }
    }
    // The same measurement finds the bias of a sampler that has one.
    let biased = stationary(&running(&Sghmc::new(Schedule::Constant(0.5), 1.0, 0.3)), 2.0)[0][0] * 2.0;
    assert!(biased > 1.1, "{biased}");
}

#[test]
fn it_is_stable_just_below_the_border_and_not_above() {
    let noise = Seed::root(85).normals();
    for friction in [0.1, 1.0] {
        for (epsilon, stable) in [(3.96, true), (4.04, false)] {
            let sampler = Baoab::new(Schedule::Constant(epsilon), 0.0, friction);
            let mut sampler = Running::new(sampler, 1);
            let mut theta = [1.0_f32];
            for t in 0..2000 {
                let gradient = theta;
                if !sampler.step(t, &mut theta, &gradient, &noise) {
                    break;
                }
            }
            assert_eq!(theta[0].abs() < 1.0, stable, "ε = {epsilon}, α = {friction}: {}", theta[0]);
        }
    }
}

#[test]
fn it_keeps_the_samplers_contract() {
    let polynomial = Schedule::Polynomial { a: 0.05, b: 1.0, gamma: 0.3 };
    let cyclical = Schedule::Cyclical { initial: 0.05, length: 13, sampling: 0.6 };
    for schedule in [polynomial, cyclical] {
        resumes_to_the_bit(&Baoab::new(schedule, 1.0, 0.2));
        sees_every_bad_gradient(&Baoab::new(schedule, 1.0, 0.2));
        guards_its_state(&Baoab::new(schedule, 1.0, 0.2), "momentum");
    }
}

#[test]
fn bad_settings_are_named() {
    refuses_bad_settings(Baoab::new, "friction");
}

#[test]
fn settings_survive_text() {
    let sampler = Baoab::new(Schedule::Constant(0.1), 1.0, 0.25);
    assert_eq!(serde_json::from_str::<Baoab>(&serde_json::to_string(&sampler).unwrap()).unwrap(), sampler);
}
