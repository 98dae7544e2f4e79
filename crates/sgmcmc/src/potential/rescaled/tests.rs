use super::*;
use crate::testing::Terms;

/// U, its slope and its curvature by z are those of s∘z: the derivatives by finite differences of what they are derivatives of.
#[test]
fn derivatives_are_by_the_new_coordinates() {
    let line = Terms::line(&[(0.5, 1.0), (-1.0, 0.3), (2.0, 0.1)], 2.0, 0.7);
    let scale = [0.1_f32, 3.0];
    let (mut inner, mut rescaled) = (line.clone(), Rescaled::new(line, scale.to_vec()));
    let rows = Minibatch::Indices(&[0, 2]);
    let (z, mut gradient, mut nothing) = ([4.0_f32, -0.2], [0.0; 2], [0.0; 2]);
    let value = rescaled.gradient(&z, rows, &mut gradient).unwrap();
    assert_eq!(value, inner.gradient(&[0.1 * 4.0, 3.0 * -0.2], rows, &mut nothing).unwrap());
    let mut curvature = [0.0; 2];
    rescaled.curvature(&z, rows, &mut curvature).unwrap();
    for i in 0..2 {
        let h = 0.05;
        let mut at = |by: f32| {
            let (mut moved, mut slope) = (z, [0.0; 2]);
            moved[i] += by;
            (rescaled.gradient(&moved, rows, &mut slope).unwrap(), f64::from(slope[i]))
        };
        let ((above, steep), (below, flat)) = (at(h), at(-h));
        let (slope, bend) = ((above - below) / (2.0 * f64::from(h)), (steep - flat) / (2.0 * f64::from(h)));
        assert!((slope - f64::from(gradient[i])).abs() < 1e-3 * (1.0 + slope.abs()), "{slope} {gradient:?}");
        assert!((bend - f64::from(curvature[i])).abs() < 1e-2 * (1.0 + bend.abs()), "{bend} {curvature:?}");
    }
}

/// What an estimator remembers is a position of θ.
#[test]
fn refreshing_is_by_theta() {
    let inner = crate::Svrg::new(Terms::mean(&[1.0, 2.0], 1.0), 10).unwrap();
    let mut rescaled = Rescaled::new(inner, vec![0.5]);
    rescaled.refresh(0, &[6.0]).unwrap();
    assert_eq!(rescaled.into_inner().center(), Some(&[3.0][..]));
}
