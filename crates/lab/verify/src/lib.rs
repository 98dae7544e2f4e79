//! Is this sampler right? Property tests of MCMC samplers, each with negative controls that it must reject.
//!
//! ```
//! use apd_verify::{Half, Recipe, run, tests_for};
//!
//! // Every test of SGLD, with the usual mistakes made on purpose, takes a minute; here is one family of them.
//! let mut tests = tests_for(Recipe::SGLD);
//! tests.retain(|test| test.family == "calibration" && test.half == Half::Quick);
//! let outcomes = run(&tests, |it| println!("{} {}, {}: {}", it.family, it.sampler, it.case, it.passed()));
//! assert!(!outcomes.is_empty() && outcomes.iter().all(|it| it.passed()));
//! ```
//!
//! "Close to the posterior" is a weak test: the tolerance has to be wider than the discretization's bias, and a mistake fits into it.
//! So, wherever there is one, chains are compared with the **exact law of the discretized process**, minibatches included, and
//! the only tolerance left is the Monte Carlo error of many replicates ([`Trial`]). Seeds are fixed. [`ALPHA`] is the probability
//! that correct samplers with *random* seeds would be rejected anywhere in the suite. And because a test that cannot fail proves
//! nothing, every family of tests comes with **negative controls**: mutations, the usual mistakes, which it must reject.
//!
//! [`suite`] lists the tests of the samplers of `apd-sgmcmc`, [`tests_for`] those for a sampler of yours, [`run`] runs them. A rule that is
//! no [`Sampler`](apd_sgmcmc::Sampler), such as one with a Metropolis test of its own, is tested by [`sbc`], which asks for draws only.
//! [`posteriors`] has densities of every difficulty, and what is known of them.
//!
//! # A sampler of your own
//! Langevin dynamics by hand, and the same with a mistake: noise that is √2 times too large.
//! ```
//! use apd_sgmcmc::{ChainError, Sampler, Schedule, Update};
//! use apd_verify::{AnySampler, Expect, Half, Outcome, Recipe, run, tests_for};
//!
//! struct Langevin(Schedule, f64);
//!
//! impl Sampler for Langevin {
//!     type State = ();
//!
//!     fn name(&self) -> &'static str { "Langevin" }
//!     fn schedule(&self) -> &Schedule { &self.0 }
//!     fn temperature(&self) -> f64 { self.1 }
//!     fn validate(&self) -> Result<(), ChainError> { self.0.validate() }
//!     fn init(&self, _dim: usize) {}
//!     fn check(&self, (): &(), _dim: usize) -> Result<(), ChainError> { Ok(()) }
//!     fn step(&self, (): &mut (), position: &mut [f32], update: Update<'_>) -> bool {
//!         let epsilon = self.0.step_size(update.step) as f32;
//!         let mut z = vec![0.0; position.len()];
//!         update.noise.fill(update.step, 0, &mut z);
//!         for i in 0..z.len() {
//!             position[i] += (self.1 as f32 * epsilon).sqrt() * z[i] - 0.5 * epsilon * update.gradient[i];
//!         }
//!         position.iter().all(|x| x.is_finite())
//!     }
//! }
//!
//! let outcomes = |recipe: Recipe| -> Vec<Outcome> {
//!     let mut tests = tests_for(recipe);
//!     // All of them take a minute, and make the usual mistakes around the sampler too. Here is one second of it.
//!     tests.retain(|test| test.family == "calibration" && test.half == Half::Quick && test.expect == Expect::Accept);
//!     run(&tests, |_| {})
//! };
//! let right = outcomes(Recipe::new("mine", |schedule, t| AnySampler::new(Langevin(schedule, t))));
//! assert!(!right.is_empty() && right.iter().all(Outcome::passed), "{right:#?}");
//! let wrong = outcomes(Recipe::new("mine, noise × √2", |schedule, t| AnySampler::new(Langevin(schedule, 2.0 * t))));
//! assert!(!wrong.is_empty() && !wrong.iter().any(Outcome::passed), "{wrong:#?}");
//! ```
//!
//! # Power
//! What a family finds is what its negative controls are: it must reject them, each time that it runs. Noise, momenta or draws that are 3 % too
//! large (6 % of the variance) are found in the quick half by `gaussian` (where the law is known), `width` (of any sampler that shares no
//! thermostat) and `hamiltonian`; by `sbc` with 70 000 simulations. `calibration`, `joint`, `minibatch`, `regression` and `targets` find noise that is √2 times too large, and mistakes that
//! are none of the noise's: priors, scales of minibatches, signs, momenta. `posteriors` finds a temperature of 1.3. How long each
//! takes, [`Outcome::time`] says, and the table of `apd verify-samplers`.
//!
//! **Deliberately without**: printing, networks, data files.

