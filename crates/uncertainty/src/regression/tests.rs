use std::f64::consts::PI;

use ndarray::array;

use super::*;

#[test]
fn values_by_hand() {
    let (p, y) = (array![[1.0, 2.0], [3.0, 4.0]], array![[1.0, 4.0], [0.0, 3.0]]);
    assert_eq!(rmse(p.view(), y.view()), Ok(3.5f64.sqrt()));
    assert_eq!(mae(p.view(), y.view()), Ok(1.5));
    let (lower, upper) = (&p - 1.0, &p + 2.0);
    // The ends count: 1 in [0, 3], 4 in [1, 4], 0 not in [2, 5], 3 in [3, 6].
    assert_eq!(coverage(lower.view(), upper.view(), y.view()), Ok(0.75));
    assert_eq!(width(lower.view(), upper.view()), Ok(3.0));
}

#[test]
fn scores_of_one_normal_law() {
    let mut predictive = NumberPredictive::new(2, 1, Normal);
    predictive.add(|i, _| (i as f64, 2.0));
    let y = array![[1.0], [1.0]];
    let constant = 0.5 * (8.0 * PI).ln();
    let expected = constant + 0.5 * 0.125;
    assert!((nll(&predictive, y.view()).unwrap() - expected).abs() < 1e-12);
    // A mixture of equal laws is that law.
    assert!((nll_normal(&predictive, y.view()).unwrap() - expected).abs() < 1e-12);
    // σ·(z(2Φ(z) − 1) + 2φ(z) − 1/√π) at z = ½ and 0.
    let at = |z: f64| {
        let density = (-0.5 * z * z).exp() / (2.0 * PI).sqrt();
        2.0 * (z * libm::erf(z / 2f64.sqrt()) + 2.0 * density - PI.sqrt().recip())
    };
    assert!((crps(&predictive, y.view()).unwrap() - 0.5 * (at(0.5) + at(0.0))).abs() < 1e-9);
}

#[test]
fn both_precisions_are_the_same_numbers() {
    let mut predictive = NumberPredictive::new(2, 1, Normal);
    predictive.add(|i, _| (i as f64, 0.7));
    let (single, low) = (array![[0.1f32], [2.3]], array![[-0.3f32], [0.2]]);
    let double = single.mapv(f64::from);
    assert_eq!(predictive.pit(single.view()), predictive.pit(double.view()));
    assert_eq!(crps(&predictive, single.view()), crps(&predictive, double.view()));
    assert_eq!(nll(&predictive, single.view()), nll(&predictive, double.view()));
    assert_eq!(nll_normal(&predictive, single.view()), nll_normal(&predictive, double.view()));
    assert_eq!(rmse(low.view(), single.view()), rmse(low.mapv(f64::from).view(), double.view()));
    assert_eq!(width(low.view(), double.view()), width(low.mapv(f64::from).view(), single.view()));
}

#[test]
fn errors_name_the_row() {
    let (p, y) = (array![[0.0], [f64::NAN]], array![[0.0], [1.0]]);
    assert_eq!(rmse(p.view(), y.view()), Err(MetricError::Nan { what: "predictions", index: 1 }));
    assert_eq!(mae(y.view(), p.view()), Err(MetricError::Nan { what: "targets", index: 1 }));
    assert_eq!(width(y.view(), p.view()), Err(MetricError::Nan { what: "upper ends", index: 1 }));
    let none = Array2::<f64>::zeros((0, 1));
    assert_eq!(rmse(none.view(), none.view()), Err(MetricError::Empty { what: "predictions" }));
    let mut predictive = NumberPredictive::new(2, 1, Normal);
    predictive.add(|i, _| (if i == 0 { f64::NAN } else { 0.0 }, 1.0));
    for metric in [crps, nll, nll_normal] {
        assert_eq!(metric(&predictive, y.view()), Err(MetricError::Nan { what: "predictions", index: 0 }));
        assert_eq!(metric(&predictive, p.view()), Err(MetricError::Nan { what: "targets", index: 1 }));
    }
}
