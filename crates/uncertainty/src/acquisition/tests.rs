use ndarray::{Array3, array};
use proptest::prelude::*;

use super::*;
use crate::{ClassPredictive, Score};

/// S×N×K softmax rows, in f32 as networks give them.
fn softmax_rows((s, n, k): (usize, usize, usize)) -> impl Strategy<Value = Array3<f32>> {
    prop::collection::vec(-6f32..6.0, s * n * k).prop_map(move |logits| {
        let mut p = Array3::from_shape_vec((s, n, k), logits).unwrap().mapv(f32::exp);
        p.lanes_mut(Axis(2)).into_iter().for_each(|mut row| row /= row.sum());
        p
    })
}

fn shapes() -> impl Strategy<Value = (usize, usize, usize)> {
    (1usize..5, 1usize..6, 1usize..4)
}

/// p(y₁ … y_b) of every configuration of these inputs' labels, by enumeration.
fn joint(p: &Array3<f32>, inputs: &[usize]) -> Vec<f64> {
    let (s, _, k) = p.dim();
    let of_configuration = |number: usize| -> f64 {
        let label = |place: usize| number / k.pow(place as u32) % k;
        let of_network = |s: usize| -> f64 {
            inputs.iter().enumerate().map(|(place, &i)| f64::from(p[[s, i, label(place)]])).product()
        };
        (0..s).map(of_network).sum::<f64>() / s as f64
    };
    (0..k.pow(inputs.len() as u32)).map(of_configuration).collect()
}

fn h(p: &[f64]) -> f64 {
    p.iter().filter(|&&p| p > 0.0).map(|p| -p * p.ln()).sum()
}

/// I(y₁ … y_b; network), from its definition.
fn information(p: &Array3<f32>, inputs: &[usize]) -> f64 {
    let of_network = |s: usize| -> f64 {
        inputs.iter().map(|&i| h(&(0..p.dim().2).map(|c| f64::from(p[[s, i, c]])).collect::<Vec<_>>())).sum()
    };
    h(&joint(p, inputs)) - (0..p.dim().0).map(of_network).sum::<f64>() / p.dim().0 as f64
}

/// Numbers in [0, 1) that are spread evenly.
fn weyl() -> impl FnMut() -> f64 {
    let mut x = 0.0_f64;
    move || {
        x = (x + 0.618_033_988_749_894_9).fract();
        x
    }
}

proptest! {
    #[test]
    fn epig_is_its_definition(
        (pool, targets) in (1usize..5, 1usize..4, 1usize..4, 1usize..4)
            .prop_flat_map(|(s, n, m, k)| (softmax_rows((s, n, k)), softmax_rows((s, m, k))))
    ) {
        let both = ndarray::concatenate(Axis(1), &[pool.view(), targets.view()]).unwrap();
        let (n, m) = (pool.dim().1, targets.dim().1);
        for (i, found) in epig(pool.view(), targets.view()).unwrap().into_iter().enumerate() {
            let about = |j: usize| h(&joint(&both, &[i])) + h(&joint(&both, &[n + j])) - h(&joint(&both, &[i, n + j]));
            let expected = (0..m).map(about).sum::<f64>() / m as f64;
            prop_assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
        }
    }

    #[test]
    fn a_greedy_batch_is_its_definition(p in shapes().prop_flat_map(softmax_rows)) {
        let (s, n, _) = p.dim();
        let batch = batch_bald(p.view(), n + 1, 1 << 20, || unreachable!("nothing is drawn")).unwrap();
        prop_assert_eq!(batch.len(), n);
        let mut chosen = Vec::new();
        for &(input, gain) in &batch {
            let with = |i: usize| information(&p, &[&chosen[..], &[i]].concat());
            let best = (0..n).filter(|i| !chosen.contains(i)).map(with).fold(f64::NEG_INFINITY, f64::max);
            prop_assert!((with(input) - best).abs() < 1e-6, "{} for the best, {best}", with(input));
            prop_assert!((gain - (with(input) - information(&p, &chosen))).abs() < 1e-6);
            chosen.push(input);
        }
        prop_assert!(batch.iter().map(|(_, gain)| gain).sum::<f64>() < (s as f64).ln() + 1e-6);
        prop_assert!(batch.windows(2).all(|pair| pair[0].1 >= pair[1].1 - 1e-6), "gains shrink");
    }

    #[test]
    fn the_first_of_a_batch_has_the_largest_bald(p in shapes().prop_flat_map(softmax_rows)) {
        let mut predictive = ClassPredictive::new(p.dim().1, p.dim().2);
        p.outer_iter().for_each(|network| predictive.add(network));
        let largest = predictive.score(Score::Bald).into_iter().fold(0.0, f64::max);
        let first = batch_bald(p.view(), 1, 1, || 0.0).unwrap();
        prop_assert!((first[0].1 - largest).abs() < 1e-9);
    }

    #[test]
    fn what_is_drawn_has_on_average_the_weights(weights in prop::collection::vec(0.0f64..1.0, 1..12), count in 1usize..9) {
        const STARTS: usize = 4_000;
        let sum: f64 = weights.iter().sum();
        prop_assume!(sum > 0.1);
        let mut mean = vec![0.0; weights.len()];
        for start in 0..STARTS {
            let drawn = resampled(&weights, count, (start as f64 + 0.5) / STARTS as f64);
            prop_assert!((drawn.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-9);
            drawn.iter().for_each(|&(place, share)| mean[place] += share / STARTS as f64);
        }
        // A grid of starts is off by at most a start at both ends of a weight.
        let close = mean.iter().zip(&weights).all(|(mean, weight)| (mean - weight / sum).abs() <= 2.0 / STARTS as f64 + 1e-9);
        prop_assert!(close, "{mean:?}");
    }
}

/// Two networks that disagree on inputs 0 and 1, in the same way, and less on input 2, where they are not sure; both know input 3.
fn copies() -> Array3<f64> {
    array![[[1.0, 0.0], [1.0, 0.0], [0.7, 0.3], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0], [0.4, 0.6], [0.0, 1.0]]]
}

