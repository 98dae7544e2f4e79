use ndarray::{Array2, array};

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
    assert_eq!(accuracy(p.view(), &[0, 2]), Err(MetricError::Label { index: 1, label: 2, classes: 2 }));
    assert_eq!(nll(Array2::zeros((0, 2)).view(), &[]), Err(MetricError::Empty { what: "predictions" }));
}

#[test]
fn rows_that_are_no_probabilities_are_named() {
    for row in [[3.0, 0.0], [-0.1, 1.1], [-0.1, -0.2], [f64::INFINITY, 0.0], [0.0, 0.0], [0.6, 0.5]] {
        let p = array![[0.5, 0.5], row];
        let errors = [
            nll(p.view(), &[0, 1]).unwrap_err(),
            brier(p.view(), &[0, 1]).unwrap_err(),
            reliability(p.view(), &[0, 1], 15).unwrap_err(),
            crate::total_variation(p.view(), array![[0.5, 0.5], [0.5, 0.5]].view()).unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, MetricError::NotProbabilities { index: 1, .. }), "{row:?}: {error}");
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
