use apd_seed::Seed;
use proptest::prelude::*;

use super::Turn;
use crate::sampler::contract::{
    Running, cases, guards_its_state, refused, resumes_to_the_bit, sees_every_bad_gradient, vector,
};
use crate::testing::Terms;
use crate::{Chain, ChainConfig, ChainError, FromFn, Mclmc, Sample, Sampler, Schedule};

fn double(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| f64::from(x)).collect()
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

fn unit(x: &[f64]) -> Vec<f64> {
    let norm = dot(x, x).sqrt();
    x.iter().map(|x| x / norm).collect()
}

/// dn/ds = −(I − n·nᵀ)·g·c over a unit of s, by 2000 steps of the classical Runge–Kutta method; and ∫ −c·g·n ds, which is ln S.
fn flow(n: &[f64], g: &[f64], c: f64) -> (Vec<f64>, f64) {
    let slope = |n: &[f64]| -> Vec<f64> {
        let along = dot(n, g);
        n.iter().zip(g).map(|(n, g)| -c * (g - along * n)).collect()
    };
    let moved = |n: &[f64], k: &[f64], by: f64| -> Vec<f64> { n.iter().zip(k).map(|(n, k)| n + by * k).collect() };
    let (mut n, mut work, h) = (n.to_vec(), 0.0, 1.0 / 2000.0);
    for _ in 0..2000 {
        let k1 = slope(&n);
        let k2 = slope(&moved(&n, &k1, 0.5 * h));
        let k3 = slope(&moved(&n, &k2, 0.5 * h));
        let k4 = slope(&moved(&n, &k3, h));
        let before = dot(&n, g);
        n = (0..n.len()).map(|i| n[i] + h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i])).collect();
        work -= c * h * 0.5 * (before + dot(&n, g));
    }
    (n, work)
}

proptest! {
    #![proptest_config(cases(32))]

    /// B, half a move, the refreshment, half a move; B by another method than its closed form, three times.
    #[test]
    fn update_is_the_splitting(
        len in 2_usize..40, epsilon in 1e-3..0.5, temperature in 0.2..3.0, friction in 1e-3..=1.0, step in 0_u64..1_000_000,
    ) {
        let noise = Seed::root(90).normals();
        let mut sampler = Running::new(Mclmc::new(Schedule::Constant(epsilon), temperature, friction).with_max_turn(40.0), len);
        let mut theta = vector(0, len);
        let mut first = vec![0.0; len];
        noise.fill(step, len.next_multiple_of(1024), &mut first);
        let (mut x, mut n, mut heat) = (double(&theta), unit(&double(&first)), 0.0);
        let (d, freedom, keep) = (len as f64, len as f64 - 1.0, 1.0 - friction);
        let h = (temperature * epsilon * freedom).sqrt();
        for row in 0..3 {
            let gradient = vector(row + 1, len);
            prop_assert!(sampler.step(step + row, &mut theta, &gradient, &noise));
            let length = if row == 0 { 0.5 * h } else { h };
            let (turned, work) = flow(&n, &double(&gradient), length / (temperature * freedom));
            heat += if row == 0 { 0.0 } else { 2.0 * temperature / epsilon * work };
            let mut z = vec![0.0; len];
            noise.fill(step + row, 0, &mut z);
            let spread = ((1.0 - keep * keep) / d).sqrt();
            n = unit(&turned.iter().zip(&z).map(|(n, &z)| keep * n + spread * f64::from(z)).collect::<Vec<_>>());
            for i in 0..len {
                x[i] += 0.5 * h * (turned[i] + n[i]);
                prop_assert!((f64::from(theta[i]) - x[i]).abs() <= 1e-5 * (1.0 + x[i].abs()), "θ {}: {} {}", i, theta[i], x[i]);
                prop_assert!((f64::from(sampler.state.direction[i]) - n[i]).abs() <= 1e-5, "n {}", i);
            }
        }
        prop_assert!((sampler.state.noise_seen().unwrap() - heat / 2.0).abs() <= 1e-3 * (1.0 + heat.abs()));
    }

    /// Whatever the gradient, n stays a direction and both halves of the move have their length.
    #[test]
    fn speed_is_constant(len in 2_usize..3000, epsilon in 1e-6..0.5, exponent in -20_i32..20, friction in 1e-3..=1.0) {
        let noise = Seed::root(91).normals();
        let mut sampler = Running::new(Mclmc::new(Schedule::Constant(epsilon), 1.0, friction), len);
        let gradient: Vec<f32> = vector(1, len).iter().map(|g| g * 10_f32.powi(exponent)).collect();
        let longest = (epsilon * (len as f64 - 1.0)).sqrt();
        for step in 0..5 {
            let mut theta = vec![0.0; len];
            prop_assert!(sampler.step(step, &mut theta, &gradient, &noise));
            let moved = double(&theta);
            prop_assert!(dot(&moved, &moved).sqrt() <= longest * (1.0 + 1e-5));
            let n = double(&sampler.state.direction);
            prop_assert!((dot(&n, &n) - 1.0).abs() < 1e-5);
        }
    }
}

