use super::{Dynamics, draw_direction};
use crate::phase_space::Point;
use crate::{FromFn64, Potential64};

/// x⁴/4 + Σ x²/2 with couplings: nothing about it is special.
fn rough() -> impl Potential64 {
    FromFn64::new(5, |x: &[f64], gradient: &mut [f64]| {
        let mut value = 0.0;
        for i in 0..5 {
            let next = x[(i + 1) % 5];
            value += 0.25 * x[i].powi(4) + 0.5 * x[i] * x[i] + 0.3 * x[i] * next;
            gradient[i] = x[i].powi(3) + x[i] + 0.3 * (next + x[(i + 4) % 5]);
        }
        value
    })
}

fn start(dynamics: &mut Dynamics<impl Potential64>) -> Point {
    let mut point = Point::new(vec![0.4, -0.8, 1.1, 0.2, -0.5]);
    draw_direction(&mut point, &apd_seed::Seed::root(5).normals(), 0);
    dynamics.evaluator.evaluate(&mut point);
    point
}

/// The turn is the flow of du = −P(u)g·dt/(d − 1), and ΔK is ∫ −g·u dt: against a thousand steps of Runge & Kutta.
#[test]
fn a_turn_is_the_exact_flow() {
    let mut dynamics = Dynamics::new(rough(), 0.7);
    dynamics.scales = vec![1.0, 0.5, 2.0, 1.5, 0.1];
    let mut point = start(&mut dynamics);
    let force: Vec<f64> = point.gradient.iter().zip(&dynamics.scales).map(|(g, s)| -g * s / 0.7 / 4.0).collect();
    let slope = |u: &[f64]| -> (Vec<f64>, f64) {
        let along: f64 = u.iter().zip(&force).map(|(u, f)| u * f).sum();
        (u.iter().zip(&force).map(|(u, f)| f - along * u).collect(), 4.0 * along)
    };
    let (mut u, mut energy, step) = (point.momentum.clone(), 0.0, 2.5 / 1000.0);
    for _ in 0..1000 {
        let moved =
            |u: &[f64], by: &[f64], step: f64| -> Vec<f64> { u.iter().zip(by).map(|(u, by)| u + step * by).collect() };
        let a = slope(&u);
        let b = slope(&moved(&u, &a.0, 0.5 * step));
        let c = slope(&moved(&u, &b.0, 0.5 * step));
        let d = slope(&moved(&u, &c.0, step));
        for i in 0..5 {
            u[i] += step / 6.0 * (a.0[i] + 2.0 * b.0[i] + 2.0 * c.0[i] + d.0[i]);
        }
        energy += step / 6.0 * (a.1 + 2.0 * b.1 + 2.0 * c.1 + d.1);
    }
    let kinetic = dynamics.turn(&mut point, 2.5);
    assert!((kinetic - energy).abs() < 1e-9, "{kinetic}, not {energy}");
    assert!(point.momentum.iter().zip(&u).all(|(a, b)| (a - b).abs() < 1e-9), "{:?}, not {u:?}", point.momentum);
}

/// A step back from where a step led, with the direction reversed, leads to where it came from.
#[test]
fn steps_are_reversible() {
    let mut dynamics = Dynamics::new(rough(), 1.0);
    let begin = start(&mut dynamics);
    let mut point = begin.clone();
    let there = dynamics.integrate(&mut point, 0.9);
    point.momentum.iter_mut().for_each(|u| *u = -*u);
    let back = dynamics.integrate(&mut point, 0.9);
    assert!(there.abs() > 1e-6, "the step is exact, and this no test");
    assert!((there + back).abs() < 1e-12);
    assert!(point.position.iter().zip(&begin.position).all(|(a, b)| (a - b).abs() < 1e-12));
    assert!((point.momentum.iter().map(|u| u * u).sum::<f64>() - 1.0).abs() < 1e-14);
}

/// A symmetric integrator of second order loses O(ε³) of the energy in a step.
#[test]
fn the_energy_error_is_of_third_order() {
    let mut dynamics = Dynamics::new(rough(), 1.0);
    let begin = start(&mut dynamics);
    let errors = [0.1, 0.05, 0.025].map(|step| dynamics.integrate(&mut begin.clone(), step));
    for pair in errors.windows(2) {
        let order = (pair[0] / pair[1]).log2();
        assert!((order - 3.0).abs() < 0.15, "order {order} of {errors:?}");
    }
}

/// Refreshed over a distance t in n parts, the direction keeps e^(−t/L) of itself, whatever n is.
#[test]
fn directions_are_forgotten_over_the_length() {
    const DIM: usize = 20_000;
    let normals = apd_seed::Seed::root(6).normals();
    for parts in [1_u64, 10] {
        let mut dynamics = Dynamics::new(FromFn64::new(DIM, |_: &[f64], _: &mut [f64]| 0.0), 1.0);
        let mut point = Point::new(vec![0.0; DIM]);
        draw_direction(&mut point, &normals, 0);
        let first = point.momentum.clone();
        for part in 0..parts {
            dynamics.refresh_direction(&mut point, 1.0 / parts as f64, 2.0, &normals, part + 1);
        }
        let kept: f64 = point.momentum.iter().zip(&first).map(|(a, b)| a * b).sum();
        // The standard deviation of the kept part is about 1/√DIM = 0.007.
        assert!((kept - (-0.5_f64).exp()).abs() < 0.03, "{parts} parts: {kept}");
    }
}
