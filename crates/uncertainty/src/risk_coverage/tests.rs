use proptest::prelude::*;

use super::*;

/// By hand: the risks are 0, 1/2, 1/3, 2/4, and their mean is 1/3.
#[test]
fn the_area_is_the_mean_of_the_risks() {
    let area = aurc(&[0.3, 0.1, 0.9, 0.2], &[0.0, 0.0, 1.0, 1.0]).unwrap();
    assert!((area - (0.0 + 0.5 + 1.0 / 3.0 + 0.5) / 4.0).abs() < 1e-15, "{area}");
}

/// By hand: errors last give 0, 0, 1/3, 2/4; errors first 1, 1, 2/3, 2/4.
#[test]
fn an_order_that_is_right_is_better_than_one_that_is_wrong() {
    let loss = [0.0, 0.0, 1.0, 1.0];
    let (best, worst) = (aurc(&[1.0, 2.0, 3.0, 4.0], &loss).unwrap(), aurc(&[4.0, 3.0, 2.0, 1.0], &loss).unwrap());
    assert!((best - (1.0 / 3.0 + 0.5) / 4.0).abs() < 1e-15);
    assert!((worst - (1.0 + 1.0 + 2.0 / 3.0 + 0.5) / 4.0).abs() < 1e-15);
}

/// The mean over all orders of rows of equal uncertainty, enumerated.
#[test]
fn equal_uncertainties_are_answered_in_a_random_order() {
    let loss = [1.0, 0.0, 0.0];
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let area = |order: [usize; 3]| {
        let sums = order.iter().scan(0.0, |sum, &row| {
            *sum += loss[row];
            Some(*sum)
        });
        sums.enumerate().map(|(k, sum)| sum / (k + 1) as f64).sum::<f64>() / 3.0
    };
    let expected = orders.iter().map(|&order| area(order)).sum::<f64>() / 6.0;
    assert!((aurc(&[0.5; 3], &loss).unwrap() - expected).abs() < 1e-15);
}

#[test]
fn nothing_and_nan_are_errors() {
    assert!(matches!(aurc(&[0.0; 0], &[0.0; 0]), Err(MetricError::Empty { .. })));
    assert!(matches!(aurc(&[f64::NAN], &[0.0]), Err(MetricError::Nan { what: "uncertainties", index: 0 })));
    assert!(matches!(aurc(&[0.0], &[f64::NAN]), Err(MetricError::Nan { what: "losses", index: 0 })));
}

/// By hand: of four rows 0, 0, 1, 1, 2 losses are let through, between which the curve is straight.
#[test]
fn the_generalized_area_by_hand() {
    let area = augrc(&[1.0, 2.0, 3.0, 4.0], &[0.0, 1.0, 0.0, 1.0]).unwrap();
    assert!((area - (0.0 + 0.5 + 1.0 + 1.5) / 16.0).abs() < 1e-15, "{area}");
}

/// Losses that come first count more to one area, and as all others to the other: moving the two by one place each is even.
#[test]
fn the_generalized_area_does_not_favor_the_first_rows() {
    let u = [1.0, 2.0, 3.0, 4.0, 5.0];
    let (outer, inner) = ([1.0, 0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0, 0.0]);
    assert!((augrc(&u, &outer).unwrap() - augrc(&u, &inner).unwrap()).abs() < 1e-15);
    assert!(aurc(&u, &outer).unwrap() > aurc(&u, &inner).unwrap() + 0.1);
}

proptest! {
    /// The formula of the paper for losses of 0 and 1, with the Mann–Whitney statistic; uncertainties are tied.
    #[test]
    fn the_generalized_area_is_one_of_the_auroc(rows in prop::collection::vec((0u8..6, any::<bool>()), 2..60)) {
        let of = |wanted: bool| rows.iter().filter(|row| row.1 == wanted).map(|row| f64::from(row.0)).collect::<Vec<_>>();
        let (right, wrong) = (of(false), of(true));
        prop_assume!(!right.is_empty() && !wrong.is_empty());
        let (u, loss): (Vec<u8>, Vec<bool>) = rows.iter().copied().unzip();
        let (n, e) = (rows.len() as f64, wrong.len() as f64);
        let expected = (1.0 - crate::detection(&right, &wrong).unwrap().auroc) * (e / n) * (1.0 - e / n) + 0.5 * (e / n).powi(2);
        let loss: Vec<f32> = loss.into_iter().map(|x| f32::from(u8::from(x))).collect();
        prop_assert!((augrc(&u, &loss).unwrap() - expected).abs() < 1e-12);
    }

    /// A row's loss is let through at all larger coverages, and at half its own step.
    #[test]
    fn the_generalized_area_weighs_losses_by_their_rank(loss in prop::collection::vec(0.0f64..3.0, 1..40)) {
        let n = loss.len() as f64;
        let u: Vec<f64> = (0..loss.len()).map(|i| i as f64).collect();
        let expected: f64 = loss.iter().enumerate().map(|(i, x)| x * (n - i as f64 - 0.5)).sum::<f64>() / (n * n);
        prop_assert!((augrc(&u, &loss).unwrap() - expected).abs() < 1e-12);
    }
}
