//! What must scale with the temperature and the data, and what must not depend on the order of data and parameters.
//!
//! Left out: SGNHT, for whose few coordinates there is no law; and where there are minibatches those that [`super::minibatch`]
//! leaves out.

use apd_seed::Seed;
use apd_sgmcmc::Schedule;
use ndarray::{Array1, Array2};

use super::minibatch::{self, Case, LINE, POINTS};
use crate::affine::{Affine, Setting};
use crate::any::AnySampler;
use crate::epoch_averages::{self, Averages, Plan};
use crate::mutation::SamplerMutation;
use crate::replicates::{Experiment, Replicates, Statistic};
use crate::target::conjugate::Conjugate;
use crate::target::gaussian::Gaussian;
use crate::{Expect, Half, Recipe, Test, Trial};

/// Step size on the Gaussians.
const EPSILON: f64 = 0.3;
const TEMPERATURES: [f64; 3] = [1.0, 0.5, 4.0];
/// The order that parameters are put into.
const ORDER: [usize; 3] = [2, 0, 1];

/// Four points, each twice, in minibatches of four, under a weak prior.
const TWICE: Case = Case { name: "line, twice", model: twice, batch: 4, epsilon: 0.01, center: None };

fn twice() -> Conjugate {
    let points: Vec<(f64, f64)> = POINTS.into_iter().step_by(2).flat_map(|point| [point, point]).collect();
    Conjugate::line(&points, 2.0, 0.5)
}

pub(super) fn tests() -> Vec<Test> {
    let of_gaussians = Recipe::EXACT.into_iter().filter(|recipe| !recipe.memory.is_shared());
    of_gaussians.flat_map(temperature_and_parameters).chain(minibatch::RECIPES.into_iter().flat_map(data)).collect()
}

/// What must scale with the temperature, and move with the parameters: full batches.
fn temperature_and_parameters(recipe: Recipe) -> Vec<Test> {
    let accept = |case: &str, run: fn(&Recipe) -> Trial| {
        Test::new("scaling", recipe.name, case, Half::Quick, Expect::Accept, move || run(&recipe))
    };
    let reject = |case: &str, run: fn(&Recipe) -> Trial| {
        Test::new("scaling", recipe.name, case, Half::Quick, Expect::Reject, move || run(&recipe))
    };
    let mut tests = vec![
        accept("covariance ∝ T", |recipe| temperatures(recipe, recipe.build)),
        reject("T² for T", |recipe| temperatures(recipe, &|s, t| (recipe.build)(s, t * t))),
        reject("T ignored", |recipe| temperatures(recipe, &|s, _| (recipe.build)(s, 1.0))),
        accept("parameters in another order", |recipe| parameters(recipe, ORDER)),
        reject("parameters in the wrong order", |recipe| parameters(recipe, [0, 1, 2])),
    ];
    for mutation in SamplerMutation::of(&recipe) {
        let run = move || temperatures(&recipe, &|s, t| mutation.build(&recipe, s, t));
        tests.push(Test::new(
            "scaling",
            recipe.name,
            format!("covariance ∝ T: {mutation}"),
            Half::Full,
            Expect::Reject,
            run,
        ));
    }
    tests
}

/// What must scale with the data, and not depend on their order: minibatches.
fn data(recipe: Recipe) -> Vec<Test> {
    let accept = |case: &str, run: fn(&Recipe) -> Trial| {
        Test::new("scaling", recipe.name, case, Half::Quick, Expect::Accept, move || run(&recipe))
    };
    let reject = |case: &str, run: fn(&Recipe) -> Trial| {
        Test::new("scaling", recipe.name, case, Half::Quick, Expect::Reject, move || run(&recipe))
    };
    vec![
        accept("every datum twice", |recipe| duplicated(recipe, twice())),
        reject("every datum twice, one of them lost", |recipe| duplicated(recipe, one_lost())),
        reject("every datum twice, with a prior each", |recipe| {
            let model = twice();
            duplicated(recipe, Conjugate { factors: [1.0, model.terms.len() as f64], ..model })
        }),
        accept("data in another order", |recipe| {
            let mut model = (LINE.model)();
            model.terms.reverse();
            rearranged(recipe, model)
        }),
        reject("responses in another order", |recipe| rearranged(recipe, responses_moved_on())),
    ]
}

/// [`twice`], but the second of each pair says nothing.
fn one_lost() -> Conjugate {
    let mut model = twice();
    for (a, b) in model.terms.iter_mut().skip(1).step_by(2) {
        a.fill(0.0);
        b.fill(0.0);
    }
    model
}

/// [`LINE`]'s data, each response with the next covariate.
fn responses_moved_on() -> Conjugate {
    let responses = POINTS.iter().cycle().skip(1).map(|&(_, y)| y);
    let points: Vec<(f64, f64)> = POINTS.iter().zip(responses).map(|(&(x, _), y)| (x, y)).collect();
    Conjugate { terms: Conjugate::line(&points, 2.0, 1.0).terms, ..(LINE.model)() }
}

/// The law of full-batch updates.
fn law(recipe: &Recipe, target: &Gaussian, temperature: f64) -> Affine {
    let (h, b) = (&target.precision, &target.shift());
    let setting = Setting { epsilon: EPSILON, temperature, samples: true, first: false, h, b };
    recipe.affine.expect("a sampler with an affine law")(setting)
}

