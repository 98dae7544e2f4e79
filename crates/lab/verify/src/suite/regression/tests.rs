use apd_sgmcmc::{Minibatch, Potential};

use super::*;

#[test]
fn quadrature_has_converged() {
    let posterior = PROBLEM.model.posterior(&PROBLEM.responses);
    let (mean, covariance) = moments(&posterior, 0.05);
    let coarse = mean.iter().chain(&covariance);
    for (a, b) in coarse.zip(PROBLEM.mean.iter().chain(&PROBLEM.covariance)) {
        // Positions are rounded to single precision, which shows in the eighth digit.
        assert!((a - b).abs() < 1e-7, "{a} {b}");
    }
}

/// The exact Hessian's inverse is near the covariance, and the mean near the mode: the posterior is nearly normal.
#[test]
fn the_moments_are_near_those_of_laplace() {
    let mut posterior = PROBLEM.model.posterior(&PROBLEM.responses);
    let mut mode = PROBLEM.mean.map(|x| x as f32);
    let slopes = |x: [f32; 2], posterior: &mut Posterior<'_>| {
        let mut g = [0.0; 2];
        posterior.gradient(&x, Minibatch::Full, &mut g).unwrap();
        g.map(f64::from)
    };
    let mut hessian = [[0.0; 2]; 2];
    for _ in 0..10 {
        let g = slopes(mode, &mut posterior);
        for j in 0..2 {
            let [mut above, mut below] = [mode; 2];
            above[j] += 0.01;
            below[j] -= 0.01;
            let (up, down) = (slopes(above, &mut posterior), slopes(below, &mut posterior));
            (0..2).for_each(|i| hessian[i][j] = (up[i] - down[i]) / f64::from(above[j] - below[j]));
        }
        let [[a, b], [c, d]] = hessian;
        let determinant = a * d - b * c;
        mode[0] -= ((d * g[0] - b * g[1]) / determinant) as f32;
        mode[1] -= ((a * g[1] - c * g[0]) / determinant) as f32;
    }
    let [[a, b], [c, d]] = hessian;
    let determinant = a * d - b * c;
    let [var_a, var_b, cov] = PROBLEM.covariance;
    for (laplace, exact) in [(d / determinant, var_a), (a / determinant, var_b)] {
        assert!((laplace / exact - 1.0).abs() < 0.15, "{laplace} {exact}");
    }
    assert!((-b / determinant - cov).abs() < 0.15 * var_a.max(var_b));
    assert!((0..2).all(|i| (f64::from(mode[i]) - PROBLEM.mean[i]).abs() < 0.2 * PROBLEM.covariance[i].sqrt()));
}

/// v + λ, as the cases' bounds have it: the variance over minibatches of a coordinate of the gradient at the posterior mean, and the
/// larger curvature.
#[test]
fn the_gradients_noise_is_as_the_bounds_say() {
    let mut posterior = PROBLEM.model.posterior(&PROBLEM.responses);
    let mean = PROBLEM.mean.map(|x| x as f32);
    let (mut terms, mut g, mut h) = (Vec::new(), [0.0; 2], [0.0; 2]);
    for n in 0..TERMS as u32 {
        posterior.gradient(&mean, Minibatch::Indices(&[n]), &mut g).unwrap();
        terms.push(g.map(|g| f64::from(g) / TERMS as f64));
    }
    posterior.curvature(&mean, Minibatch::Full, &mut h).unwrap();
    for i in 0..2 {
        let center = terms.iter().map(|g| g[i]).sum::<f64>() / TERMS as f64;
        let spread = terms.iter().map(|g| (g[i] - center).powi(2)).sum::<f64>() / (TERMS - 1) as f64;
        let (n, b) = (TERMS as f64, BATCH as f64);
        let noise = n * n / b * spread * (1.0 - b / n);
        let sum = noise + f64::from(h[i]);
        assert!((20.0..50.0).contains(&sum), "{sum}");
    }
}
