//! Posteriors from the books in double precision, by [`sample`] as a user calls it: means and variances within their Monte Carlo errors.
//!
//! The truth is known without sampling: Gaussians of any scale, place and correlation, and eight schools, whose effects integrate out. Of two
//! it is known that no step size fits them, centered schools and Neal's funnel: there the draws must come with a warning.

use std::f64::consts::PI;
use std::sync::{Arc, LazyLock};

use apd_seed::Seed;
use apd_sgmcmc::{Draws, FromFn64, HamiltonianConfig, Metric, sample};

use crate::{Expect, Half, Test, Trial};

/// U and its gradient.
type Density = Arc<dyn Fn(&[f64], &mut [f64]) -> f64 + Send + Sync>;

/// A posterior on R^d.
#[derive(Clone)]
struct Posterior {
    name: &'static str,
    dim: usize,
    density: Density,
    /// Coordinates whose mean and standard deviation are known.
    known: Vec<(usize, f64, f64)>,
}

impl Posterior {
    fn draws(&self, metric: Metric, temperature: f64, seed: Seed) -> Result<Draws, String> {
        let density = self.density.clone();
        let potential = FromFn64::new(self.dim, move |theta: &[f64], gradient: &mut [f64]| density(theta, gradient));
        let config = HamiltonianConfig { metric, temperature, ..HamiltonianConfig::nuts(1_000, 1_000) };
        sample(4, potential).with(config).seed(seed).run().map_err(|error| error.to_string())
    }

    /// Checks means and variances.
    fn met(&self, metric: Metric, temperature: f64, seed: Seed) -> Trial {
        let mut trial = Trial::default();
        let draws = match self.draws(metric, temperature, seed) {
            Ok(draws) => draws,
            Err(error) => {
                trial.require(error, false);
                return trial;
            }
        };
        let moments = |position: &[f64]| {
            let deviations = self.known.iter().map(|&(i, mean, sd)| (position[i] - mean) / sd).collect::<Vec<f64>>();
            deviations.into_iter().flat_map(|z| [z, z * z])
        };
        let chains = (0..draws.chains()).map(|chain| draws.positions(chain).flat_map(moments).collect());
        let moments = Draws::new([("moments", vec![2 * self.known.len()])], chains);
        for (k, row) in moments.summary().rows.into_iter().enumerate() {
            let (i, expected) = (self.known[k / 2].0, (k % 2) as f64);
            let what = format!("{} of coordinate {i}", ["mean", "variance"][k % 2]);
            match row.diagnosis {
                Ok(diagnosis) => trial.normal(what, (diagnosis.mean - expected) / diagnosis.mcse_mean),
                Err(error) => trial.require(format!("{what}: {error}"), false),
            }
        }
        trial
    }

    /// Checks that the draws do not come without a word.
    fn warned(&self, seed: Seed) -> Trial {
        let mut trial = Trial::default();
        match self.draws(Metric::Diagonal, 1.0, seed) {
            Ok(draws) => trial.require("a warning", !draws.warnings().is_empty()),
            Err(error) => trial.require(error, false),
        }
        trial
    }
}

fn gaussian(name: &'static str, means: Vec<f64>, sds: Vec<f64>) -> Posterior {
    // Of many coordinates some are checked.
    let every = means.len().div_ceil(10);
    let known = (0..means.len()).step_by(every).map(|i| (i, means[i], sds[i])).collect();
    let dim = means.len();
    let density = move |theta: &[f64], gradient: &mut [f64]| {
        let mut sum = 0.0;
        for i in 0..theta.len() {
            let z = (theta[i] - means[i]) / sds[i];
            gradient[i] = z / sds[i];
            sum += 0.5 * z * z;
        }
        sum
    };
    Posterior { name, dim, density: Arc::new(density), known }
}

/// Two coordinates of deviation 1 and correlation 0.999.
fn correlated() -> Posterior {
    let density = |theta: &[f64], gradient: &mut [f64]| {
        let (x, y, narrow) = (theta[0], theta[1], 1.0 - 0.999 * 0.999);
        gradient[0] = (x - 0.999 * y) / narrow;
        gradient[1] = (y - 0.999 * x) / narrow;
        0.5 * (x * gradient[0] + y * gradient[1])
    };
    Posterior {
        name: "correlation 0.999",
        dim: 2,
        density: Arc::new(density),
        known: vec![(0, 0.0, 1.0), (1, 0.0, 1.0)],
    }
}

