//! Full-batch chains on diagonal and correlated Gaussians, against the exact law of the discretized process.
//!
//! The update is affine, so that means, covariances and covariances of neighbors in time follow exactly: see [`crate::affine`].
//! Replicates are blocks of one long position; where coordinates share a thermostat or a direction they are whole chains.

use apd_seed::Seed;
use apd_sgmcmc::{Schedule, Sghmc, Sgnht};

use crate::affine::{self, Setting};
use crate::any::AnySampler;
use crate::mutation::SamplerMutation;
use crate::recipe::Memory;
use crate::replicates::Experiment;
use crate::target::gaussian::Gaussian;
use crate::{Expect, Half, Recipe, Test, Trial};

/// A target, with a step size for it and replicates to see it with.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    target: fn() -> Gaussian,
    epsilon: f64,
}

/// ελ = 0.05, 0.25, 1, 2 (independent draws, for SGLD), 3 (overshooting; 4 would diverge).
const DIAGONAL: Case =
    Case { name: "diagonal", target: || Gaussian::diagonal(&[0.25, 1.25, 5.0, 10.0, 15.0]), epsilon: 0.2 };
/// ελ = 0.1 to 0.8: there is no friction with which the momenta of [`DIAGONAL`]'s stiff coordinates are as cold as a thermostat
/// wants them.
const MILD: Case =
    Case { name: "mild diagonal", target: || Gaussian::diagonal(&[1.0, 2.0, 3.0, 5.0, 8.0]), epsilon: 0.1 };
/// ελ = 0.3 and 1.2.
const PLANE: Case = Case { name: "plane", target: Gaussian::plane, epsilon: 0.3 };
/// ελ = 0.15, 0.6 and 1.8.
const SPACE: Case = Case { name: "space", target: Gaussian::space, epsilon: 0.3 };

/// SGHMC that makes room for gradient noise which is not there: its law is known all the same.
const SGHMC_MAKING_ROOM: Recipe = Recipe {
    name: "SGHMC, V = 1",
    build: &|schedule, t| AnySampler::new(Sghmc::new(schedule, t, 0.3).with_gradient_noise(1.0)),
    affine: Some(|setting| {
        let Setting { epsilon, temperature, .. } = setting;
        affine::underdamped(setting, 0.3, temperature * epsilon * 0.3 - (0.5 * epsilon).powi(2))
    }),
    memory: Memory::Momentum,
};

/// Another diffusion than [`Recipe::SGNHT`].
const SGNHT_LITTLE_DIFFUSION: Recipe = Recipe {
    name: "SGNHT, a = 0.05",
    build: &|schedule, t| AnySampler::new(Sgnht::new(schedule, t, 0.05)),
    affine: Some(|setting| affine::thermostatted(setting, 0.05)),
    memory: Memory::Thermostat,
};

pub(super) fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = Recipe::EXACT.into_iter().flat_map(tests_of).collect();
    tests.extend(accepted(SGHMC_MAKING_ROOM));
    tests.extend(accepted(SGNHT_LITTLE_DIFFUSION).into_iter().map(|test| Test { half: Half::Full, ..test }));
    // Not the sampler that it claims to be.
    for (claimed, actual, case) in [
        (Recipe::SGHMC, Recipe::SGLD, "friction 1 for 0.3"),
        (Recipe::SGHMC, Recipe::SGHMC_LITTLE_FRICTION, "friction 0.05 for 0.3"),
        (Recipe::SGHMC, SGHMC_MAKING_ROOM, "room for noise that is not there"),
        (SGHMC_MAKING_ROOM, Recipe::SGHMC, "V ignored"),
        (Recipe::SGNHT, SGNHT_LITTLE_DIFFUSION, "diffusion 0.05 for 0.3"),
        (Recipe::BAOAB, Recipe::BAOAB_OVERDAMPED, "friction 1 for 0.3"),
        (Recipe::BAOAB, Recipe::SGHMC, "SGHMC's order of drift and kick"),
        (Recipe::BAOAB_OVERDAMPED, Recipe::SGLD, "noise of one update instead of the mean of two"),
        (Recipe::MCLMC, Recipe::BAOAB, "a momentum of any length"),
        (Recipe::PSGLD_FROZEN, Recipe::SGLD, "metric ignored"),
    ] {
        tests.push(rejected(claimed, case.into(), move |s, t| (actual.build)(s, t), [0, 1]));
    }
    tests
}

