use super::{gelu_f32, normal_cdf_f32};
use crate::Scalar;
use crate::check::check_single;

#[test]
fn over_the_whole_range() {
    check_single(0.61, normal_cdf_f32, f64::fast_normal_cdf);
    check_single(0.61, gelu_f32, f64::fast_gelu);
}

#[test]
fn edges() {
    assert_eq!([f32::NEG_INFINITY, -0.0, 0.0, f32::INFINITY].map(normal_cdf_f32), [0.0, 0.5, 0.5, 1.0]);
    assert_eq!([f32::NEG_INFINITY, -1e30, 0.0, 1e30].map(gelu_f32), [0.0, 0.0, 0.0, 1e30]);
    assert_eq!(gelu_f32(f32::INFINITY), f32::INFINITY);
    assert!(normal_cdf_f32(f32::NAN).is_nan() && gelu_f32(f32::NAN).is_nan());
}
