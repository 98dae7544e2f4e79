use super::tanh_f32;

#[test]
fn relative_error_over_the_whole_range() {
    let points = (0..=2_000_000).map(|i| i as f32 * 5e-6).chain((1..1000).map(|i| 10.0_f32.powf(-0.03 * i as f32)));
    let error = |x: f32| (f64::from(tanh_f32(x)) / f64::from(x).tanh() - 1.0).abs();
    let worst =
        points.filter(|&x| x > 0.0).map(|x| (error(x), x)).fold((0.0, 0.0), |a, b| if b.0 > a.0 { b } else { a });
    assert!(worst.0 < 4e-7, "{worst:?}");
}

#[test]
fn it_is_odd_and_bounded() {
    for x in [0.0, 1e-30, 1e-3, 0.5, 3.0, 7.9, 8.0, 100.0, f32::INFINITY] {
        assert_eq!(tanh_f32(-x), -tanh_f32(x));
        assert!(tanh_f32(x) <= 1.0, "{x}");
    }
    assert_eq!(tanh_f32(f32::INFINITY), 1.0);
    assert!(tanh_f32(f32::NAN).is_nan());
}
