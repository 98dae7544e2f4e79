use apd_seed::Seed;
use apd_uncertainty::{ClassPredictive, Normal, NumberPredictive};
use ndarray::{Array2, array};

use super::*;

/// Predictions N(0, `sd`²) for each of `n` rows.
fn normals(n: usize, sd: f64) -> NumberPredictive {
    let mut predictive = NumberPredictive::new(n, 1, Normal);
    predictive.add(|_, _| (0.0, sd));
    predictive
}

fn standard(n: usize, seed: u64) -> Array2<f64> {
    let mut values = vec![0.0_f32; n];
    Seed::root(seed).normals().fill(0, 0, &mut values);
    Array2::from_shape_vec((n, 1), values.into_iter().map(f64::from).collect()).expect("one column")
}

fn covered((lower, upper): &Interval, y: &Array2<f64>) -> f64 {
    let inside = |i: &usize| lower[*i] <= y[[*i, 0]] && y[[*i, 0]] <= upper[*i];
    (0..y.nrows()).filter(inside).count() as f64 / y.nrows() as f64
}

/// α = 10⁻⁴: the coverage of 20 000 new rows given 2 000 held-out ones has a standard deviation of at most .012.
#[test]
fn intervals_of_a_model_that_is_wrong_cover_what_they_say() {
    let (y, new) = (standard(2_000, 1), standard(20_000, 2));
    for sd in [0.5, 1.0, 3.0] {
        let (calibration, (before, after)) = Calibration::of_numbers(&normals(y.nrows(), sd), y.view());
        assert!((after - 0.9).abs() < 0.03 && ((before - 0.9).abs() < 0.03) == (sd == 1.0), "{before}, {after}");
        let masses = [0.95, 0.5, 0.9, 0.33];
        let calibrated = calibration.numbers(normals(new.nrows(), sd), None);
        let intervals = calibration.intervals(&calibrated, &masses);
        for (&mass, interval) in masses.iter().zip(&intervals) {
            let covered = covered(interval, &new);
            assert!((covered - mass).abs() < 0.05, "sd {sd}: {covered} of {mass}");
        }
        let (raw, corrected) = (normals(1, sd).interval(0.9).1[[0, 0]], intervals[2].1[0]);
        assert!((corrected / raw * sd - 1.0).abs() < 0.1, "the factor undoes the error");
        assert!(intervals[0].1[0] >= intervals[2].1[0] && intervals[2].1[0] >= intervals[1].1[0], "nested");
    }
}

#[test]
fn the_quantile_of_few_values_is_an_order_statistic() {
    // Of 9 values, the 90 % quantile is number (9 + 1)·.9 = 9: the largest; the median is number 5.
    let mut values: Vec<f64> = (1..=9).map(f64::from).rev().collect();
    assert_eq!(conformal_quantile(&mut values, 0.9), 9.0);
    assert_eq!(conformal_quantile(&mut values, 0.5), 5.0);
    assert_eq!(conformal_quantile(&mut values, 0.55), 5.5);
    assert_eq!(conformal_quantile(&mut values, 0.99), 9.0);
}

#[test]
fn few_rows_correct_nothing() {
    let (calibration, _) = Calibration::of_numbers(&normals(5, 1.0), standard(5, 3).view());
    let predictive = normals(3, 1.0);
    let (lower, _) = &calibration.intervals(&predictive, &[0.9])[0];
    assert_eq!(lower[0], predictive.interval(0.9).0[[0, 0]]);
}

#[test]
fn a_class_is_the_answer_where_it_alone_is_not_ruled_out() {
    let mut predictive = ClassPredictive::new(10, 3);
    let p =
        Array2::from_shape_fn((10, 3), |(i, c)| if c == 0 { 0.9 - 0.01 * i as f32 } else { 0.05 + 0.005 * i as f32 });
    predictive.add(p.view());
    let calibration = Calibration::of_classes(&predictive, &[0; 10]);
    // Number 11·.9 = 9.9 of the doubts, which rise.
    let p = calibration.probabilities(&predictive);
    let Calibration::Classes { threshold, .. } = calibration else { panic!("classes") };
    assert!((threshold - (0.1 * p[[8, 0]] + 0.9 * p[[9, 0]])).abs() < 1e-12, "{threshold}");
    assert!(!calibration.is_ambiguous(&array![0.98, 0.01, 0.01]));
    assert!(calibration.is_ambiguous(&array![0.5, 0.3, 0.2]));
    assert!(calibration.is_valid(true) && !calibration.is_valid(false));
}

