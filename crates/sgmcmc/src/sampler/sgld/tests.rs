use apd_seed::Seed;

use crate::sampler::contract::{Running, resumes_to_the_bit, sees_every_bad_gradient};
use crate::testing::bits;
use crate::{ChainError, Sampler, Schedule, Sgd, Sgld, from_mean_loss};

/// θ ← θ − (ε_t/2)·g + √(T·ε_t)·z with z from row t, over several updates, to the bit.
#[test]
fn update_is_the_equation() {
    let noise = Seed::root(21).normals();
    for schedule in [Schedule::Constant(0.02), Schedule::Polynomial { a: 0.5, b: 3.0, gamma: 0.6 }] {
        for temperature in [0.0, 0.5, 1.0, 2.0] {
            for len in [1, 1000, 1023, 1024, 1025, 2049] {
                let sampler = Sgld::new(schedule, temperature);
                let mut sampler = Running::new(sampler, len);
                let mut theta = vec![1.0_f32; len];
                let mut expected = theta.clone();
                for t in [0, 1, 2, 99] {
                    let gradient: Vec<f32> = theta.iter().map(|x| 2.0 * x - 0.3).collect();
                    assert!(sampler.step(t, &mut theta, &gradient, &noise));
                    let epsilon = schedule.step_size(t);
                    let (drift, deviation) = ((epsilon / 2.0) as f32, (temperature * epsilon).sqrt() as f32);
                    let mut z = vec![0.0; len];
                    noise.fill(t, 0, &mut z);
                    for i in 0..len {
                        expected[i] += deviation * z[i] - drift * gradient[i];
                    }
                    assert_eq!(bits(&theta), bits(&expected), "T = {temperature}, d = {len}, t = {t}");
                }
            }
        }
    }
}

/// On U = ½θ² with exact binary numbers: θ₁ = θ₀(1 − ε/2).
#[test]
fn without_temperature_it_is_gradient_descent_with_half_the_step() {
    let mut theta = [8.0_f32, -4.0];
    let gradient = theta;
    let mut sampler = Running::new(Sgld::new(Schedule::Constant(0.5), 0.0), 2);
    assert!(sampler.step(0, &mut theta, &gradient, &Seed::root(0).normals()));
    assert_eq!(theta, [6.0, -3.0]);
}

#[test]
fn without_temperature_it_is_momentum_without_momentum() {
    let schedule = Schedule::Polynomial { a: 0.1, b: 1.0, gamma: 0.5 };
    let mut sgld = Running::new(Sgld::new(schedule, 0.0), 2000);
    let mut momentum = Running::new(Sgd::new(schedule, 0.0), 2000);
    let noise = Seed::root(22).normals();
    let (mut x, mut y) = (vec![1.0_f32; 2000], vec![1.0_f32; 2000]);
    for t in 0..10 {
        let gradient: Vec<f32> = x.iter().enumerate().map(|(i, x)| x * i as f32 * 1e-2).collect();
        assert!(sgld.step(t, &mut x, &gradient, &noise) && momentum.step(t, &mut y, &gradient, &noise));
    }
    assert_eq!(bits(&x), bits(&y));
}

#[test]
fn exploring_updates_add_no_noise() {
    let schedule = Schedule::Cyclical { initial: 0.25, length: 10, sampling: 0.3 };
    let noise = Seed::root(23).normals();
    for t in 0..20 {
        let mut theta = [0.0_f32; 100];
        assert!(Running::new(Sgld::new(schedule, 1.0), 100).step(t, &mut theta, &[0.0; 100], &noise));
        assert_eq!(theta.iter().any(|&x| x != 0.0), t % 10 >= 7, "update {t}");
    }
}

#[test]
fn mean_loss_parameters() {
    let (epsilon, tau) = from_mean_loss(0.05, 0.001, 50_000);
    assert!((epsilon - 1e-6).abs() < 1e-20 && (tau - 50.0).abs() < 1e-12);
    // On L = (1/n)·Σ ℓ + (wd/2)θ², U = n·L: (ε/2)·∇U = (lr/2)·∇L.
    let (lr, decay, n, data_gradient, theta) = (0.3, 0.01, 40, 1.7, 2.0);
    let (epsilon, tau) = from_mean_loss(lr, decay, n);
    let full = n as f64 * data_gradient + tau * theta;
    assert!((epsilon / 2.0 * full - lr / 2.0 * (data_gradient + decay * theta)).abs() < 1e-15);
}

#[test]
#[should_panic(expected = "at least one term")]
fn mean_loss_needs_terms() {
    from_mean_loss(0.1, 0.0, 0);
}

#[test]
fn bad_settings_are_named() {
    for temperature in [-1.0, f64::NAN, f64::INFINITY] {
        let error = Sgld::new(Schedule::Constant(0.1), temperature).validate().unwrap_err();
        assert!(matches!(error, ChainError::Setting { field: "temperature", .. }), "{error}");
    }
    let error = Sgld::new(Schedule::Constant(0.0), 1.0).validate().unwrap_err();
    assert!(matches!(error, ChainError::Setting { field: "constant step size", .. }), "{error}");
    assert_eq!(Sgld::new(Schedule::Constant(0.1), 0.0).validate(), Ok(()));
}

#[test]
fn it_keeps_the_samplers_contract() {
    let sampler = Sgld::new(Schedule::Polynomial { a: 0.05, b: 1.0, gamma: 0.3 }, 1.0);
    resumes_to_the_bit(&sampler);
    sees_every_bad_gradient(&sampler);
}