/// Beyond Δ the length of the gradient does not matter, and the update is counted.
#[test]
fn outliers_turn_the_direction_by_so_much_and_no_more() {
    let (noise, len) = (Seed::root(92).normals(), 50);
    let sampler = Mclmc::new(Schedule::Constant(0.1), 1.0, 0.3);
    let gradient = vector(1, len);
    let norm = dot(&double(&gradient), &double(&gradient)).sqrt();
    // δ = Δ in the second update, for a gradient of this length.
    let at_the_limit = sampler.max_turn / (0.1 / 49.0_f64).sqrt() / norm;
    let after = |scale: f64| {
        let (mut running, mut theta) = (Running::new(sampler, len), vec![0.0; len]);
        running.step(0, &mut theta, &vec![0.0; len], &noise);
        let gradient: Vec<f32> = gradient.iter().map(|g| (f64::from(*g) * scale) as f32).collect();
        assert!(running.step(1, &mut theta, &gradient, &noise));
        (running.state.clipped, theta)
    };
    let (clipped, expected) = after(at_the_limit * 0.9999);
    assert_eq!(clipped, 0);
    for scale in [1.0001, 10.0, 1e6, 1e30] {
        let (clipped, theta) = after(at_the_limit * scale);
        assert_eq!(clipped, 1);
        assert!(theta.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-3), "{scale}");
    }
    assert!(after(at_the_limit * 0.5).1.iter().zip(&expected).any(|(a, b)| (a - b).abs() > 1e-2));
}

/// At the unstable fixed point n = −e nothing is divided by 0, up to the largest Δ.
#[test]
fn a_direction_uphill_is_turned_without_overflow() {
    for delta in [1e-9, 1.0, 40.0] {
        let turn = Turn::new(delta, -1.0, 1.0);
        // e = −n: B(n) = n.
        assert!((turn.keep - turn.push - 1.0).abs() < 1e-6 * turn.keep, "{delta}");
        assert!((turn.log_stretch + delta).abs() < 1e-9 * (1.0 + delta), "{delta}");
        assert!((turn.keep as f32).is_finite() && (turn.push as f32).is_finite());
    }
    let still = Turn::new(0.0, 0.0, 0.0);
    assert_eq!((still.keep, still.push, still.log_stretch), (1.0, 0.0, 0.0));
}