/// Rows whose class has this share of the probability, and is the right one as often as `right` of a hundred times.
fn sure(rows: usize, p: f32, right: usize) -> (ClassPredictive, Vec<u32>) {
    let mut predictive = ClassPredictive::new(rows, 2);
    predictive.add(Array2::from_shape_fn((rows, 2), |(_, c)| if c == 0 { p } else { 1.0 - p }).view());
    (predictive, (0..rows).map(|i| u32::from((37 * i) % 100 >= right)).collect())
}

#[test]
fn probabilities_become_as_sure_as_they_are_right_where_rows_say_so() {
    for (p, right) in [(0.8, 95), (0.95, 80)] {
        let (predictive, labels) = sure(1_000, p, right);
        let calibrated = Calibration::of_classes(&predictive, &labels).probabilities(&predictive)[[0, 0]];
        assert!(
            (calibrated - right as f64 / 100.0).abs() < 0.01,
            "{p} is right in {right} %, and becomes {calibrated}"
        );
    }
    // Those that are right as often as they say stay as they are, and twenty rows, all of them right, do not make certainty.
    let (predictive, labels) = sure(1_000, 0.9, 90);
    assert!((Calibration::of_classes(&predictive, &labels).probabilities(&predictive)[[0, 0]] - 0.9).abs() < 0.01);
    let (predictive, labels) = sure(20, 0.9, 100);
    let calibrated = Calibration::of_classes(&predictive, &labels).probabilities(&predictive);
    assert!((0.92..0.98).contains(&calibrated[[0, 0]]), "{}", calibrated[[0, 0]]);
    assert!(calibrated.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-12));
}

/// Predictions N(0, 1) of numbers of which `share` are eight deviations off.
fn with_outliers(n: usize, seed: u64, share: f64) -> Array2<f64> {
    let mut y = standard(n, seed);
    let every = (1.0 / share) as usize;
    y.iter_mut().step_by(every).for_each(|y| *y = 8.0 * y.signum());
    y
}

#[test]
fn laws_that_are_too_narrow_are_widened_and_outliers_are_expected() {
    let mean_ln_p = |laws: &NumberPredictive, y: &Array2<f64>| laws.ln_density(y.view()).mean().expect("rows");
    for (sd, share) in [(0.6, None), (1.0, None), (1.5, None), (1.0, Some(0.02))] {
        let data = |n, seed| share.map_or_else(|| standard(n, seed), |share| with_outliers(n, seed, share));
        let (held_out, new) = (data(400, 5), data(20_000, 6));
        let (calibration, _) = Calibration::of_numbers(&normals(400, sd), held_out.view());
        let Calibration::Numbers { spread, outliers, .. } = calibration else { unreachable!() };
        // One step of the search, and three errors of a deviation from 400 rows.
        let expected = if share.is_some() { 1.0 } else { 1.0 / sd };
        assert!((spread / expected).ln().abs() < 0.05 + 3.0 / 800.0_f64.sqrt(), "sd {sd}: {spread}");
        assert!(share.is_none() == (outliers < 0.015), "share {share:?}: {outliers}");
        let raw = normals(new.nrows(), sd);
        let calibrated = calibration.numbers(raw.clone(), None);
        let (before, after, best) =
            (mean_ln_p(&raw, &new), mean_ln_p(&calibrated, &new), mean_ln_p(&normals(new.nrows(), 1.0), &new));
        assert!(after > before - 0.01, "never much worse: {before} to {after}");
        match share {
            None => assert!(after > best - 0.02, "sd {sd}: {after} of {best}"),
            Some(_) => assert!(after > before + 0.2, "{before} to {after}"),
        }
    }
}
