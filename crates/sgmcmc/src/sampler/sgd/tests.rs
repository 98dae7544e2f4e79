use apd_seed::Seed;

use crate::sampler::contract::{Running, guards_its_state, resumes_to_the_bit, sees_every_bad_gradient};
use crate::testing::bits;
use crate::{ChainError, Sampler, Schedule, Sgd};

fn gradient(theta: &[f32]) -> Vec<f32> {
    theta.iter().enumerate().map(|(i, x)| x * (1.0 + i as f32 * 1e-3) - 0.5).collect()
}

#[test]
fn update_is_the_equation() {
    let schedule = Schedule::Polynomial { a: 0.2, b: 2.0, gamma: 0.7 };
    let noise = Seed::root(31).normals();
    for len in [1, 15, 16, 17, 1024, 1025] {
        let sampler = Sgd::new(schedule, 0.9);
        let mut sampler = Running::new(sampler, len);
        let (mut theta, mut x, mut v) = (vec![1.0_f32; len], vec![1.0_f32; len], vec![0.0_f32; len]);
        for t in 0..20 {
            let g = gradient(&theta);
            assert!(sampler.step(t, &mut theta, &g, &noise));
            for i in 0..len {
                v[i] = 0.9 * v[i] - (0.5 * schedule.step_size(t)) as f32 * g[i];
                x[i] += v[i];
            }
            assert_eq!(bits(&theta), bits(&x), "d = {len}, t = {t}");
        }
    }
}

/// lr multiplies the mean loss' gradient once, with no ½: θ ← θ − lr·∇L, exact in binary.
#[test]
fn mean_loss_is_sgd_as_usually_defined() {
    let (lr, n) = (0.25, 8);
    let sampler = Sgd::from_mean_loss(lr, 0.5, n);
    let mut sampler = Running::new(sampler, 1);
    let noise = Seed::root(0).normals();
    let mut theta = [0.0_f32];
    // ∇L = −1, so ∇U = −8: v = ¼, then ⅛ + ¼.
    for expected in [0.25, 0.625] {
        assert!(sampler.step(0, &mut theta, &[-8.0], &noise));
        assert_eq!(theta, [expected]);
    }
}

#[test]
#[should_panic(expected = "at least one term")]
fn mean_loss_needs_terms() {
    Sgd::from_mean_loss(0.1, 0.9, 0);
}

#[test]
fn it_keeps_the_samplers_contract() {
    let sampler = Sgd::new(Schedule::Polynomial { a: 0.05, b: 1.0, gamma: 0.3 }, 0.9);
    resumes_to_the_bit(&sampler);
    sees_every_bad_gradient(&sampler);
    guards_its_state(&sampler, "velocity");
}

#[test]
fn bad_settings_are_named() {
    for momentum in [-0.1, 1.0, f64::NAN] {
        let error = Sgd::new(Schedule::Constant(0.1), momentum).validate().unwrap_err();
        assert!(matches!(error, ChainError::Setting { field: "momentum", .. }), "{error}");
    }
    assert!(Sgd::new(Schedule::Constant(-0.1), 0.9).validate().is_err());
    assert_eq!(Sgd::new(Schedule::Constant(0.1), 0.0).validate(), Ok(()));
}

/// The noise it is handed plays no part.
#[test]
fn it_is_deterministic() {
    let run = |seed| {
        let sampler = Sgd::new(Schedule::Constant(0.1), 0.9);
        let mut sampler = Running::new(sampler, 10);
        let mut theta = vec![1.0_f32; 10];
        for t in 0..5 {
            let g = gradient(&theta);
            sampler.step(t, &mut theta, &g, &Seed::root(seed).normals());
        }
        assert_eq!(sampler.sampler.temperature(), 0.0);
        bits(&theta)
    };
    assert_eq!(run(1), run(2));
}
