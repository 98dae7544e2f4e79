//! Step sizes that change: weighted time averages against their exact expectations.
//!
//! On a quadratic potential the moments still follow exactly, update by update. Chains are compared with the weighted time
//! averages of these, not with the posterior: a decaying chain is unbiased only in the limit. Left out: SGNHT, whose thermostat
//! lags behind a step size that changes.

use apd_seed::Seed;
use apd_sgmcmc::{Chain, ChainConfig, ChainError, Sample, Schedule};
use ndarray::array;

use crate::affine::{Moments, Setting};
use crate::any::AnySampler;
use crate::mutation::SamplerMutation;
use crate::target::gaussian::Gaussian;
use crate::{Expect, Half, Recipe, Test, Trial};

/// Replicates.
const COORDINATES: usize = 8192;
const LAMBDA: f64 = 1.5;
/// Chains start at 0.
const CENTER: f64 = 6.0;

/// A schedule, and how long a chain with it runs.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    schedule: Schedule,
    steps: u64,
    burn_in: u64,
    temperature: f64,
}

/// ε₀λ = 1.3, ε₅₀₀λ = 0.07. From the first update on, which is far off: with its weight it matters.
const POLYNOMIAL: Case = Case {
    name: "polynomial",
    schedule: Schedule::Polynomial { a: 2.0, b: 4.0, gamma: 0.6 },
    steps: 500,
    burn_in: 0,
    temperature: 1.0,
};
/// Updates in a cycle, and those of them that explore.
const CYCLE: u64 = 50;
const EXPLORING: u64 = 20;
const CYCLICAL: Case = Case {
    name: "cyclical",
    schedule: Schedule::Cyclical { initial: 0.8, length: CYCLE, sampling: 0.6 },
    steps: 1000,
    burn_in: CYCLE,
    temperature: 2.0,
};
/// As CYCLICAL, and no update explores.
const CYCLICAL_WITHOUT_EXPLORATION: Case = Case {
    name: "cyclical without exploration",
    schedule: Schedule::Cyclical { initial: 0.8, length: CYCLE, sampling: 1.0 },
    ..CYCLICAL
};

/// What the theory believes of updates: whether they add noise, and their samples' weights.
#[derive(Clone, Copy)]
struct Belief {
    samples: fn(Case, u64) -> bool,
    weight: fn(Case, u64) -> f64,
}

/// Written out rather than asked of the schedule, which is under test.
const RIGHT: Belief = Belief { samples, weight: |case, t| if samples(case, t) { relative_step(case, t) } else { 0.0 } };

fn samples(case: Case, t: u64) -> bool {
    case.name != CYCLICAL.name || t % CYCLE >= EXPLORING
}

/// ε_t/ε₀.
fn relative_step(case: Case, t: u64) -> f64 {
    match case.name {
        "polynomial" => ((4.0 + t as f64) / 4.0).powf(-0.6),
        _ => 0.5 * (1.0 + (std::f64::consts::PI * (t % CYCLE) as f64 / CYCLE as f64).cos()),
    }
}

pub(super) fn tests() -> Vec<Test> {
    let recipes = Recipe::EXACT.into_iter().filter(|recipe| !recipe.memory.is_shared());
    let mut tests: Vec<Test> = recipes.flat_map(tests_of).collect();
    tests.push(Test::new(
        "schedules",
        Recipe::SGLD.name,
        "polynomial: tends to the posterior",
        Half::Quick,
        Expect::Accept,
        consistency,
    ));
    tests
}

/// The tests of this family for one sampler with an affine law, its negative controls included.
pub(crate) fn tests_of(recipe: Recipe) -> Vec<Test> {
    let mut tests = Vec::new();
    for (case, half) in [(POLYNOMIAL, Half::Quick), (CYCLICAL, Half::Quick), (CYCLICAL_WITHOUT_EXPLORATION, Half::Full)]
    {
        let run = move || law(&recipe, recipe.build, case, RIGHT);
        tests.push(Test::new("schedules", recipe.name, case.name, half, Expect::Accept, run));
    }
    for (name, case, wrong) in [
        ("polynomial without weights", POLYNOMIAL, Belief { weight: |_, _| 1.0, ..RIGHT }),
        ("noise while it explores", CYCLICAL, Belief { samples: |_, _| true, ..RIGHT }),
        ("exploration kept", CYCLICAL, Belief { weight: relative_step, ..RIGHT }),
        (
            "cyclical without weights",
            CYCLICAL,
            Belief { weight: |case, t| f64::from(u8::from(samples(case, t))), ..RIGHT },
        ),
    ] {
        let run = move || law(&recipe, recipe.build, case, wrong);
        tests.push(Test::new("schedules", recipe.name, name, Half::Quick, Expect::Reject, run));
    }
    for mutation in SamplerMutation::of(&recipe) {
        let run = move || law(&recipe, &|s, t| mutation.build(&recipe, s, t), CYCLICAL, RIGHT);
        tests.push(Test::new(
            "schedules",
            recipe.name,
            format!("cyclical: {mutation}"),
            Half::Quick,
            Expect::Reject,
            run,
        ));
    }
    tests
}

