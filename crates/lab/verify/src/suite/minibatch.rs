//! Chains with minibatches without replacement on conjugate posteriors, against their exact law at every phase of the epoch.
//!
//! The law is enumerated, see [`crate::epoch`]. Left out: SGNHT, whose thermostat has a law of its own with few coordinates
//! and would be shared by replicates that also share a minibatch; and pSGLD, which has no exact law unless frozen, and then
//! each chain has its own, after its first minibatch.

use apd_seed::Seed;
use apd_sgmcmc::{ControlVariate, Schedule, Sghmc};
use ndarray::Array1;

use crate::affine::{self, Affine, Setting};
use crate::any::AnySampler;
use crate::epoch_averages::{self, Averages, Plan};
use crate::minibatch_law::{self, MinibatchLaw};
use crate::mutation::SamplerMutation;
use crate::recipe::Memory;
use crate::target::conjugate::Conjugate;
use crate::{Expect, Half, Recipe, Test, Trial};

/// A posterior with minibatches of `batch` and a step size.
#[derive(Clone, Copy)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) model: fn() -> Conjugate,
    pub(super) batch: usize,
    pub(super) epsilon: f64,
    /// The center of a control variate, if there is one.
    pub(super) center: Option<[f32; 2]>,
}

impl Case {
    /// N.
    fn num_data(&self) -> usize {
        (self.model)().terms.len()
    }
}

const DATA: [f64; 9] = [0.3, 2.9, -1.2, 1.8, 4.4, 0.1, -0.7, 2.2, 1.1];
pub(super) const POINTS: [(f64, f64); 7] =
    [(-1.0, -0.4), (-0.6, 0.9), (-0.1, 0.2), (0.4, 1.6), (0.9, 1.1), (1.3, 2.9), (2.0, 2.4)];

/// Seven numbers in minibatches of two: one is left out of every epoch. ε(N + τ) = 0.8.
const MEAN: Case =
    Case { name: "mean", model: || Conjugate::mean(&DATA[..7], 2.0), batch: 2, epsilon: 0.8 / 9.0, center: None };
/// ε(N + τ) = 0.36: for mutations in what is injected, the minibatches' noise must not be all that there is.
const CONTROL: Case = Case { name: "mean, moderate steps", epsilon: 0.04, ..MEAN };
/// Small steps, for the sampler that knows the gradient's variance.
const MEAN_SMALL_STEPS: Case = Case { name: "mean, small steps", epsilon: 0.015, ..MEAN };
const MEAN_OF_NINE: Case =
    Case { name: "mean of nine", model: || Conjugate::mean(&DATA, 2.0), batch: 3, epsilon: 0.06, center: None };
/// Intercept and slope: here the minibatch's noise depends on θ, so that even the mean is biased, by O(ε).
pub(super) const LINE: Case =
    Case { name: "line", model: || Conjugate::line(&POINTS, 2.0, 1.0), batch: 2, epsilon: 0.03, center: None };
const LINE_BY_THREE: Case = Case { name: "line by three", batch: 3, ..LINE };
/// With little friction the product of minibatch noise and momentum grows without bound at [`LINE`]'s step size.
const LINE_SMALL_STEPS: Case = Case { name: "line, small steps", epsilon: 0.005, ..LINE };
/// The same gradients relative to a center, not far from the posterior's mean.
const LINE_CENTERED: Case = Case { name: "line, control variate", center: Some([1.0, 0.5]), ..LINE };

/// Variance of one gradient of [`MEAN`].
const VARIANCE: f64 = 72.3;

/// SGHMC that makes room for the minibatches' noise.
const SGHMC_MAKING_ROOM: Recipe = making_room::<1>("SGHMC, V = Var ∇Û");

/// SGHMC that thinks that the noise is `PARTS` quarters of what it is.
const fn making_room<const QUARTERS: u32>(name: &'static str) -> Recipe {
    Recipe {
        name,
        build: &|schedule, t| {
            AnySampler::new(Sghmc::new(schedule, t, 0.3).with_gradient_noise(VARIANCE / QUARTERS as f64))
        },
        affine: Some(|setting| {
            let Setting { epsilon, temperature, .. } = setting;
            let room = (0.5 * epsilon).powi(2) * VARIANCE / QUARTERS as f64;
            affine::underdamped(setting, 0.3, temperature * epsilon * 0.3 - room)
        }),
        memory: Memory::Momentum,
    }
}

