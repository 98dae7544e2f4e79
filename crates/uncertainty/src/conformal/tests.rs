use ndarray::{Array1, Array2, ArrayView1, array};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};

use super::*;
use crate::MetricError;

proptest! {
    /// The definition, on sorted scores and with whole numbers.
    #[test]
    fn the_quantile_is_an_order_statistic(scores in prop::collection::vec(-5i32..5, 1..60), percent in 1usize..100) {
        let mut sorted = scores.clone();
        sorted.sort_unstable();
        let place = ((scores.len() + 1) * percent).div_ceil(100);
        let expected = sorted.get(place - 1).map_or(f64::INFINITY, |&x| f64::from(x));
        prop_assert_eq!(quantile(&scores, percent as f64 / 100.0), Ok(expected));
    }

    /// The theorem: of n + 1 different scores exactly ⌈(n + 1)·coverage⌉ are not above the quantile of the others.
    #[test]
    fn each_score_in_turn_is_covered_as_often_as_promised(n in 1usize..40, percent in 1usize..100) {
        let scores: Vec<f64> = (0..=n).map(|i| ((i * 37 + 11) % 41) as f64).collect();
        let covered = (0..=n).filter(|&i| {
            let others: Vec<f64> = (0..=n).filter(|&j| j != i).map(|j| scores[j]).collect();
            scores[i] <= quantile(&others, percent as f64 / 100.0).unwrap()
        });
        prop_assert_eq!(covered.count(), ((n + 1) * percent).div_ceil(100));
    }

    /// With right probabilities a randomized set of threshold τ covers every row with probability τ: its label's score is uniform.
    #[test]
    fn randomized_sets_cover_each_row(x in prop::collection::vec(1u8..9, 2..6), tau in 0.05f64..0.95) {
        let p = Array1::from_iter(x.iter().map(|&x| f64::from(x)));
        let p = &p / p.sum();
        let us: Vec<f64> = (0..1000).map(|i| (f64::from(i) + 0.5) / 1000.0).collect();
        let rows = Array2::from_shape_fn((1000, p.len()), |(_, c)| p[c]);
        let sets = Aps { threshold: tau, randomized: true }.sets(rows.view(), Some(&us)).unwrap();
        let covered: f64 = sets.outer_iter().map(|set| mass(set, p.view())).sum::<f64>() / 1000.0;
        prop_assert!((covered - tau).abs() < 1e-3 + 1e-9, "{covered} {tau}");
        // Without the random numbers it is the mass of whole classes, which is no more.
        let sets = Aps { threshold: tau, randomized: false }.sets(rows.view(), None).unwrap();
        prop_assert!(mass(sets.row(0), p.view()) <= tau);
    }
}

fn mass(set: ArrayView1<'_, bool>, p: ArrayView1<'_, f64>) -> f64 {
    set.iter().zip(p).filter(|(held, _)| **held).map(|(_, p)| p).sum()
}

/// (n + 1)·coverage is often a whole number, and its product in f64 a little more.
#[test]
fn rounding_moves_no_place() {
    for n in 1..=200 {
        let scores: Vec<u32> = (1..=n).collect();
        for percent in 1..100 {
            let place = ((n + 1) * percent).div_ceil(100);
            let expected = if place > n { f64::INFINITY } else { f64::from(place) };
            assert_eq!(quantile(&scores, f64::from(percent) / 100.0), Ok(expected), "{percent} % of {n}");
        }
    }
}

#[test]
fn too_few_scores_have_no_quantile() {
    assert_eq!(quantile(&[1.0; 8], 0.9), Ok(f64::INFINITY));
    assert_eq!(quantile(&[1.0; 9], 0.9), Ok(1.0));
    assert_eq!(quantile(&[1.0f32; 99], 0.99), Ok(1.0));
    let (predicted, y) = (array![[0.0, 5.0]], array![[1.0, 5.0]]);
    let split = Split::fit(predicted.view(), y.view(), 0.9).unwrap();
    assert_eq!(split.interval(predicted.view()), Ok((array![[-f64::INFINITY; 2]], array![[f64::INFINITY; 2]])));
    let p = array![[0.9, 0.1]];
    assert_eq!(Lac::fit(p.view(), &[0], 0.9).unwrap().sets(p.view()), Ok(array![[true, true]]));
    assert_eq!(Aps::fit(p.view(), &[0], 0.9, None).unwrap().sets(p.view(), None), Ok(array![[true, true]]));
}

