use super::exp_f32;

fn exp(x: f32) -> f32 {
    let mut slice = [x];
    exp_f32(&mut slice);
    slice[0]
}

#[test]
fn relative_error_over_the_whole_range() {
    let mut x: Vec<f32> = (0..=1_760_000).map(|i| -87.3 + i as f32 * 1e-4).collect();
    let exact: Vec<f64> = x.iter().map(|&x| f64::from(x).exp()).collect();
    exp_f32(&mut x);
    let worst = x.iter().zip(&exact).map(|(&found, exact)| (f64::from(found) / exact - 1.0).abs()).fold(0.0, f64::max);
    assert!(worst < 2.0_f64.powi(-22), "{worst}");
}

#[test]
fn edges() {
    assert_eq!([0.0, -0.0, -200.0, f32::NEG_INFINITY].map(exp), [1.0, 1.0, 0.0, 0.0]);
    assert_eq!([88.73, 1e9, f32::INFINITY].map(exp), [f32::INFINITY; 3]);
    assert!(exp(88.722).is_finite() && exp(-87.33) > 0.0);
    assert!(exp(f32::NAN).is_nan());
}
