//! The width of a Gaussian at a small step: asks nothing of a sampler but its positions, and is sharp all the same.
//!
//! 32 768 coordinates of variance 1, of 512 chains. Their step's bias, ε/4 of the variance for SGLD and of that order for the others, is
//! far below what is allowed; beyond that the variance is known to 0.3 %, so that noise that is 3 % too large, 6 % of the variance, is
//! fifteen standard errors.

use apd_seed::Seed;
use apd_sgmcmc::{Chain, ChainConfig, FromFn, Sample, Schedule};

use super::extrapolation;
use crate::mutation::SamplerMutation;
use crate::transition::SIMULATED;
use crate::{Expect, Half, Recipe, Test, Trial};

const CHAINS: u32 = 512;
/// Coordinates of a chain.
const DIM: usize = 64;
/// The bias that is allowed, in parts of the variance.
const BIAS: f64 = 0.015;

fn trial(recipe: &Recipe, mutation: Option<SamplerMutation>, seed: Seed) -> Trial {
    // A deviation decays like exp(−εt/2), and with momentum 1/α times as fast, which may be no faster: by exp(−4) and exp(−3.6) in the burn-in.
    let (epsilon, burn_in) = if recipe.memory.has_momentum() { (0.006, 1_200) } else { (0.02, 400) };
    let config = ChainConfig { steps: burn_in + 600, burn_in, thinning: 20, batch_size: 1 };
    let run = |c: u32, visit: &mut (dyn FnMut(Sample<'_>) + Send)| {
        let schedule = Schedule::Constant(epsilon);
        let sampler = match mutation {
            Some(mutation) => mutation.build(recipe, schedule, 1.0),
            None => (recipe.build)(schedule, 1.0),
        };
        let normal = FromFn::new(DIM, 1, |x: &[f32], _, gradient: &mut [f32]| {
            gradient.copy_from_slice(x);
            x.iter().map(|&x| 0.5 * f64::from(x).powi(2)).sum()
        });
        extrapolation::run(Chain::new(c, normal, sampler, config, seed, vec![0.0; DIM])?, visit)
    };
    let observe = |position: &[f32], values: &mut [f64]| {
        values[0] = position.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / DIM as f64;
    };
    let mut trial = Trial::default();
    match extrapolation::averages(0..CHAINS, 1, run, observe) {
        Ok(averages) => averages.check_within(&mut trial, 0, "variance", 1.0, BIAS),
        Err(error) => trial.require(error, false),
    }
    trial
}

/// The tests of a sampler, and its negative control; none where coordinates share a thermostat or a length, which are of many more.
pub(super) fn tests_of(recipe: Recipe) -> Vec<Test> {
    if recipe.memory.is_shared() {
        return Vec::new();
    }
    let seed = Seed::root(48).child("width").child(recipe.name);
    let test = |mutation: Option<SamplerMutation>| {
        let (case, expect) = match mutation {
            Some(mutation) => (format!("standard normal: {mutation}"), Expect::Reject),
            None => ("standard normal".to_owned(), Expect::Accept),
        };
        Test::new("width", recipe.name, case, Half::Quick, expect, move || trial(&recipe, mutation, seed))
    };
    vec![test(None), test(Some(SamplerMutation::LoudNoise))]
}

/// The family.
pub(super) fn tests() -> Vec<Test> {
    SIMULATED.into_iter().flat_map(tests_of).collect()
}