/// The samplers with a law here.
pub(super) const RECIPES: [Recipe; 4] = [Recipe::SGLD, Recipe::SGHMC, Recipe::BAOAB, Recipe::BAOAB_OVERDAMPED];

/// Independent chains: where they must agree, and where they must not.
const MANY: u32 = 2000;
const FEW: u32 = 1000;

pub(super) fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = RECIPES.into_iter().flat_map(tests_of).collect();
    // With little friction the minibatches' noise, 1/α times as strong, drowns all else but at small steps.
    let little = [(MEAN, 0.0), (MEAN, 1.0), (MEAN_SMALL_STEPS, 1.0), (LINE_SMALL_STEPS, 1.0)];
    tests.extend(little.map(|(case, t)| accepted(Recipe::SGHMC_LITTLE_FRICTION, case, t, Half::Full)));
    tests.extend(making_room_tests());
    tests.extend(wrong_laws());
    tests
}

/// The tests of this family for one sampler with an affine law, its negative controls included.
pub(crate) fn tests_of(recipe: Recipe) -> Vec<Test> {
    // At T = 0 there is the minibatches' noise alone.
    let cases = [
        (MEAN, 0.0, Half::Quick),
        (MEAN, 1.0, Half::Full),
        (MEAN, 2.0, Half::Full),
        (MEAN_SMALL_STEPS, 1.0, Half::Full),
        (MEAN_OF_NINE, 1.0, Half::Full),
        (LINE, 1.0, Half::Quick),
        (LINE, 0.5, Half::Full),
        (LINE_BY_THREE, 1.0, Half::Full),
        (LINE_CENTERED, 1.0, Half::Quick),
        (LINE_CENTERED, 0.0, Half::Full),
    ];
    let mut tests: Vec<Test> = cases.map(|(case, t, half)| accepted(recipe, case, t, half)).into();
    let mut reject = |name: String, factors: [f64; 2], build: Box<Build>| {
        let run = move || {
            let model = Conjugate { factors, ..(CONTROL.model)() };
            compare(CONTROL, model, &build, 2.0, &law(&recipe, CONTROL, 2.0), FEW)
        };
        tests.push(Test::new("minibatch", recipe.name, name, Half::Quick, Expect::Reject, run));
    };
    for mutation in SamplerMutation::of(&recipe) {
        reject(mutation.to_string(), [1.0, 1.0], Box::new(move |s, t| mutation.build(&recipe, s, t)));
    }
    let (n, b) = (CONTROL.num_data() as f64, CONTROL.batch as f64);
    for (name, factors) in [
        ("the mean loss: N dropped", [1.0 / n, 1.0]),
        ("the minibatch's sum: N/B dropped", [b / n, 1.0]),
        ("prior times N/B", [1.0, n / b]),
        ("prior's sign", [1.0, -1.0]),
        ("prior forgotten", [1.0, 0.0]),
        ("data's sign", [-1.0, 1.0]),
    ] {
        reject(name.into(), factors, Box::new(recipe.build));
    }
    tests
}

/// What makes a sampler.
type Build = dyn Fn(Schedule, f64) -> AnySampler + Send + Sync;

fn accepted(recipe: Recipe, case: Case, temperature: f64, half: Half) -> Test {
    let run = move || {
        let theory = law(&recipe, case, temperature);
        compare(case, (case.model)(), recipe.build, temperature, &theory, MANY)
    };
    Test::new("minibatch", recipe.name, format!("{}, T = {temperature}", case.name), half, Expect::Accept, run)
}

/// V, and V with a wrong factor.
fn making_room_tests() -> Vec<Test> {
    let case = MEAN_SMALL_STEPS;
    let row = |recipe: Recipe, name: &str, expect| {
        let theory = move || law(&SGHMC_MAKING_ROOM, case, 1.0);
        let run = move || compare(case, (case.model)(), recipe.build, 1.0, &theory(), MANY);
        Test::new("minibatch", SGHMC_MAKING_ROOM.name, name, Half::Quick, expect, run)
    };
    vec![
        row(SGHMC_MAKING_ROOM, "mean, small steps, T = 1", Expect::Accept),
        row(making_room::<2>(""), "η/2 forgotten in β̂", Expect::Reject),
        row(making_room::<4>(""), "variance of the wrong step size", Expect::Reject),
        row(Recipe::SGHMC, "V ignored", Expect::Reject),
    ]
}

