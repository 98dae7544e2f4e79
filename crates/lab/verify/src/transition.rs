//! The Markov chains under test, as those see them who simulate data: θ moves while the data stay as they are.

use std::convert::Infallible;
use std::fmt;

use apd_seed::Seed;
use apd_sgmcmc::{
    Chain, ChainConfig, ChainError, ControlVariate, FullBatch, HamiltonianChain, HamiltonianConfig, MarkovChain,
    Metric, Potential, Psgld, RunError, Sample, Schedule, Svrg, Trajectory,
};

use crate::any::AnySampler;
use crate::model::{Model, Posterior};
use crate::mutation::SamplerMutation;
use crate::{Memory, Recipe};

/// How gradients are estimated from minibatches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Estimator {
    /// N/B times the sum over the minibatch.
    Plain,
    /// Relative to the position where the chain starts.
    ControlVariate,
    /// Relative to the position of every so manieth update.
    Svrg(u64),
}

/// What a negative control gets wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mutation {
    /// Something in the sampler. (Of a Hamiltonian one: its temperature is twice what it should be.)
    Sampler(SamplerMutation),
    /// The data's part of U divided by N, as in a mean loss.
    MeanLoss,
    /// The data's part of U without N/B.
    NotScaledUp,
    /// The prior's part of U times N/B, as the data's.
    PriorPerMinibatch,
    /// No prior.
    PriorForgotten,
    /// A prior that repels.
    PriorSign,
    /// The gradient of the data of the round before.
    StaleData,
    /// The same random numbers in every round.
    SameNoise,
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sampler(mutation) => return mutation.fmt(f),
            Self::MeanLoss => "a mean loss: N dropped",
            Self::NotScaledUp => "N/B dropped",
            Self::PriorPerMinibatch => "the prior times N/B",
            Self::PriorForgotten => "the prior forgotten",
            Self::PriorSign => "the prior's sign wrong",
            Self::StaleData => "data of the round before",
            Self::SameNoise => "the same noise in every round",
        })
    }
}

/// A sampler with all its settings.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    /// Stochastic gradients: nearly the posterior, for a small step.
    Stochastic {
        /// The sampler.
        recipe: Recipe,
        /// ε.
        epsilon: f64,
        /// B; N or more for full batches.
        batch: usize,
        /// The gradients.
        estimator: Estimator,
    },
    /// Hamiltonian trajectories with a correction: exactly the posterior.
    Hamiltonian {
        /// HMC or NUTS.
        trajectory: Trajectory,
        /// The leapfrog's step, fixed: a step that adapts to the chain leaves no law invariant.
        step: f64,
    },
}

/// The samplers with stochastic gradients that simulations test.
pub(crate) const SIMULATED: [Recipe; 8] = [
    Recipe::SGLD,
    Recipe::SGHMC,
    Recipe::SGHMC_LITTLE_FRICTION,
    Recipe::SGNHT,
    Recipe::BAOAB,
    Recipe::BAOAB_OVERDAMPED,
    Recipe::MCLMC,
    PSGLD_DAMPED,
];

/// Preconditioned SGLD whose metric is nearly constant: G = ε/(1 + √V/100) has the units of the ε of SGLD.
///
/// Its law tends to exp(−U)/G, and √V ≈ 6 (mostly the noise of the minibatches) varies by some 20% over the posteriors of the models
/// here, G thus by 1%: too little to be seen. With less damping pSGLD does not sample the posterior, whatever the step; frozen at its
/// first value, as [`Recipe::PSGLD_FROZEN`], G depends on where a chain starts, which here is a draw that matters.
const PSGLD_DAMPED: Recipe = Recipe {
    name: "pSGLD, λ = 100",
    build: &|schedule, t| {
        let epsilon = 100.0 * schedule.step_size(0);
        AnySampler::new(Psgld::new(Schedule::Constant(epsilon), t, 1).with_damping(100.0))
    },
    affine: None,
    memory: Memory::Metric,
};

/// HMC and NUTS.
pub(crate) const HAMILTONIAN: [Trajectory; 2] =
    [Trajectory::Hmc { length: 0.6, jitter: 0.5, max_steps: 100 }, Trajectory::Nuts { max_depth: 6 }];

/// A [`Rule`], perhaps with a mutation.
#[derive(Clone, Copy)]
pub(crate) struct Transition {
    pub(crate) rule: Rule,
    pub(crate) mutation: Option<Mutation>,
}

