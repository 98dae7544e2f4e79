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
