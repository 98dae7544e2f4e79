use apd_seed::Seed;

use super::super::dynamics::{Dynamics, Hamiltonian};
use super::{Windows, reasonable_step};
use crate::adaptation::DualAveraging;
use crate::phase_space::Point;
use crate::testing::Quadratic;
use crate::{FromFn64, Potential64};

#[test]
fn windows_double() {
    for (warmup, ends) in [
        (0, vec![]),
        (19, vec![]),
        (20, vec![14]),
        (50, vec![10, 34]),
        (100, vec![10, 67]),
        (150, vec![10, 30, 100]),
        (1000, vec![10, 30, 70, 150, 310, 900]),
    ] {
        assert_eq!(Windows::new(warmup), Windows { ends }, "{warmup}");
    }
    for warmup in 20..3000 {
        let windows = Windows::new(warmup);
        let mut lengths = Vec::new();
        windows.ends.iter().fold(0, |from, &end| {
            lengths.push(end - from);
            end
        });
        assert!(lengths.iter().all(|&length| length >= 10), "{warmup}: {lengths:?}");
        let last = *windows.ends.last().unwrap();
        assert!(lengths.is_sorted() && last < warmup, "{warmup}: {lengths:?}");
        assert!(windows.end_with(last) && windows.contain(last) && !windows.contain(last + 1));
        assert!(windows.in_first(lengths[0]) && !windows.in_first(lengths[0] + 1));
    }
}

#[test]
fn averaging_finds_the_step_size() {
    // A falling response with noise: acceptance exp(−ε) ± 0.1, cut off at 1, which takes less than 0.002 away below 0.95.
    for (delta, first) in [(0.8, 1.0), (0.6, 1e-3), (0.9, 10.0)] {
        let (mut averaging, mut step) = (DualAveraging::new(first), first);
        let mut noise = Seed::root(91).stream();
        for _ in 0..2000 {
            let acceptance = ((-step).exp() + 0.2 * noise.uniform() - 0.1).clamp(0.0, 1.0);
            step = averaging.update(acceptance, delta);
        }
        let found = (-averaging.average()).exp();
        assert!((found - delta).abs() < 0.01, "acceptance {found} instead of {delta}");
    }
}

/// Two updates by hand.
#[test]
fn averaging_is_the_equation() {
    let mut averaging = DualAveraging::new(0.2);
    let center = 2.0_f64.ln();
    let lack = (0.8 - 0.5) / 11.0;
    let first = center - lack / 0.05;
    assert!((averaging.update(0.5, 0.8).ln() - first).abs() < 1e-14);
    assert!((averaging.average().ln() - first).abs() < 1e-14, "at t = 1 the average is the iterate");
    let lack = (1.0 - 1.0 / 12.0) * lack + (0.8 - 0.9) / 12.0;
    let second = center - 2.0_f64.sqrt() / 0.05 * lack;
    assert!((averaging.update(0.9, 0.8).ln() - second).abs() < 1e-14);
    let weight = 2.0_f64.powf(-0.75);
    assert!((averaging.average().ln() - (weight * second + (1.0 - weight) * first)).abs() < 1e-14);
}

/// An average that begins anew forgets what was before; the iterates do not.
#[test]
fn averages_begin_anew() {
    let (mut averaging, mut whole) = (DualAveraging::new(1.0), DualAveraging::new(1.0));
    for t in 0..50 {
        let acceptance = if t < 40 { 0.2 } else { 0.8 };
        if t == 40 {
            averaging.restart_average();
        }
        let step = averaging.update(acceptance, 0.8);
        assert_eq!(step.to_bits(), whole.update(acceptance, 0.8).to_bits());
        if t == 40 {
            assert!((averaging.average() / step - 1.0).abs() < 1e-12, "the first iterate is the average");
        }
    }
    assert!(averaging.average() != whole.average());
}

fn search<P: Potential64>(potential: P, position: f64, momentum: f64, first: f64) -> Option<f64> {
    let mut dynamics = Dynamics::new(potential, 1.0);
    let mut start = Point::new(vec![position]);
    start.momentum = vec![momentum];
    dynamics.evaluator.evaluate(&mut start);
    reasonable_step(&mut dynamics, &start, &mut start.clone(), first)
}

/// One leapfrog is accepted with probability ½ between the step that is found and its half (or double).
#[test]
fn the_search_brackets_an_acceptance_of_one_half() {
    for scale in [1e-4, 1.0, 1e4] {
        for first in [1e-6, 1.0, 1e6] {
            let target = Quadratic { precision: [[1.0 / (scale * scale)]], center: [0.0], blocks: 1 };
            let found = search(target.clone(), scale, 1.0, first).unwrap();
            let mut dynamics = Dynamics::new(target, 1.0);
            let mut rise = |step: f64| {
                let mut point = Point::new(vec![scale]);
                point.momentum = vec![1.0];
                dynamics.evaluator.evaluate(&mut point);
                let energy = dynamics.energy(&point);
                let mut next = point.clone();
                dynamics.leapfrog(&point, &mut next, step);
                dynamics.energy(&next) - energy
            };
            let grows = rise(first) < std::f64::consts::LN_2;
            let (low, high) = if grows { (0.5 * found, found) } else { (found, 2.0 * found) };
            assert!(rise(low) < std::f64::consts::LN_2, "scale {scale}, from {first}: {found}");
            assert!(rise(high) >= std::f64::consts::LN_2, "scale {scale}, from {first}: {found}");
        }
    }
}

/// Where nothing changes U there is nothing to find; where nothing is small enough, the search ends all the same.
#[test]
fn the_search_ends() {
    let flat = FromFn64::new(1, |_: &[f64], gradient: &mut [f64]| {
        gradient[0] = 0.0;
        3.0
    });
    assert_eq!(search(flat, 0.0, 1.0, 1.0), None);
    let pit = FromFn64::new(1, |x: &[f64], gradient: &mut [f64]| {
        gradient[0] = 0.0;
        if x[0] == 0.0 { 0.0 } else { f64::NAN }
    });
    assert_eq!(search(pit, 0.0, 1.0, 1.0), Some(2.0_f64.powi(-100)));
}
