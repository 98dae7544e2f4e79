//! Posteriors from the books on R^d in double precision, and what is known of them without sampling.

use std::f64::consts::PI;
use std::sync::{Arc, LazyLock};

use apd_seed::Seed;

/// U and its gradient, which is written to the second argument.
pub type Density = Arc<dyn Fn(&[f64], &mut [f64]) -> f64 + Send + Sync>;

/// A posterior on R^d.
#[derive(Clone)]
#[non_exhaustive]
pub struct Posterior {
    /// Its name.
    pub name: &'static str,
    /// d.
    pub dim: usize,
    /// U and its gradient.
    pub density: Density,
    /// Coordinates whose mean and standard deviation are known.
    pub known: Vec<(usize, f64, f64)>,
}

impl Posterior {
    fn new(
        name: &'static str,
        dim: usize,
        known: Vec<(usize, f64, f64)>,
        density: impl Fn(&[f64], &mut [f64]) -> f64 + Send + Sync + 'static,
    ) -> Self {
        Self { name, dim, density: Arc::new(density), known }
    }
}

/// Eight schools in two forms, logistic regression, a funnel, and Gaussians of unlike scales, strong correlation, a thousand coordinates, and far away.
///
/// Where it fails: no step size fits centered schools and the funnel, so that draws of them are wrong, and should say so.
pub fn posteriors() -> Vec<Posterior> {
    let scales: Vec<f64> = (0..1_000).map(|i| 0.01_f64.powf(f64::from(i) / 999.0)).collect();
    vec![
        schools(false),
        schools(true),
        logistic(),
        funnel(),
        gaussian("sd 1 and 1e-6", vec![0.0; 2], vec![1.0, 1e-6]),
        correlated(),
        gaussian("d = 1000, sd 1 to 0.01", vec![0.0; 1_000], scales),
        gaussian("centered at 1e5, sd 0.001", vec![1e5; 2], vec![1e-3; 2]),
    ]
}

fn gaussian(name: &'static str, means: Vec<f64>, sds: Vec<f64>) -> Posterior {
    let (dim, known) = (means.len(), (0..means.len()).map(|i| (i, means[i], sds[i])).collect());
    Posterior::new(name, dim, known, move |theta: &[f64], gradient: &mut [f64]| {
        let mut sum = 0.0;
        for i in 0..theta.len() {
            let z = (theta[i] - means[i]) / sds[i];
            gradient[i] = z / sds[i];
            sum += 0.5 * z * z;
        }
        sum
    })
}

/// Two coordinates of deviation 1 and correlation 0.999.
fn correlated() -> Posterior {
    Posterior::new("correlation 0.999", 2, vec![(0, 0.0, 1.0), (1, 0.0, 1.0)], |theta, gradient| {
        let (x, y, narrow) = (theta[0], theta[1], 1.0 - 0.999 * 0.999);
        gradient[0] = (x - 0.999 * y) / narrow;
        gradient[1] = (y - 0.999 * x) / narrow;
        0.5 * (x * gradient[0] + y * gradient[1])
    })
}

/// v ~ N(0, 9), nine x ~ N(0, eᵛ).
///
/// Reference: Neal, *Slice sampling*, Annals of Statistics 31, 2003, section 8.
fn funnel() -> Posterior {
    Posterior::new("funnel", 10, vec![(0, 0.0, 3.0)], |theta, gradient| {
        let (v, x) = (theta[0], &theta[1..]);
        let precision = (-v).exp();
        let squares: f64 = x.iter().map(|x| x * x).sum();
        gradient[0] = v / 9.0 - 0.5 * precision * squares + 0.5 * x.len() as f64;
        gradient[1..].iter_mut().zip(x).for_each(|(g, x)| *g = precision * x);
        v * v / 18.0 + 0.5 * precision * squares + 0.5 * x.len() as f64 * v
    })
}