fn target() -> Gaussian {
    Gaussian { center: array![CENTER], ..Gaussian::diagonal(&[LAMBDA]) }
}

fn law(recipe: &Recipe, build: &dyn Fn(Schedule, f64) -> AnySampler, case: Case, belief: Belief) -> Trial {
    let mut trial = Trial::default();
    let (mean, square) = expected(recipe, case, belief);
    match observe(build(case.schedule, case.temperature), case, Seed::root(3).child(case.name).child(recipe.name)) {
        Ok((means, squares)) => {
            trial.mean("weighted mean", mean, &means);
            trial.mean("weighted mean square about the center", square, &squares);
        }
        Err(error) => trial.require(error, false),
    }
    trial
}

/// E Σwx/Σw and E Σw(x − c)²/Σw over the kept positions.
fn expected(recipe: &Recipe, case: Case, belief: Belief) -> (f64, f64) {
    let (h, b) = (target().precision, target().shift());
    let update = recipe.affine.expect("a sampler with an affine law");
    let first = case.schedule.step_size(0);
    let setting = |t| Setting {
        epsilon: first * relative_step(case, t),
        temperature: case.temperature,
        samples: (belief.samples)(case, t),
        first: t == 0,
        h: &h,
        b: &b,
    };
    let mut moments = Moments::at_rest(update(setting(0)).states());
    let (mut mean, mut square, mut weights) = (0.0, 0.0, 0.0);
    for t in 0..case.steps {
        moments = update(setting(t)).apply(&moments);
        if t + 1 > case.burn_in {
            let weight = (belief.weight)(case, t);
            mean += weight * moments.mean(0);
            square += weight * (moments.product(0, 0) - 2.0 * CENTER * moments.mean(0) + CENTER * CENTER);
            weights += weight;
        }
    }
    (mean / weights, square / weights)
}

/// The weighted averages of the samples, one pair per replicate.
fn observe(sampler: AnySampler, case: Case, seed: Seed) -> Result<(Vec<f64>, Vec<f64>), ChainError> {
    let config = ChainConfig { steps: case.steps, burn_in: case.burn_in, thinning: 1, batch_size: 1 };
    let mut chain = Chain::new(0, target().replicated(COORDINATES), sampler, config, seed, vec![0.0; COORDINATES])?;
    let (mut means, mut squares, mut weights) = (vec![0.0; COORDINATES], vec![0.0; COORDINATES], 0.0);
    for _ in 0..case.steps {
        let Some(Sample { position, weight, .. }) = chain.step()? else { continue };
        weights += weight;
        for (i, &x) in position.iter().enumerate() {
            means[i] += weight * f64::from(x);
            squares[i] += weight * (f64::from(x) - CENTER).powi(2);
        }
    }
    means.iter_mut().chain(&mut squares).for_each(|sum| *sum /= weights);
    Ok((means, squares))
}

/// The exact expectations, which the chains are shown to have, tend to the posterior's mean and variance.
fn consistency() -> Trial {
    let bias = |steps| {
        let case = Case { steps, ..POLYNOMIAL };
        let (mean, square) = expected(&Recipe::SGLD, case, RIGHT);
        ((mean / CENTER - 1.0).abs(), (square * LAMBDA - 1.0).abs())
    };
    let biases = [100, 1_000, 10_000, 100_000].map(bias);
    let mut trial = Trial::default();
    trial.require(
        format!("each is smaller by more than a half: {biases:?}"),
        biases.is_sorted_by(|a, b| a.0 > 1.5 * b.0 && a.1 > 1.5 * b.1),
    );
    // Σε_t grows like t^0.4, and the first updates count less and less against it.
    let rate = biases[3].1 / biases[2].1;
    trial.require(format!("10^-0.4 in the last decade: {rate}"), (rate * 10.0_f64.powf(0.4) - 1.0).abs() < 0.1);
    trial
}
