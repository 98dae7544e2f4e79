//! Microcanonical Langevin dynamics without a Metropolis test: the law of the posterior as ε → 0, and a bias of second order.
//!
//! With E_ε f = E f + c₂ε² + O(ε⁴), ⁴⁄₃·E_{ε/2} − ⅓·E_ε is free of the bias to second order. What would cancel one of first order,
//! 2·E_{ε/2} − E_ε, must be rejected, as ε itself must be where it is large. (The dynamics with a test is in the family `hamiltonian`.)

use apd_seed::Seed;
use apd_sgmcmc::{ChainError, FullBatch, MicrocanonicalChain, MicrocanonicalConfig, Sample};

use super::extrapolation;
use super::hamiltonian::visit_all;
use crate::target::density::{CORRELATED, Copies, Density, QUARTIC, SCALES};
use crate::{Expect, Half, Test, Trial};

/// Chains in each test.
const CHAINS: u32 = 600;
/// Copies of the density in each chain.
const BLOCKS: usize = 8;
/// Steps in which a chain forgets its start, and those that are averaged over, at the largest step size.
const BURN_IN: u64 = 100;
const KEPT: u64 = 300;

/// A density with the settings that a chain of it has.
#[derive(Clone, Copy)]
struct Case {
    density: Density,
    /// The larger of two step sizes, the other is half of it.
    step_size: f64,
    length: f64,
    /// Σ^½ of one copy.
    scales: [f64; 2],
    temperature: f64,
}

const CASES: [Case; 3] = [
    Case { density: QUARTIC, step_size: 1.5, length: 3.0, scales: [1.0; 2], temperature: 1.0 },
    Case { density: SCALES, step_size: 4.0, length: 4.0, scales: [1.0, 0.01], temperature: 1.0 },
    Case { density: CORRELATED, step_size: 1.6, length: 4.0, scales: [1.0; 2], temperature: 1.0 },
];

/// How the averages at ε and at ε/2 are combined.
#[derive(Clone, Copy)]
struct Weights([f64; 2]);

const SECOND_ORDER: Weights = Weights([-1.0 / 3.0, 4.0 / 3.0]);
const FIRST_ORDER: Weights = Weights([-1.0, 2.0]);
const LARGEST: Weights = Weights([1.0, 0.0]);

impl Case {
    fn run(
        &self,
        halvings: u32,
        c: u32,
        seed: Seed,
        visit: &mut (dyn FnMut(Sample<'_>) + Send),
    ) -> Result<(), ChainError> {
        let copies = Copies { density: self.density, blocks: BLOCKS };
        let potential = || FullBatch::new(copies.clone());
        let steps = (BURN_IN + KEPT) << halvings;
        let config =
            MicrocanonicalConfig { temperature: self.temperature, ..MicrocanonicalConfig::langevin(0, steps, 1) };
        let start = vec![0.5_f32; self.density.dim * BLOCKS];
        let mut state = MicrocanonicalChain::new(c, potential(), config, seed, start)?.state();
        state.step_size = self.step_size * 0.5_f64.powi(halvings as i32);
        state.length = self.length;
        state.scales.iter_mut().enumerate().for_each(|(i, scale)| *scale = self.scales[i % self.density.dim]);
        let chain = MicrocanonicalChain::resume(potential(), config, seed, state)?;
        visit_all(chain, &mut |sample: Sample<'_>| {
            if sample.step > BURN_IN << halvings {
                visit(sample);
            }
        })
    }

    fn trial(&self, weights: Weights, seed: Seed) -> Trial {
        let mut trial = Trial::default();
        let copies = Copies { density: self.density, blocks: BLOCKS };
        let statistics = self.density.statistics;
        let averages = [0, 1].map(|halvings| {
            extrapolation::averages(
                0..CHAINS,
                statistics.len(),
                |c, visit| self.run(halvings, c, seed.index(halvings.into()), visit),
                |position, values| copies.average(position, values),
            )
        });
        let [Ok(large), Ok(small)] = averages else {
            trial.require("every chain starts", false);
            return trial;
        };
        for (f, statistic) in statistics.iter().enumerate() {
            let combined = large.combined(f, &small, weights.0);
            trial.mean(statistic.name, statistic.expectation, &combined);
        }
        trial
    }
}

pub(super) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    let mut add = |case: Case, weights: Weights, half: Half, expect: Expect, note: &str| {
        let seed = Seed::root(47).child(case.density.name);
        let text = format!("{}: {note}", case.density.name);
        let run = move || case.trial(weights, seed);
        tests.push(Test::new("microcanonical", "microcanonical Langevin", text, half, expect, run));
    };
    for (i, case) in CASES.into_iter().enumerate() {
        add(case, SECOND_ORDER, Half::Quick, Expect::Accept, "the limit of a bias of second order");
        let half = if i == 0 { Half::Quick } else { Half::Full };
        add(Case { temperature: 1.1, ..case }, SECOND_ORDER, half, Expect::Reject, "temperature 1.1 instead of 1");
    }
    add(CASES[0], FIRST_ORDER, Half::Quick, Expect::Reject, "the limit of a bias of first order");
    add(CASES[0], LARGEST, Half::Quick, Expect::Reject, "the largest step without its bias");
    tests
}