/// By hand: the third of three, of scores of each column.
#[test]
fn intervals_by_hand() {
    let predicted = array![[0.0, 10.0], [1.0, 10.0], [2.0, 10.0]];
    let y = array![[0.5, 12.0], [0.75, 10.0], [1.0, 11.0]];
    let split = Split::fit(predicted.view(), y.view(), 0.75).unwrap();
    assert_eq!(split.radius, [1.0, 2.0]);
    assert_eq!(split.interval(array![[5.0, 5.0]].view()), Ok((array![[4.0, 3.0]], array![[6.0, 7.0]])));

    let deviation = array![[0.25, 4.0], [0.25, 4.0], [1.0, 0.5]];
    let normalized = Normalized::fit(predicted.view(), deviation.view(), y.view(), 0.75).unwrap();
    assert_eq!(normalized.factor, [2.0, 2.0]);
    let ends = normalized.interval(array![[5.0, 5.0]].view(), array![[1.0, 0.5]].view());
    assert_eq!(ends, Ok((array![[3.0, 4.0]], array![[7.0, 6.0]])));

    // Outside by ½, inside by ¼ and ½ on the nearer sides; the second column is too wide throughout.
    let (lower, upper) = (array![[-1.0, 0.0], [0.5, 0.0], [0.5, 0.0]], array![[0.0, 20.0], [1.0, 20.0], [4.0, 20.0]]);
    let cqr = Cqr::fit(lower.view(), upper.view(), y.view(), 0.75).unwrap();
    assert_eq!(cqr.margin, [0.5, -8.0]);
    let ends = cqr.interval(array![[5.0, 0.0]].view(), array![[6.0, 10.0]].view());
    assert_eq!(ends, Ok((array![[4.5, 8.0]], array![[6.5, 2.0]])));

    // f32 holds all of these.
    let single = predicted.mapv(|x| x as f32);
    assert_eq!(Split::fit(single.view(), y.view(), 0.75), Ok(split));
}

#[test]
fn sets_by_hand() {
    let p = array![[0.5, 0.25, 0.25], [0.125, 0.75, 0.125], [0.25, 0.25, 0.5]];
    // 1 − p of the labels is ½, ¼, ¾.
    let lac = Lac::fit(p.view(), &[0, 1, 1], 0.5).unwrap();
    assert_eq!(lac.threshold, 0.5);
    let sets = lac.sets(array![[0.5, 0.5, 0.0], [0.375, 0.375, 0.25]].view()).unwrap();
    assert_eq!(sets, array![[true, true, false], [false, false, false]]);
    assert_eq!((coverage(sets.view(), &[1, 1]), size(sets.view())), (Ok(0.5), Ok(1.0)));

    // Scores of the labels: ½; ¾; ½ + ¼ + ¼, as the first of equals comes first.
    let aps = Aps::fit(p.view(), &[0, 1, 1], 0.5, None).unwrap();
    assert_eq!(aps, Aps { threshold: 0.75, randomized: false });
    assert_eq!(aps.sets(p.view(), None), Ok(array![[true, true, false], [false, true, false], [true, false, true]]));
    // With u: ½·½, ¼·¾, ½ + ½·¼.
    let aps = Aps::fit(p.view(), &[0, 1, 0], 0.5, Some(&[0.5, 0.25, 0.5])).unwrap();
    assert_eq!(aps, Aps { threshold: 0.25, randomized: true });
    assert_eq!(aps.sets(p.view().slice(ndarray::s![..1, ..]), Some(&[0.5])), Ok(array![[true, false, false]]));
}

/// Of how many of 4000 repetitions, each with 50 held-out rows and a new one, the new one is covered; 41/51 is the chance for a coverage of .8 and
/// scores without ties. The standardized count is standard normal. α = 10⁻⁴ for each comparison: |z| ≤ 3.89.
fn standardized(seed: u8, mut covers: impl FnMut(&mut TestRng) -> bool) -> f64 {
    const REPETITIONS: u32 = 4000;
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let covered = (0..REPETITIONS).filter(|_| covers(&mut rng)).count() as f64;
    let (n, chance) = (f64::from(REPETITIONS), 41.0 / 51.0);
    (covered - n * chance) / (n * chance * (1.0 - chance)).sqrt()
}

const Z: f64 = 3.89;

/// 50 rows and one more: the deviation as a model has it, and y, which is 1.5 times as far from 0.
fn numbers(rng: &mut TestRng) -> [Array2<f64>; 2] {
    let normal = |rng: &mut TestRng| {
        let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    };
    let sd = Array2::from_shape_simple_fn((51, 1), || 0.5 + rng.random::<f64>());
    let y = sd.mapv(|sd| 1.5 * sd * normal(rng));
    [sd, y]
}

