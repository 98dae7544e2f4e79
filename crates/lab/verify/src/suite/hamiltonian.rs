//! HMC, NUTS and microcanonical trajectories on the full data: no bias, whatever the step size, so that averages over many chains have the
//! posterior's expectation.
//!
//! Every chain learns its own step size and mass in the warm-up, from where it forgets its start; neither changes afterwards.

use std::convert::Infallible;

use apd_seed::Seed;
use apd_sgmcmc::{
    ChainError, Correction, FullBatch, HamiltonianChain, HamiltonianConfig, MarkovChain, Metric, MicrocanonicalChain,
    MicrocanonicalConfig, Potential, RunError, Sample, Trajectory, WithGradient,
};

use super::extrapolation;
use super::regression;
use crate::target::density::{
    BANANA, CORRELATED, Copies, DEEP_FUNNEL, Density, LOG_EXPONENTIAL, NEALS_FUNNEL, QUARTIC, SCALES, TWO_MODES,
};
use crate::{Expect, Half, Test, Trial};

/// Chains in each test.
const CHAINS: u32 = 600;

const REGRESSION: &str = "logistic regression";

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
            Self::Regression => REGRESSION,
        }
    }

    fn potential(&self, blocks: usize) -> Box<dyn Potential> {
        match *self {
            Self::Density(density) => Box::new(Copies { density, blocks }),
            Self::Regression => Box::new(regression::posterior()),
        }
    }

    fn start(&self, blocks: usize) -> Vec<f32> {
        match self {
            Self::Density(density) => vec![0.5; density.dim * blocks],
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

    fn observe(&self, blocks: usize, position: &[f32], values: &mut [f64]) {
        match *self {
            Self::Density(density) => Copies { density, blocks }.average(position, values),
            Self::Regression => regression::observe(position, values),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Mutation {
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

impl Mutation {
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

/// A potential with a mutation.
fn mutated(potential: Box<dyn Potential>, mutation: Mutation) -> impl Potential {
    let mut before: Option<Vec<f32>> = None;
    WithGradient::new(potential, move |potential, position, minibatch, gradient| {
        let value = potential.gradient(position, minibatch, gradient)?;
        Ok(match mutation {
            Mutation::Gradient(factor) => {
                gradient.iter_mut().for_each(|g| *g *= factor as f32);
                value
            }
            Mutation::Energy(factor) => factor * value,
            Mutation::StaleGradient => {
                let present = gradient.to_vec();
                gradient.copy_from_slice(before.as_deref().unwrap_or(&present));
                before = Some(present);
                value
            }
            Mutation::None | Mutation::Temperature(_) => value,
        })
    })
}

/// How trajectories are made.
#[derive(Clone, Copy)]
struct Method {
    name: &'static str,
    dynamics: Dynamics,
    /// The acceptance that the step size is adapted to: low, for long steps that are far off without the correction.
    acceptance: f64,
    /// Copies of a density in one position.
    blocks: usize,
}

#[derive(Clone, Copy)]
enum Dynamics {
    /// The trajectory, and the mass that is learned.
    Hamiltonian(Trajectory, Metric),
    Microcanonical,
}

const NO_U_TURN: Trajectory = Trajectory::Nuts { max_depth: 10 };
const HMC: Method = Method {
    name: "HMC",
    dynamics: Dynamics::Hamiltonian(Trajectory::Hmc { length: 1.5, jitter: 0.5, max_steps: 1000 }, Metric::Diagonal),
    acceptance: 0.7,
    blocks: 1,
};
const NUTS: Method =
    Method { name: "NUTS", dynamics: Dynamics::Hamiltonian(NO_U_TURN, Metric::Diagonal), acceptance: 0.7, blocks: 1 };
const DENSE_NUTS: Method =
    Method { name: "NUTS, dense mass", dynamics: Dynamics::Hamiltonian(NO_U_TURN, Metric::Dense), ..NUTS };
/// Directions need two dimensions.
const MICROCANONICAL: Method =
    Method { name: "adjusted microcanonical", dynamics: Dynamics::Microcanonical, acceptance: 0.7, blocks: 2 };

/// A method on a target.
#[derive(Clone, Copy)]
struct Case {
    method: Method,
    target: Target,
    mutation: Mutation,
    warmup: u64,
    draws: u64,
}

impl Case {
    fn run(&self, c: u32, seed: Seed, visit: &mut (dyn FnMut(Sample<'_>) + Send)) -> Result<(), ChainError> {
        let Self { method, warmup, draws, .. } = *self;
        let temperature = if let Mutation::Temperature(temperature) = self.mutation { temperature } else { 1.0 };
        let potential = self.target.potential(method.blocks);
        let potential = FullBatch::new(mutated(potential, self.mutation));
        let start = self.target.start(method.blocks);
        let target_acceptance = method.acceptance;
        match method.dynamics {
            Dynamics::Hamiltonian(trajectory, metric) => {
                let config = HamiltonianConfig { warmup, draws, trajectory, target_acceptance, temperature, metric };
                visit_all(HamiltonianChain::new(c, potential, config, seed, start)?, visit)
            }
            Dynamics::Microcanonical => {
                let correction = Correction::Metropolis { target_acceptance };
                let config =
                    MicrocanonicalConfig { correction, temperature, ..MicrocanonicalConfig::adjusted(warmup, draws) };
                visit_all(MicrocanonicalChain::new(c, potential, config, seed, start)?, visit)
            }
        }
    }

    fn trial(&self, seed: Seed) -> Trial {
        let mut trial = Trial::default();
        let statistics = self.target.statistics();
        let averages = extrapolation::averages(
            0..CHAINS,
            statistics.len(),
            |c, visit| self.run(c, seed, visit),
            |position, values| self.target.observe(self.method.blocks, position, values),
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

/// Runs a chain to its end, its positions in single precision.
///
/// **Errors**: the chain's.
pub(super) fn visit_all(
    mut chain: impl MarkovChain<Scalar = f64>,
    visit: &mut (dyn FnMut(Sample<'_>) + Send),
) -> Result<(), ChainError> {
    let ended = chain.run(&mut |sample: Sample<'_, f64>| {
        let Sample { chain, step, potential, weight, transition, .. } = sample;
        let position: Vec<f32> = sample.position.iter().map(|&x| x as f32).collect();
        visit(Sample { chain, step, position: &position, potential, weight, transition });
        Ok::<(), Infallible>(())
    });
    match ended {
        Ok(_) => Ok(()),
        Err(RunError::Chain(error)) => Err(error),
        Err(RunError::Sink { cause, .. }) => match cause {},
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
const MUTATIONS: [Mutation; 4] =
    [Mutation::Energy(1.3), Mutation::StaleGradient, Mutation::Temperature(1.3), Mutation::Temperature(0.7)];

pub(super) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    let mut add = |case: Case, half: Half, expect: Expect, note: &str| {
        let seed = Seed::root(45).child(case.target.name()).child(case.method.name).index(case.draws);
        let text = format!("{}{}{note}", case.target.name(), case.mutation.text());
        let run = Box::new(move || case.trial(seed));
        tests.push(Test { family: "hamiltonian", sampler: case.method.name.into(), case: text, half, expect, run });
    };
    for method in [HMC, NUTS, MICROCANONICAL] {
        for (target, half) in TARGETS {
            let case = Case { method, target, mutation: Mutation::None, warmup: 150, draws: 100 };
            // Trajectories of a radius, in small steps until the scales are known, are not quick.
            let slow = matches!(method.dynamics, Dynamics::Microcanonical)
                && [SCALES.name, REGRESSION].contains(&target.name());
            add(case, if slow { Half::Full } else { half }, Expect::Accept, "");
            add(Case { warmup: 500, draws: 1500, ..case }, Half::Full, Expect::Accept, ", long chains");
        }
        for (target, half) in [(Target::Density(LOG_EXPONENTIAL), Half::Quick), (Target::Density(BANANA), Half::Full)] {
            let case = Case { method, target, mutation: Mutation::Gradient(0.7), warmup: 150, draws: 100 };
            add(case, half, Expect::Accept, "");
            for mutation in MUTATIONS {
                // Scales that are right from the start on leave less for the next trajectory to be wrong about.
                let stale = matches!((method.dynamics, mutation), (Dynamics::Microcanonical, Mutation::StaleGradient));
                let draws = if stale { 250 } else { 100 };
                add(Case { mutation, draws, ..case }, half, Expect::Reject, "");
            }
        }
        // Momenta that are 3 % too large.
        let target = Target::Density(SCALES);
        let slow = matches!(method.dynamics, Dynamics::Microcanonical);
        let case = Case { method, target, mutation: Mutation::Temperature(1.03 * 1.03), warmup: 150, draws: 200 };
        add(case, if slow { Half::Full } else { Half::Quick }, Expect::Reject, "");
        let target = Target::Density(NEALS_FUNNEL);
        let case = Case { method, target, mutation: Mutation::None, warmup: 300, draws: 300 };
        add(case, Half::Full, Expect::Reject, ": a known failure, no step size fits it");
    }
    for target in [CORRELATED, BANANA].map(Target::Density) {
        let case = Case { method: DENSE_NUTS, target, mutation: Mutation::None, warmup: 150, draws: 100 };
        add(case, Half::Quick, Expect::Accept, "");
        let mutation = Mutation::Energy(1.3);
        add(Case { mutation, ..case }, Half::Quick, Expect::Reject, "");
    }
    tests
}
