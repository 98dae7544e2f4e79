use ndarray::{Array2, array};
use proptest::prelude::*;

use super::*;

#[test]
fn a_perfect_prediction() {
    let p = array![[1.0, 0.0], [0.0, 1.0]];
    let p = p.view();
    assert_eq!(accuracy(p, &[0, 1]), Ok(1.0));
    assert_eq!(nll(p, &[0, 1]), Ok(0.0));
    assert_eq!(brier(p, &[0, 1]), Ok(0.0));
    assert_eq!(ece(&reliability(p, &[0, 1], 15).unwrap()), 0.0);
}

#[test]
fn a_sure_and_wrong_prediction_has_a_finite_nll() {
    let p = array![[1.0, 0.0]];
    let x = nll(p.view(), &[1]).unwrap();
    assert!((x - 126.0 * 2f64.ln()).abs() < 1e-12);
    assert_eq!(brier(p.view(), &[1]), Ok(2.0));
    assert_eq!(ece(&reliability(p.view(), &[1], 15).unwrap()), 1.0);
}

#[test]
fn equal_probabilities_go_to_the_first_class() {
    let p = array![[0.5, 0.5]];
    assert_eq!(accuracy(p.view(), &[0]), Ok(1.0));
    assert_eq!(accuracy(p.view(), &[1]), Ok(0.0));
}

#[test]
fn edges_belong_to_the_lower_bin() {
    for bins in 1..40 {
        for b in 1..=bins {
            let edge = b as f64 / bins as f64;
            // The rest is shared by so many classes that none has more.
            let p = Array2::from_shape_fn((1, 101), |(_, c)| if c == 0 { edge } else { (1.0 - edge) / 100.0 });
            let r = reliability(p.view(), &[0], bins).unwrap();
            assert_eq!(r.iter().position(|x| x.count == 1), Some(b - 1), "{b} of {bins}");
        }
    }
    // A row that sums to slightly more than one still has a bin.
    let r = reliability(array![[1.000_000_1, 0.0]].view(), &[0], 10).unwrap();
    assert_eq!(r[9].count, 1);
}

#[test]
fn errors_are_values() {
    let p = array![[0.5, 0.5], [f64::NAN, 0.5]];
    let nan = Err(MetricError::Nan { what: "predictions", index: 1 });
    assert_eq!(accuracy(p.view(), &[0, 1]), nan);
    assert_eq!(nll(p.view(), &[0, 1]), nan);
    assert_eq!(brier(p.view(), &[0, 1]), nan);
    assert_eq!(reliability(p.view(), &[0, 1], 15), Err(MetricError::Nan { what: "predictions", index: 1 }));
    assert_eq!(classwise_ece(p.view(), &[0, 1], 15), nan);
    assert_eq!(accuracy(p.view(), &[0, 2]), Err(MetricError::Label { index: 1, label: 2, classes: 2 }));
    assert_eq!(nll(Array2::<f64>::zeros((0, 2)).view(), &[]), Err(MetricError::Empty { what: "predictions" }));
}

#[test]
fn rows_that_are_no_probabilities_are_named() {
    for row in [[3.0, 0.0], [-0.1, 1.1], [-0.1, -0.2], [f64::INFINITY, 0.0], [0.0, 0.0], [0.6, 0.5]] {
        let p = array![[0.5, 0.5], row];
        let errors = [
            accuracy(p.view(), &[0, 1]).unwrap_err(),
            classwise_ece(p.view(), &[0, 1], 15).unwrap_err(),
            adaptive_reliability(p.view(), &[0, 1], 15).unwrap_err(),
            nll(p.view(), &[0, 1]).unwrap_err(),
            brier(p.view(), &[0, 1]).unwrap_err(),
            reliability(p.view(), &[0, 1], 15).unwrap_err(),
            crate::total_variation(p.view(), array![[0.5, 0.5], [0.5, 0.5]].view()).unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, MetricError::NotProbabilities { index: 1, .. }), "{row:?}: {error}");
            assert!(error.to_string().contains("row 1") && error.to_string().contains("add_logits"), "{error}");
        }
    }
    // Rounded to three digits.
    assert!(nll(array![[0.333, 0.333, 0.333]].view(), &[0]).is_ok());
}

#[test]
#[should_panic(expected = "one label per row")]
fn a_wrong_number_of_labels_panics() {
    let _ = accuracy(array![[0.5, 0.5]].view(), &[0, 1]);
}

/// Rows of N×K, and a label for each.
fn predicted() -> impl Strategy<Value = (Array2<f64>, Vec<u32>)> {
    (1usize..40, 2usize..5).prop_flat_map(|(n, k)| {
        // A coarse grid, so that confidences are tied.
        let rows = prop::collection::vec(1u8..6, n * k);
        (rows, prop::collection::vec(0..k as u32, n)).prop_map(move |(x, labels)| {
            let mut p = Array2::from_shape_fn((n, k), |(i, c)| f64::from(x[i * k + c]));
            p.outer_iter_mut().for_each(|mut row| row /= row.sum());
            (p, labels)
        })
    })
}

fn confidence(row: ndarray::ArrayView1<'_, f64>) -> f64 {
    row.iter().copied().fold(0.0, f64::max)
}

