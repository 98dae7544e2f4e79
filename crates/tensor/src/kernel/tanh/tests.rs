use super::{rough_tanh_f32, tanh_f32};
use crate::check::check_single;

#[test]
fn tanh_over_the_whole_range() {
    check_single(1.9, tanh_f32, f64::tanh);
    check_single(6.5, |x| if x.abs() < 1e-35 { x } else { rough_tanh_f32(x) }, f64::tanh);
}

#[test]
fn it_is_odd_and_bounded() {
    for x in [0.0, 1e-30, 1e-3, 0.5, 0.7, 3.0, 7.9, 9.1, 100.0, f32::INFINITY] {
        for tanh in [tanh_f32, rough_tanh_f32] {
            assert_eq!(tanh(-x).to_bits(), (-tanh(x)).to_bits());
            assert!(tanh(x) <= 1.0, "{x}");
        }
    }
    assert_eq!([tanh_f32, rough_tanh_f32].map(|tanh| tanh(f32::INFINITY)), [1.0; 2]);
    assert!(tanh_f32(f32::NAN).is_nan() && rough_tanh_f32(f32::NAN).is_nan());
}
