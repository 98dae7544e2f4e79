//! Replica exchange between modes that no chain alone goes between.
//!
//! Swaps leave the product of the replicas' laws as it is; what the steps do to each law is of order ε, so that the weights of the modes
//! come out in the limit of small steps.

use std::convert::Infallible;

use apd_seed::Seed;
use apd_sgmcmc::{
    ChainConfig, ChainError, Exchange, Potential, ReplicaExchange, RunError, Sample, Schedule, WithGradient,
};

use super::super::extrapolation::{self, Averages, LEVELS};
use crate::target::density::{Copies, FAR_MODES};
use crate::{Expect, Half, Recipe, Test, Trial};

const CHAINS: u32 = 512;
/// 12.5 nats of barrier are 1.4 at the highest temperature.
const TEMPERATURES: [f64; 3] = [1.0, 3.0, 9.0];
/// The largest ε: a tenth of where chains of the modes' curvature become unstable.
const EPSILON: f64 = 0.14;

#[derive(Clone, Copy, PartialEq)]
enum Mutation {
    None,
    /// Replicas never trade.
    Alone,
    /// The energies that swaps go by are multiplied by this.
    Energy(f64),
}

/// A potential whose U is not what its gradient says.
fn scaled(copies: Copies, factor: f64) -> impl Potential {
    WithGradient::new(copies, move |copies, position, minibatch, gradient| {
        Ok(factor * copies.gradient(position, minibatch, gradient)?)
    })
}

/// A sampler on the ladder.
#[derive(Clone, Copy)]
struct Case {
    recipe: Recipe,
    mutation: Mutation,
    /// Σε of the burn-in, and of what is kept.
    burn_in: f64,
    kept: f64,
}

impl Case {
    fn averages(&self, part: f64, seed: Seed) -> Result<Averages, ChainError> {
        let epsilon = part * EPSILON;
        let steps = |time: f64| (time / epsilon).round() as u64;
        let (burn_in, kept) = (steps(self.burn_in), steps(self.kept));
        let config = ChainConfig { steps: burn_in + kept, burn_in, thinning: steps(0.5), batch_size: 1 };
        let copies = Copies { density: FAR_MODES, blocks: 1 };
        let every = if self.mutation == Mutation::Alone { u64::MAX } else { steps(0.5) };
        let factor = if let Mutation::Energy(factor) = self.mutation { factor } else { 1.0 };
        let run = |c: u32, visit: &mut (dyn FnMut(Sample<'_>) + Send)| {
            let replica = |t| {
                let sampler = (self.recipe.build)(Schedule::Constant(epsilon), t);
                (scaled(copies.clone(), factor), sampler)
            };
            let ladder = TEMPERATURES.map(replica).into();
            let (exchange, seed) = (Exchange { every, energy_batches: 2 }, seed.index((1.0 / part) as u64));
            // From the mode that weighs less.
            let mut replicas = ReplicaExchange::new(c, ladder, exchange, config, seed, vec![-3.0])?;
            let ended = replicas.run(&mut |sample: Sample<'_>| {
                visit(sample);
                Ok::<(), Infallible>(())
            });
            match ended.map_err(|error| error.cause) {
                Ok(_) => Ok(()),
                Err(RunError::Chain(error)) => Err(error),
                Err(RunError::Sink { cause, .. }) => match cause {},
            }
        };
        let observe = |position: &[f32], values: &mut [f64]| copies.average(position, values);
        extrapolation::averages(0..CHAINS, FAR_MODES.statistics.len(), run, observe)
    }

    fn trial(&self, seed: Seed) -> Trial {
        let mut trial = Trial::default();
        let levels = match LEVELS.map(|part| self.averages(part, seed)) {
            [Ok(a), Ok(b), Ok(c)] => [a, b, c],
            _ => {
                trial.require("no chain diverges", false);
                return trial;
            }
        };
        for (f, statistic) in FAR_MODES.statistics.iter().enumerate() {
            // As for the other densities: ε deviations of the function, at the smallest ε.
            let bound = 0.25 * EPSILON * statistic.deviation;
            extrapolation::check(&mut trial, f, statistic.name, statistic.expectation, &levels, bound);
        }
        trial
    }
}

pub(super) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    let mut add = |case: Case, half: Half| {
        let (expect, text) = match case.mutation {
            Mutation::None => (Expect::Accept, String::new()),
            Mutation::Alone => (Expect::Reject, ": replicas never trade".into()),
            Mutation::Energy(factor) => (Expect::Reject, format!(": energies times {factor}")),
        };
        let seed = Seed::root(46).child(case.recipe.name).index(case.kept.to_bits());
        let run = Box::new(move || case.trial(seed));
        let (sampler, case) = (format!("replica exchange {}", case.recipe.name), format!("{}{text}", FAR_MODES.name));
        tests.push(Test { family: "targets", sampler, case, half, expect, run });
    };
    for recipe in [Recipe::SGLD, Recipe::SGHMC, Recipe::BAOAB] {
        let case = Case { recipe, mutation: Mutation::None, burn_in: 100.0, kept: 60.0 };
        let half = if recipe.name == Recipe::SGLD.name { Half::Quick } else { Half::Full };
        add(case, half);
        add(Case { kept: 400.0, ..case }, Half::Full);
        for mutation in [Mutation::Alone, Mutation::Energy(0.5), Mutation::Energy(0.0), Mutation::Energy(-1.0)] {
            add(Case { mutation, burn_in: 30.0, kept: 60.0, ..case }, half);
        }
    }
    tests
}
