//! Simulation-based calibration: the parameter behind the data must look like one more draw from the posterior.
//!
//! θ* is drawn from the prior, data given θ*, and the sampler draws θ₁ … θ_L given the data. If it is right, θ* and the draws have one
//! law given the data, so that the rank of f(θ*) among the f(θ_l) is uniform on 0 … L for every f, which may depend on the data too.
//! Draws that are too narrow show as ranks at the ends, too wide ones in the middle. θ's own rank cannot see a sampler that forgets
//! the data and draws from the prior; that of the log likelihood can.
//!
//! The ranks are uniform only where θ* and the draws are exchangeable, which the draws of a chain are not by themselves:
//! * HMC and NUTS are exactly reversible. θ* is given a random place in the chain, which runs from there forwards and backwards;
//!   every order of the chain is then as likely, however near its draws are to each other. Nothing is approximate.
//! * Stochastic gradients: the chain starts at θ*, which is a draw from its posterior, and its draws are so many updates apart that
//!   they, and θ*, are nearly independent. What is left of a correlation ρ changes the expected counts by a part of order ρ,
//!   and so does a relative bias δ of the posterior's variance; the χ² of n ranks grows by about n·(ρ + δ)²/4. With ρ and δ of some
//!   percent and n = 1000 that is less than 1, where a rejection needs 60 more than there should be.
//!
//! References: Talts, Betancourt, Simpson, Vehtari & Gelman, *Validating Bayesian inference algorithms with simulation-based
//! calibration*, arXiv 1804.06788, 2018, algorithm 1; the random place: Gandy & Scott, *Unit testing for MCMC and other Monte Carlo
//! methods*, arXiv 2001.06465, 2020, §3.2; data-dependent f: Modrák et al., *Simulation-based calibration checking for Bayesian
//! computation: the choice of test quantities shapes sensitivity*, Bayesian Analysis 2023.

use apd_seed::Seed;
use apd_sgmcmc::ChainError;
use rayon::prelude::*;

use crate::model::Model;
use crate::mutation::SamplerMutation;
use crate::sbc::rank;
use crate::transition::{Estimator, HAMILTONIAN, Mutation, Rule, SIMULATED, Transition};
use crate::{Expect, Half, Memory, Recipe, Test, Trial};

/// Draws L per simulation: ranks 0 … 19, a cell each.
const DRAWS: u64 = 19;

/// Simulations of one model.
#[derive(Clone)]
struct Calibration {
    model: Model,
    transition: Transition,
    /// Updates from one draw to the next.
    thinning: u64,
    simulations: u64,
}

impl Calibration {
    /// How often each rank occurred, for each of the [`quantities`].
    fn ranks(&self, seed: Seed) -> Result<Vec<Vec<u64>>, ChainError> {
        let all: Vec<Vec<usize>> =
            (0..self.simulations).into_par_iter().map(|i| self.simulate(seed.index(i))).collect::<Result<_, _>>()?;
        let mut counts = vec![vec![0; DRAWS as usize + 1]; all[0].len()];
        for (quantity, &rank) in all.iter().flat_map(|ranks| ranks.iter().enumerate()) {
            counts[quantity][rank] += 1;
        }
        Ok(counts)
    }

    /// The ranks of one simulation's θ*.
    fn simulate(&self, seed: Seed) -> Result<Vec<usize>, ChainError> {
        let Self { model, transition, thinning, .. } = self;
        let truth = model.prior(seed.child("prior"));
        let responses = model.simulate(&truth, seed.child("data"));
        let stale = model.simulate(&model.prior(seed.child("other prior")), seed.child("other data"));
        let seen = if transition.mutation == Some(Mutation::StaleData) { &stale } else { &responses };
        let posterior = model.posterior(seen);
        let mut ties = seed.child("ties").stream();
        let draws = match transition.rule {
            Rule::Stochastic { .. } => transition.draws(posterior, seed.child("chain"), &truth, *thinning, DRAWS)?,
            Rule::Hamiltonian { .. } => {
                let before = u64::from(ties.below(DRAWS as u32 + 1));
                let past = transition.draws(posterior, seed.child("past"), &truth, *thinning, before)?;
                let future = transition.draws(posterior, seed.child("future"), &truth, *thinning, DRAWS - before)?;
                [past, future].concat()
            }
        };
        let draws: Vec<Vec<f64>> = draws.iter().map(|theta| quantities(model, theta, &responses)).collect();
        let rank = |(i, truth): (usize, f64)| rank(truth, draws.iter().map(|draw| draw[i]), &mut ties);
        Ok(quantities(model, &truth, &responses).into_iter().enumerate().map(rank).collect())
    }

    /// Checks that the ranks are uniform.
    fn check(&self, seed: Seed) -> Trial {
        let mut trial = Trial::default();
        match self.ranks(seed) {
            Ok(counts) => {
                let mut names: Vec<String> = (0..self.model.dim()).map(|i| format!("rank of θ{i}")).collect();
                names.extend(["rank of ‖θ‖²".to_owned(), "rank of the log likelihood".to_owned()]);
                for (name, counts) in names.iter().zip(&counts) {
                    trial.uniform(name, counts);
                }
            }
            Err(error) => trial.require(error, false),
        }
        trial
    }