proptest! {
    /// The definition: for each class and each bin all rows are searched.
    #[test]
    fn the_classwise_error_is_its_definition((p, labels) in predicted(), bins in 1usize..20) {
        let (n, k) = p.dim();
        let mut expected = 0.0;
        for c in 0..k {
            for b in 0..bins {
                let (lower, upper) = (b as f64 / bins as f64, (b + 1) as f64 / bins as f64);
                let inside: Vec<usize> = (0..n).filter(|&i| lower < p[[i, c]] && p[[i, c]] <= upper).collect();
                let hits = inside.iter().filter(|&&i| labels[i] as usize == c).count() as f64;
                let sum: f64 = inside.iter().map(|&i| p[[i, c]]).sum();
                expected += (hits - sum).abs() / (n * k) as f64;
            }
        }
        let found = classwise_ece(p.view(), &labels, bins).unwrap();
        prop_assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }

    /// The definition: a row's bin follows from how many are less sure.
    #[test]
    fn adaptive_bins_are_their_definition((p, labels) in predicted(), bins in 1usize..20) {
        let n = p.nrows();
        let sure: Vec<f64> = p.outer_iter().map(confidence).collect();
        let place = |i: usize| sure.iter().filter(|&&x| x < sure[i]).count() * bins / n;
        let mut expected = 0.0;
        let mut counts = Vec::new();
        for b in 0..bins {
            let inside: Vec<usize> = (0..n).filter(|&i| place(i) == b).collect();
            let hits = inside.iter().filter(|&&i| argmax(p.row(i).iter()) == Some(labels[i] as usize)).count() as f64;
            expected += (hits - inside.iter().map(|&i| sure[i]).sum::<f64>()).abs() / n as f64;
            counts.push(inside.len());
        }
        counts.retain(|&count| count > 0);
        let found = adaptive_reliability(p.view(), &labels, bins).unwrap();
        prop_assert!((ece(&found) - expected).abs() < 1e-12);
        prop_assert_eq!(found.iter().map(|bin| bin.count).collect::<Vec<_>>(), counts);
        prop_assert!(found.windows(2).all(|pair| pair[0].upper == pair[1].lower));
        for &x in &sure {
            prop_assert_eq!(found.iter().filter(|bin| bin.lower < x && x <= bin.upper).count(), 1);
        }
        // In whatever order the rows come.
        let reversed = p.slice(ndarray::s![..;-1, ..]);
        let back: Vec<u32> = labels.iter().rev().copied().collect();
        prop_assert_eq!(adaptive_reliability(reversed, &back, bins).unwrap(), found);
    }

    #[test]
    fn the_maximum_error_bounds_the_expected_one((p, labels) in predicted(), bins in 1usize..20) {
        let found = reliability(p.view(), &labels, bins).unwrap();
        prop_assert!(ece(&found) <= mce(&found) + 1e-12);
    }

    #[test]
    fn both_precisions_are_the_same_numbers((p, labels) in predicted(), bins in 1usize..20) {
        let single = p.mapv(|x| x as f32);
        let (p, double) = (single.view(), single.mapv(f64::from));
        prop_assert_eq!(accuracy(p, &labels), accuracy(double.view(), &labels));
        prop_assert_eq!(nll(p, &labels), nll(double.view(), &labels));
        prop_assert_eq!(brier(p, &labels), brier(double.view(), &labels));
        prop_assert_eq!(reliability(p, &labels, bins), reliability(double.view(), &labels, bins));
        prop_assert_eq!(adaptive_reliability(p, &labels, bins), adaptive_reliability(double.view(), &labels, bins));
        prop_assert_eq!(classwise_ece(p, &labels, bins), classwise_ece(double.view(), &labels, bins));
    }
}

#[test]
fn adaptive_and_classwise_errors_by_hand() {
    // Sure of .6 (right), .7 (wrong), .8 and .9 (right).
    let p = array![[0.6, 0.4], [0.7, 0.3], [0.2, 0.8], [0.1, 0.9]];
    let labels = [0, 1, 1, 1];
    let bins = adaptive_reliability(p.view(), &labels, 2).unwrap();
    assert_eq!(
        bins.iter().map(|b| (b.lower, b.upper, b.count, b.accuracy)).collect::<Vec<_>>(),
        [(0.0, 0.7, 2, 0.5), (0.7, 0.9, 2, 1.0)]
    );
    assert!((ece(&bins) - 0.15).abs() < 1e-15 && (mce(&bins) - 0.15).abs() < 1e-15);
    // Of equal width all four are in one bin of (½, 1], which is right by chance: ¾ of the time at a mean of ¾.
    let equal = reliability(p.view(), &labels, 2).unwrap();
    assert!(ece(&equal).abs() < 1e-15 && mce(&equal).abs() < 1e-15);
    // Class 0: .1 and .2 never (an excess of .15), .6 and .7 half the time (of .15). Class 1 is its mirror.
    assert!((classwise_ece(p.view(), &labels, 2).unwrap() - 0.15).abs() < 1e-15);
}

#[test]
fn rows_of_a_softmax_in_f32_over_many_classes_are_distributions() {
    let logits = |c: usize| 5.0 * ((c * 7919 % 10_007) as f32 / 10_007.0);
    let exps: Vec<f32> = (0..10_000).map(|c| logits(c).exp()).collect();
    let sum = exps.iter().fold(0.0, |sum, x| sum + x);
    let p = Array2::from_shape_fn((1, 10_000), |(_, c)| exps[c] / sum);
    assert!(nll(p.view(), &[3]).is_ok());
    // Percentages of the same are not.
    assert!(nll(p.mapv(|x| 100.0 * x).view(), &[3]).is_err());
}
