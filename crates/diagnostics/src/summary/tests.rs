use super::*;

#[test]
fn the_median_is_the_middle_value_or_the_mean_of_the_middle_two() {
    assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median([3.0, 1.0, 2.0, 10.0]), Some(2.5));
    assert_eq!(median([7.0]), Some(7.0));
    assert_eq!(median([]), None);
}

#[test]
fn a_deviation_needs_two_values() {
    assert_eq!(mean_sd(&[2.0]), (2.0, None));
    assert_eq!(mean_sd(&[1.0, 2.0, 6.0]), (3.0, Some(7f64.sqrt())));
    assert!(mean_sd(&[]).0.is_nan());
}