/// Whether the interval of the last row holds it.
fn holds((lower, upper): (Array2<f64>, Array2<f64>), y: &Array2<f64>) -> bool {
    (lower[[0, 0]]..=upper[[0, 0]]).contains(&y[[50, 0]])
}

#[test]
fn intervals_cover_what_they_promise() {
    use ndarray::s;
    // The central interval of mass .8 of a standard normal law.
    const NOMINAL: f64 = 1.2815515655446004;
    let split = |rng: &mut TestRng| {
        let [sd, y] = numbers(rng);
        let zero = Array2::<f64>::zeros(sd.raw_dim());
        let fitted = Split::fit(zero.slice(s![..50, ..]), y.slice(s![..50, ..]), 0.8).unwrap();
        holds(fitted.interval(zero.slice(s![50.., ..])).unwrap(), &y)
    };
    let normalized = |rng: &mut TestRng| {
        let [sd, y] = numbers(rng);
        let zero = Array2::<f64>::zeros(sd.raw_dim());
        let held = (zero.slice(s![..50, ..]), sd.slice(s![..50, ..]), y.slice(s![..50, ..]));
        let fitted = Normalized::fit(held.0, held.1, held.2, 0.8).unwrap();
        holds(fitted.interval(zero.slice(s![50.., ..]), sd.slice(s![50.., ..])).unwrap(), &y)
    };
    let cqr = |rng: &mut TestRng| {
        let [sd, y] = numbers(rng);
        let (lower, upper) = (&sd * -NOMINAL, &sd * NOMINAL);
        let fitted =
            Cqr::fit(lower.slice(s![..50, ..]), upper.slice(s![..50, ..]), y.slice(s![..50, ..]), 0.8).unwrap();
        holds(fitted.interval(lower.slice(s![50.., ..]), upper.slice(s![50.., ..])).unwrap(), &y)
    };
    for (name, z) in
        [("split", standardized(1, split)), ("normalized", standardized(2, normalized)), ("CQR", standardized(3, cqr))]
    {
        assert!(z.abs() <= Z, "{name}: z = {z}");
    }
    // The negative controls: the model's own interval, and one for .75, which is 39/51.
    let uncorrected = |rng: &mut TestRng| {
        let [sd, y] = numbers(rng);
        y[[50, 0]].abs() <= NOMINAL * sd[[50, 0]]
    };
    let for_less = |rng: &mut TestRng| {
        let [sd, y] = numbers(rng);
        let zero = Array2::<f64>::zeros(sd.raw_dim());
        let fitted = Split::fit(zero.slice(s![..50, ..]), y.slice(s![..50, ..]), 0.75).unwrap();
        holds(fitted.interval(zero.slice(s![50.., ..])).unwrap(), &y)
    };
    for (name, z) in [("uncorrected", standardized(4, uncorrected)), ("for .75", standardized(5, for_less))] {
        assert!(z < -Z, "{name}: z = {z}");
    }
}

/// 51 rows of a model that is too sure, their labels, and a uniform number for each.
fn classes(rng: &mut TestRng) -> (Array2<f64>, Vec<u32>, Vec<f64>) {
    let logits = Array2::from_shape_simple_fn((51, 5), || 3.0 * rng.random::<f64>());
    let draw = |p: ArrayView1<'_, f64>| {
        let (u, mut sum) = (rng.random::<f64>(), 0.0);
        let passed = p.iter().take_while(|&&p| {
            sum += p;
            sum < u
        });
        passed.count().min(4) as u32
    };
    let labels = crate::softmax(logits.view()).outer_iter().map(draw).collect();
    let u = (0..51).map(|_| rng.random()).collect();
    (crate::Temperature(0.5).softmax(logits.view()), labels, u)
}

