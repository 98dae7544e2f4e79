//! How the bias falls with the step size: the orders of convergence, measured and of the exact laws.
//!
//! With minibatches the bias of every sampler is O(ε): that of the minibatches' noise. (BAOAB, which has no other on quadratic
//! potentials, is left out: what is O(ε²) in it is larger until ε is too small to measure.) Without, on a potential that is not
//! quadratic, that of BAOAB is O(ε²) and that of SGLD O(ε): [`quartic`].

mod quartic;

use std::f64::consts::LN_2;

use super::minibatch::{self, LINE};
use crate::epoch_averages::{self, Plan};
use crate::minibatch_law::MinibatchLaw;
use crate::mutation::SamplerMutation;
use crate::{Expect, Half, Recipe, Test, Trial};

/// Largest step size of the measured chains; the others are a half and a quarter of it.
const EPSILON: f64 = 0.03;

pub(super) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for recipe in [Recipe::SGLD, Recipe::SGHMC] {
        let half = if recipe.name == Recipe::SGLD.name { Half::Quick } else { Half::Full };
        let measured = move |order| measure(&recipe, order);
        let name = "line: the exact law at ε, ε/2, ε/4, and the slope of the measured bias";
        tests.push(Test::new("order", recipe.name, name, half, Expect::Accept, move || measured(None)));
        let name = "line: order 2 claimed";
        tests.push(Test::new("order", recipe.name, name, half, Expect::Reject, move || measured(Some(2.0))));
        let run = move || exact(&recipe, 1.0);
        tests.push(Test::new("order", recipe.name, "line: order 1 of the exact law", Half::Quick, Expect::Accept, run));
        for mutation in SamplerMutation::of(&recipe) {
            let run = move || mutation_at_half_the_step(&recipe, mutation);
            tests.push(Test::new("order", recipe.name, format!("line: {mutation}"), Half::Full, Expect::Reject, run));
        }
    }
    tests.extend(quartic::tests());
    tests
}

/// The law of `recipe` at the step size `epsilon`.
fn law(recipe: &Recipe, epsilon: f64) -> MinibatchLaw {
    minibatch::law(recipe, minibatch::Case { epsilon, ..LINE }, 1.0)
}

/// The exact law's bias, in means and covariances, over a factor of two in the step size.
fn exact(recipe: &Recipe, order: f64) -> Trial {
    let (mean, covariance) = (LINE.model)().posterior();
    let biases = [1e-3, 5e-4].map(|epsilon| {
        let moments = law(recipe, epsilon).phases.swap_remove(0);
        let means = (0..2).map(|i| moments.mean(i) - mean[i]);
        let covariances = [(0, 0), (0, 1), (1, 1)].map(|(i, j)| moments.covariance(i, j) - covariance[[i, j]]);
        means.chain(covariances).collect::<Vec<f64>>()
    });
    let mut trial = Trial::default();
    for i in 0..biases[0].len() {
        let slope = (biases[0][i] / biases[1][i]).ln() / LN_2;
        // The next order is a relative ελ/α.
        trial.require(format!("bias {i}: slope {slope:.3} for {order}"), (slope - order).abs() < 0.1);
    }
    trial
}

/// Chains against their exact laws at three step sizes, and the slope of their bias against that of the exact bias, or `order`.
fn measure(recipe: &Recipe, order: Option<f64>) -> Trial {
    let covariance = (LINE.model)().posterior().1[[0, 0]];
    let mut trial = Trial::default();
    let (mut measured, mut exact) = (Vec::new(), Vec::new());
    for halvings in 0..3 {
        let case = minibatch::Case { epsilon: EPSILON * 0.5_f64.powi(halvings), ..LINE };
        let theory = law(recipe, case.epsilon);
        // The smaller the step, the slower the chain, and the smaller the bias to be seen.
        let plan = Plan { chains: 2000, burn_in: theory.settling, epochs: 30 << (2 * halvings), batch: case.batch };
        match minibatch::observe(case, (case.model)(), recipe.build, 1.0, plan) {
            Ok(chains) => {
                if order.is_none() {
                    epoch_averages::check(&mut trial, &chains, &theory);
                }
                let mean = theory.phases[0].mean(0);
                let products = epoch_averages::products(&chains, 0, (0, mean), (0, mean));
                measured.push(Bias::of(&products, covariance));
                exact.push(theory.phases[0].covariance(0, 0) - covariance);
            }
            Err(error) => trial.require(error, false),
        }
    }
    let order = order.unwrap_or_else(|| (exact[0] / exact[2]).ln() / (2.0 * LN_2));
    measured[0].check_slope(&mut trial, measured[2], 2.0 * LN_2, order);
    trial
}

/// A measured bias and its standard error.
#[derive(Clone, Copy, Debug)]
struct Bias {
    value: f64,
    error: f64,
}

impl Bias {
    /// That of the replicates' mean.
    fn of(replicates: &[f64], expectation: f64) -> Self {
        let n = replicates.len() as f64;
        let mean = replicates.iter().sum::<f64>() / n;
        let variance = replicates.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Self { value: mean - expectation, error: (variance / n).sqrt() }
    }

    /// Checks the slope of log |bias| from here to `other`, at a step size smaller by exp(`distance`).
    ///
    /// The logarithm of a bias with a relative error r has the error r, and a bias of its own of r²/2: there must be little of it.
    fn check_slope(self, trial: &mut Trial, other: Self, distance: f64, order: f64) {
        let relative = (self.error / self.value).hypot(other.error / other.value);
        trial.require(format!("the biases are known to a quarter: {relative}"), relative < 0.25);
        let slope = (self.value / other.value).ln() / distance;
        trial.normal(format!("slope {slope:.3} for {order:.3}"), (slope - order) / (relative / distance));
    }
}

/// The very same comparison sees mutations of the sampler.
fn mutation_at_half_the_step(recipe: &Recipe, mutation: SamplerMutation) -> Trial {
    let case = minibatch::Case { epsilon: 0.5 * EPSILON, ..LINE };
    let theory = law(recipe, case.epsilon);
    let plan = Plan { chains: 1000, burn_in: theory.settling, epochs: 30, batch: case.batch };
    let mut trial = Trial::default();
    match minibatch::observe(case, (case.model)(), &|s, t| mutation.build(recipe, s, t), 1.0, plan) {
        Ok(chains) => epoch_averages::check(&mut trial, &chains, &theory),
        Err(error) => trial.require(error, false),
    }
    trial
}
