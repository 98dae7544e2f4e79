//! Every sampler on every target, as ε → 0.
//!
//! Thousands of replicates are blocks of coordinates, some to a chain: SGNHT's and MCLMC's are not independent, their chains are.

use apd_seed::Seed;
use apd_sgmcmc::{Chain, ChainConfig, ChainError, Potential, Sample, Schedule};

use super::super::extrapolation::{self, Averages, LEVELS};
use super::super::lagged::lagged;
use crate::mutation::SamplerMutation;
use crate::recipe::Memory;
use crate::target::density::{BANANA, Copies, Density, FUNNEL, LOG_EXPONENTIAL, QUARTIC, TWO_MODES};
use crate::{Expect, Half, Recipe, Test, Trial};

/// Chains, at each step size.
const CHAINS: u32 = 512;
const START: f32 = 0.5;

/// A target and how to sample it.
#[derive(Clone, Copy)]
struct Case {
    density: Density,
    /// The largest ε.
    epsilon: f64,
    /// Σε of the burn-in: SGLD forgets its start in a few units, the others are faster.
    burn_in: f64,
    /// Σε of what is kept.
    kept: f64,
    /// Copies in each chain.
    blocks: usize,
    /// Step sizes in cycles of so much time.
    cycle: Option<f64>,
}

const QUICK: Case = Case { density: LOG_EXPONENTIAL, epsilon: 0.2, burn_in: 40.0, kept: 30.0, blocks: 8, cycle: None };

/// The targets. In none of them does a region that matters have a curvature above 8/ε.
const CASES: [Case; 4] = [
    QUICK,
    Case { density: QUARTIC, epsilon: 0.15, burn_in: 20.0, ..QUICK },
    Case { density: BANANA, epsilon: 0.15, ..QUICK },
    Case { density: FUNNEL, epsilon: 0.15, ..QUICK },
];

/// The cycles end with ε near 0, and the limit is that of the ε at their start.
const CYCLICAL: Case =
    Case { density: TWO_MODES, epsilon: 0.25, burn_in: 25.0, kept: 50.0, cycle: Some(12.5), ..QUICK };

/// The samplers whose law tends to the density. Preconditioned SGLD with a moving mean square does not in general; without
/// memory it does if it has its Γ, see [`exact`](super::exact).
const SAMPLERS: [Recipe; 7] = [
    Recipe::SGLD,
    Recipe::SGHMC,
    Recipe::SGNHT,
    Recipe::BAOAB,
    Recipe::BAOAB_OVERDAMPED,
    Recipe::MCLMC,
    Recipe::PSGLD_FROZEN,
];

#[derive(Clone, Copy, PartialEq)]
enum Mutation {
    None,
    /// In the sampler.
    Sampler(SamplerMutation),
    /// Gradients are old by so much time.
    Lag(f64),
    /// Step sizes do not change, and are a hundredth.
    Constant,
}

