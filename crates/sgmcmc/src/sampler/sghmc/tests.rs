use apd_seed::Seed;
use proptest::prelude::*;

use crate::sampler::contract::{
    Running, cases, descends, guards_its_state, refused, refuses_bad_settings, resumes_to_the_bit, running,
    sees_every_bad_gradient, stationary, vector,
};
use crate::testing::bits;
use crate::{Sampler, Schedule, Sgd, Sghmc, Sgld};

proptest! {
    #![proptest_config(cases(64))]

    /// u ← (1 − α)u − (ε/2)g + √(Tεα − (ε/2)²V)·z, θ ← θ + u, from any momentum.
    #[test]
    fn update_is_the_equation(
        len in 1_usize..3000, epsilon in 1e-6..0.5, temperature in 0.0..3.0, friction in 1e-3..=1.0, share in 0.0..=1.0,
        step in any::<u64>(),
    ) {
        let noise = Seed::root(60).normals();
        // A part of the most that is allowed.
        let gradient_noise = share * 4.0 * temperature * friction / epsilon * (1.0 - 1e-9);
        let sampler =
            Sghmc::new(Schedule::Constant(epsilon), temperature, friction).with_gradient_noise(gradient_noise);
        prop_assert_eq!(sampler.validate(), Ok(()));
        let mut sampler = Running::new(sampler, len);
        let mut theta = vector(0, len);
        for (row, step) in [(1, step), (2, step.wrapping_add(1))] {
            let (u, mut expected, gradient) = (sampler.state.clone(), theta.clone(), vector(row, len));
            let mut z = vec![0.0; len];
            noise.fill(step, 0, &mut z);
            let variance = temperature * epsilon * friction - epsilon * epsilon / 4.0 * gradient_noise;
            let (drift, deviation) = ((epsilon / 2.0) as f32, variance.sqrt());
            prop_assert!(sampler.step(step, &mut theta, &gradient, &noise));
            let after = &sampler.state;
            for i in 0..len {
                // In double precision, with the rounding of three additions as tolerance.
                let [kick, push] = [f64::from(drift) * f64::from(gradient[i]), deviation * f64::from(z[i])];
                let next = (1.0 - friction) * f64::from(u[i]) - kick + push;
                let scale = f64::from(u[i].abs()) + kick.abs() + push.abs();
                prop_assert!((f64::from(after[i]) - next).abs() <= 4e-7 * scale, "u {}", i);
                expected[i] += after[i];
            }
            prop_assert_eq!(bits(&theta), bits(&expected));
        }
    }

    #[test]
    fn with_full_friction_it_is_sgld_to_the_bit(
        len in 1_usize..3000, epsilon in 1e-6..0.5, temperature in 0.0..3.0,
    ) {
        let noise = Seed::root(61).normals();
        let schedule = Schedule::Cyclical { initial: epsilon, length: 5, sampling: 0.6 };
        let (sghmc, sgld) = (Sghmc::new(schedule, temperature, 1.0), Sgld::new(schedule, temperature));
        let (mut sghmc, mut sgld) = (Running::new(sghmc, len), Running::new(sgld, len));
        let (mut x, mut y) = (vector(0, len), vector(0, len));
        for t in 0..10 {
            let gradient = vector(t + 1, len);
            prop_assert!(sghmc.step(t, &mut x, &gradient, &noise) && sgld.step(t, &mut y, &gradient, &noise));
            prop_assert_eq!(bits(&x), bits(&y), "update {}", t);
        }
    }

    #[test]
    fn without_temperature_it_is_gradient_descent_with_momentum(
        len in 1_usize..3000, epsilon in 1e-6..0.5, friction in 1e-3..=1.0,
    ) {
        let noise = Seed::root(62).normals();
        let schedule = Schedule::Polynomial { a: epsilon, b: 1.0, gamma: 0.4 };
        let (sghmc, descent) = (Sghmc::new(schedule, 0.0, friction), Sgd::new(schedule, 1.0 - friction));
        descends(sghmc, descent, len, &noise);
    }
}

#[test]
fn exploring_updates_add_no_noise() {
    let schedule = Schedule::Cyclical { initial: 0.25, length: 10, sampling: 0.3 };
    for t in 0..20 {
        let sampler = Sghmc::new(schedule, 1.0, 0.5).with_gradient_noise(4.0);
        let mut sampler = Running::new(sampler, 100);
        let mut theta = [0.0_f32; 100];
        assert!(sampler.step(t, &mut theta, &[0.0; 100], &Seed::root(63).normals()));
        assert_eq!(theta.iter().any(|&x| x != 0.0), t % 10 >= 7, "update {t}");
    }
}

