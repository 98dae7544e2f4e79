use std::sync::atomic::{AtomicU64, Ordering};

use ndarray::array;

use super::*;
use crate::{Normal, Poisson, StudentT};

/// A fixed spread of locations that is neither sorted nor regular: multiples of the golden ratio modulo 1.
fn locations(count: u32) -> impl Iterator<Item = f64> {
    (0..count).map(|s| (f64::from(s) * 0.618_033_988_749_895).fract())
}

fn uniform_locations(count: u32, noise: f64) -> NumberPredictive {
    let mut predictive = NumberPredictive::new(1, 1, Normal);
    locations(count).for_each(|x| predictive.add(|_, _| (x, noise)));
    predictive
}

#[test]
fn quantiles_invert_the_distribution() {
    let predictive = uniform_locations(100, 0.2);
    for p in [1e-9, 0.05, 0.5, 0.95, 1.0 - 1e-9] {
        let y = predictive.quantile(p);
        assert!((predictive.pit(y.view())[[0, 0]] - p).abs() < 1e-12, "{p}");
    }
    let (lower, upper) = predictive.interval(0.9);
    for (end, p) in [(lower, 0.05), (upper, 0.95)] {
        assert!((end[[0, 0]] - predictive.quantile(p)[[0, 0]]).abs() < 1e-14, "{p}");
    }
}

/// The least y where the distribution function jumps over p, is level there, or all of it is one point.
#[test]
fn quantiles_are_the_least_that_reach_their_probability() {
    let points = |locations: &[f64]| {
        let mut predictive = NumberPredictive::new(1, 1, Normal);
        locations.iter().for_each(|&x| predictive.add(|_, _| (x, 0.0)));
        predictive
    };
    for (locations, p, expected) in [
        (&[1.0, 3.0][..], 0.5, 1.0),
        (&[1.0, 3.0], 0.500_001, 3.0),
        (&[-7.0], 0.3, -7.0),
        (&[0.0], 0.3, 0.0),
        (&[1e300, 1e300], 0.9, 1e300),
        (&[0.0, 1e-300], 0.9, 1e-300),
    ] {
        let found = points(locations).quantile(p)[[0, 0]];
        assert!((found - expected).abs() <= 1e-13 * expected.abs() + 1e-300, "{locations:?} at {p}: {found}");
    }
    let mut apart = NumberPredictive::new(1, 1, Normal);
    [(-100.0, 1.0), (100.0, 1.0), (-100.0, 1e-3), (100.0, 1e3)].into_iter().for_each(|law| apart.add(|_, _| law));
    for p in [1e-6, 0.2, 0.3, 0.6, 0.9, 1.0 - 1e-6] {
        let y = apart.quantile(p);
        assert!((apart.pit(y.view())[[0, 0]] - p).abs() < 1e-11, "{p}");
    }
}

/// A quantile costs some ten evaluations of each law; bisection to the same place would cost fifty.
#[test]
fn a_quantile_takes_few_evaluations() {
    #[derive(Clone, Debug)]
    struct Counted(Arc<AtomicU64>);
    impl Family for Counted {
        fn cdf(&self, location: f64, scale: f64, y: f64) -> f64 {
            self.0.fetch_add(1, Ordering::Relaxed);
            Normal.cdf(location, scale, y)
        }
        fn ln_density(&self, location: f64, scale: f64, y: f64) -> f64 {
            Normal.ln_density(location, scale, y)
        }
        fn variance(&self, location: f64, scale: f64) -> f64 {
            Normal.variance(location, scale)
        }
    }
    let (count, probabilities) = (Arc::new(AtomicU64::new(0)), [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]);
    for noise in [0.01, 0.3, 5.0] {
        let mut predictive = NumberPredictive::new(1, 1, Counted(count.clone()));
        locations(100).for_each(|x| predictive.add(|_, _| (x, noise)));
        for p in probabilities {
            count.store(0, Ordering::Relaxed);
            predictive.quantile(p);
            let evaluations = count.load(Ordering::Relaxed) / 100;
            assert!(evaluations <= 16, "noise {noise}: {evaluations} for the {p} quantile");
        }
    }
}

/// Beyond its capacity the mixture stays that of all networks: here of 20 000, beside the exact one, computed on its own.
#[test]
fn many_networks_take_bounded_memory_and_keep_their_law() {
    const COUNT: u32 = 20_000;
    for noise in [0.3, 0.01] {
        let predictive = uniform_locations(COUNT, noise);
        assert_eq!(predictive.networks(), u64::from(COUNT));
        let kept: usize = predictive.levels.iter().map(Vec::len).sum();
        assert!(kept <= 8 * CAPACITY, "{kept} laws are kept");
        let cdf = |y: f64| locations(COUNT).map(|x| Normal.cdf(x, noise, y)).sum::<f64>() / f64::from(COUNT);
        for p in [0.001, 0.05, 0.3, 0.5, 0.95, 0.999] {
            let found = cdf(predictive.quantile(p)[[0, 0]]);
            assert!((found - p).abs() < 2e-4, "noise {noise}: the {p} quantile is that of {found}");
        }
        let weight: f64 = predictive.levels.iter().enumerate().map(|(l, laws)| (laws.len() << l) as f64).sum();
        assert_eq!(weight, f64::from(COUNT));
    }
}

#[test]
fn deviations_are_the_law_of_total_variance() {
    let mut predictive = NumberPredictive::new(1, 2, StudentT { dof: 4.0 });
    // A large mean: sums of squares would lose the difference.
    for (location, scale) in [(1e9, 1.0), (1e9 + 2.0, 3.0)] {
        predictive.add(|_, j| (location, scale * (1 + j) as f64));
    }
    assert_eq!(predictive.mean(), array![[1e9 + 1.0, 1e9 + 1.0]]);
    assert_eq!(predictive.epistemic_deviation(), array![[1.0, 1.0]]);
    assert_eq!(predictive.aleatoric_deviation(), array![[10f64.sqrt(), 40f64.sqrt()]]);
    assert_eq!(predictive.deviation(), array![[11f64.sqrt(), 41f64.sqrt()]]);
}

