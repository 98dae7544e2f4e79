use apd_seed::Seed;

use super::super::dynamics::{Dynamics, Hamiltonian};
use super::{Joint, Nuts};
use crate::phase_space::Point;
use crate::testing::Quadratic;
use crate::{FromFn64, Potential64};

/// A trajectory in exact time: on a line (U = 0) it never turns.
fn free(dim: usize) -> Dynamics<impl Potential64> {
    let flat = FromFn64::new(dim, |_: &[f64], gradient: &mut [f64]| {
        gradient.fill(0.0);
        0.0
    });
    Dynamics::new(flat, 1.0)
}

fn oscillator(dim: usize) -> Dynamics<impl Potential64> {
    Dynamics::new(Quadratic { precision: [[1.0]], center: [0.0], blocks: dim }, 1.0)
}

fn point<P: Potential64>(dynamics: &mut Dynamics<P>, position: f64, momentum: f64) -> Point {
    let dim = dynamics.preconditioner.scales.len();
    let mut point = Point::new(vec![position; dim]);
    point.momentum = vec![momentum; dim];
    dynamics.evaluator.evaluate(&mut point);
    point
}

#[test]
fn weights_are_joined() {
    let log = |a, b| Joint::new(a, b).log_weight;
    for (a, b) in [(0.0_f64, 0.0_f64), (1.0, -3.0), (-3.0, 1.0), (0.5, 0.4)] {
        assert!((log(a, b) - (a.exp() + b.exp()).ln()).abs() < 1e-15);
        let Joint { share, odds, .. } = Joint::new(a, b);
        assert!((share - b.exp() / (a.exp() + b.exp())).abs() < 1e-15 && (odds - (b - a).exp().min(1.0)).abs() < 1e-15);
    }
    assert_eq!(log(-2000.0, 0.0), 0.0);
    assert_eq!(log(1000.0, f64::NEG_INFINITY), 1000.0);
    assert!((log(1000.0, 1000.0) - 1000.0 - std::f64::consts::LN_2).abs() < 1e-12);
    let shares = |a, b| (Joint::new(a, b).share, Joint::new(a, b).odds);
    assert_eq!((shares(0.0, -2000.0), shares(-2000.0, 0.0)), ((0.0, 0.0), (1.0, 1.0)));
}

/// Where all weights are equal the draw is uniform in the last doubling, whose place is that of three coins: the displacement k,
/// in steps, has the probability (4 − |4 − |k||)/32 for 0 < |k| < 8.
#[test]
fn the_draw_of_a_free_particle_is_known() {
    let (mut dynamics, mut nuts) = (free(1), Nuts::new(1));
    let (mut choices, mut counts, n) = (Seed::root(81).stream(), [0_u32; 15], 64_000);
    for _ in 0..n {
        let mut current = point(&mut dynamics, 0.0, 1.0);
        let transition = nuts.transition(&mut dynamics, &mut current, 0.5, 3, &mut choices);
        assert_eq!((transition.leapfrogs, transition.depth, transition.acceptance), (7, Some(3), 1.0));
        counts[(2.0 * current.position[0] + 7.0) as usize] += 1;
    }
    for (i, &count) in counts.iter().enumerate() {
        let k = (i as f64 - 7.0).abs();
        let p = if k == 0.0 { 0.0 } else { (4.0 - (4.0 - k).abs()) / 32.0 };
        let n = f64::from(n);
        // α = 10⁻⁴ over 14 comparisons: |z| < 4.5.
        let error = (f64::from(count) - n * p).abs();
        assert!(error <= 4.5 * (n * p * (1.0 - p)).sqrt(), "displacement {k}: {count} of {n}, p = {p}");
    }
}

