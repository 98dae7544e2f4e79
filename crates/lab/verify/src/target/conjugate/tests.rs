use super::*;

const POINTS: [(f64, f64); 4] = [(-1.0, -0.4), (0.4, 1.6), (0.9, 1.1), (2.0, 2.4)];

#[test]
fn gradient_is_the_estimate() {
    let mut model = Conjugate { factors: [0.5, -1.0], ..Conjugate::line(&POINTS, 2.0, 1.5) };
    let (x, mut gradient) = ([0.5_f32, -1.25], [0.0; 2]);
    for (minibatch, indices) in [(Minibatch::Full, vec![0, 1, 2, 3]), (Minibatch::Indices(&[3, 1]), vec![3, 1])] {
        let value = model.gradient(&x, minibatch, &mut gradient).unwrap();
        let (h, b) = model.estimate(minibatch.scale(4), indices.into_iter());
        let theta = array![0.5, -1.25];
        let expected = h.dot(&theta) - &b;
        assert!((0..2).all(|i| (f64::from(gradient[i]) - expected[i]).abs() < 1e-5));
        assert!((value - (0.5 * theta.dot(&h.dot(&theta)) - b.dot(&theta))).abs() < 1e-12);
    }
}

#[test]
fn posterior_solves_the_normal_equations() {
    for model in [Conjugate::mean(&[1.0, 2.0, 6.0], 2.0), Conjugate::line(&POINTS, 2.0, 1.5)] {
        let (h, b) = model.exact();
        let (mean, covariance) = model.posterior();
        assert!((h.dot(&mean) - b).iter().all(|x| x.abs() < 1e-12));
        assert!((h.dot(&covariance) - Array2::<f64>::eye(mean.len())).iter().all(|x| x.abs() < 1e-12));
    }
    assert!((Conjugate::mean(&[1.0, 2.0, 6.0], 2.0).posterior().0[0] - 9.0 / 5.0).abs() < 1e-12);
}