/// 20 coefficients under N(0, 1) from 500 answers that were drawn with some, the covariates being correlated.
fn logistic() -> Posterior {
    const DIM: usize = 20;
    let normals = |name: &str, count: usize| {
        let mut values = vec![0.0; count];
        Seed::root(1).child(name).normals().fill_f64(0, 0, &mut values);
        values
    };
    let (mut rows, truth) = (normals("covariates", 500 * DIM), normals("coefficients", DIM));
    let mut uniforms = Seed::root(1).child("answers").stream();
    for row in rows.chunks_exact_mut(DIM) {
        (1..DIM).for_each(|i| row[i] = 0.8 * row[i - 1] + 0.6 * row[i]);
    }
    let product = |row: &[f64], theta: &[f64]| row.iter().zip(theta).map(|(x, b)| x * b).sum::<f64>();
    let answers: Vec<f64> = rows
        .chunks_exact(DIM)
        .map(|row| if uniforms.uniform() < 1.0 / (1.0 + (-product(row, &truth)).exp()) { 1.0 } else { 0.0 })
        .collect();
    Posterior::new("logistic regression", DIM, Vec::new(), move |theta, gradient| {
        gradient.copy_from_slice(theta);
        let mut sum = 0.5 * theta.iter().map(|b| b * b).sum::<f64>();
        for (row, &answer) in rows.chunks_exact(DIM).zip(&answers) {
            let logit = product(row, theta);
            sum += logit.max(0.0) + (-logit.abs()).exp().ln_1p() - answer * logit;
            let residual = 1.0 / (1.0 + (-logit).exp()) - answer;
            gradient.iter_mut().zip(row).for_each(|(g, x)| *g += residual * x);
        }
        sum
    })
}

const EFFECTS: [f64; 8] = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0];
const ERRORS: [f64; 8] = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0];

/// Effects of coaching in eight schools: μ ~ N(0, 25), τ half-Cauchy of scale 5, θⱼ ~ N(μ, τ²), yⱼ ~ N(θⱼ, σⱼ²). The coordinates are μ, ln τ, and θⱼ, or
/// (θⱼ − μ)/τ where they are not centered.
///
/// Reference: Rubin, *Estimation in parallel randomized experiments*, Journal of Educational Statistics 6, 1981.
fn schools(centered: bool) -> Posterior {
    let [mu, log_tau] = *SCHOOLS;
    let known = vec![(0, mu.0, mu.1), (1, log_tau.0, log_tau.1)];
    let name = if centered { "eight schools, centered" } else { "eight schools, not centered" };
    Posterior::new(name, 10, known, move |theta, gradient| {
        let (mu, log_tau, effects) = (theta[0], theta[1], &theta[2..]);
        let tau = log_tau.exp();
        let cauchy = tau * tau / 25.0;
        let mut sum = mu * mu / 50.0 + cauchy.ln_1p() - log_tau;
        gradient[0] = mu / 25.0;
        gradient[1] = 2.0 * cauchy / (1.0 + cauchy) - 1.0;
        for (j, (&y, &sigma)) in EFFECTS.iter().zip(&ERRORS).enumerate() {
            if centered {
                let (z, residual) = ((effects[j] - mu) / tau, (effects[j] - y) / sigma);
                sum += 0.5 * z * z + log_tau + 0.5 * residual * residual;
                gradient[0] -= z / tau;
                gradient[1] += 1.0 - z * z;
                gradient[2 + j] = z / tau + residual / sigma;
            } else {
                let z = effects[j];
                let residual = (mu + tau * z - y) / sigma;
                sum += 0.5 * z * z + 0.5 * residual * residual;
                gradient[0] += residual / sigma;
                gradient[1] += residual / sigma * tau * z;
                gradient[2 + j] = z + residual / sigma * tau;
            }
        }
        sum
    })
}

/// Means and deviations of μ and ln τ by quadrature: given τ the effects integrate out, yⱼ ~ N(μ, σⱼ² + τ²), and μ is normal.
static SCHOOLS: LazyLock<[(f64, f64); 2]> = LazyLock::new(|| {
    let mut sums = [0.0; 5];
    for step in 0..40_000 {
        let log_tau = -16.0 + 24.0 * (f64::from(step) + 0.5) / 40_000.0;
        let tau = log_tau.exp();
        let (mut precision, mut weighted, mut log_density) = (1.0 / 25.0, 0.0, 0.0);
        for (y, sigma) in EFFECTS.iter().zip(&ERRORS) {
            let variance = sigma * sigma + tau * tau;
            precision += 1.0 / variance;
            weighted += y / variance;
            log_density -= 0.5 * ((2.0 * PI * variance).ln() + y * y / variance);
        }
        log_density += 0.5 * weighted * weighted / precision - 0.5 * precision.ln();
        let weight = (log_density + log_tau - (tau * tau / 25.0).ln_1p()).exp();
        let mean = weighted / precision;
        for (sum, value) in sums.iter_mut().zip([1.0, mean, mean * mean + 1.0 / precision, log_tau, log_tau * log_tau])
        {
            *sum += weight * value;
        }
    }
    let moments = |first: usize| {
        let (mean, square) = (sums[first] / sums[0], sums[first + 1] / sums[0]);
        (mean, (square - mean * mean).sqrt())
    };
    [moments(1), moments(3)]
});
