//! From data to a fitted model.

use std::sync::{Arc, OnceLock};

use apd_bnn::prior::Gaussian;
use apd_bnn::{Likelihood, LikelihoodConfig, NetworkPotential, PriorConfig};
use apd_data::{Examples, Targets};
use apd_nn::{Model, Network};
use apd_points::Layout;
use apd_seed::Seed;
use ndarray::{Array2, ArrayView2, Axis, concatenate, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::context::Stage;
use crate::fitted::{self, Description, Fitted, Mixing};
use crate::sampling::Sampling;
use crate::{Context, Error, FitSampler, Prior, Scaling, fingerprint, stored};

/// Training rows whose statistics batch normalization divides by in predictions.
const CALIBRATION: usize = 256;
/// Fewest draws of a chain.
const FEWEST_DRAWS: u64 = 4;
/// Times that chains with a goal are compared.
const ROUNDS: u64 = 8;

/// How a posterior is sampled and distilled; the defaults are for tables of up to some thousand rows.
///
/// Each chain starts at a network of its own, trained by Adam, and goes on by a sampler at temperature 1. The chains run in parallel, and the
/// result does not depend on the number of threads.
///
/// **Where it fails**: with all samplers but [`FitSampler::Langevin`] every step needs all rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fit {
    /// Chains.
    pub chains: u32,
    /// Steps of Adam before each chain.
    pub training_steps: u64,
    /// How each chain goes on from there.
    pub sampler: FitSampler,
    /// The prior of the weights.
    pub prior: PriorConfig,
    /// Share of the samples' bytes that is kept; at least 32 networks are.
    pub share: f64,
    /// The goal: so many effective samples of predictions, in the median over training rows, at which the chains end. It is looked at after each eighth
    /// of the draws, and is no matter for a chain that is a job of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ess: Option<f64>,
}

impl Default for Fit {
    /// Six chains of 200 draws; the prior N(0, 1), wide enough for functions that are not smooth.
    fn default() -> Self {
        Self {
            chains: 6,
            training_steps: 1_000,
            sampler: FitSampler::microcanonical(4_000, 200, 20),
            prior: PriorConfig::Gaussian(Gaussian::isotropic(1.0)),
            share: 0.015,
            until_ess: None,
        }
    }
}

impl Fit {
    /// Samples the posterior of `network` given `examples`, and distills it.
    ///
    /// Numbers are standardized but for counts ([`LikelihoodConfig::Poisson`]); predictions are in the target's own units again.
    ///
    /// **Errors**: settings, data, network and likelihood that do not fit together; a chain that diverges.
    pub fn run(
        &self,
        network: &Network,
        likelihood: LikelihoodConfig,
        examples: &Examples,
        seed: Seed,
    ) -> Result<Fitted, Error> {
        Ok(self.sample_network(network, likelihood, examples, seed, &Context::default())?.fitted)
    }

    /// As [`run`](Self::run), of any network and likelihood; numbers are taken as they are.
    ///
    /// The file that [`Fitted::save`] writes then lacks these two, and [`load_with`](crate::load_with) asks for them.
    ///
    /// **Errors**: as [`run`](Self::run).
    pub fn run_with(
        &self,
        model: &dyn Model,
        likelihood: Arc<dyn Likelihood>,
        examples: &Examples,
        seed: Seed,
    ) -> Result<Fitted, Error> {
        Ok(self.sample(model, likelihood, examples, None, seed, &Context::default())?.fitted)
    }

    /// As [`run`](Self::run), with the samples.
    pub(crate) fn sample_network(
        &self,
        network: &Network,
        likelihood: LikelihoodConfig,
        examples: &Examples,
        seed: Seed,
        context: &Context<'_>,
    ) -> Result<Sampled, Error> {
        let scaling = scaling(likelihood, examples);
        let mut sampled = self.sample(network, likelihood.build(), examples, scaling, seed, context)?;
        sampled.fitted.description.network = Some(network.clone());
        sampled.fitted.description.likelihood = Some(likelihood);
        Ok(sampled)
    }

    /// Samples chain `number` alone, of those that [`sample_network`](Self::sample_network) samples, and leaves its checkpoint: chains are jobs of
    /// their own, wherever they run, and a fit that finds the checkpoints of all of them samples no more.
    pub(crate) fn sample_chain(
        &self,
        number: u32,
        network: &Network,
        likelihood: LikelihoodConfig,
        examples: &Examples,
        seed: Seed,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        let setting = |name, value: String, expected| Err(Error::Setting { name, value, expected });
        if number >= self.chains {
            return setting("chain", number.to_string(), "less than the number of chains");
        }
        if context.checkpoints.is_none() {
            return setting("checkpoints", "none".to_owned(), "a folder: it is all that a chain alone leaves");
        }
        let scaling = scaling(likelihood, examples);
        let Prepared { potential, fingerprint, .. } =
            self.prepare(network, likelihood.build(), examples, scaling.as_ref(), seed)?;
        context.progress.begin(Stage::Sample.of(self.training_steps + self.sampler.steps()));
        let mut chain = self.begin(number, potential, &fingerprint, seed, context)?;
        chain.run_to(self.sampler.draws(), calibration(examples), &fingerprint, context)
    }

