use ndarray::{Array2, Array3, Axis, array};
use proptest::prelude::*;

use super::*;

/// S×N×K softmax rows from logits, in f32 as networks give them.
fn softmax(s: usize, n: usize, k: usize, logits: &[f32]) -> Array3<f32> {
    let mut p = Array3::from_shape_fn((s, n, k), |(a, b, c)| logits[(a * n + b) * k + c].exp());
    for mut network in p.outer_iter_mut() {
        for mut row in network.outer_iter_mut() {
            let sum = row.sum();
            row /= sum;
        }
    }
    p
}

fn ensembles() -> impl Strategy<Value = Array3<f32>> {
    (1usize..6, 1usize..5, 1usize..6).prop_flat_map(|(s, n, k)| {
        prop::collection::vec(-12f32..12.0, s * n * k).prop_map(move |x| softmax(s, n, k, &x))
    })
}

fn accumulate(p: &Array3<f32>) -> ClassPredictive {
    let mut out = ClassPredictive::new(p.shape()[1], p.shape()[2]);
    p.outer_iter().for_each(|network| out.add(network));
    out
}

/// Each score straight from its definition over the kept S×N×K array.
fn naive(p: &Array3<f32>, score: Score) -> Vec<f64> {
    let p = p.mapv(f64::from);
    let s = p.shape()[0] as f64;
    let h = |row: ndarray::ArrayView1<'_, f64>| -> f64 { row.iter().filter(|x| **x > 0.0).map(|x| -x * x.ln()).sum() };
    let input = |i: usize| {
        let rows = p.index_axis(Axis(1), i);
        let mean = rows.mean_axis(Axis(0)).unwrap();
        match score {
            Score::MaxProbability => 1.0 - mean.iter().copied().fold(f64::MIN, f64::max),
            Score::Entropy => h(mean.view()),
            Score::Bald => h(mean.view()) - rows.outer_iter().map(h).sum::<f64>() / s,
            Score::VariationRatio => {
                let mut votes = vec![0.0; mean.len()];
                for row in rows.outer_iter() {
                    let top = row.iter().copied().fold(f64::MIN, f64::max);
                    votes[row.iter().position(|x| *x == top).unwrap()] += 1.0;
                }
                1.0 - votes.into_iter().fold(0.0, f64::max) / s
            }
            Score::ModelVariance => rows.mapv(|x| x * x).sum() / s - mean.mapv(|x| x * x).sum(),
        }
    };
    (0..p.shape()[1]).map(input).collect()
}

