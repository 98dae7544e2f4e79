//! Posteriors from the books in double precision, by [`sample`] as a user calls it: what is known of them within its Monte Carlo errors.
//!
//! The truth is known without sampling: Gaussians of any scale, place and correlation, and eight schools, whose effects integrate out. Of
//! logistic regression it is what holds of every density. Of two it is known that no step size fits them, centered schools and Neal's
//! funnel: there the draws must come with a warning.

use apd_seed::Seed;
use apd_sgmcmc::{Draws, FromFn64, HamiltonianConfig, Metric, sample};

use crate::{Expect, Half, Posterior, Test, Trial, posteriors};

impl Posterior {
    fn draws(&self, metric: Metric, temperature: f64, seed: Seed) -> Result<Draws, String> {
        let density = self.density.clone();
        let potential = FromFn64::new(self.dim, move |theta: &[f64], gradient: &mut [f64]| density(theta, gradient));
        let config = HamiltonianConfig { metric, temperature, ..HamiltonianConfig::nuts(1_000, 1_000) };
        sample(4, potential).with(config).seed(seed).run().map_err(|error| error.to_string())
    }

    /// By coordinate two numbers of means 0 and 1: z and z² of those that are known, some of many; where none is, ∂ᵢU and θᵢ·∂ᵢU.
    ///
    /// Reference: Stein's identity, ∫ ∂ᵢ(f·e⁻ᵁ) dθ = 0, for f = 1 and f = θᵢ.
    fn moments(&self, position: &[f64]) -> Vec<f64> {
        if self.known.is_empty() {
            let mut gradient = vec![0.0; self.dim];
            (self.density)(position, &mut gradient);
            return gradient.iter().zip(position).flat_map(|(g, x)| [*g, x * g]).collect();
        }
        let every = self.known.len().div_ceil(10);
        let deviations = self.known.iter().step_by(every).map(|&(i, mean, sd)| (position[i] - mean) / sd);
        deviations.flat_map(|z| [z, z * z]).collect()
    }

    /// Checks these means.
    fn met(&self, metric: Metric, temperature: f64, seed: Seed) -> Trial {
        let mut trial = Trial::default();
        let draws = match self.draws(metric, temperature, seed) {
            Ok(draws) => draws,
            Err(error) => {
                trial.require(error, false);
                return trial;
            }
        };
        let count = self.moments(&vec![0.0; self.dim]).len();
        let of_chain = |chain| draws.positions(chain).flat_map(|position| self.moments(position)).collect();
        let moments = Draws::new([("moments", vec![count])], (0..draws.chains()).map(of_chain));
        for (k, row) in moments.summary().rows.into_iter().enumerate() {
            let what = format!("{}, coordinate {} of those looked at", ["first moment", "second moment"][k % 2], k / 2);
            match row.diagnosis {
                Ok(diagnosis) => trial.normal(what, (diagnosis.mean - (k % 2) as f64) / diagnosis.mcse_mean),
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

/// The family.
pub(super) fn tests() -> Vec<Test> {
    let (diagonal, low_rank) = (Metric::Diagonal, Metric::LowRank { rank: 10 });
    let mut tests = Vec::new();
    let mut add = |name: &str, case: String, expect: Expect, run: Box<dyn Fn(Seed) -> Trial + Send + Sync>| {
        let seed = Seed::root(49).child("posteriors").child(name).child(&case);
        tests.push(Test::new("posteriors", "NUTS", case, Half::Quick, expect, move || run(seed)));
    };
    for posterior in posteriors() {
        let metrics = match posterior.name {
            "eight schools, centered" | "funnel" => {
                let case = format!("{}: a known failure, which says so", posterior.name);
                add(posterior.name, case, Expect::Accept, Box::new(move |seed| posterior.warned(seed)));
                continue;
            }
            "correlation 0.999" | "logistic regression" => vec![low_rank],
            // Of many coordinates, directions would take minutes.
            _ if posterior.dim > 100 => vec![diagonal],
            _ => vec![diagonal, low_rank],
        };
        let last = metrics[metrics.len() - 1];
        for metric in metrics {
            let (right, case) = (posterior.clone(), format!("{}, {metric:?}", posterior.name));
            add(right.name, case, Expect::Accept, Box::new(move |seed| right.met(metric, 1.0, seed)));
        }
        let case = format!("{}: temperature 1.3 instead of 1", posterior.name);
        add(posterior.name, case, Expect::Reject, Box::new(move |seed| posterior.met(last, 1.3, seed)));
    }
    tests
}