#[test]
fn counts_have_integer_quantiles() {
    let mut predictive = NumberPredictive::new(1, 1, Poisson);
    predictive.add(|_, _| (0.5, 0.0));
    let quantile = |p| predictive.quantile(p)[[0, 0]];
    // P(0) = e^(−½) = .607, P(≤ 1) = .910.
    assert_eq!([quantile(0.1), quantile(0.6), quantile(0.61), quantile(0.92)], [0.0, 0.0, 1.0, 2.0]);
    assert!((predictive.pit(array![[0.0]].view())[[0, 0]] - 0.5 * (-0.5f64).exp()).abs() < 1e-14);
}

#[test]
fn another_unit_is_another_unit_of_everything() {
    let y = array![[0.4]];
    let there = uniform_locations(300, 0.1).affine(&[10.0], &[5.0]);
    let here = uniform_locations(300, 0.1);
    let z = y.mapv(|y| 10.0 * y + 5.0);
    let close = |a: Array2<f64>, b: Array2<f64>| assert!((a[[0, 0]] - b[[0, 0]]).abs() < 1e-7, "{a} {b}");
    close(there.mean(), here.mean() * 10.0 + 5.0);
    close(there.deviation(), here.deviation() * 10.0);
    close(there.quantile(0.1), here.quantile(0.1) * 10.0 + 5.0);
    close(there.crps(z.view()), here.crps(y.view()) * 10.0);
    close(there.ln_density(z.view()), here.ln_density(y.view()) - 10f64.ln());
    close(there.pit(z.view()), here.pit(y.view()));
}

#[test]
fn a_nan_stays_visible_in_its_own_number_only() {
    let mut predictive = NumberPredictive::new(3, 1, Normal);
    predictive.add(|i, _| ([0.0, f64::NAN, 1.0][i], [1.0, 1.0, -1.0][i]));
    let y = array![[0.0], [0.0], [0.0]];
    for values in
        [predictive.quantile(0.5), predictive.crps(y.view()), predictive.pit(y.view()), predictive.ln_density(y.view())]
    {
        assert!(values[[0, 0]].is_finite() && values[[1, 0]].is_nan() && values[[2, 0]].is_nan(), "{values}");
    }
    assert!(predictive.mean()[[1, 0]].is_nan());
}

#[test]
fn a_point_and_a_step_far_away_have_their_score() {
    let mut point = NumberPredictive::new(1, 1, Normal);
    point.add(|_, _| (2.0, 0.0));
    assert_eq!(point.quantile(0.3)[[0, 0]], 2.0);
    assert!((point.crps(array![[5.0]].view())[[0, 0]] - 3.0).abs() < 1e-8);
    // Two points a, b: E|X − y| − ½ E|X − X'| = ½(|a − y| + |b − y|) − ¼|a − b|.
    let mut two = NumberPredictive::new(1, 1, Normal);
    two.add(|_, _| (0.0, 1e-9));
    two.add(|_, _| (100.0, 1e-9));
    assert!((two.crps(array![[10.0]].view())[[0, 0]] - (50.0 - 25.0)).abs() < 1e-6);
    assert_eq!(two.crps(array![[f64::INFINITY]].view())[[0, 0]], f64::INFINITY);
}

#[test]
fn no_inputs_is_fine() {
    let mut predictive = NumberPredictive::new(0, 2, Normal);
    predictive.add(|_, _| unreachable!("there is no number"));
    assert!(predictive.is_empty() && predictive.quantile(0.5).is_empty());
}

#[test]
#[should_panic(expected = "no network was added")]
fn no_networks_is_not() {
    NumberPredictive::new(1, 1, Normal).quantile(0.5);
}

#[test]
#[should_panic(expected = "shape")]
fn other_shapes_panic() {
    uniform_locations(3, 1.0).crps(array![[0.0, 1.0]].view());
}

#[test]
fn wider_about_the_mean_and_with_heavier_tails() {
    let laws = uniform_locations(40, 0.1);
    let (mean, family) = (laws.mean(), crate::ContaminatedNormal { share: 0.05, width: 4.0 });
    let there = laws.clone().stretch(mean.view(), 1.5).with_family(family);
    assert!((there.mean()[[0, 0]] - mean[[0, 0]]).abs() < 1e-12);
    assert!((there.epistemic_deviation()[[0, 0]] / laws.epistemic_deviation()[[0, 0]] - 1.5).abs() < 1e-12);
    let aleatoric = there.aleatoric_deviation()[[0, 0]] / laws.aleatoric_deviation()[[0, 0]];
    assert!((aleatoric - 1.5 * (1.0_f64 + 0.05 * 15.0).sqrt()).abs() < 1e-12);
    // The deviation is that of the laws themselves.
    let n = 20_001;
    let grid: Vec<f64> = (0..n).map(|i| mean[[0, 0]] + 10.0 * (2.0 * f64::from(i) / f64::from(n - 1) - 1.0)).collect();
    let density = |y: f64| there.ln_density(ndarray::array![[y]].view())[[0, 0]].exp();
    let moment: f64 =
        grid.iter().map(|&y| (y - mean[[0, 0]]).powi(2) * density(y)).sum::<f64>() * 20.0 / f64::from(n - 1);
    assert!((moment.sqrt() / there.deviation()[[0, 0]] - 1.0).abs() < 1e-3, "{} {}", moment.sqrt(), there.deviation());
}