#[test]
fn a_batch_takes_no_copy() {
    let batch = batch_bald(copies().view(), 4, 100, weyl()).unwrap();
    // The first label tells which of the two networks it is: nothing is left to learn.
    assert_eq!(batch.iter().map(|(input, _)| *input).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!((batch[0].1 - 2f64.ln()).abs() < 1e-12);
    assert!(batch[1..].iter().all(|(_, gain)| gain.abs() < 1e-12));

    // Four networks, as two copies of a question and one of another: the other one comes second, though its BALD is as large as a copy's.
    let four = array![
        [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]],
        [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]],
        [[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]],
        [[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]
    ];
    let batch = batch_bald(four.view(), 3, 100, weyl()).unwrap();
    assert_eq!(batch.iter().map(|(input, _)| *input).collect::<Vec<_>>(), [0, 2, 1]);
    assert!((batch[1].1 - 2f64.ln()).abs() < 1e-12 && batch[2].1.abs() < 1e-12);
}

#[test]
fn labels_are_worth_what_they_tell_of_the_targets() {
    let pool = copies();
    // A target on which the networks disagree as on inputs 0 and 1; and one that they know.
    let (same, known) = (array![[[1.0, 0.0]], [[0.0, 1.0]]], array![[[1.0, 0.0]], [[1.0, 0.0]]]);
    let scores = epig(pool.view(), same.view()).unwrap();
    assert!((scores[0] - 2f64.ln()).abs() < 1e-12 && (scores[1] - scores[0]).abs() < 1e-12);
    // About a target that gives the network away, a label tells what it tells of the network: BALD = H(.55) − (H(.7) + H(.4))/2.
    assert!((scores[2] - 0.046_200_829).abs() < 1e-8, "{}", scores[2]);
    assert!(scores[3].abs() < 1e-12);
    assert!(epig(pool.view(), known.view()).unwrap().iter().all(|score| score.abs() < 1e-12));
    let both = ndarray::concatenate(Axis(1), &[same.view(), known.view()]).unwrap();
    assert!((epig(pool.view(), both.view()).unwrap()[0] - 0.5 * 2f64.ln()).abs() < 1e-12);
}

#[test]
fn drawn_configurations_come_near_all_of_them() {
    let mut next = weyl();
    let logits = Array3::from_shape_fn((8, 12, 4), |_| 3.0 * (next() - 0.5) * 2.0);
    let mut p = logits.mapv(f64::exp);
    p.lanes_mut(Axis(2)).into_iter().for_each(|mut row| row /= row.sum());
    let total =
        |most: usize| -> f64 { batch_bald(p.view(), 6, most, weyl()).unwrap().iter().map(|(_, gain)| gain).sum() };
    let exact = total(1 << 12);
    assert!((total(500) - exact).abs() < 0.02, "{} of {exact} nats", total(500));
    // So few cannot.
    assert!((total(4) - exact).abs() > 0.02, "{} of {exact} nats", total(4));
}

#[test]
fn what_is_no_prediction_is_an_error() {
    let p = copies();
    let none = Array3::<f64>::zeros((0, 4, 2));
    assert_eq!(epig(none.view(), none.view()), Err(MetricError::Empty { what: "networks" }));
    assert_eq!(batch_bald(none.view(), 1, 1, || 0.0), Err(MetricError::Empty { what: "networks" }));
    let no_targets = Array3::<f64>::zeros((2, 0, 2));
    assert_eq!(epig(p.view(), no_targets.view()), Err(MetricError::Empty { what: "targets" }));
    let mut broken = p.clone();
    broken[[1, 2, 0]] = f64::NAN;
    let nan = MetricError::Nan { what: "predictions of the pool", index: 2 };
    assert_eq!(batch_bald(broken.view(), 1, 1, || 0.0), Err(nan.clone()));
    assert_eq!(epig(broken.view(), p.view()), Err(nan));
    assert!(matches!(epig(p.view(), (2.0 * &p).view()), Err(MetricError::NotProbabilities { index: 0, .. })));
    // And nothing is chosen from nothing.
    assert!(batch_bald(Array3::<f64>::zeros((2, 0, 2)).view(), 3, 1, || 0.0).unwrap().is_empty());
    assert!(batch_bald(p.view(), 0, 1, || 0.0).unwrap().is_empty());
}