    fn test(&self, half: Half, mutation: Option<Mutation>) -> Test {
        let mut calibration = self.clone();
        calibration.transition.mutation = mutation;
        let settings = format!("{}, {}", self.model.name, self.transition.batches(&self.model));
        let sampler = self.transition.name();
        let seed = Seed::root(32).child("calibration").child(&sampler).child(&settings).index(self.simulations);
        Test {
            family: "calibration",
            sampler,
            case: mutation.map_or(settings.clone(), |mutation| format!("{mutation}: {settings}")),
            half,
            expect: if mutation.is_some() { Expect::Reject } else { Expect::Accept },
            run: Box::new(move || calibration.check(seed)),
        }
    }

    /// The test.
    fn accept(&self, half: Half) -> Test {
        self.test(half, None)
    }

    /// Its negative controls.
    fn reject(&self, half: Half, mutations: &[Mutation]) -> impl Iterator<Item = Test> {
        mutations.iter().map(move |&mutation| self.test(half, Some(mutation)))
    }
}

/// θ, ‖θ‖² and the log likelihood.
fn quantities(model: &Model, theta: &[f32], responses: &[f64]) -> Vec<f64> {
    let mut values: Vec<f64> = theta.iter().copied().map(f64::from).collect();
    values.push(values.iter().map(|x| x * x).sum());
    values.push(model.log_likelihood(responses, theta));
    values
}

/// ε of a chain whose bias is a few percent, and the updates in which a correlation falls to a few percent.
///
/// A deviation from the posterior's mean decays like exp(−ελt/2) in t updates of SGLD, with the curvature λ: 12 for the mean, 10 and
/// 13 for the line, and at least 4 for most logistic posteriors.
fn pace(recipe: &Recipe, model: &Model) -> (f64, u64) {
    let slowest = if *model == Model::logistic() { 4.0 } else { 10.0 };
    // Momentum moves by 1/α times the step per update, and that is what the bias goes by.
    let (epsilon, speed) = if recipe.memory.has_momentum() { (0.0015, 3.0) } else { (0.005, 1.0) };
    // exp(−3) = 5%.
    (epsilon, (3.0 * 2.0 / (epsilon * speed * slowest)).ceil() as u64)
}

/// The tests of a sampler with stochastic gradients, and their negative controls.
pub(super) fn tests_of(recipe: Recipe) -> Vec<Test> {
    let first = [Mutation::Sampler(SamplerMutation::DoubledNoise), Mutation::PriorForgotten, Mutation::NotScaledUp];
    let others = [
        Mutation::Sampler(SamplerMutation::VarianceForDeviation),
        Mutation::Sampler(SamplerMutation::NoNoise),
        Mutation::Sampler(SamplerMutation::HalfMissing),
        Mutation::Sampler(SamplerMutation::WrongSign),
        Mutation::MeanLoss,
        Mutation::PriorSign,
        Mutation::PriorPerMinibatch,
        Mutation::StaleData,
    ];
    let mut tests = Vec::new();
    let models = [Model::mean(), Model::line(), Model::logistic()];
    for model in models.into_iter().filter(|model| recipe.memory != Memory::Direction || model.dim() > 1) {
        let (epsilon, thinning) = pace(&recipe, &model);
        let calibration = |estimator| {
            let rule = Rule::Stochastic { recipe, epsilon, batch: 2, estimator };
            Calibration {
                model: model.clone(),
                transition: Transition { rule, mutation: None },
                thinning,
                simulations: 1_000,
            }
        };
        let half = if model == Model::mean() { Half::Quick } else { Half::Full };
        let plain = calibration(Estimator::Plain);
        tests.push(plain.accept(half));
        tests.extend(plain.reject(half, &first));
        if model == Model::mean() {
            tests.extend(plain.reject(Half::Full, &others));
        }
        tests.push(calibration(Estimator::ControlVariate).accept(Half::Full));
        tests.push(calibration(Estimator::Svrg(4)).accept(Half::Full));
    }
    tests
}

/// The tests of HMC and NUTS, and their negative controls.
fn hamiltonian() -> Vec<Test> {
    let temperature = Mutation::Sampler(SamplerMutation::DoubledNoise);
    let mutations =
        [temperature, Mutation::MeanLoss, Mutation::PriorForgotten, Mutation::PriorSign, Mutation::StaleData];
    let mut tests = Vec::new();
    for model in [Model::mean(), Model::line(), Model::logistic()] {
        for trajectory in HAMILTONIAN {
            let transition = Transition { rule: Rule::Hamiltonian { trajectory, step: 0.4 }, mutation: None };
            let calibration = |simulations| Calibration { model: model.clone(), transition, thinning: 3, simulations };
            tests.push(calibration(2_000).accept(Half::Quick));
            tests.extend(calibration(2_000).reject(Half::Quick, &mutations));
            tests.push(calibration(20_000).accept(Half::Full));
        }
    }
    tests
}

/// The family.
///
/// SGHMC with little friction and overdamped BAOAB are left out: the one is too much heated by minibatches at a step at which the
/// other is fast enough, and their laws are tested exactly elsewhere.
pub(super) fn tests() -> Vec<Test> {
    let left_out = [Recipe::SGHMC_LITTLE_FRICTION.name, Recipe::BAOAB_OVERDAMPED.name];
    let mut tests: Vec<Test> =
        SIMULATED.into_iter().filter(|recipe| !left_out.contains(&recipe.name)).flat_map(tests_of).collect();
    tests.extend(hamiltonian());
    tests
}
