//! Bayesian logistic regression with real minibatches: families `regression`, and `estimators` for gradients with less noise.
//!
//! The chain has no law in closed form here, nor has the posterior moments: these are from quadrature, and averages over many short
//! chains, each with noise and minibatches of its own, are extrapolated to ε = 0 ([`extrapolation`](super::extrapolation)).

use std::sync::LazyLock;

use apd_seed::Seed;
use apd_sgmcmc::{Chain, ChainConfig, ChainError, ControlVariate, Gamma, Potential, Psgld, Sample, Schedule, Svrg};

use super::extrapolation::{self, Averages, LEVELS};
use super::lagged::lagged;
use crate::any::AnySampler;
use crate::model::{Model, Posterior, Response};
use crate::mutation::SamplerMutation;
use crate::recipe::Memory;
use crate::{Expect, Half, Recipe, Test, Trial};

/// Chains, at each step size.
const CHAINS: u32 = 512;
/// N and B: four minibatches in an epoch.
const TERMS: usize = 48;
const BATCH: usize = 12;
/// Where chains start: some posterior deviations off.
pub(super) const START: [f32; 2] = [-1.5, 2.5];

/// A model, data, and the posterior's moments.
struct Problem {
    model: Model,
    responses: Vec<f64>,
    mean: [f64; 2],
    /// Var θ₀, Var θ₁, Cov.
    covariance: [f64; 3],
}

static PROBLEM: LazyLock<Problem> = LazyLock::new(|| {
    let covariates = (0..TERMS).map(|n| vec![1.0, (n as f64 - 23.5) / 12.0]).collect();
    let model = Model { name: "logistic regression", covariates, response: Response::Bernoulli, tau: 3.0 };
    let responses = model.simulate(&[-0.4, 0.9], Seed::root(43).child("responses"));
    let (mean, covariance) = moments(&model.posterior(&responses), 0.02);
    Problem { model, responses, mean, covariance }
});

/// Mean and covariance of exp(−U) in two dimensions by the trapezoidal rule, whose error falls faster than any power of `spacing`.
fn moments(posterior: &Posterior<'_>, spacing: f64) -> ([f64; 2], [f64; 3]) {
    let mut posterior = *posterior;
    let axis = (-(4.0 / spacing) as i32..=(4.0 / spacing) as i32).map(|i| f64::from(i) * spacing);
    let mut sums = [0.0; 6];
    let mut unused = [0.0; 2];
    for a in axis.clone() {
        for b in axis.clone() {
            let u = posterior
                .gradient(&[a as f32, b as f32], apd_sgmcmc::Minibatch::Full, &mut unused)
                .expect("it cannot fail");
            let weight = (-u).exp();
            for (sum, f) in sums.iter_mut().zip([1.0, a, b, a * a, b * b, a * b]) {
                *sum += weight * f;
            }
        }
    }
    let [norm, a, b, aa, bb, ab] = sums;
    let (a, b) = (a / norm, b / norm);
    ([a, b], [aa / norm - a * a, bb / norm - b * b, ab / norm - a * b])
}

/// The posterior itself.
pub(super) fn posterior() -> Posterior<'static> {
    PROBLEM.model.posterior(&PROBLEM.responses)
}