#[test]
fn sets_cover_what_they_promise() {
    use ndarray::s;
    let lac = |coverage| {
        move |rng: &mut TestRng| {
            let (p, labels, _) = classes(rng);
            let fitted = Lac::fit(p.slice(s![..50, ..]), &labels[..50], coverage).unwrap();
            fitted.sets(p.slice(s![50.., ..])).unwrap()[[0, labels[50] as usize]]
        }
    };
    let aps = |rng: &mut TestRng| {
        let (p, labels, _) = classes(rng);
        let fitted = Aps::fit(p.slice(s![..50, ..]), &labels[..50], 0.8, None).unwrap();
        fitted.sets(p.slice(s![50.., ..]), None).unwrap()[[0, labels[50] as usize]]
    };
    let randomized = |rng: &mut TestRng| {
        let (p, labels, u) = classes(rng);
        let fitted = Aps::fit(p.slice(s![..50, ..]), &labels[..50], 0.8, Some(&u[..50])).unwrap();
        fitted.sets(p.slice(s![50.., ..]), Some(&u[50..])).unwrap()[[0, labels[50] as usize]]
    };
    for (name, z) in [("LAC", standardized(6, lac(0.8))), ("randomized APS", standardized(7, randomized))] {
        assert!(z.abs() <= Z, "{name}: z = {z}");
    }
    // Scores of least probable classes are all 1 without random numbers: ties can only cover more.
    let z = standardized(8, aps);
    assert!(z >= -Z, "APS: z = {z}");
    // The negative controls: sets for .75, which is 39/51; and the mass that was wanted as the threshold, which is right where probabilities are.
    let z = standardized(11, lac(0.75));
    assert!(z < -Z, "LAC for .75: z = {z}");
    let uncorrected = |randomized: bool| {
        move |rng: &mut TestRng| {
            let (p, labels, u) = classes(rng);
            let sets = Aps { threshold: 0.8, randomized }.sets(p.slice(s![50.., ..]), randomized.then_some(&u[50..]));
            sets.unwrap()[[0, labels[50] as usize]]
        }
    };
    for (name, z) in [("randomized", standardized(9, uncorrected(true))), ("APS", standardized(10, uncorrected(false)))]
    {
        assert!(z < -Z, "{name}: z = {z}");
    }
}

#[test]
fn errors_name_the_row() {
    let (x, nan) = (array![[1.0], [2.0]], array![[1.0], [f64::NAN]]);
    let error = |what| MetricError::Nan { what, index: 1 };
    assert_eq!(Split::fit(nan.view(), x.view(), 0.5), Err(error("predictions")));
    assert_eq!(Split::fit(x.view(), nan.view(), 0.5), Err(error("targets")));
    assert_eq!(Cqr::fit(x.view(), nan.view(), x.view(), 0.5), Err(error("upper ends")));
    assert_eq!(Cqr { margin: vec![0.0] }.interval(nan.view(), x.view()), Err(error("lower ends")));
    assert_eq!(Normalized::fit(x.view(), nan.view(), x.view(), 0.5), Err(error("deviations")));
    let zero = array![[1.0], [0.0]];
    let not_positive = MetricError::NotPositive { what: "deviations", index: 1 };
    assert_eq!(Normalized::fit(x.view(), zero.view(), x.view(), 0.5), Err(not_positive.clone()));
    assert_eq!(Normalized { factor: vec![f64::INFINITY] }.interval(x.view(), zero.view()), Err(not_positive));
    let none = Array2::<f64>::zeros((0, 1));
    assert_eq!(Split::fit(none.view(), none.view(), 0.5), Err(MetricError::Empty { what: "targets" }));
    assert_eq!(quantile(&[0.0, f64::NAN], 0.5), Err(error("scores")));
    assert_eq!(quantile(&[0.0; 0], 0.5), Err(MetricError::Empty { what: "scores" }));

    let logits = array![[0.5, 0.5], [2.0, -1.0]];
    let refused = |error| matches!(error, MetricError::NotProbabilities { index: 1, .. });
    assert!(refused(Lac::fit(logits.view(), &[0, 0], 0.5).unwrap_err()));
    assert!(refused(Lac { threshold: 0.5 }.sets(logits.view()).unwrap_err()));
    assert!(refused(Aps::fit(logits.view(), &[0, 0], 0.5, None).unwrap_err()));
    assert!(refused(Aps { threshold: 0.5, randomized: false }.sets(logits.view(), None).unwrap_err()));
    let sets = array![[true, false]];
    assert_eq!(coverage(sets.view(), &[2]), Err(MetricError::Label { index: 0, label: 2, classes: 2 }));
    assert_eq!(size(Array2::from_elem((0, 2), true).view()), Err(MetricError::Empty { what: "sets" }));
}

#[test]
#[should_panic(expected = "randomized as the threshold was")]
fn sets_without_the_random_numbers_of_the_threshold_panic() {
    let _ = Aps { threshold: 0.5, randomized: true }.sets(array![[0.5, 0.5]].view(), None);
}

#[test]
#[should_panic(expected = "each u is in [0, 1]")]
fn a_u_that_is_no_probability_panics() {
    let _ = Aps::fit(array![[0.5, 0.5]].view(), &[0], 0.5, Some(&[1.5]));
}

#[test]
#[should_panic(expected = "a coverage is between 0 and 1")]
fn a_percentage_panics() {
    let _ = quantile(&[0.0], 90.0);
}