/// Runs what `build` makes on `target`.
fn observe(
    build: &dyn Fn(Schedule, f64) -> AnySampler,
    target: &Gaussian,
    temperature: f64,
    law: &Affine,
) -> Result<Replicates, String> {
    let experiment = Experiment {
        sampler: &|| build(Schedule::Constant(EPSILON), temperature),
        target: &target.clone().replicated(4096),
        chains: &[0, 1],
        burn_in: law.settling(1e-5),
        kept: 50,
        pooled: false,
        seed: Seed::root(5).child("scaling").index(temperature.to_bits()),
    };
    experiment.run(target.center.as_slice().expect("a vector in one piece"))
}

/// Covariances at three temperatures against their exact laws, and against each other.
fn temperatures(recipe: &Recipe, build: &dyn Fn(Schedule, f64) -> AnySampler) -> Trial {
    let (mut trial, target) = (Trial::default(), Gaussian::plane());
    let mut first: Option<Replicates> = None;
    for temperature in TEMPERATURES {
        let law = law(recipe, &target, temperature);
        let replicates = match observe(build, &target, temperature, &law) {
            Ok(replicates) => replicates,
            Err(error) => {
                trial.require(error, false);
                continue;
            }
        };
        replicates.check_moments(&mut trial, &law);
        let Some(first) = &first else {
            first = Some(replicates);
            continue;
        };
        let statistics = Statistic::all(target.block()).into_iter().zip(&first.averages).zip(&replicates.averages);
        for ((statistic, ones), others) in
            statistics.filter(|((statistic, _), _)| !matches!(statistic, Statistic::Mean(_)))
        {
            let differences: Vec<f64> = ones.iter().zip(others).map(|(one, other)| other / temperature - one).collect();
            trial.mean(format!("{statistic:?} at T = {temperature} over T, and at 1"), 0.0, &differences);
        }
    }
    trial
}

/// A Gaussian whose parameters are in the order [`ORDER`]: its moments are the original's, in the order `believed`.
fn parameters(recipe: &Recipe, believed: [usize; 3]) -> Trial {
    let original = Gaussian::space();
    let target = Gaussian {
        precision: Array2::from_shape_fn((3, 3), |(i, j)| original.precision[[ORDER[i], ORDER[j]]]),
        center: Array1::from_shape_fn(3, |i| original.center[ORDER[i]]),
        blocks: 1,
    };
    let law = law(recipe, &original, 1.0);
    let moments = law.stationary();
    let mut trial = Trial::default();
    match observe(recipe.build, &target, 1.0, &law) {
        Ok(replicates) => {
            for (statistic, averages) in Statistic::all(3).into_iter().zip(&replicates.averages) {
                let original = match statistic {
                    Statistic::Mean(i) => Statistic::Mean(believed[i]),
                    Statistic::Covariance(i, j) => Statistic::Covariance(believed[i], believed[j]),
                    Statistic::Lagged(i, lag) => Statistic::Lagged(believed[i], lag),
                };
                trial.mean(format!("{statistic:?}"), original.theory(&law, &moments), averages);
            }
        }
        Err(error) => trial.require(error, false),
    }
    trial
}

/// With every datum twice, and hardly a prior, the posterior has half the covariance; and chains have the law that belongs to it.
fn duplicated(recipe: &Recipe, model: Conjugate) -> Trial {
    let doubled = twice();
    let single = Conjugate { terms: doubled.terms.iter().step_by(2).cloned().collect(), ..twice() };
    let ((_, once), (_, half)) = (single.posterior(), doubled.posterior());
    let mut trial = Trial::default();
    for i in 0..2 {
        // (A + τ/2)⁻¹ against (A + τ)⁻¹: relatively at most τ/2 times the largest eigenvalue of the first, which is below twice
        // the trace of the second.
        let excess = 2.0 * half[[i, i]] / once[[i, i]] - 1.0;
        trial.require(
            format!("half the variance: {excess} more"),
            (0.0..=doubled.tau * once.diag().sum()).contains(&excess),
        );
    }
    compare(&mut trial, recipe, TWICE, model);
    trial
}

/// The order of the data makes no difference to the law, and so none between chains on data in two orders.
fn rearranged(recipe: &Recipe, model: Conjugate) -> Trial {
    let mut trial = Trial::default();
    let moved = compare(&mut trial, recipe, LINE, model);
    let original = compare(&mut trial, recipe, LINE, (LINE.model)());
    if moved.is_empty() || original.is_empty() {
        return trial;
    }
    let center = minibatch::law(recipe, LINE, 1.0).phases[0].clone();
    for (i, j) in [(0, 0), (0, 1), (1, 1)] {
        let of = |chains: &[Averages]| epoch_averages::products(chains, 0, (i, center.mean(i)), (j, center.mean(j)));
        // Chains of one number see the same minibatches of other data: they are compared in pairs.
        let differences: Vec<f64> = of(&moved).iter().zip(of(&original)).map(|(a, b)| a - b).collect();
        trial.mean(format!("covariance {i} {j} in two orders"), 0.0, &differences);
    }
    trial
}

/// Checks chains on `model` against the exact law of the case's own, and returns them.
fn compare(trial: &mut Trial, recipe: &Recipe, case: Case, model: Conjugate) -> Vec<Averages> {
    let theory = minibatch::law(recipe, case, 1.0);
    let plan = Plan { chains: 1000, burn_in: theory.settling, epochs: 30, batch: case.batch };
    match minibatch::observe(case, model, recipe.build, 1.0, plan) {
        Ok(chains) => {
            epoch_averages::check(trial, &chains, &theory);
            chains
        }
        Err(error) => {
            trial.require(error, false);
            Vec::new()
        }
    }
}
