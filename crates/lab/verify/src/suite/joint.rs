//! Geweke's test of the joint distribution: θ and data from the prior must look as those of the sampler.
//!
//! A replicate starts with an exact draw of the model, θ from the prior and data given θ. Then, round after round, the sampler moves θ
//! given the data, and new data are drawn given θ. An exact sampler keeps the joint law of (θ, data), so that every function of the
//! two has the same mean at the start and at the end of the replicate, whatever the number of rounds and updates: the replicates
//! are independent, and there is no autocorrelation to account for. Nothing is known or assumed about the posterior.
//!
//! With a step size the law is not kept exactly. Three ways to be strict nevertheless:
//! * the Gaussian models: the law of the *discretized* simulator is known ([`theory`]), also at coarse steps and with minibatches;
//! * at a small step it is near the model's: by less than the Monte Carlo error, as the theory says;
//! * everywhere: the bias extrapolated from two step sizes to 0 must be 0.
//!
//! Reference: Geweke, *Getting it right: joint distribution tests of posterior simulators*, JASA 99, 2004, §3.

use apd_seed::Seed;
use apd_sgmcmc::ChainError;
use rayon::prelude::*;

use crate::model::Model;
use crate::mutation::SamplerMutation;
use crate::recipe::Memory;
use crate::transition::{Estimator, HAMILTONIAN, Mutation, Rule, SIMULATED, Transition};
use crate::{Expect, Half, Recipe, Test, Trial};

mod theory;

use theory::Simulator;

/// The simulator of θ and data.
#[derive(Clone)]
struct Joint {
    model: Model,
    transition: Transition,
    /// Times that θ moves, with new data in between.
    rounds: u64,
    /// Updates of θ each time.
    updates: u64,
    replicates: u64,
}

impl Joint {
    /// What each replicate's functions of (θ, data) are at its end, minus what they were at its start; or why a chain diverged.
    fn differences(&self, seed: Seed) -> Result<Vec<Vec<f64>>, ChainError> {
        let replicate = |r| self.replicate(seed.index(r));
        (0..self.replicates).into_par_iter().map(replicate).collect()
    }

    fn replicate(&self, seed: Seed) -> Result<Vec<f64>, ChainError> {
        let Self { model, transition, .. } = self;
        let data = |round, theta: &[f32]| model.simulate(theta, seed.child("data").index(round));
        let mut theta = model.prior(seed.child("prior"));
        let mut responses = data(0, &theta);
        let start = functions(model, &theta, &responses);
        let mut stale = responses.clone();
        for round in 0..self.rounds {
            if round > 0 {
                stale = std::mem::replace(&mut responses, data(round, &theta));
            }
            let seen = if transition.mutation == Some(Mutation::StaleData) { &stale } else { &responses };
            let noise =
                seed.child("chain").index(if transition.mutation == Some(Mutation::SameNoise) { 0 } else { round });
            let mut draws = transition.draws(model.posterior(seen), noise, &theta, self.updates, 1)?;
            theta = draws.remove(0);
        }
        let end = functions(model, &theta, &responses);
        Ok(end.iter().zip(start).map(|(end, start)| end - start).collect())
    }

    /// The differences' means by the law of the sampler's updates.
    ///
    /// **Panics** unless that is known and the model Gaussian.
    fn theory(&self) -> Vec<f64> {
        let Rule::Stochastic { recipe, epsilon, batch, estimator } = self.transition.rule else {
            panic!("Hamiltonian trajectories are not affine")
        };
        let simulator = Simulator {
            model: &self.model,
            affine: recipe.affine.expect("an affine update"),
            epsilon,
            batch,
            estimator,
            updates: self.updates,
        };
        let dim = self.model.dim();
        let bias = simulator.bias(self.rounds);
        // Nothing here has a mean.
        [vec![0.0; 2 * dim], pairs(2 * dim).map(|(i, j)| bias[[i, j]]).collect()].concat()
    }

    /// The same simulator with half the step, for the same time.
    fn finer(&self) -> Self {
        let mut finer = self.clone();
        if let Rule::Stochastic { epsilon, .. } = &mut finer.transition.rule {
            *epsilon /= 2.0;
        }
        finer.updates *= 2;
        finer
    }

