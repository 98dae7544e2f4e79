use proptest::prelude::*;

use super::*;

/// Scores from a coarse grid, so that ties are common.
fn scores() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec((-6i32..6).prop_map(|x| f64::from(x) / 4.0), 1..40)
}

/// The definition of AUROC, over all pairs.
fn naive_auroc(negatives: &[f64], positives: &[f64]) -> f64 {
    let mut wins = 0.0;
    for p in positives {
        for n in negatives {
            wins += if p > n {
                1.0
            } else if p == n {
                0.5
            } else {
                0.0
            };
        }
    }
    wins / (negatives.len() * positives.len()) as f64
}

/// The definition of FPR95, over all thresholds.
fn naive_fpr95(negatives: &[f64], positives: &[f64]) -> f64 {
    let rate = |x: &[f64], t: f64| x.iter().filter(|s| **s >= t).count() as f64 / x.len() as f64;
    let thresholds = negatives.iter().chain(positives);
    thresholds.filter(|t| rate(positives, **t) >= 0.95).map(|t| rate(negatives, *t)).fold(1.0, f64::min)
}

proptest! {
    #[test]
    fn auroc_and_fpr95_are_their_definitions(n in scores(), p in scores()) {
        let d = detection(&n, &p).unwrap();
        prop_assert!((d.auroc - naive_auroc(&n, &p)).abs() < 1e-14);
        prop_assert_eq!(d.fpr95, naive_fpr95(&n, &p));
    }

    #[test]
    fn swapping_the_classes_mirrors_auroc(n in scores(), p in scores()) {
        let (a, b) = (detection(&n, &p).unwrap(), detection(&p, &n).unwrap());
        prop_assert!((a.auroc + b.auroc - 1.0).abs() < 1e-15);
    }

    #[test]
    fn negating_the_score_and_swapping_the_classes_swaps_the_two_auprs(n in scores(), p in scores()) {
        let negate = |x: &[f64]| x.iter().map(|s| -s).collect::<Vec<_>>();
        let (a, b) = (detection(&n, &p).unwrap(), detection(&negate(&p), &negate(&n)).unwrap());
        prop_assert_eq!((a.auroc, a.aupr_out, a.aupr_in), (b.auroc, b.aupr_in, b.aupr_out));
    }

    #[test]
    fn a_strictly_monotone_transform_changes_nothing(n in scores(), p in scores()) {
        let transform = |x: &[f64]| x.iter().map(|s| 3.0 * s.exp() - 7.0).collect::<Vec<_>>();
        prop_assert_eq!(detection(&n, &p), detection(&transform(&n), &transform(&p)));
    }

    #[test]
    fn the_order_of_the_inputs_changes_nothing(n in scores(), p in scores()) {
        let reversed = |x: &[f64]| x.iter().rev().copied().collect::<Vec<_>>();
        prop_assert_eq!(detection(&n, &p), detection(&reversed(&n), &reversed(&p)));
    }

    #[test]
    fn values_are_bounded(n in scores(), p in scores()) {
        let d = detection(&n, &p).unwrap();
        for x in [d.auroc, d.aupr_out, d.aupr_in, d.fpr95] {
            prop_assert!((0.0..=1.0).contains(&x), "{:?}", d);
        }
    }

    #[test]
    fn the_area_under_the_curve_is_auroc_also_after_dropping_points(n in scores(), p in scores()) {
        let area = |c: &[RocPoint]| -> f64 { c.windows(2).map(|w| (w[1].fpr - w[0].fpr) * (w[1].tpr + w[0].tpr) / 2.0).sum() };
        let (curve, auroc) = (roc_curve(&n, &p).unwrap(), detection(&n, &p).unwrap().auroc);
        let corners = drop_collinear(&curve);
        prop_assert!((area(&curve) - auroc).abs() < 1e-12);
        prop_assert!((area(&corners) - auroc).abs() < 1e-12);
        prop_assert!(corners.len() <= curve.len());
        prop_assert_eq!((curve.first(), curve.last()), (corners.first(), corners.last()));
        let last = curve.last().unwrap();
        prop_assert_eq!((last.fpr, last.tpr), (1.0, 1.0));
        prop_assert!(curve.windows(2).all(|w| w[0].threshold > w[1].threshold && w[0].fpr <= w[1].fpr && w[0].tpr <= w[1].tpr));
    }
}

#[test]
fn a_curve_without_overlap_has_three_corners() {
    let n: Vec<f64> = (0..100).map(f64::from).collect();
    let p: Vec<f64> = (200..300).map(f64::from).collect();
    let corners = drop_collinear(&roc_curve(&n, &p).unwrap());
    assert_eq!(corners.iter().map(|c| (c.fpr, c.tpr)).collect::<Vec<_>>(), [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)]);
}

#[test]
fn infinities_are_scores() {
    let d = detection(&[f64::NEG_INFINITY, 0.0], &[f64::INFINITY, f64::INFINITY]).unwrap();
    assert_eq!((d.auroc, d.fpr95, d.negatives, d.positives), (1.0, 0.0, 2, 2));
}

#[test]
fn errors_are_values() {
    assert_eq!(detection(&[], &[1.0]), Err(MetricError::Empty { what: "negatives" }));
    assert_eq!(detection(&[1.0], &[]), Err(MetricError::Empty { what: "positives" }));
    let nan = MetricError::Nan { what: "positives", index: 1 };
    assert_eq!(detection(&[1.0], &[0.0, f64::NAN]), Err(nan.clone()));
    assert_eq!(roc_curve(&[1.0], &[0.0, f64::NAN]), Err(nan));
}