impl Case {
    /// The chains' averages with step sizes `part` of ε.
    fn averages(&self, recipe: &Recipe, mutation: Mutation, part: f64, seed: Seed) -> Result<Averages, ChainError> {
        let mut epsilon = part * self.epsilon;
        let steps = |time: f64| (time / epsilon).round() as u64;
        // The mean ε of a cycle is half of that at its start.
        let factor = if self.cycle.is_some() { 2 } else { 1 };
        let (burn_in, kept, length) =
            (factor * steps(self.burn_in), factor * steps(self.kept), steps(self.cycle.unwrap_or(0.0)));
        let thinning = (0.5 / epsilon).ceil() as u64;
        let lag = if let Mutation::Lag(time) = mutation { steps(time) as usize } else { 0 };
        if mutation == Mutation::Constant {
            epsilon *= 0.01;
        }
        let schedule = match self.cycle {
            Some(_) if mutation != Mutation::Constant => Schedule::Cyclical { initial: epsilon, length, sampling: 1.0 },
            _ => Schedule::Constant(epsilon),
        };
        let config = ChainConfig { steps: burn_in + kept, burn_in, thinning, batch_size: 1 };
        let copies = Copies { density: self.density, blocks: self.blocks };
        let run = |c: u32, visit: &mut (dyn FnMut(Sample<'_>) + Send)| {
            let sampler = match mutation {
                Mutation::Sampler(mutation) => mutation.build(recipe, schedule, 1.0),
                _ => (recipe.build)(schedule, 1.0),
            };
            let initial = vec![START; copies.dim()];
            let (potential, seed) = (lagged(copies.clone(), lag), seed.index((1.0 / part) as u64));
            extrapolation::run(Chain::new(c, potential, sampler, config, seed, initial)?, visit)
        };
        let observe = |position: &[f32], values: &mut [f64]| copies.average(position, values);
        extrapolation::averages(0..CHAINS, self.density.statistics.len(), run, observe)
    }

    /// Checks all that is known of the density.
    ///
    /// The bias at the smallest ε is at most ε standard deviations of the function: the law of SGLD is, to first order, that of
    /// the density (1 + ερ)·exp(−U) with ρ of the size of U′²/8 and U″/4, so that the bias is ε·Cov(f, ρ), and ρ deviates by less
    /// than 1 where curvatures are of order 1, as they are here. Momentum makes it less.
    fn trial(&self, recipe: &Recipe, mutation: Mutation, seed: Seed) -> Trial {
        let mut trial = Trial::default();
        let levels = LEVELS.map(|part| self.averages(recipe, mutation, part, seed));
        let levels = match levels {
            [Ok(a), Ok(b), Ok(c)] => [a, b, c],
            _ => {
                trial.require("no chain diverges", false);
                return trial;
            }
        };
        for (f, statistic) in self.density.statistics.iter().enumerate() {
            let bound = 0.25 * self.epsilon;
            extrapolation::check(
                &mut trial,
                f,
                statistic.name,
                statistic.expectation,
                &levels,
                bound * statistic.deviation,
            );
        }
        trial
    }
}

pub(super) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    let mut add = |case: Case, recipe: Recipe, mutation: Mutation, half: Half| {
        let what = match mutation {
            Mutation::None => case.density.name.to_owned(),
            Mutation::Sampler(mutation) => format!("{}: {mutation}", case.density.name),
            Mutation::Lag(time) => format!("{}: gradients old by {time} units of time", case.density.name),
            Mutation::Constant => format!("{}: constant small steps instead of cycles", case.density.name),
        };
        let sampler = if case.cycle.is_some() { format!("cyclical {}", recipe.name) } else { recipe.name.to_owned() };
        let expect = if mutation == Mutation::None { Expect::Accept } else { Expect::Reject };
        let seed = Seed::root(41).child(case.density.name).child(recipe.name).index(case.kept.to_bits());
        let run = Box::new(move || case.trial(&recipe, mutation, seed));
        tests.push(Test { family: "targets", sampler, case: what, half, expect, run });
    };
    for recipe in SAMPLERS {
        for (i, case) in CASES.into_iter().enumerate() {
            // One of each in the quick half, and a second for two of the samplers.
            let quick = i == 0 || i == 2 && [Recipe::SGLD.name, Recipe::SGHMC.name].contains(&recipe.name);
            add(case, recipe, Mutation::None, if quick { Half::Quick } else { Half::Full });
            add(Case { kept: 200.0, blocks: 32, ..case }, recipe, Mutation::None, Half::Full);
        }
        let control = Case { density: QUARTIC, burn_in: 5.0, kept: 5.0, blocks: 2, ..QUICK };
        for mutation in SamplerMutation::of(&recipe) {
            // One update late is nothing in the limit of small steps; see `Lag`.
            if mutation != SamplerMutation::StaleGradient {
                add(control, recipe, Mutation::Sampler(mutation), Half::Quick);
            }
        }
        add(Case { density: TWO_MODES, ..control }, recipe, Mutation::Lag(0.7), Half::Quick);
    }
    // A thermostat or a metric would have to follow the cycle.
    for recipe in [Recipe::SGLD, Recipe::SGHMC, Recipe::BAOAB] {
        // A momentum is as long as the step size was some updates ago, and every cycle starts it at 0: coefficients in the expansion
        // are larger. At ε = 1/4 the remainder c₃ε³/8 is 0.4 % of x²'s deviation, five standard errors of the long chains.
        let (epsilon, half) = if recipe.memory == Memory::None { (0.25, Half::Quick) } else { (0.125, Half::Full) };
        let case = Case { epsilon, ..CYCLICAL };
        add(case, recipe, Mutation::None, half);
        add(Case { kept: 200.0, blocks: 32, ..case }, recipe, Mutation::None, Half::Full);
        add(Case { kept: 12.5, burn_in: 12.5, blocks: 2, ..case }, recipe, Mutation::Constant, half);
    }
    tests
}