    /// Checks the differences against the law of the discretized simulator.
    fn discretized(&self, seed: Seed) -> Trial {
        self.check(&self.theory(), self.differences(seed))
    }

    /// Checks the differences against the model's own law, of which an exact sampler's are 0.
    fn exact(&self, seed: Seed) -> Trial {
        self.check(&vec![0.0; names(self.model.dim()).len()], self.differences(seed))
    }

    /// As [`exact`](Self::exact), for a step so small that the bias, which is known, is a fraction of the Monte Carlo error.
    fn fine(&self, seed: Seed) -> Trial {
        let differences = self.differences(seed);
        let mut trial = self.check(&vec![0.0; names(self.model.dim()).len()], differences.clone());
        for (i, bias) in self.theory().into_iter().enumerate() {
            let column: Vec<f64> = differences.iter().flatten().map(|row| row[i]).collect();
            let error = (column.iter().map(|x| x * x).sum::<f64>()).sqrt() / column.len() as f64;
            trial.require(format!("bias {bias:.5} beside a standard error of {error:.5}"), bias.abs() < 0.5 * error);
        }
        trial
    }

    /// Checks that the differences, extrapolated to a step of 0, are 0.
    ///
    /// The bias is c·ε + O(ε²) for all samplers: that of 2·D(ε/2) − D(ε) is O(ε²).
    fn extrapolated(&self, seed: Seed) -> Trial {
        // The same data for both: most of their noise cancels.
        let coarse = self.differences(seed);
        let fine = self.finer().differences(seed);
        let extrapolated = fine.and_then(|fine| {
            let row = |(fine, coarse): (Vec<f64>, Vec<f64>)| -> Vec<f64> {
                fine.iter().zip(coarse).map(|(fine, coarse)| 2.0 * fine - coarse).collect()
            };
            Ok(fine.into_iter().zip(coarse?).map(row).collect())
        });
        self.check(&vec![0.0; names(self.model.dim()).len()], extrapolated)
    }

    fn check(&self, theory: &[f64], differences: Result<Vec<Vec<f64>>, ChainError>) -> Trial {
        let mut trial = Trial::default();
        match differences {
            Ok(differences) => {
                for (i, name) in names(self.model.dim()).into_iter().enumerate() {
                    let column: Vec<f64> = differences.iter().map(|row| row[i]).collect();
                    trial.mean(name, theory[i], &column);
                }
            }
            Err(error) => trial.require(error, false),
        }
        trial
    }
}

/// θ, then Xᵀy/N, then all products of two of them.
fn functions(model: &Model, theta: &[f32], responses: &[f64]) -> Vec<f64> {
    let mut values: Vec<f64> = theta.iter().copied().map(f64::from).collect();
    for i in 0..model.dim() {
        let sum: f64 = model.covariates.iter().zip(responses).map(|(x, y)| x[i] * y).sum();
        values.push(sum / model.num_data() as f64);
    }
    let products: Vec<f64> = pairs(values.len()).map(|(i, j)| values[i] * values[j]).collect();
    [values, products].concat()
}

fn pairs(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(move |i| (i..n).map(move |j| (i, j)))
}

/// The functions' names.
fn names(dim: usize) -> Vec<String> {
    let single: Vec<String> = ["θ", "s"].iter().flat_map(|v| (0..dim).map(move |i| format!("{v}{i}"))).collect();
    let products = pairs(2 * dim).map(|(i, j)| format!("{}·{}", single[i], single[j])).collect();
    [single.clone(), products].concat()
}

/// Samplers whose simulator has a known law: a thermostat of one coordinate does not stand still, and a metric that the first
/// gradient sets is no linear function of the data.
fn has_law(recipe: &Recipe) -> bool {
    recipe.affine.is_some() && matches!(recipe.memory, Memory::None | Memory::Momentum)
}

/// A step that is coarse for the Gaussian models, whose greatest curvatures are 12 and 13.
const COARSE: f64 = 0.06;
/// Updates of a [`fine_step`] in which θ all but forgets where it was.
const FORGETS: u64 = 50;