/// T/(λ(1 − ελ/(4(2 − α)))), the law that the front page states; SGLD's at α = 1.
#[test]
fn stationary_variance_on_a_quadratic() {
    for (epsilon, lambda, friction, temperature) in [
        (0.1, 1.0, 0.1, 1.0),
        (0.5, 1.5, 0.5, 2.0),
        (0.5, 4.0, 0.2, 0.5),
        (0.25, 6.0, 1.0, 1.0),
        (0.01, 2.0, 0.05, 1.0),
    ] {
        let sampler = Sghmc::new(Schedule::Constant(epsilon), temperature, friction);
        let exact = temperature / (lambda * (1.0 - epsilon * lambda / (4.0 * (2.0 - friction))));
        let found = stationary(&running(&sampler), lambda as f32)[0][0];
        assert!((found / exact - 1.0).abs() < 1e-5, "ε = {epsilon}, α = {friction}: {found}, not {exact}");
    }
}

/// Minibatch noise of variance V and the reduced injected noise add up to what the friction asks for.
#[test]
fn gradient_noise_makes_room_for_that_of_the_minibatches() {
    let (epsilon, temperature, friction, v) = (0.02, 0.7, 0.25, 9.0);
    let sampler = Sghmc::new(Schedule::Constant(epsilon), temperature, friction).with_gradient_noise(v);
    let mut sampler = Running::new(sampler, 1);
    let noise = Seed::root(64).normals();
    let mut z = [0.0];
    noise.fill(0, 0, &mut z);
    let (mut injected, mut brought) = ([0.0], [0.0]);
    sampler.step(0, &mut injected, &[0.0], &noise);
    let silent = Sghmc::new(Schedule::Constant(epsilon), 0.0, friction);
    let mut silent = Running::new(silent, 1);
    silent.step(0, &mut brought, &[v.sqrt() as f32], &noise);
    let total = (f64::from(injected[0]) / f64::from(z[0])).powi(2) + f64::from(brought[0]).powi(2);
    assert!((total / (temperature * epsilon * friction) - 1.0).abs() < 1e-6, "{total}");
}

#[test]
fn it_keeps_the_samplers_contract() {
    let polynomial = Schedule::Polynomial { a: 0.05, b: 1.0, gamma: 0.3 };
    let cyclical = Schedule::Cyclical { initial: 0.05, length: 13, sampling: 0.6 };
    for schedule in [polynomial, cyclical] {
        let sampler = Sghmc::new(schedule, 1.0, 0.2).with_gradient_noise(3.0);
        resumes_to_the_bit(&sampler);
        sees_every_bad_gradient(&sampler);
        guards_its_state(&sampler, "momentum");
    }
}

#[test]
fn bad_settings_are_named() {
    refuses_bad_settings(Sghmc::new, "friction");
    for noise in [-1.0, f64::NAN, f64::INFINITY] {
        let sampler = Sghmc::new(Schedule::Constant(0.1), 1.0, 0.5).with_gradient_noise(noise);
        assert_eq!(refused(&sampler), "gradient noise");
    }
}

/// 4Tα/ε = 4·1·½/¼ = 8 is the most, at the schedule's largest ε.
#[test]
fn more_gradient_noise_than_the_friction_takes_is_refused() {
    let polynomial = Schedule::Polynomial { a: 0.25, b: 1.0, gamma: 0.5 };
    let cyclical = Schedule::Cyclical { initial: 0.25, length: 10, sampling: 0.5 };
    for schedule in [Schedule::Constant(0.25), polynomial, cyclical] {
        let sampler = Sghmc::new(schedule, 1.0, 0.5);
        assert_eq!(sampler.with_gradient_noise(8.0).validate(), Ok(()));
        let error = sampler.with_gradient_noise(16.0).validate().unwrap_err().to_string();
        for fact in ["gradient noise", "V = 1.6e1", "(ε/2)²·V = 2.5e-1", "T·ε·α = 1.25e-1", "ε = 2.5e-1"] {
            assert!(error.contains(fact), "{fact}: {error}");
        }
    }
    assert_eq!(refused(&Sghmc::new(Schedule::Constant(0.1), 0.0, 0.5).with_gradient_noise(1e-9)), "gradient noise");
}

#[test]
fn settings_survive_text() {
    let sampler = Sghmc::new(Schedule::Constant(0.1), 1.0, 0.25).with_gradient_noise(2.0);
    let text = serde_json::to_string(&sampler).unwrap();
    assert_eq!(serde_json::from_str::<Sghmc>(&text).unwrap(), sampler);
    let short = r#"{"step_size":{"constant":0.1},"temperature":1.0,"friction":0.25}"#;
    assert_eq!(serde_json::from_str::<Sghmc>(short).unwrap(), sampler.with_gradient_noise(0.0));
    assert!(serde_json::from_str::<Sghmc>(&text.replace("friction", "fraction")).is_err());
}
