//! HMC and NUTS on the full data: no bias, whatever the step size, so that averages over many chains have the posterior's expectation.
//!
//! Every chain learns its own step size and mass in the warm-up, from where it forgets its start; neither changes afterwards.

use std::convert::Infallible;

use apd_seed::Seed;
use apd_sgmcmc::{
    ChainError, FullBatch, HamiltonianChain, HamiltonianConfig, Potential, RunError, Sample, Trajectory, WithGradient,
};

use super::extrapolation;
use super::regression;
use crate::target::density::{
    BANANA, CORRELATED, Copies, DEEP_FUNNEL, Density, LOG_EXPONENTIAL, NEALS_FUNNEL, QUARTIC, SCALES, TWO_MODES,
};
use crate::{Expect, Half, Test, Trial};

/// Chains in each test.
const CHAINS: u32 = 600;

/// What is sampled.
#[derive(Clone, Copy)]
enum Target {
    /// A density: all that is known of it is checked.
    Density(Density),
    /// The family `regression`'s posterior.
    Regression,
}

impl Target {
    fn name(&self) -> &'static str {
        match self {
            Self::Density(density) => density.name,
            Self::Regression => "logistic regression",
        }
    }

    fn potential(&self) -> Box<dyn Potential> {
        match *self {
            Self::Density(density) => Box::new(Copies { density, blocks: 1 }),
            Self::Regression => Box::new(regression::posterior()),
        }
    }

    fn start(&self) -> Vec<f32> {
        match self {
            Self::Density(density) => vec![0.5; density.dim],
            Self::Regression => regression::START.to_vec(),
        }
    }

    /// What is checked, and its expectation.
    fn statistics(&self) -> Vec<(&'static str, f64)> {
        match self {
            Self::Density(density) => density.statistics.iter().map(|s| (s.name, s.expectation)).collect(),
            Self::Regression => regression::statistics().map(|(name, expectation, _)| (name, expectation)).to_vec(),
        }
    }

    fn observe(&self, position: &[f32], values: &mut [f64]) {
        match *self {
            Self::Density(density) => Copies { density, blocks: 1 }.average(position, values),
            Self::Regression => regression::observe(position, values),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Mistake {
    None,
    /// The gradient is so many times too large. Trajectories are still reversible and keep volumes, and the correction is by U:
    /// this must be *accepted*.
    Gradient(f64),
    /// U, which the correction goes by, is so many times too large.
    Energy(f64),
    /// The gradient is that of the call before: no reversible trajectories.
    StaleGradient,
    /// The temperature is not what it claims.
    Temperature(f64),
}

impl Mistake {
    fn text(self) -> String {
        match self {
            Self::None => String::new(),
            Self::Gradient(factor) => format!(", gradients times {factor}: still exact"),
            Self::Energy(factor) => format!(": energies times {factor}"),
            Self::StaleGradient => ": stale gradient".into(),
            Self::Temperature(temperature) => format!(": temperature {temperature} instead of 1"),
        }
    }
}

/// A potential with a mistake.
fn mistaken(potential: Box<dyn Potential>, mistake: Mistake) -> impl Potential {
    let mut before: Option<Vec<f32>> = None;
    WithGradient::new(potential, move |potential, position, minibatch, gradient| {
        let value = potential.gradient(position, minibatch, gradient)?;
        Ok(match mistake {
            Mistake::Gradient(factor) => {
                gradient.iter_mut().for_each(|g| *g *= factor as f32);
                value
            }
            Mistake::Energy(factor) => factor * value,
            Mistake::StaleGradient => {
                let present = gradient.to_vec();
                gradient.copy_from_slice(before.as_deref().unwrap_or(&present));
                before = Some(present);
                value
            }
            Mistake::None | Mistake::Temperature(_) => value,
        })
    })
}

/// How trajectories are made.
#[derive(Clone, Copy)]
struct Method {
    name: &'static str,
    trajectory: Trajectory,
    /// The acceptance that the step size is adapted to: low, for long steps that are far off without the correction.
    acceptance: f64,
}

const HMC: Method =
    Method { name: "HMC", trajectory: Trajectory::Hmc { length: 1.5, jitter: 0.5, max_steps: 1000 }, acceptance: 0.7 };
const NUTS: Method = Method { name: "NUTS", trajectory: Trajectory::Nuts { max_depth: 10 }, acceptance: 0.7 };

/// A method on a target.
#[derive(Clone, Copy)]
struct Case {
    method: Method,
    target: Target,
    mistake: Mistake,
    warmup: u64,
    draws: u64,
}

impl Case {
    fn run(&self, c: u32, seed: Seed, visit: &mut (dyn FnMut(Sample<'_>) + Send)) -> Result<(), ChainError> {
        let config = HamiltonianConfig {
            warmup: self.warmup,
            draws: self.draws,
            trajectory: self.method.trajectory,
            target_acceptance: self.method.acceptance,
            temperature: if let Mistake::Temperature(temperature) = self.mistake { temperature } else { 1.0 },
            adapt_mass: true,
        };
        let potential = mistaken(self.target.potential(), self.mistake);
        let mut chain = HamiltonianChain::new(c, FullBatch::new(potential), config, seed, self.target.start())?;
        let ended = chain.run(&mut |sample: Sample<'_, f64>| {
            let Sample { chain, step, potential, weight, .. } = sample;
            let position: Vec<f32> = sample.position.iter().map(|&x| x as f32).collect();
            visit(Sample { chain, step, position: &position, potential, weight });
            Ok::<(), Infallible>(())
        });
        match ended {
            Ok(_) => Ok(()),
            Err(RunError::Chain(error)) => Err(error),
            Err(RunError::Sink { cause, .. }) => match cause {},
        }
    }

    fn trial(&self, seed: Seed) -> Trial {
        let mut trial = Trial::default();
        let statistics = self.target.statistics();
        let averages = extrapolation::averages(
            0..CHAINS,
            statistics.len(),
            |c, visit| self.run(c, seed, visit),
            |position, values| self.target.observe(position, values),
        );
        let Ok(averages) = averages else {
            trial.require("every chain starts", false);
            return trial;
        };
        for (f, (what, expectation)) in statistics.into_iter().enumerate() {
            averages.check(&mut trial, f, what, expectation);
        }
        trial
    }
}

const TARGETS: [(Target, Half); 8] = [
    (Target::Density(SCALES), Half::Quick),
    (Target::Density(CORRELATED), Half::Quick),
    (Target::Density(BANANA), Half::Quick),
    (Target::Density(LOG_EXPONENTIAL), Half::Quick),
    (Target::Regression, Half::Quick),
    (Target::Density(QUARTIC), Half::Full),
    (Target::Density(TWO_MODES), Half::Full),
    (Target::Density(DEEP_FUNNEL), Half::Full),
];

/// Noise of the same size everywhere, in U, is none: it biases nothing and only costs acceptance, as the gradient's size does.
const MISTAKES: [Mistake; 4] =
    [Mistake::Energy(1.3), Mistake::StaleGradient, Mistake::Temperature(1.3), Mistake::Temperature(0.7)];

pub(super) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    let mut add = |case: Case, half: Half, expect: Expect, note: &str| {
        let seed = Seed::root(45).child(case.target.name()).child(case.method.name).index(case.draws);
        let text = format!("{}{}{note}", case.target.name(), case.mistake.text());
        let run = Box::new(move || case.trial(seed));
        tests.push(Test { family: "hamiltonian", sampler: case.method.name.into(), case: text, half, expect, run });
    };
    for method in [HMC, NUTS] {
        for (target, half) in TARGETS {
            let case = Case { method, target, mistake: Mistake::None, warmup: 150, draws: 100 };
            add(case, half, Expect::Accept, "");
            add(Case { warmup: 500, draws: 1500, ..case }, Half::Full, Expect::Accept, ", long chains");
        }
        for (target, half) in [(Target::Density(LOG_EXPONENTIAL), Half::Quick), (Target::Density(BANANA), Half::Full)] {
            let case = Case { method, target, mistake: Mistake::Gradient(0.7), warmup: 150, draws: 100 };
            add(case, half, Expect::Accept, "");
            for mistake in MISTAKES {
                add(Case { mistake, ..case }, half, Expect::Reject, "");
            }
        }
        let target = Target::Density(NEALS_FUNNEL);
        let case = Case { method, target, mistake: Mistake::None, warmup: 300, draws: 300 };
        add(case, Half::Full, Expect::Reject, ": a known failure, no step size fits it");
    }
    tests
}