/// The tests of this family for one sampler with an affine law, its negative controls included.
pub(crate) fn tests_of(recipe: Recipe) -> Vec<Test> {
    let mut tests = accepted(recipe);
    let mut mutations = SamplerMutation::of(&recipe);
    if !recipe.memory.is_shared() {
        // Of a thermostat too few coordinates are in one chain.
        mutations.push(SamplerMutation::RepeatedBlock);
    }
    for mutation in mutations {
        tests.push(rejected(recipe, mutation.to_string(), move |s, t| mutation.build(&recipe, s, t), [0, 1]));
    }
    tests.push(rejected(recipe, "chains with the same noise".into(), recipe.build, [0, 0]));
    // As many replicates as the accepted tests have.
    let loud = move |s, t| SamplerMutation::LoudNoise.build(&recipe, s, t);
    tests.push(Test::new(
        "gaussian",
        recipe.name,
        SamplerMutation::LoudNoise.to_string(),
        Half::Quick,
        Expect::Reject,
        move || law(&recipe, &loud, diagonal(&recipe), 1.0, [0, 1], 1024),
    ));
    tests
}

fn diagonal(recipe: &Recipe) -> Case {
    if recipe.memory.is_shared() { MILD } else { DIAGONAL }
}

fn accepted(recipe: Recipe) -> Vec<Test> {
    let mut tests = Vec::new();
    for (case, quick) in [(diagonal(&recipe), 1.0), (PLANE, 0.5), (SPACE, f64::NAN)] {
        for temperature in [0.5, 1.0, 2.0] {
            let half = if temperature == quick { Half::Quick } else { Half::Full };
            let name = format!("{}, T = {temperature}", case.name);
            let run = move || law(&recipe, recipe.build, case, temperature, [0, 1], 1024);
            tests.push(Test::new("gaussian", recipe.name, name, half, Expect::Accept, run));
        }
    }
    tests
}

/// A negative control: what `build` makes is not what `recipe` says, or two chains have the same number.
fn rejected(
    recipe: Recipe,
    case: String,
    build: impl Fn(Schedule, f64) -> AnySampler + Send + Sync + 'static,
    pair: [u32; 2],
) -> Test {
    Test::new("gaussian", recipe.name, case, Half::Quick, Expect::Reject, move || {
        law(&recipe, &build, PLANE, 1.0, pair, 128)
    })
}

/// Runs what `build` makes, and checks the moments that `recipe` must have.
///
/// Chains are in pairs with the numbers `pair`. Where they share a thermostat `together` coordinates do.
fn law(
    recipe: &Recipe,
    build: &dyn Fn(Schedule, f64) -> AnySampler,
    case: Case,
    temperature: f64,
    pair: [u32; 2],
    together: usize,
) -> Trial {
    let pooled = recipe.memory.is_shared();
    let target = (case.target)();
    // A shared thermostat shifts the moments by a relative O(1/d): where they must agree d is 1024, and the standard errors,
    // of half a million coordinates, are above 10⁻³.
    let (pairs, blocks) = if pooled { (256, together / target.block()) } else { (1, 4096) };
    let target = target.replicated(blocks);
    let (epsilon, h, b) = (case.epsilon, &target.precision, &target.shift());
    let law = recipe.affine.expect("a sampler with an affine law")(Setting {
        epsilon,
        temperature,
        samples: true,
        first: false,
        h,
        b,
    });
    let chains: Vec<u32> = (0..pairs).flat_map(|k| pair.map(|c| 2 * k + c)).collect();
    let experiment = Experiment {
        sampler: &|| build(Schedule::Constant(epsilon), temperature),
        target: &target,
        chains: &chains,
        // The start's trace falls far below the standard errors; a thermostat takes its time too.
        burn_in: law.settling(1e-5).max(if pooled { 128 } else { 0 }),
        kept: 50,
        pooled,
        seed: Seed::root(1).child("gaussian").child(recipe.name).child(case.name).index(temperature.to_bits()),
    };
    let mut trial = Trial::default();
    match experiment.run(target.center.as_slice().expect("a vector in one piece")) {
        Ok(replicates) => {
            replicates.check_moments(&mut trial, &law);
            replicates.check_independence(&mut trial);
        }
        Err(error) => trial.require(error, false),
    }
    trial
}