pub mod affine;
mod any;
mod epoch_averages;
mod grid;
mod minibatch_law;
mod model;
mod mutation;
mod overdamped;
mod posterior;
mod recipe;
mod replicates;
mod sbc;
mod suite;
mod target;
mod transition;
mod verdict;

use std::time::{Duration, Instant};

use rayon::prelude::*;

pub use any::{AnySampler, AnyState};
pub use posterior::{Density, Posterior, posteriors};
pub use recipe::{Build, Memory, Recipe};
pub use sbc::{Sbc, sbc};
pub use suite::{suite, tests_for};
pub use verdict::{ALPHA, CHECKS, LEVEL, Trial, Worst};

// Its types stand in signatures: this is the version that fits.
pub use ndarray;

/// How much of the suite runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Half {
    /// What fits into `cargo test`.
    Quick,
    /// All of it: what `Quick` holds, and more.
    Full,
}

/// What a test must come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expect {
    /// The sampler is right.
    Accept,
    /// A negative control: the sampler, or what it is compared with, is wrong.
    Reject,
}

/// One test of one sampler: a row of the table.
pub struct Test {
    /// The family, such as `gaussian`.
    pub family: &'static str,
    /// The sampler.
    pub sampler: String,
    /// The target and the settings, or the mutation of a negative control.
    pub case: String,
    /// Where it runs.
    pub half: Half,
    /// What it must come to.
    pub expect: Expect,
    /// The test itself.
    pub run: Box<dyn Fn() -> Trial + Send + Sync>,
}

impl Test {
    pub(crate) fn new(
        family: &'static str,
        sampler: impl Into<String>,
        case: impl Into<String>,
        half: Half,
        expect: Expect,
        run: impl Fn() -> Trial + Send + Sync + 'static,
    ) -> Self {
        Self { family, sampler: sampler.into(), case: case.into(), half, expect, run: Box::new(run) }
    }
}

/// What became of a [`Test`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The family.
    pub family: &'static str,
    /// The sampler.
    pub sampler: String,
    /// The case.
    pub case: String,
    /// What it had to come to.
    pub expect: Expect,
    /// What was found.
    pub trial: Trial,
    /// How long it took.
    pub time: Duration,
}

impl Outcome {
    /// Whether the test came to what it must: accepted, or a negative control rejected.
    pub fn passed(&self) -> bool {
        self.trial.checks > 0 && self.trial.rejected() == (self.expect == Expect::Reject)
    }
}

/// Runs the tests, in parallel, and tells of each as it finishes; the outcomes come in the tests' order.
///
/// Outcomes do not depend on the number of threads.
pub fn run(tests: &[Test], finished: impl Fn(&Outcome) + Sync) -> Vec<Outcome> {
    let outcome = |test: &Test| {
        let start = Instant::now();
        let trial = (test.run)();
        let Test { family, ref sampler, ref case, expect, .. } = *test;
        let outcome =
            Outcome { family, sampler: sampler.clone(), case: case.clone(), expect, trial, time: start.elapsed() };
        finished(&outcome);
        outcome
    };
    // One at a time: tests differ in length by far.
    tests.par_iter().with_max_len(1).map(outcome).collect()
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