proptest! {
    #[test]
    fn streaming_scores_are_their_definitions(p in ensembles()) {
        let predictive = accumulate(&p);
        for score in Score::ALL {
            for (a, b) in predictive.score(score).into_iter().zip(naive(&p, score)) {
                prop_assert!((a - b).abs() < 1e-12, "{score}: {a} {b}");
            }
        }
    }

    #[test]
    fn scores_respect_their_bounds(p in ensembles()) {
        let predictive = accumulate(&p);
        let (s, k) = (p.shape()[0] as f64, p.shape()[2] as f64);
        // f32 rows sum to one only within 1e-6.
        let slack = 1e-5;
        let all = |score: Score, upper: f64| predictive.score(score).iter().all(|x| (0.0..=upper + slack).contains(x));
        prop_assert!(all(Score::MaxProbability, 1.0 - 1.0 / k));
        prop_assert!(all(Score::Entropy, k.ln()));
        prop_assert!(all(Score::Bald, s.min(k).ln()));
        prop_assert!(all(Score::VariationRatio, 1.0 - 1.0 / s.min(k)));
        prop_assert!(all(Score::ModelVariance, 1.0 - 1.0 / s));
    }

    #[test]
    fn bald_and_variance_never_exceed_entropy(p in ensembles()) {
        let predictive = accumulate(&p);
        for (h, i) in predictive.score(Score::Entropy).into_iter().zip(predictive.score(Score::Bald)) {
            prop_assert!(i <= h);
        }
    }

    #[test]
    fn identical_networks_know_everything_there_is_to_know(p in ensembles(), copies in 1usize..50) {
        let mut predictive = ClassPredictive::new(p.shape()[1], p.shape()[2]);
        (0..copies).for_each(|_| predictive.add(p.index_axis(Axis(0), 0)));
        for score in [Score::Bald, Score::VariationRatio, Score::ModelVariance] {
            prop_assert!(predictive.score(score).iter().all(|x| x.abs() < 1e-12), "{score}");
        }
    }

    #[test]
    fn merging_is_adding(p in ensembles(), split in 0usize..6) {
        let (mut a, mut b) = (ClassPredictive::new(p.shape()[1], p.shape()[2]), ClassPredictive::new(p.shape()[1], p.shape()[2]));
        for (i, network) in p.outer_iter().enumerate() {
            if i < split { a.add(network) } else { b.add(network) }
        }
        a.merge(&b);
        let whole = accumulate(&p);
        prop_assert_eq!(a.networks(), whole.networks());
        for score in Score::ALL {
            for (x, y) in a.score(score).into_iter().zip(whole.score(score)) {
                prop_assert!((x - y).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn two_sure_networks_that_disagree() {
    let predictive = accumulate(&softmax(2, 1, 2, &[40.0, 0.0, 0.0, 40.0]));
    let expected = [0.5, 2f64.ln(), 2f64.ln(), 0.5, 0.5];
    for (score, x) in Score::ALL.into_iter().zip(expected) {
        assert!((predictive.score(score)[0] - x).abs() < 1e-12, "{score}");
    }
    assert_eq!(predictive.mean(), array![[0.5, 0.5]]);
}

#[test]
fn a_nan_stays_visible_in_its_own_row_only() {
    let mut predictive = ClassPredictive::new(2, 2);
    predictive.add(array![[f32::NAN, 0.5], [0.5, 0.5]].view());
    predictive.add(array![[0.5, 0.5], [0.5, 0.5]].view());
    for score in Score::ALL {
        let s = predictive.score(score);
        assert!(s[0].is_nan() && s[1].is_finite(), "{score}: {s:?}");
    }
}

#[test]
fn no_inputs_is_fine() {
    let mut predictive = ClassPredictive::new(0, 3);
    predictive.add(Array2::<f32>::zeros((0, 3)).view());
    assert!(predictive.is_empty() && predictive.score(Score::Bald).is_empty());
    assert_eq!(predictive.mean().shape(), [0, 3]);
}

#[test]
#[should_panic(expected = "no network was added")]
fn no_networks_is_not() {
    ClassPredictive::new(1, 2).score(Score::Entropy);
}

#[test]
#[should_panic(expected = "shape")]
fn other_shapes_panic() {
    ClassPredictive::new(1, 2).add(Array2::<f32>::zeros((1, 3)).view());
}

fn add_row(row: [f32; 2]) -> ClassPredictive {
    let mut predictive = ClassPredictive::new(2, 2);
    predictive.add(array![[0.5, 0.5], row].view());
    predictive
}

#[test]
#[should_panic(expected = "row 1 is not made of probabilities")]
fn logits_are_refused() {
    add_row([3.0, -1.0]);
}

#[test]
#[should_panic(expected = "see `softmax` and `add_logits`")]
fn logits_that_sum_to_one_are_refused() {
    add_row([1.5, -0.5]);
}

#[test]
#[should_panic(expected = "its sum inf")]
fn an_infinite_probability_is_refused() {
    add_row([f32::INFINITY, 0.0]);
}

#[test]
#[should_panic(expected = "row 1")]
fn a_row_after_one_with_a_nan_is_refused() {
    ClassPredictive::new(2, 2).add(array![[f32::NAN, 0.5], [0.5, 0.6]].view());
}

#[test]
fn probabilities_that_were_rounded_are_not_refused() {
    add_row([0.3335, 0.667]);
}

#[test]
fn logits_are_added_as_their_softmax() {
    let mut predictive = ClassPredictive::new(3, 2);
    // Exponentials of these overflow, or all of them underflow.
    predictive.add_logits(array![[1e4, 1e4], [-1e4 + 3f64.ln(), -1e4], [0.0, f64::NEG_INFINITY]].view());
    let expected = array![[0.5, 0.5], [0.75, 0.25], [1.0, 0.0]];
    assert!((predictive.mean() - expected).iter().all(|x| x.abs() < 1e-12));
    predictive.add_logits(array![[f32::NAN, 0.0], [f32::INFINITY, 0.0], [0.0, 0.0]].view());
    let mean = predictive.mean();
    assert!(mean.row(0).iter().chain(mean.row(1)).all(|x| x.is_nan()));
    assert_eq!(mean.row(2), array![0.75, 0.25]);
}

#[test]
fn both_precisions_are_the_same_numbers() {
    let (single, mut double) = (add_row([0.3, 0.7]), ClassPredictive::new(2, 2));
    double.add(array![[0.5, 0.5], [0.3f32, 0.7]].mapv(f64::from).view());
    assert_eq!(single, double);
}

#[test]
fn names_round_trip() {
    for score in Score::ALL {
        assert_eq!(score.name().parse(), Ok(score));
        #[cfg(feature = "serde")]
        assert_eq!(serde_json::to_string(&score).unwrap(), format!("\"{score}\""));
    }
    assert_eq!("Entropy".parse::<Score>(), Err(MetricError::UnknownScore("Entropy".into())));
}
