//! Chains on the line against the exact law of the discretized chain, at step sizes whose bias is plain to see.

use apd_seed::Seed;
use apd_sgmcmc::{Chain, ChainConfig, Gamma, Psgld, Sample, Schedule};

use super::super::extrapolation;
use crate::any::AnySampler;
use crate::grid::{Grid, Kernel};
use crate::mutation::SamplerMutation;
use crate::target::density::{Copies, Density, FAR_MODES, LOG_EXPONENTIAL, QUARTIC, TWO_MODES};
use crate::{Expect, Half, Memory, Recipe, Test, Trial};

const CHAINS: u32 = 512;
/// Copies in each chain.
const BLOCKS: usize = 8;

/// The density's slope and curvature on the line.
fn derivatives(density: &Density, x: f64) -> (f64, f64) {
    const STEP: f64 = 1e-4;
    let slope = |x: f64| {
        let mut g = [0.0];
        (density.gradient)(&[x], &mut g);
        g[0]
    };
    (slope(x), (slope(x + STEP) - slope(x - STEP)) / (2.0 * STEP))
}

/// The law of one update at T = 1: mean and standard deviation of the next position. `samples`: whether noise is added.
type Update = fn(density: &Density, epsilon: f64, x: f64) -> (f64, f64);

fn sgld(density: &Density, epsilon: f64, x: f64) -> (f64, f64) {
    (x - 0.5 * epsilon * derivatives(density, x).0, epsilon.sqrt())
}

/// With a decay of 0 the mean square is the square of the newest gradient, and the chain has no memory: G = 1/(1 + |U′|).
fn psgld(density: &Density, epsilon: f64, x: f64, corrected: bool) -> (f64, f64) {
    let (slope, curvature) = derivatives(density, x);
    let g = 1.0 / (1.0 + slope.abs());
    let gamma = if corrected { -slope.signum() * curvature * g * g } else { 0.0 };
    (x - 0.5 * epsilon * (g * slope - gamma), (epsilon * g).sqrt())
}

fn metric(schedule: Schedule, temperature: f64, gamma: Gamma) -> Psgld {
    Psgld::new(schedule, temperature, 1).with_decay(0.0).with_damping(1.0).with_gamma(gamma)
}

const PSGLD_CORRECTED: Recipe = Recipe {
    name: "pSGLD, Γ",
    build: &|schedule, t| AnySampler::new(metric(schedule, t, Gamma::Included)),
    affine: None,
    memory: Memory::None,
};

const PSGLD_UNCORRECTED: Recipe = Recipe {
    name: "pSGLD, no Γ",
    build: &|schedule, t| AnySampler::new(metric(schedule, t, Gamma::Omitted)),
    affine: None,
    memory: Memory::None,
};

/// A chain without memory on the line, and its law.
#[derive(Clone, Copy)]
struct Case {
    density: Density,
    recipe: Recipe,
    schedule: Schedule,
    /// The law of the recipe's updates.
    update: Update,
    burn_in: u64,
    kept: u64,
    start: f64,
    grid: Grid,
}