/// What is checked: its expectation, and its deviation, for the products that of a normal law.
pub(super) fn statistics() -> [(&'static str, f64, f64); 5] {
    let [a, b, ab] = PROBLEM.covariance;
    [
        ("intercept", 0.0, a.sqrt()),
        ("slope", 0.0, b.sqrt()),
        ("variance of the intercept", a, 2_f64.sqrt() * a),
        ("variance of the slope", b, 2_f64.sqrt() * b),
        ("covariance", ab, (a * b + ab * ab).sqrt()),
    ]
}

/// The values of the [`statistics`], about the posterior mean.
pub(super) fn observe(position: &[f32], values: &mut [f64]) {
    let [a, b] = [0, 1].map(|i| f64::from(position[i]) - PROBLEM.mean[i]);
    values.copy_from_slice(&[a, b, a * a, b * b, a * b]);
}

/// How gradients are estimated.
#[derive(Clone, Copy, PartialEq)]
enum Estimator {
    Plain,
    /// Relative to the posterior mean.
    ControlVariate,
    /// Relative to the position of every so manieth update.
    Svrg(u64),
}

#[derive(Clone, Copy, PartialEq)]
enum Mutation {
    None,
    Sampler(SamplerMutation),
    /// Factors of the data's and the prior's parts.
    Factors(&'static str, f64, f64),
    /// Gradients are old by so much time.
    Lag(f64),
}

const FACTORS: [Mutation; 6] = [
    Mutation::Factors("gradient of the mean loss: N dropped", 1.0 / TERMS as f64, 1.0),
    Mutation::Factors("minibatch not scaled by N/B", BATCH as f64 / TERMS as f64, 1.0),
    Mutation::Factors("prior scaled by N/B too", 1.0, TERMS as f64 / BATCH as f64),
    Mutation::Factors("prior forgotten", 1.0, 0.0),
    Mutation::Factors("prior's sign", 1.0, -1.0),
    Mutation::Factors("data's sign", -1.0, 1.0),
];

/// A sampler, an estimator, and step sizes for them.
#[derive(Clone, Copy)]
struct Case {
    recipe: Recipe,
    estimator: Estimator,
    /// The largest ε.
    epsilon: f64,
    /// Updates at the largest ε; inversely to it at smaller ones.
    burn_in: f64,
    kept: f64,
    /// The bias at the smallest step size, at most: in standard deviations of the function.
    bound: f64,
}

impl Case {
    /// With T + ε·v/(4α) as the temperature for minibatch gradients of variance v per coordinate, and T/(λ(1 − ελ/(4(2 − α)))) as the
    /// variance for a curvature of λ, the bias is at most ε(v + λ)/(4α)/√2 of the deviation of (θ − E θ)², and of smaller order for θ.
    /// Without replacement v counts for less. `rate` is ε/α.
    const fn new(recipe: Recipe, epsilon: f64, rate: f64) -> Self {
        // v + λ at the posterior mean, see the tests.
        let bound = 0.25 * 0.25 * rate * 50.0 / std::f64::consts::SQRT_2;
        Self { recipe, estimator: Estimator::Plain, epsilon, burn_in: 100.0, kept: 300.0, bound }
    }

    /// The chains' averages with step sizes `part` of ε.
    fn averages(&self, mutation: Mutation, part: f64, seed: Seed) -> Result<Averages, ChainError> {
        let schedule = Schedule::Constant(part * self.epsilon);
        let steps = |updates: f64| (updates / part).round() as u64;
        let (burn_in, kept) = (steps(self.burn_in), steps(self.kept));
        // All phases of an epoch are kept: five is prime to the four of an epoch.
        let config = ChainConfig { steps: burn_in + kept, burn_in, thinning: 5, batch_size: BATCH };
        let seed = seed.index((1.0 / part) as u64);
        let run = |c: u32, visit: &mut (dyn FnMut(Sample<'_>) + Send)| {
            let mut posterior = posterior();
            let mut lag = 0;
            let sampler = match mutation {
                Mutation::Sampler(mutation) => mutation.build(&self.recipe, schedule, 1.0),
                _ => (self.recipe.build)(schedule, 1.0),
            };
            match mutation {
                Mutation::Factors(_, data, prior) => posterior.factors = [data, prior],
                Mutation::Lag(updates) => lag = steps(updates) as usize,
                Mutation::None | Mutation::Sampler(_) => {}
            }
            let estimate: Box<dyn Potential + '_> = match self.estimator {
                Estimator::Plain => Box::new(posterior),
                Estimator::ControlVariate => {
                    Box::new(ControlVariate::new(posterior, PROBLEM.mean.map(|mean| mean as f32).to_vec())?)
                }
                Estimator::Svrg(every) => Box::new(Svrg::new(posterior, every)?),
            };
            extrapolation::run(Chain::new(c, lagged(estimate, lag), sampler, config, seed, START.to_vec())?, visit)
        };
        extrapolation::averages(0..CHAINS, 5, run, observe)
    }

    fn trial(&self, mutation: Mutation, seed: Seed) -> Trial {
        let mut trial = Trial::default();
        let levels = match LEVELS.map(|part| self.averages(mutation, part, seed)) {
            [Ok(a), Ok(b), Ok(c)] => [a, b, c],
            _ => {
                trial.require("no chain diverges", false);
                return trial;
            }
        };
        for (f, (what, theory, deviation)) in statistics().into_iter().enumerate() {
            extrapolation::check(&mut trial, f, what, theory, &levels, self.bound * deviation);
        }
        trial
    }
}

/// pSGLD whose mean square remembers ever longer as ε → 0: (1 − β) ∝ ε² is what its bias, the time to cross the posterior over
/// that of the memory, needs to be of order ε.
fn metric(schedule: Schedule, temperature: f64) -> Psgld {
    let decay = 1.0 - 100.0 * schedule.step_size(0).powi(2);
    Psgld::new(schedule, temperature, TERMS).with_damping(0.05).with_decay(decay)
}

const PSGLD: Recipe = Recipe {
    name: "pSGLD, no Γ",
    build: &|schedule, t| AnySampler::new(metric(schedule, t)),
    affine: None,
    memory: Memory::Metric,
};

const PSGLD_CORRECTED: Recipe = Recipe {
    name: "pSGLD, Γ",
    build: &|schedule, t| AnySampler::new(metric(schedule, t).with_gamma(Gamma::Included)),
    ..PSGLD
};

/// Step sizes by what they do to the position: drifts of ε(2 − α)/(2α) and ε·G/2 are alike. (Preconditioned SGLD with a frozen metric
/// is left out: its metric is that of the first minibatch, another for each chain, and so is its bias.)
const CASES: [Case; 8] = [
    Case::new(Recipe::SGLD, 0.04, 0.04),
    Case::new(Recipe::SGHMC, 0.012, 0.04),
    Case::new(Recipe::SGNHT, 0.012, 0.04),
    Case::new(Recipe::BAOAB, 0.007, 0.04),
    Case::new(Recipe::BAOAB_OVERDAMPED, 0.04, 0.04),
    Case::new(Recipe::MCLMC, 0.007, 0.04),
    Case::new(PSGLD, 0.0055, 0.05),
    Case::new(PSGLD_CORRECTED, 0.0055, 0.05),
];

/// With estimators of less noise.
const ESTIMATORS: [Case; 6] = [
    Case { estimator: Estimator::ControlVariate, ..CASES[0] },
    Case { estimator: Estimator::Svrg(4), ..CASES[0] },
    Case { estimator: Estimator::ControlVariate, ..CASES[1] },
    Case { estimator: Estimator::Svrg(10), ..CASES[1] },
    Case { estimator: Estimator::ControlVariate, ..CASES[3] },
    Case { estimator: Estimator::Svrg(4), ..CASES[2] },
];

/// The tests of both families.
pub(super) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    let mut add = |case: Case, mutation: Mutation, half: Half| {
        let (family, estimator) = match case.estimator {
            Estimator::Plain => ("regression", String::new()),
            Estimator::ControlVariate => ("estimators", ", control variate".into()),
            Estimator::Svrg(every) => ("estimators", format!(", SVRG every {every}")),
        };
        let what = match mutation {
            Mutation::None => String::new(),
            Mutation::Sampler(mutation) => format!(": {mutation}"),
            Mutation::Factors(name, ..) => format!(": {name}"),
            Mutation::Lag(updates) => format!(": gradients old by {updates} of the longest updates"),
        };
        let expect = if mutation == Mutation::None { Expect::Accept } else { Expect::Reject };
        let sampler = format!("{}{estimator}", case.recipe.name);
        let seed = Seed::root(44).child(&sampler).index(case.kept.to_bits());
        let run = Box::new(move || case.trial(mutation, seed));
        let case = format!("logistic regression, B = N/4{what}");
        tests.push(Test { family, sampler, case, half, expect, run });
    };
    for (i, case) in CASES.into_iter().chain(ESTIMATORS).enumerate() {
        add(case, Mutation::None, Half::Quick);
        add(Case { kept: 8.0 * case.kept, ..case }, Mutation::None, Half::Full);
        let control = Case { burn_in: 40.0, kept: 80.0, ..case };
        // All of them on the first two samplers and the first estimator, and some on every one.
        let all = i < 2 || i == CASES.len();
        let half = |some: bool| if all || some { Half::Quick } else { Half::Full };
        for mutation in SamplerMutation::of(&case.recipe) {
            // One update late is nothing in the limit of small steps; see `Lag`.
            if mutation != SamplerMutation::StaleGradient {
                add(control, Mutation::Sampler(mutation), half(mutation == SamplerMutation::DoubledNoise));
            }
        }
        for mutation in FACTORS {
            add(control, mutation, half(matches!(mutation, Mutation::Factors("prior forgotten", ..))));
        }
        add(control, Mutation::Lag(5.0), half(false));
    }
    tests
}

#[cfg(test)]
mod tests;
