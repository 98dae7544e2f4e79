use apd_seed::Seed;

use crate::testing::bits;
use crate::{Buffers, ChainError, Momentum, Sampler, Schedule};

fn gradient(theta: &[f32]) -> Vec<f32> {
    theta.iter().enumerate().map(|(i, x)| x * (1.0 + i as f32 * 1e-3) - 0.5).collect()
}

#[test]
fn update_is_the_equation() {
    let schedule = Schedule::Polynomial { a: 0.2, b: 2.0, gamma: 0.7 };
    let noise = Seed::root(31).normals();
    for len in [1, 15, 16, 17, 1024, 1025] {
        let mut sampler = Momentum::new(schedule, 0.9);
        sampler.prepare(len);
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
    let mut sampler = Momentum::from_mean_loss(lr, 0.5, n);
    sampler.prepare(1);
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
    Momentum::from_mean_loss(0.1, 0.9, 0);
}

#[test]
fn restored_velocity_goes_on_to_the_bit() {
    let noise = Seed::root(32).normals();
    let new = || {
        let mut sampler = Momentum::new(Schedule::Constant(0.05), 0.95);
        sampler.prepare(100);
        sampler
    };
    let (mut sampler, mut theta) = (new(), vec![1.0_f32; 100]);
    for t in 0..7 {
        let g = gradient(&theta);
        sampler.step(t, &mut theta, &g, &noise);
    }
    let saved = serde_json::to_string(&sampler.save()).unwrap();
    let (mut restored, mut other) = (new(), theta.clone());
    restored.restore(&serde_json::from_str(&saved).unwrap()).unwrap();
    let (mut forgetful, mut third) = (new(), theta.clone());
    for t in 7..12 {
        for (sampler, theta) in [(&mut sampler, &mut theta), (&mut restored, &mut other), (&mut forgetful, &mut third)]
        {
            let g = gradient(theta);
            sampler.step(t, theta, &g, &noise);
        }
    }
    assert_eq!(bits(&theta), bits(&other));
    assert_ne!(bits(&theta), bits(&third), "the velocity does not matter to this test");
}

#[test]
fn foreign_buffers_are_refused() {
    let mut sampler = Momentum::new(Schedule::Constant(0.1), 0.9);
    sampler.prepare(4);
    let missing = sampler.restore(&Buffers::default()).unwrap_err();
    assert_eq!(missing, ChainError::Buffer { name: "velocity", expected: 4, found: None });
    assert!(missing.to_string().contains("\"velocity\" is missing"), "{missing}");
    let mut short = Buffers::default();
    short.insert("velocity", &[1.0; 3]);
    let short = sampler.restore(&short).unwrap_err();
    assert_eq!(short.to_string(), "the saved sampler buffer \"velocity\" has 3 values; expected 4 values");
}

#[test]
fn bad_settings_are_named() {
    for momentum in [-0.1, 1.0, f64::NAN] {
        let error = Momentum::new(Schedule::Constant(0.1), momentum).validate().unwrap_err();
        assert!(matches!(error, ChainError::Setting { field: "momentum", .. }), "{error}");
    }
    assert!(Momentum::new(Schedule::Constant(-0.1), 0.9).validate().is_err());
    assert_eq!(Momentum::new(Schedule::Constant(0.1), 0.0).validate(), Ok(()));
}

/// The noise it is handed plays no part.
#[test]
fn it_is_deterministic() {
    let run = |seed| {
        let mut sampler = Momentum::new(Schedule::Constant(0.1), 0.9);
        sampler.prepare(10);
        let mut theta = vec![1.0_f32; 10];
        for t in 0..5 {
            let g = gradient(&theta);
            sampler.step(t, &mut theta, &g, &Seed::root(seed).normals());
        }
        assert_eq!(sampler.temperature(), 0.0);
        bits(&theta)
    };
    assert_eq!(run(1), run(2));
}