/// On a circle (two oscillators a quarter of a period apart) the ends begin to approach each other after half a turn: the number
/// of points is the least power of two that is longer, from whichever point one starts.
///
/// At ε = 0.1, 32 points are a little less than half a turn and 64 a little more than a whole one: the ends of 64 look as if they
/// went apart, and only the checks across the joint see that they do not.
#[test]
fn a_circle_is_followed_for_half_a_turn() {
    for (step, depth) in [(0.4, 4), (0.1, 6), (0.05, 6), (0.03, 7), (0.01, 9)] {
        let (mut dynamics, mut nuts) = (oscillator(2), Nuts::new(2));
        let mut choices = Seed::root(82).stream();
        for i in 0..200 {
            let (sin, cos) = (f64::from(i) * 0.1).sin_cos();
            let mut current = Point::new(vec![sin, cos]);
            current.momentum = vec![cos, -sin];
            dynamics.evaluator.evaluate(&mut current);
            let transition = nuts.transition(&mut dynamics, &mut current, step, 12, &mut choices);
            assert_eq!((transition.depth, transition.leapfrogs), (Some(depth), (1 << depth) - 1), "step {step}");
            assert!(!transition.divergent && transition.acceptance > 0.95);
        }
    }
}

/// In one dimension the ends approach each other beyond the turning point: a trajectory from near it is short.
#[test]
fn a_doubling_that_turned_inside_is_thrown_away() {
    let (mut dynamics, mut nuts) = (oscillator(1), Nuts::new(1));
    let mut choices = Seed::root(85).stream();
    let mut thrown = 0;
    for i in 0..200 {
        let angle = f64::from(i) * 0.1;
        let mut current = point(&mut dynamics, angle.sin(), angle.cos());
        let transition = nuts.transition(&mut dynamics, &mut current, 0.1, 10, &mut choices);
        let kept = (1 << transition.depth.unwrap()) - 1;
        assert!(kept <= transition.leapfrogs && transition.leapfrogs <= 2 * kept + 1);
        thrown += u32::from(kept < transition.leapfrogs);
    }
    assert!(thrown > 50, "{thrown} of 200");
}

/// The draw's potential, gradient and energy are those of its position.
#[test]
fn the_draw_is_a_point_of_the_trajectory() {
    let (mut dynamics, mut nuts) = (oscillator(3), Nuts::new(3));
    let mut choices = Seed::root(83).stream();
    for i in 0..100 {
        let mut current = point(&mut dynamics, f64::from(i) * 0.02 - 1.0, 0.7);
        let before = dynamics.energy(&current);
        let transition = nuts.transition(&mut dynamics, &mut current, 0.3, 10, &mut choices);
        let (potential, gradient) = (current.potential, current.gradient.clone());
        dynamics.evaluator.evaluate(&mut current);
        assert_eq!((current.potential, &current.gradient), (potential, &gradient));
        // The shadow energy of an oscillator is kept: H differs by less than ε²/8 of it.
        assert!((transition.energy - before).abs() < 0.3_f64.powi(2) / 4.0 * before);
    }
}

/// A wall next to the start: the first step diverges, and the position stays.
#[test]
fn a_trajectory_that_diverges_at_once_goes_nowhere() {
    for beyond in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e4] {
        let wall = FromFn64::new(1, move |x: &[f64], gradient: &mut [f64]| {
            gradient[0] = 0.0;
            if x[0] == 0.0 { 0.0 } else { beyond }
        });
        let (mut dynamics, mut nuts) = (Dynamics::new(wall, 1.0), Nuts::new(1));
        let mut current = point(&mut dynamics, 0.0, 1.0);
        let transition = nuts.transition(&mut dynamics, &mut current, 0.5, 10, &mut Seed::root(84).stream());
        assert_eq!((transition.wall, transition.divergent), (beyond == f64::INFINITY, beyond != f64::INFINITY));
        assert_eq!((transition.leapfrogs, transition.depth, transition.acceptance), (1, Some(0), 0.0));
        assert_eq!((current.position[0], current.potential, transition.energy), (0.0, 0.0, 0.5));
    }
}
