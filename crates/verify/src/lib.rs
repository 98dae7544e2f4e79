//! Is this sampler right? Property tests of MCMC samplers, each with negative controls that it must reject.
//!
//! "Close to the posterior" is a weak test: the tolerance has to be wider than the discretisation's bias, and a bug fits into it.
//! So, wherever there is one, chains are compared with the **exact law of the discretised process**, minibatches included, and
//! the only tolerance left is the Monte Carlo error of many replicates ([`Trial`]). Seeds are fixed. [`ALPHA`] is the probability
//! that correct samplers with *random* seeds would be rejected anywhere in the suite. And because a test that cannot fail proves
//! nothing, every family of tests comes with **negative controls**: the usual bugs, which it must reject.
//!
//! [`suite`] lists the tests, [`run`] runs them.
//!
//! **Deliberately without**: printing, networks, data files.

pub mod affine;
mod epoch;
mod fault;
mod grid;
mod model;
mod phases;
mod recipe;
mod replicates;
mod suite;
mod target;
mod transition;
mod verdict;

use std::time::{Duration, Instant};

use rayon::prelude::*;

pub use recipe::{Memory, Recipe};
pub use suite::suite;
pub use verdict::{ALPHA, CHECKS, LEVEL, Trial, Worst};

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
    /// The target and the settings, or the fault of a negative control.
    pub case: String,
    /// Where it runs.
    pub half: Half,
    /// What it must come to.
    pub expect: Expect,
    /// The test itself.
    pub run: Box<dyn Fn() -> Trial + Send + Sync>,
}

/// What became of a [`Test`].
#[derive(Clone, Debug)]
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