/// v ~ N(0, 9), nine x ~ N(0, eᵛ).
///
/// Reference: Neal, *Slice sampling*, Annals of Statistics 31, 2003, section 8.
fn funnel() -> Posterior {
    let density = |theta: &[f64], gradient: &mut [f64]| {
        let (v, x) = (theta[0], &theta[1..]);
        let precision = (-v).exp();
        let squares: f64 = x.iter().map(|x| x * x).sum();
        gradient[0] = v / 9.0 - 0.5 * precision * squares + 0.5 * x.len() as f64;
        gradient[1..].iter_mut().zip(x).for_each(|(g, x)| *g = precision * x);
        v * v / 18.0 + 0.5 * precision * squares + 0.5 * x.len() as f64 * v
    };
    Posterior { name: "Neal's funnel", dim: 10, density: Arc::new(density), known: vec![(0, 0.0, 3.0)] }
}

const EFFECTS: [f64; 8] = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0];
const ERRORS: [f64; 8] = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0];

/// Effects of coaching in eight schools: μ ~ N(0, 25), τ half-Cauchy of scale 5, θⱼ ~ N(μ, τ²), yⱼ ~ N(θⱼ, σⱼ²). The coordinates are μ, ln τ, and θⱼ, or
/// (θⱼ − μ)/τ where they are not centered.
///
/// Reference: Rubin, *Estimation in parallel randomized experiments*, Journal of Educational Statistics 6, 1981.
fn schools(centered: bool) -> Posterior {
    let density = move |theta: &[f64], gradient: &mut [f64]| {
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
    };
    let [mu, log_tau] = *SCHOOLS;
    let name = if centered { "eight schools, centered" } else { "eight schools, not centered" };
    Posterior { name, dim: 10, density: Arc::new(density), known: vec![(0, mu.0, mu.1), (1, log_tau.0, log_tau.1)] }
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

/// The family.
pub(super) fn tests() -> Vec<Test> {
    let scales: Vec<f64> = (0..1_000).map(|i| 0.01_f64.powf(f64::from(i) / 999.0)).collect();
    let (diagonal, low_rank) = (Metric::Diagonal, Metric::LowRank { rank: 10 });
    let mut tests = Vec::new();
    let mut add = |name: &str, case: String, expect: Expect, run: Box<dyn Fn(Seed) -> Trial + Send + Sync>| {
        let seed = Seed::root(49).child("posteriors").child(name).child(&case);
        tests.push(Test::new("posteriors", "NUTS", case, Half::Quick, expect, move || run(seed)));
    };
    for (posterior, metrics) in [
        (schools(false), vec![diagonal, low_rank]),
        (gaussian("sd 1 and 1e-6", vec![0.0; 2], vec![1.0, 1e-6]), vec![diagonal, low_rank]),
        (correlated(), vec![low_rank]),
        (gaussian("d = 1000, sd 1 to 0.01", vec![0.0; 1_000], scales), vec![diagonal]),
        (gaussian("centered at 1e5, sd 0.001", vec![1e5; 2], vec![1e-3; 2]), vec![diagonal, low_rank]),
    ] {
        for metric in metrics {
            let (right, case) = (posterior.clone(), format!("{}, {metric:?}", posterior.name));
            add(right.name, case, Expect::Accept, Box::new(move |seed| right.met(metric, 1.0, seed)));
        }
        let (wrong, case) = (posterior.clone(), format!("{}: temperature 1.3 instead of 1", posterior.name));
        add(wrong.name, case, Expect::Reject, Box::new(move |seed| wrong.met(low_rank_or_diagonal(&wrong), 1.3, seed)));
    }
    for posterior in [schools(true), funnel()] {
        let case = format!("{}: a known failure, which says so", posterior.name);
        add(posterior.name, case, Expect::Accept, Box::new(move |seed| posterior.warned(seed)));
    }
    tests
}

/// Of many coordinates, directions would take minutes.
fn low_rank_or_diagonal(posterior: &Posterior) -> Metric {
    if posterior.dim > 100 { Metric::Diagonal } else { Metric::LowRank { rank: 10 } }
}