    /// What all chains share.
    fn prepare(
        &self,
        model: &dyn Model,
        likelihood: Arc<dyn Likelihood>,
        examples: &Examples,
        scaling: Option<&Scaling>,
        seed: Seed,
    ) -> Result<Prepared, Error> {
        let draws = self.sampler.draws();
        if self.chains == 0 || draws < FEWEST_DRAWS {
            let (name, value) = if self.chains == 0 { ("chains", 0) } else { ("draws", draws) };
            return Err(Error::Setting { name, value: value.to_string(), expected: "at least 1 chain of 4 draws" });
        }
        if let Some(goal) = self.until_ess.filter(|&goal| !(goal > 0.0 && goal.is_finite())) {
            return Err(Error::Setting { name: "until_ess", value: goal.to_string(), expected: "a number above 0" });
        }
        let layout = fitted::layout(model, &*likelihood);
        // Neither other chains nor further draws change what a chain has sampled so far.
        let of_chain = (self.training_steps, self.sampler.with_draws(0), &self.prior);
        let fingerprint = fingerprint::of(&(of_chain, &layout, format!("{likelihood:?}"), seed), examples);
        let prior: Arc<dyn Prior> = self.prior.build();
        let potential = NetworkPotential::new(model, Scaling::data(scaling, examples), likelihood, prior)?;
        Ok(Prepared { potential, layout, fingerprint })
    }

    fn begin(
        &self,
        number: u32,
        potential: NetworkPotential,
        fingerprint: &str,
        seed: Seed,
        context: &Context<'_>,
    ) -> Result<Sampling, Error> {
        Sampling::begin(number, potential, self.training_steps, self.sampler, seed, fingerprint, context)
    }

    /// Runs the chains to the goal, or to their end: the draws that each has then, and how far they agree.
    fn run_chains(
        &self,
        chains: &mut [Sampling],
        model: &dyn Model,
        likelihood: &dyn Likelihood,
        examples: &Examples,
        fingerprint: &str,
        context: &Context<'_>,
    ) -> Result<(u64, Mixing), Error> {
        let most = self.sampler.draws();
        let rounds = if self.until_ess.is_some() { ROUNDS } else { 1 };
        let mut round = 1;
        loop {
            let draws = (most * round / rounds).max(FEWEST_DRAWS);
            let run = |chain: &mut Sampling| chain.run_to(draws, calibration(examples), fingerprint, context);
            chains.par_iter_mut().with_max_len(1).try_for_each(run)?;
            let views: Vec<_> = chains.iter().map(|chain| chain.draws(draws)).collect();
            let mixing = Mixing::of(&views, model, likelihood, examples.inputs.view())?;
            if round == rounds || self.until_ess.is_some_and(|goal| mixing.ess_median >= goal) {
                return Ok((draws, mixing));
            }
            round += 1;
        }
    }

    fn sample(
        &self,
        model: &dyn Model,
        likelihood: Arc<dyn Likelihood>,
        examples: &Examples,
        scaling: Option<Scaling>,
        seed: Seed,
        context: &Context<'_>,
    ) -> Result<Sampled, Error> {
        let Prepared { potential, layout, fingerprint } =
            self.prepare(model, likelihood.clone(), examples, scaling.as_ref(), seed)?;
        let steps = u64::from(self.chains) * (self.training_steps + self.sampler.steps());
        context.progress.begin(Stage::Sample.of(steps));
        let potentials: Vec<_> = (0..self.chains).map(|number| (number, potential.clone())).collect();
        let mut chains = potentials
            .into_par_iter()
            .with_max_len(1)
            .map(|(number, potential)| self.begin(number, potential, &fingerprint, seed, context))
            .collect::<Result<Vec<Sampling>, _>>()?;
        let (draws, mixing) = self.run_chains(&mut chains, model, &*likelihood, examples, &fingerprint, context)?;
        context.progress.begin(Stage::Distill.of(1));
        let chains: Vec<_> = chains.iter().map(|chain| chain.draws(draws)).collect();
        let bank = concatenate(Axis(0), &chains).expect("chains of one network");
        let posterior = stored::nearest(&bank, self.share, model, &*likelihood, examples.inputs.view(), seed)?;
        let fitted = Fitted {
            model: model.clone_model(),
            likelihood,
            posterior,
            layout,
            seed: seed.child("predict"),
            description: Description {
                version: fitted::VERSION,
                network: None,
                likelihood: None,
                scaling,
                classes: match &examples.targets {
                    Targets::Classes { names, .. } => Some(names.clone()),
                    Targets::Numbers { .. } => None,
                },
                mixing,
            },
            ready: OnceLock::new(),
        };
        Ok(Sampled { fitted, bank })
    }
}

/// Rows by which batch normalization is calibrated.
fn calibration(examples: &Examples) -> ArrayView2<'_, f32> {
    examples.inputs.slice(s![..examples.len().min(CALIBRATION), ..])
}

/// What all chains of a fit share.
struct Prepared {
    potential: NetworkPotential,
    layout: Layout,
    fingerprint: String,
}

/// Numbers are standardized but for counts.
fn scaling(likelihood: LikelihoodConfig, examples: &Examples) -> Option<Scaling> {
    if likelihood == LikelihoodConfig::Poisson { None } else { Scaling::of(&examples.targets) }
}

/// A fitted model, and the samples that it was distilled from: networks × parameters.
pub(crate) struct Sampled {
    pub(crate) fitted: Fitted,
    pub(crate) bank: Array2<f32>,
}