impl Case {
    /// The weighted averages that chains of this case have in expectation.
    fn law(&self) -> Vec<f64> {
        let Self { ref density, schedule, update, grid, .. } = *self;
        let expectations = |law: &[f64]| -> Vec<f64> {
            density.statistics.iter().map(|statistic| grid.expectation(law, |x| (statistic.of)(&[x]))).collect()
        };
        let mut law = grid.at(self.start);
        // The step sizes repeat after so many updates.
        let length = match schedule {
            Schedule::Cyclical { length, .. } => length,
            Schedule::Constant(epsilon) => {
                // The burn-in is long enough for the law to have settled.
                return expectations(&Kernel::new(&grid, |x| update(density, epsilon, x)).stationary(law));
            }
            Schedule::Polynomial { .. } => unreachable!("no case has one"),
        };
        // Updates without noise are a map of the line; they are made as part of the next that adds some.
        let mut explored = Vec::new();
        let mut kernel = |t: u64| {
            let epsilon = schedule.step_size(t);
            if !schedule.samples(t) {
                explored.push(epsilon);
                return None;
            }
            let before = std::mem::take(&mut explored);
            Some(Kernel::new(&grid, |x| {
                let x = before.iter().fold(x, |x, &epsilon| update(density, epsilon, x).0);
                update(density, epsilon, x)
            }))
        };
        let kernels: Vec<Option<Kernel>> = (0..length).map(&mut kernel).collect();
        let (mut sums, mut weights) = (vec![0.0; density.statistics.len()], 0.0);
        for t in 0..self.burn_in + self.kept {
            let Some(kernel) = &kernels[(t % length) as usize] else { continue };
            law = kernel.after(&law);
            if t >= self.burn_in {
                let weight = schedule.weight(t);
                weights += weight;
                sums.iter_mut().zip(expectations(&law)).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        sums.iter().map(|sum| sum / weights).collect()
    }

    /// Runs what `build` makes, and compares it with the law of the recipe.
    fn trial(&self, build: impl Fn() -> AnySampler + Sync, seed: Seed) -> Trial {
        let mut trial = Trial::default();
        let copies = Copies { density: self.density, blocks: BLOCKS };
        let statistics = self.density.statistics;
        let steps = self.burn_in + self.kept;
        let config = ChainConfig { steps, burn_in: self.burn_in, thinning: 1, batch_size: 1 };
        let run = |c: u32, visit: &mut (dyn FnMut(Sample<'_>) + Send)| {
            let initial = vec![self.start as f32; BLOCKS];
            extrapolation::run(Chain::new(c, copies.clone(), build(), config, seed, initial)?, visit)
        };
        let observe = |position: &[f32], values: &mut [f64]| copies.average(position, values);
        let averages = extrapolation::averages(0..CHAINS, statistics.len(), run, observe);
        let Ok(averages) = averages else {
            trial.require("no chain diverges", false);
            return trial;
        };
        for (f, (statistic, theory)) in statistics.iter().zip(self.law()).enumerate() {
            averages.check(&mut trial, f, statistic.name, theory);
        }
        trial
    }
}

const CONSTANT: Case = Case {
    density: LOG_EXPONENTIAL,
    recipe: Recipe::SGLD,
    schedule: Schedule::Constant(0.3),
    update: sgld,
    burn_in: 300,
    kept: 400,
    start: 0.0,
    grid: Grid { least: -60.0, most: 6.0, spacing: 0.1 },
};

/// Γ jumps at 0, where the gradient changes its sign: halfway between two points.
const CORRECTED: Case = Case {
    recipe: PSGLD_CORRECTED,
    update: |density, epsilon, x| psgld(density, epsilon, x, true),
    grid: Grid { least: -60.025, most: 6.025, spacing: 0.05 },
    ..CONSTANT
};

const UNCORRECTED: Case =
    Case { recipe: PSGLD_UNCORRECTED, update: |density, epsilon, x| psgld(density, epsilon, x, false), ..CORRECTED };

const NARROW: Grid = Grid { least: -8.025, most: 8.025, spacing: 0.05 };

const CASES: [Case; 7] = [
    CONSTANT,
    Case { density: QUARTIC, schedule: Schedule::Constant(0.2), grid: NARROW, ..CONSTANT },
    Case { density: TWO_MODES, schedule: Schedule::Constant(0.5), grid: NARROW, burn_in: 1000, ..CONSTANT },
    CORRECTED,
    UNCORRECTED,
    Case { density: QUARTIC, grid: NARROW, ..CORRECTED },
    Case { density: QUARTIC, grid: NARROW, ..UNCORRECTED },
];

/// Large steps at the start of a cycle cross the barrier now and then; the law says how often.
const CYCLICAL: Case = Case {
    density: FAR_MODES,
    recipe: Recipe::SGLD,
    schedule: Schedule::Cyclical { initial: 1.3, length: 20, sampling: 0.8 },
    update: sgld,
    burn_in: 20,
    kept: 800,
    start: -3.0,
    grid: Grid { least: -12.0, most: 12.0, spacing: 0.05 },
};

/// Makes the sampler that runs, which may be another than the case's.
type Build = Box<dyn Fn(Case) -> AnySampler + Send + Sync>;

pub(super) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    let mut add = |case: Case, mutation: &str, half: Half, expect: Expect, build: Build| {
        let cyclical = matches!(case.schedule, Schedule::Cyclical { .. });
        let sampler = if cyclical { format!("cyclical {}", case.recipe.name) } else { case.recipe.name.to_owned() };
        let seed = Seed::root(42).child(case.density.name).child(&sampler);
        let what = format!("{}, law of the discretized chain{mutation}", case.density.name);
        let run = Box::new(move || case.trial(|| build(case), seed));
        tests.push(Test { family: "targets", sampler, case: what, half, expect, run });
    };
    for case in CASES.into_iter().chain([CYCLICAL]) {
        let right = |case: Case| (case.recipe.build)(case.schedule, 1.0);
        add(case, "", Half::Quick, Expect::Accept, Box::new(right));
        add(Case { kept: 20 * case.kept, ..case }, ", 20 times as long", Half::Full, Expect::Accept, Box::new(right));
    }
    for (case, half) in [(CONSTANT, Half::Quick), (CORRECTED, Half::Full), (CYCLICAL, Half::Full)] {
        for mutation in SamplerMutation::COMMON {
            let build = move |case: Case| mutation.build(&case.recipe, case.schedule, 1.0);
            add(case, &format!(": {mutation}"), half, Expect::Reject, Box::new(build));
        }
    }
    let mut control = |case: Case, mutation: &str, build: fn(Case) -> AnySampler| {
        add(case, mutation, Half::Quick, Expect::Reject, Box::new(build));
    };
    control(CORRECTED, ": Γ forgotten", |case| AnySampler::new(metric(case.schedule, 1.0, Gamma::Omitted)));
    control(UNCORRECTED, ": Γ where there is none", |case| {
        AnySampler::new(metric(case.schedule, 1.0, Gamma::Included))
    });
    control(CYCLICAL, ": constant small steps instead of cycles", |case| {
        (case.recipe.build)(Schedule::Constant(0.05), 1.0)
    });
    control(CYCLICAL, ": noise while it explores", |case| {
        let Schedule::Cyclical { initial, length, .. } = case.schedule else { unreachable!("the case is cyclical") };
        (case.recipe.build)(Schedule::Cyclical { initial, length, sampling: 1.0 }, 1.0)
    });
    tests
}

#[cfg(test)]
mod tests;
