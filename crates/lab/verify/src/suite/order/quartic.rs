//! U(x) = x²/2 + x⁴/4 with full batches: SGLD, whose bias is O(ε), and BAOAB, whose bias is O(ε²).
//!
//! On the line both have exact laws, SGLD by propagating its density, and the overdamped limit of BAOAB as [`crate::overdamped`]
//! has it. Left out are the samplers whose momentum lasts: their law has two dimensions.

use std::f64::consts::LN_2;

use apd_seed::Seed;
use apd_sgmcmc::{Chain, ChainConfig, ChainError, Sample, Schedule};

use super::Bias;
use crate::any::AnySampler;
use crate::grid::{Grid, Kernel};
use crate::mutation::SamplerMutation;
use crate::target::density::{Copies, QUARTIC};
use crate::{Expect, Half, Recipe, Test, Trial, overdamped};

/// Coordinates, each a replicate.
const COORDINATES: usize = 32_768;
/// A sampler with a law on this potential.
#[derive(Clone, Copy)]
struct Exact {
    recipe: Recipe,
    /// E x² in the long run.
    law: fn(f64) -> f64,
    order: f64,
    /// Step sizes, the last half of the first, at which |x|² > 4/ε − 1, where it would diverge, is never reached.
    steps: [f64; 3],
    /// Positions over which the long chains average, at the first step size and the last.
    kept: [u64; 2],
}

const EXACT: [Exact; 2] = [
    Exact { recipe: Recipe::SGLD, law: sgld, order: 1.0, steps: [0.2, 0.15, 0.1], kept: [500, 1_000] },
    Exact { recipe: Recipe::BAOAB_OVERDAMPED, law: baoab, order: 2.0, steps: [0.4, 0.3, 0.2], kept: [2_000, 20_000] },
];

fn slope(x: f64) -> f64 {
    x + x * x * x
}

fn sgld(epsilon: f64) -> f64 {
    let grid = Grid { least: -5.0, most: 5.0, spacing: 0.05 };
    let kernel = Kernel::new(&grid, |x| (x - 0.5 * epsilon * slope(x), epsilon.sqrt()));
    grid.expectation(&kernel.stationary(grid.at(0.0)), |x| x * x)
}

fn baoab(epsilon: f64) -> f64 {
    overdamped::law(slope, epsilon).into_iter().map(|(x, mass)| mass * x * x).sum()
}

/// E x² of the posterior.
fn expectation() -> f64 {
    QUARTIC.statistics.iter().find(|statistic| statistic.name == "x²").expect("it is known").expectation
}

pub(super) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for exact in EXACT {
        let recipe = exact.recipe;
        let mut row = |case: &str, half, expect, run: Box<dyn Fn() -> Trial + Send + Sync>| {
            tests.push(Test::new("order", recipe.name, format!("quartic: {case}"), half, expect, run));
        };
        row(
            "the exact law at three steps",
            Half::Quick,
            Expect::Accept,
            Box::new(move || compare(recipe.build, &exact, exact.law)),
        );
        row(
            "the posterior itself",
            Half::Quick,
            Expect::Reject,
            Box::new(move || compare(recipe.build, &exact, |_| expectation())),
        );
        row("order of the exact law", Half::Quick, Expect::Accept, Box::new(move || order(&exact)));
        row("slope of the measured bias", Half::Full, Expect::Accept, Box::new(move || measure(&exact, None)));
        row(
            "the other's order",
            Half::Full,
            Expect::Reject,
            Box::new(move || measure(&exact, Some(3.0 - exact.order))),
        );
        for mutation in SamplerMutation::of(&recipe) {
            let run = move || compare(&|s, t| mutation.build(&recipe, s, t), &exact, exact.law);
            row(&mutation.to_string(), Half::Full, Expect::Reject, Box::new(run));
        }
    }
    tests
}

/// Time averages of x², one for each coordinate.
fn observe(sampler: AnySampler, epsilon: f64, kept: u64, seed: Seed) -> Result<Vec<f64>, ChainError> {
    // The start is forgotten at a rate of at least ε/2 per update.
    let burn_in = (25.0 / epsilon) as u64;
    let config = ChainConfig { steps: burn_in + kept, burn_in, thinning: 1, batch_size: 1 };
    let target = Copies { density: QUARTIC, blocks: COORDINATES };
    let mut chain = Chain::new(0, target, sampler, config, seed.index(epsilon.to_bits()), vec![0.0; COORDINATES])?;
    let mut squares = vec![0.0; COORDINATES];
    for _ in 0..burn_in + kept {
        let Some(Sample { position, .. }) = chain.step()? else { continue };
        for (square, &x) in squares.iter_mut().zip(position) {
            *square += f64::from(x) * f64::from(x) / kept as f64;
        }
    }
    Ok(squares)
}

/// What `build` makes, against `law`, at the step sizes of `exact`.
fn compare(build: &dyn Fn(Schedule, f64) -> AnySampler, exact: &Exact, law: fn(f64) -> f64) -> Trial {
    let mut trial = Trial::default();
    for epsilon in exact.steps {
        match observe(build(Schedule::Constant(epsilon), 1.0), epsilon, 300, Seed::root(4).child("quartic")) {
            Ok(squares) => trial.mean(format!("x² at ε = {epsilon}"), law(epsilon), &squares),
            Err(error) => trial.require(error, false),
        }
    }
    trial
}

/// Between ε = 0.1 and 0.05, where the next order is a few parts in a hundred.
fn order(exact: &Exact) -> Trial {
    let slope = (((exact.law)(0.1) - expectation()) / ((exact.law)(0.05) - expectation())).ln() / LN_2;
    let mut trial = Trial::default();
    trial.require(format!("slope {slope} for {}", exact.order), (slope - exact.order).abs() < 0.1);
    trial
}

/// The slope of the bias of long chains from the largest step size to half of it, against that of the law, or `order`.
fn measure(exact: &Exact, order: Option<f64>) -> Trial {
    let mut trial = Trial::default();
    let (large, small) = (exact.steps[0], exact.steps[2]);
    let bias = |epsilon, kept| {
        let sampler = (exact.recipe.build)(Schedule::Constant(epsilon), 1.0);
        observe(sampler, epsilon, kept, Seed::root(4).child("long")).map(|squares| Bias::of(&squares, expectation()))
    };
    match (bias(large, exact.kept[0]), bias(small, exact.kept[1])) {
        (Ok(first), Ok(second)) => {
            let slope = (((exact.law)(large) - expectation()) / ((exact.law)(small) - expectation())).ln() / LN_2;
            first.check_slope(&mut trial, second, LN_2, order.unwrap_or(slope));
        }
        (Err(error), _) | (_, Err(error)) => trial.require(error, false),
    }
    trial
}
