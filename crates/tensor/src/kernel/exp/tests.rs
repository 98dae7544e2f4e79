use super::{exp_between, exp_f32, sigmoid_f32};
use crate::check::check_single;

#[test]
fn exp_over_the_whole_range() {
    check_single(0.97, exp_f32, f64::exp);
}

#[test]
fn sigmoid_over_the_whole_range() {
    check_single(0.6, sigmoid_f32, |x| 1.0 / (1.0 + (-x).exp()));
}

#[test]
fn edges() {
    assert_eq!([0.0, -0.0, -104.0, f32::NEG_INFINITY].map(exp_f32), [1.0, 1.0, 0.0, 0.0]);
    assert_eq!([88.73, 1e9, f32::INFINITY].map(exp_f32), [f32::INFINITY; 3]);
    assert!(exp_f32(88.722).is_finite() && exp_f32(-103.9) > 0.0);
    assert_eq!([0.0, f32::NEG_INFINITY, f32::INFINITY].map(sigmoid_f32), [0.5, 0.0, 1.0]);
    assert!(exp_f32(f32::NAN).is_nan() && sigmoid_f32(f32::NAN).is_nan());
}

#[test]
fn eight_digits_in_double_precision() {
    for x in (-6_999..7_000).map(|i| 0.1 * f64::from(i)) {
        assert!((exp_between(x) / x.exp() - 1.0).abs() < 1e-8, "{x}");
    }
}
