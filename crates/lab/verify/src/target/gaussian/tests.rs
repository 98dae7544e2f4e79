use super::*;

#[test]
fn gradient_is_that_of_the_value_in_every_block() {
    let mut target = Gaussian::space().replicated(3);
    let x: Vec<f32> = (0..9).map(|i| 0.25 * (i as f32) - 1.0).collect();
    let mut gradient = vec![0.0; 9];
    target.gradient(&x, Minibatch::Full, &mut gradient).unwrap();
    let mut unused = vec![0.0; 9];
    for i in 0..9 {
        let mut value = |step: f32| {
            let mut moved = x.clone();
            moved[i] += step;
            target.gradient(&moved, Minibatch::Full, &mut unused).unwrap()
        };
        // Exact for a quadratic; 1/4 is exact in binary.
        let slope = (value(0.25) - value(-0.25)) / 0.5;
        assert!((slope - f64::from(gradient[i])).abs() < 1e-5, "coordinate {i}: {slope} and {}", gradient[i]);
    }
}

#[test]
fn rotations_keep_curvatures() {
    for (target, trace, determinant) in [(Gaussian::plane(), 5.0, 4.0), (Gaussian::space(), 8.5, 6.0)] {
        let m = &target.precision;
        assert!((m.diag().sum() - trace).abs() < 1e-12 && (m - &m.t()).iter().all(|x| x.abs() < 1e-12));
        let minor = |i: usize, j: usize| m[[1, i]] * m[[2, j]] - m[[1, j]] * m[[2, i]];
        let found = if m.nrows() == 2 {
            m[[0, 0]] * m[[1, 1]] - m[[0, 1]] * m[[1, 0]]
        } else {
            m[[0, 0]] * minor(1, 2) - m[[0, 1]] * minor(0, 2) + m[[0, 2]] * minor(0, 1)
        };
        assert!((found - determinant).abs() < 1e-12);
    }
}