/// A step that is fine for all models: the part of the momentum that an update loses is also the part of the step that the noise
/// of the minibatches has to be compared with.
fn fine_step(recipe: &Recipe) -> f64 {
    if recipe.memory.has_momentum() { 0.004 } else { 0.016 }
}

/// A simulator, and what it is compared with.
struct Row {
    joint: Joint,
    against: &'static str,
    check: fn(&Joint, Seed) -> Trial,
}

impl Row {
    fn test(&self, half: Half, mutation: Option<Mutation>) -> Test {
        let mut joint = self.joint.clone();
        joint.transition.mutation = mutation;
        let batches = joint.transition.batches(&joint.model);
        let settings = format!("{}, {batches}, {}", joint.model.name, self.against);
        let sampler = joint.transition.name();
        let seed = Seed::root(31).child("joint").child(&sampler).child(&settings).index(joint.replicates);
        let check = self.check;
        Test {
            family: "joint",
            sampler,
            case: mutation.map_or(settings.clone(), |mutation| format!("{mutation}: {settings}")),
            half,
            expect: if mutation.is_some() { Expect::Reject } else { Expect::Accept },
            run: Box::new(move || check(&joint, seed)),
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

/// The tests of a sampler with stochastic gradients, and their negative controls.
pub(super) fn tests_of(recipe: Recipe) -> Vec<Test> {
    let row = |model: &Model, epsilon, batch, estimator, updates, replicates, against, check| {
        let rule = Rule::Stochastic { recipe, epsilon, batch, estimator };
        let (model, transition) = (model.clone(), Transition { rule, mutation: None });
        Row { joint: Joint { model, transition, rounds: 3, updates, replicates }, against, check }
    };
    let all = usize::MAX;
    let of_model = &[Mutation::MeanLoss, Mutation::PriorForgotten, Mutation::PriorSign, Mutation::StaleData][..];
    let of_minibatches = &[Mutation::NotScaledUp, Mutation::PriorPerMinibatch][..];
    let mutations: Vec<Mutation> = SamplerMutation::of(&recipe).into_iter().map(Mutation::Sampler).collect();
    // Noise that stays the same only moves θ: for BAOAB by as much, in the mean square, as its law here is wide.
    let but_constant = |&mutation: &Mutation| mutation != Mutation::Sampler(SamplerMutation::RepeatedRow);
    let visible: Vec<Mutation> = mutations.iter().copied().filter(but_constant).chain([Mutation::SameNoise]).collect();

    // The same holds on the line.
    let on_the_line: Vec<Mutation> = mutations
        .iter()
        .copied()
        .filter(|mutation| recipe.name != Recipe::BAOAB.name || but_constant(mutation))
        .collect();

    let mut tests = Vec::new();
    if has_law(&recipe) {
        for (model, batch, estimator, updates, mutations) in [
            // Enough updates for the noise to replace the momentum.
            (Model::mean(), all, Estimator::Plain, 40, visible),
            (Model::line(), all, Estimator::Plain, 40, on_the_line),
            // An epoch.
            (Model::mean(), 2, Estimator::Plain, 4, [of_model, of_minibatches].concat()),
            (Model::line(), 2, Estimator::Plain, 3, [of_model, of_minibatches].concat()),
            (Model::line(), 2, Estimator::ControlVariate, 3, of_model.to_vec()),
            (Model::line(), 2, Estimator::Svrg(2), 3, of_model.to_vec()),
        ] {
            let against = "law of the discretized simulator";
            let row = |replicates| {
                row(
                    &model,
                    COARSE,
                    batch,
                    estimator,
                    updates,
                    replicates,
                    against,
                    Joint::discretized as fn(&_, _) -> _,
                )
            };
            tests.push(row(4_000).accept(Half::Quick));
            // Another friction is the same code.
            let quick = model == Model::mean() && recipe.name != Recipe::SGHMC_LITTLE_FRICTION.name;
            tests.extend(row(4_000).reject(if quick { Half::Quick } else { Half::Full }, &mutations));
            tests.push(row(40_000).accept(Half::Full));
        }
        for model in [Model::mean(), Model::line()] {
            let (epsilon, updates) = (fine_step(&recipe) / 4.0, 4 * FORGETS);
            tests.push(
                row(&model, epsilon, all, Estimator::Plain, updates, 2_000, "fine step", Joint::fine)
                    .accept(Half::Full),
            );
        }
    }
    let of_noise = [
        SamplerMutation::DoubledNoise,
        SamplerMutation::VarianceForDeviation,
        SamplerMutation::NoNoise,
        SamplerMutation::WrongSign,
    ]
    .map(Mutation::Sampler);
    let models = [Model::logistic(), Model::mean(), Model::line()];
    for model in models.into_iter().filter(|model| recipe.memory != Memory::Direction || model.dim() > 1) {
        let row = |estimator, replicates| {
            let against = "extrapolated to a step of 0";
            row(&model, fine_step(&recipe), 2, estimator, FORGETS, replicates, against, Joint::extrapolated)
        };
        let half = if model == Model::logistic() { Half::Quick } else { Half::Full };
        tests.push(row(Estimator::Plain, 4_000).accept(half));
        tests.extend(row(Estimator::Plain, 6_000).reject(half, &of_noise[..1]));
        for estimator in [Estimator::ControlVariate, Estimator::Svrg(3)] {
            tests.push(row(estimator, 4_000).accept(Half::Full));
        }
        if model == Model::logistic() {
            // Where the law of the simulator is known the quick half has these mutations already, and of the others one sampler will do: they are
            // in the potential.
            let half = if recipe.memory == Memory::Metric { half } else { Half::Full };
            // The samplers with momentum take shorter steps here, and show the same mutations less.
            let replicates = if recipe.memory.has_momentum() { 12_000 } else { 4_000 };
            tests.extend(row(Estimator::Plain, replicates).reject(half, &[of_model, of_minibatches].concat()));
            tests.extend(row(Estimator::Plain, 4_000).reject(Half::Full, &of_noise[1..]));
            tests.push(row(Estimator::Plain, 20_000).accept(Half::Full));
        }
    }
    tests
}

/// The tests of HMC and NUTS, which are exact, and their negative controls.
fn hamiltonian() -> Vec<Test> {
    let temperature = Mutation::Sampler(SamplerMutation::DoubledNoise);
    let mutations = [
        temperature,
        Mutation::MeanLoss,
        Mutation::PriorForgotten,
        Mutation::PriorSign,
        Mutation::StaleData,
        Mutation::SameNoise,
    ];
    let mut tests = Vec::new();
    for model in [Model::mean(), Model::line(), Model::logistic()] {
        for trajectory in HAMILTONIAN {
            // Coarse: a tenth and more of the trajectories of HMC are rejected.
            let transition = Transition { rule: Rule::Hamiltonian { trajectory, step: 0.4 }, mutation: None };
            let row = |replicates| {
                let joint = Joint { model: model.clone(), transition, rounds: 3, updates: 3, replicates };
                Row { joint, against: "the model's own law", check: Joint::exact }
            };
            tests.push(row(4_000).accept(Half::Quick));
            tests.extend(row(4_000).reject(Half::Quick, &mutations));
            tests.push(row(40_000).accept(Half::Full));
        }
    }
    tests
}

/// A coarse step's bias is seen: if this were accepted, the laws of the discretized simulators would not be needed.
fn sharpness() -> Test {
    let rule = Rule::Stochastic { recipe: Recipe::SGLD, epsilon: COARSE, batch: 2, estimator: Estimator::Plain };
    let transition = Transition { rule, mutation: None };
    let joint = Joint { model: Model::mean(), transition, rounds: 3, updates: 4, replicates: 40_000 };
    let row = Row { joint, against: "the model's own law", check: Joint::exact };
    let Test { case, run, .. } = row.accept(Half::Quick);
    Test { case: format!("coarse step: {case}"), expect: Expect::Reject, run, ..row.accept(Half::Quick) }
}

/// The family.
pub(super) fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = SIMULATED.into_iter().flat_map(tests_of).collect();
    tests.extend(hamiltonian());
    tests.push(sharpness());
    tests
}