/// The check can tell minibatches without replacement from independent ones, both from none at all, and all from the posterior.
fn wrong_laws() -> Vec<Test> {
    let mut tests = Vec::new();
    for recipe in RECIPES {
        let mut reject = |name: &str, case: Case, wrong: fn(&Recipe, Case) -> MinibatchLaw| {
            let run = move || compare(case, (case.model)(), recipe.build, 1.0, &wrong(&recipe, case), FEW);
            tests.push(Test::new("minibatch", recipe.name, name, Half::Quick, Expect::Reject, run));
        };
        reject("the law of independent minibatches", MEAN, |recipe, case| {
            minibatch_law::independent(case.num_data(), case.batch, 3, update(recipe, case, 1.0))
        });
        reject("the law of full batches", MEAN, |recipe, case| {
            minibatch_law::independent(case.num_data(), case.num_data(), 3, update(recipe, case, 1.0))
        });
        reject("the law of plain gradients", LINE_CENTERED, |recipe, _| law(recipe, LINE, 1.0));
        reject("the law of another center", LINE_CENTERED, |recipe, case| {
            law(recipe, Case { center: Some([0.5, 1.0]), ..case }, 1.0)
        });
    }
    tests
}

/// The exact law of `recipe`.
pub(super) fn law(recipe: &Recipe, case: Case, temperature: f64) -> MinibatchLaw {
    minibatch_law::without_replacement(case.num_data(), case.batch, update(recipe, case, temperature))
}

/// The update that a minibatch makes.
fn update(recipe: &Recipe, case: Case, temperature: f64) -> impl Fn(&[usize]) -> Affine + use<> {
    let model = (case.model)();
    let affine = recipe.affine.expect("a sampler with an affine law");
    move |minibatch: &[usize]| {
        let n = model.terms.len();
        let (h, mut b) = model.estimate(n as f64 / minibatch.len() as f64, minibatch.iter().copied());
        if let Some(center) = case.center {
            // ∇U(c) + ∇Û(θ) − ∇Û(c) = Hθ − (H·c − ∇U(c)), H that of the minibatch.
            let center = Array1::from_iter(center.map(f64::from));
            let (whole, shift) = model.exact();
            b = h.dot(&center) - whole.dot(&center) + shift;
        }
        affine(Setting { epsilon: case.epsilon, temperature, samples: true, first: false, h: &h, b: &b })
    }
}

/// Runs what `build` makes on `model`, and compares it with `theory`.
fn compare(
    case: Case,
    model: Conjugate,
    build: &dyn Fn(Schedule, f64) -> AnySampler,
    temperature: f64,
    theory: &MinibatchLaw,
    chains: u32,
) -> Trial {
    let mut trial = Trial::default();
    match observe(
        case,
        model,
        build,
        temperature,
        Plan { chains, burn_in: theory.settling, epochs: 30, batch: case.batch },
    ) {
        Ok(chains) => epoch_averages::check(&mut trial, &chains, theory),
        Err(error) => trial.require(error, false),
    }
    trial
}

/// Runs what `build` makes on `model`, which is the case's but for a mutation.
pub(super) fn observe(
    case: Case,
    model: Conjugate,
    build: &dyn Fn(Schedule, f64) -> AnySampler,
    temperature: f64,
    plan: Plan,
) -> Result<Vec<Averages>, String> {
    let sampler = || build(Schedule::Constant(case.epsilon), temperature);
    let seed = Seed::root(2).child("minibatch").child(case.name).index(temperature.to_bits());
    let seed = seed.index(case.epsilon.to_bits());
    match case.center {
        None => epoch_averages::observe(&model, &sampler, plan, seed),
        Some(center) => {
            let estimator = ControlVariate::new(model, center.to_vec()).map_err(|error| error.to_string())?;
            epoch_averages::observe(&estimator, &sampler, plan, seed)
        }
    }
}
