use super::{Dynamics, Hamiltonian, Preconditioner};
use crate::phase_space::Point;
use crate::testing::Quadratic;
use crate::{FromFn64, Potential64};

/// U = Σ (x⁴/4 + x²/2 + cᵢxᵢxᵢ₊₁): smooth, coupled, not quadratic.
fn quartic() -> impl Potential64 {
    FromFn64::new(3, |x: &[f64], gradient: &mut [f64]| {
        let mut value = 0.0;
        for i in 0..3 {
            let (next, before) = (x[(i + 1) % 3], x[(i + 2) % 3]);
            value += 0.25 * x[i].powi(4) + 0.5 * x[i] * x[i] + 0.3 * x[i] * next;
            gradient[i] = x[i].powi(3) + x[i] + 0.3 * (next + before);
        }
        value
    })
}

fn start<P: Potential64>(dynamics: &mut Dynamics<P>) -> Point {
    let mut point = Point::new(vec![0.7, -1.1, 0.4]);
    point.momentum = vec![0.5, 0.9, -1.3];
    dynamics.evaluator.evaluate(&mut point);
    point
}

fn leapfrog<P: Potential64>(dynamics: &mut Dynamics<P>, point: &mut Point, step: f64) {
    let mut next = Point::new(vec![f64::NAN; point.position.len()]);
    dynamics.leapfrog(point, &mut next, step);
    *point = next;
}

/// One step on U = ½·4x² with T = 2 and L = 2 by hand, in numbers that are exact in binary.
#[test]
fn one_step_is_the_equation() {
    let target = Quadratic { precision: [[4.0]], center: [0.0], blocks: 1 };
    let mut dynamics = Dynamics::new(target, 2.0);
    dynamics.preconditioner.scales = vec![2.0];
    let mut point = Point::new(vec![1.0]);
    point.momentum = vec![3.0];
    dynamics.evaluator.evaluate(&mut point);
    // U = 2, kinetic ½·9.
    assert_eq!((point.potential, dynamics.energy(&point)), (2.0, 5.5));
    leapfrog(&mut dynamics, &mut point, 0.5);
    // q = 3 − ¼·2·4/2 = 2; x = 1 + ½·2·2 = 3; q = 2 − ¼·2·12/2 = −1.
    assert_eq!((point.position[0], point.momentum[0], point.gradient[0]), (3.0, -1.0, 12.0));
    assert_eq!((point.potential, dynamics.energy(&point)), (18.0, 9.0 + 0.5));
    assert_eq!(dynamics.evaluator.gradients, 2);
}

/// L that is not diagonal: of scales, and a direction.
fn oblique() -> Preconditioner {
    Preconditioner { scales: vec![0.5, 1.0, 2.0], stretches: vec![1.5], directions: vec![0.6, 0.0, 0.8] }
}

/// Back along the way it came, up to rounding over 200 steps.
#[test]
fn the_leapfrog_is_reversible() {
    let mut dynamics = Dynamics::new(quartic(), 1.5);
    dynamics.preconditioner = oblique();
    let (from, mut point) = (start(&mut dynamics), start(&mut dynamics));
    for _ in 0..200 {
        leapfrog(&mut dynamics, &mut point, 0.1);
    }
    let far = point.position.iter().zip(&from.position).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(far > 0.1, "it has not moved");
    for _ in 0..200 {
        leapfrog(&mut dynamics, &mut point, -0.1);
    }
    let pairs = point.position.iter().zip(&from.position).chain(point.momentum.iter().zip(&from.momentum));
    let error = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(error < 1e-11, "off by {error:e}");
}

/// |ΔH| after a fixed time falls as ε²: the slope of log |ΔH| against log ε, fitted.
#[test]
fn the_energy_error_is_of_second_order() {
    let mut dynamics = Dynamics::new(quartic(), 1.5);
    dynamics.preconditioner = oblique();
    let mut points = Vec::new();
    for steps in [16, 24, 32, 48, 64, 96] {
        let (mut point, mut greatest) = (start(&mut dynamics), 0.0_f64);
        let energy = dynamics.energy(&point);
        for _ in 0..steps {
            leapfrog(&mut dynamics, &mut point, 3.0 / f64::from(steps));
            greatest = greatest.max((dynamics.energy(&point) - energy).abs());
        }
        points.push(((3.0 / f64::from(steps)).ln(), greatest.ln()));
    }
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / n, b + y / n));
    let slope = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>()
        / points.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>();
    println!("slope {slope:.3}");
    assert!((slope - 2.0).abs() < 0.1, "the error is of order {slope}");
}

/// The map (x, p) → (x', p') keeps areas: its Jacobian's determinant is 1, by central differences.
#[test]
fn the_leapfrog_keeps_volumes() {
    let target = FromFn64::new(1, |x: &[f64], gradient: &mut [f64]| {
        gradient[0] = x[0].powi(3) + x[0];
        0.25 * x[0].powi(4) + 0.5 * x[0].powi(2)
    });
    let mut dynamics = Dynamics::new(target, 1.0);
    let mut to = |x: f64, p: f64| {
        let mut point = Point::new(vec![x]);
        point.momentum = vec![p];
        dynamics.evaluator.evaluate(&mut point);
        for _ in 0..5 {
            leapfrog(&mut dynamics, &mut point, 0.3);
        }
        (point.position[0], point.momentum[0])
    };
    let h = 1e-4;
    let (a, b, c, d) = (to(0.4 + h, 0.8), to(0.4 - h, 0.8), to(0.4, 0.8 + h), to(0.4, 0.8 - h));
    let determinant = ((a.0 - b.0) * (c.1 - d.1) - (c.0 - d.0) * (a.1 - b.1)) / (4.0 * h * h);
    assert!((determinant - 1.0).abs() < 1e-6, "{determinant}");
}

#[test]
fn what_is_not_a_number_has_infinite_energy() {
    let mut dynamics = Dynamics::new(quartic(), 1.0);
    let mut point = start(&mut dynamics);
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        point.potential = bad;
        assert_eq!(dynamics.energy(&point), f64::INFINITY);
    }
    let mut point = start(&mut dynamics);
    point.momentum[1] = f64::NAN;
    assert_eq!(dynamics.energy(&point), f64::INFINITY);
}