/// Noise of variance v in every coordinate, on a normal law: what the energy says is v, less the integrator's own −ελ²/12.
///
/// 200 coordinates and 20 000 updates: the energy's error is that of a mean of 4 million terms, some 0.1 %; the next order in ε·v is
/// 3 %.
#[test]
fn the_energy_tells_the_noise() {
    const DIM: usize = 200;
    const STEPS: u64 = 20_000;
    for v in [0.0, 2.0] {
        let (noise, mut call) = (Seed::root(93).child("gradients").normals(), 0);
        let normal = FromFn::new(DIM, 1, move |x: &[f32], _, gradient: &mut [f32]| {
            noise.fill(call, 0, gradient);
            call += 1;
            gradient.iter_mut().zip(x).for_each(|(g, x)| *g = x + (v as f32).sqrt() * *g);
            0.0
        });
        let sampler = Mclmc::new(Schedule::Constant(0.05), 1.0, 0.3);
        let config = ChainConfig { steps: STEPS, burn_in: 0, thinning: STEPS, batch_size: 1 };
        let mut chain = Chain::new(0, normal, sampler, config, Seed::root(93), vec![0.0; DIM]).unwrap();
        chain.run(&mut |_: Sample<'_>| Ok::<(), ChainError>(())).unwrap();
        let found = chain.state().memory.noise_seen().unwrap();
        assert!((found - v).abs() < 0.03 * v + 0.01, "{found}, not {v}");
    }
}

#[test]
fn exploring_updates_add_no_noise() {
    let schedule = Schedule::Cyclical { initial: 0.25, length: 10, sampling: 0.3 };
    let mut sampler = Running::new(Mclmc::new(schedule, 1.0, 0.5), 100);
    for t in 0..20 {
        let before = sampler.state.direction.clone();
        assert!(sampler.step(t, &mut [0.0; 100], &[0.0; 100], &Seed::root(94).normals()));
        let is_kept = sampler.state.direction.iter().zip(&before).all(|(now, before)| (now - before).abs() < 1e-6);
        assert_eq!(is_kept, t % 10 < 7 && t > 0, "update {t}");
    }
}

#[test]
fn it_keeps_the_samplers_contract() {
    let polynomial = Schedule::Polynomial { a: 0.05, b: 1.0, gamma: 0.3 };
    let cyclical = Schedule::Cyclical { initial: 0.05, length: 13, sampling: 0.6 };
    for schedule in [polynomial, cyclical] {
        resumes_to_the_bit(&Mclmc::new(schedule, 1.0, 0.2));
        sees_every_bad_gradient(&Mclmc::new(schedule, 1.0, 0.2));
        guards_its_state(&Mclmc::new(schedule, 1.0, 0.2), "direction");
    }
}

#[test]
fn one_coordinate_is_too_few() {
    let config = ChainConfig { steps: 1, burn_in: 0, thinning: 1, batch_size: 1 };
    let sampler = Mclmc::new(Schedule::Constant(0.1), 1.0, 0.3);
    let error = Chain::new(0, Terms::mean(&[1.0], 1.0), sampler, config, Seed::root(1), vec![0.0]).unwrap_err();
    assert_eq!(error.to_string(), "number of coordinates is 1; expected at least 2, as directions need");
}

#[test]
fn bad_settings_are_named() {
    let good = Mclmc::new(Schedule::Constant(0.1), 1.0, 0.3);
    assert_eq!(good.validate(), Ok(()));
    assert_eq!(refused(&Mclmc { step_size: Schedule::Constant(0.0), ..good }), "constant step size");
    for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(refused(&Mclmc { temperature, ..good }), "temperature");
    }
    for friction in [0.0, -0.1, 1.1, f64::NAN] {
        assert_eq!(refused(&Mclmc { friction, ..good }), "friction");
    }
    for max_turn in [0.0, 41.0, f64::NAN] {
        assert_eq!(refused(&good.with_max_turn(max_turn)), "longest turn");
    }
}

#[test]
fn settings_survive_text() {
    let sampler = Mclmc::new(Schedule::Constant(0.1), 1.0, 0.25).with_max_turn(3.0);
    let text = serde_json::to_string(&sampler).unwrap();
    assert_eq!(serde_json::from_str::<Mclmc>(&text).unwrap(), sampler);
    let default = text.replace(r#","max_turn":3.0"#, "");
    assert_eq!(serde_json::from_str::<Mclmc>(&default).unwrap(), sampler.with_max_turn(2.0));
}