impl Transition {
    /// The sampler's name in the table.
    pub(crate) fn name(&self) -> String {
        match self.rule {
            Rule::Stochastic { recipe, estimator: Estimator::Plain, .. } => recipe.name.to_owned(),
            Rule::Stochastic { recipe, estimator: Estimator::ControlVariate, .. } => {
                format!("{} with control variate", recipe.name)
            }
            Rule::Stochastic { recipe, estimator: Estimator::Svrg(_), .. } => format!("{} with SVRG", recipe.name),
            Rule::Hamiltonian { trajectory: Trajectory::Hmc { .. }, .. } => "HMC".to_owned(),
            Rule::Hamiltonian { trajectory: Trajectory::Nuts { .. }, .. } => "NUTS".to_owned(),
        }
    }

    /// What the gradients are made of, for the table.
    pub(crate) fn batches(&self, model: &Model) -> String {
        match self.rule {
            Rule::Stochastic { batch, .. } if batch < model.num_data() => format!("minibatches of {batch}"),
            _ => "full batches".to_owned(),
        }
    }

    /// Factors of the data's and the prior's part of U: 1 and 1, but for a mutation.
    fn factors(&self, terms: usize) -> [f64; 2] {
        let scale = match self.rule {
            Rule::Stochastic { batch, .. } => terms as f64 / batch.min(terms) as f64,
            Rule::Hamiltonian { .. } => 1.0,
        };
        match self.mutation {
            Some(Mutation::MeanLoss) => [1.0 / terms as f64, 1.0],
            Some(Mutation::NotScaledUp) => [1.0 / scale, 1.0],
            Some(Mutation::PriorPerMinibatch) => [1.0, scale],
            Some(Mutation::PriorForgotten) => [1.0, 0.0],
            Some(Mutation::PriorSign) => [1.0, -1.0],
            _ => [1.0, 1.0],
        }
    }

    /// The positions after each `thinning` updates from `initial`, `draws` of them.
    ///
    /// **Errors**: if the chain diverges.
    pub(crate) fn draws(
        &self,
        mut posterior: Posterior<'_>,
        seed: Seed,
        initial: &[f32],
        thinning: u64,
        draws: u64,
    ) -> Result<Vec<Vec<f32>>, ChainError> {
        posterior.factors = self.factors(posterior.num_data());
        match self.rule {
            Rule::Stochastic { recipe, epsilon, batch, estimator } => {
                let schedule = Schedule::Constant(epsilon);
                let sampler = match self.mutation {
                    Some(Mutation::Sampler(mutation)) => mutation.build(&recipe, schedule, 1.0),
                    _ => (recipe.build)(schedule, 1.0),
                };
                let config = ChainConfig { steps: thinning * draws, burn_in: 0, thinning, batch_size: batch };
                let potential: Box<dyn Potential + '_> = match estimator {
                    Estimator::Plain => Box::new(posterior),
                    Estimator::ControlVariate => Box::new(ControlVariate::new(posterior, initial.to_vec())?),
                    Estimator::Svrg(every) => Box::new(Svrg::new(posterior, every)?),
                };
                kept(&mut Chain::new(0, potential, sampler, config, seed, initial.to_vec())?)
            }
            Rule::Hamiltonian { trajectory, step } => {
                let config = HamiltonianConfig {
                    trajectory,
                    temperature: if matches!(self.mutation, Some(Mutation::Sampler(_))) { 2.0 } else { 1.0 },
                    metric: Metric::Identity,
                    ..HamiltonianConfig::nuts(0, thinning * draws)
                };
                // A new chain looks for a step size that fits its first position.
                let potential = || FullBatch::new(posterior);
                let mut state = HamiltonianChain::new(0, potential(), config, seed, initial.to_vec())?.state();
                state.step_size = step;
                let all = kept(&mut HamiltonianChain::resume(potential(), config, seed, state)?)?;
                Ok(all.into_iter().skip(thinning as usize - 1).step_by(thinning as usize).collect())
            }
        }
    }
}

/// What the chain keeps, in single precision.
fn kept<C: MarkovChain<Scalar: Copy + Into<f64>>>(chain: &mut C) -> Result<Vec<Vec<f32>>, ChainError> {
    let mut kept = Vec::new();
    let ended = chain.run(&mut |sample: Sample<'_, C::Scalar>| {
        kept.push(sample.position.iter().map(|&x| x.into() as f32).collect());
        Ok::<(), Infallible>(())
    });
    match ended {
        Ok(_) => Ok(kept),
        Err(RunError::Chain(error)) => Err(error),
        Err(RunError::Sink { cause, .. }) => match cause {},
    }
}
