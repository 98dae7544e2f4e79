//! From data to a fitted model.

use std::sync::{Arc, OnceLock};

use apd_bnn::prior::Gaussian;
use apd_bnn::{Likelihood, LikelihoodConfig, NetworkPotential, PriorConfig};
use apd_data::{Examples, Targets};
use apd_nn::{Model, Network};
use apd_points::Layout;
use apd_seed::Seed;
use ndarray::{Array2, Axis, concatenate, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::context::Stage;
use crate::fitted::{self, Description, Fitted, Mixing};
use crate::{Context, Error, FitSampler, Prior, Scaling, fingerprint, sampling, stored};

/// Training rows whose statistics batch normalization divides by in predictions.
const CALIBRATION: usize = 256;

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
        self.chain(number, potential, examples, &fingerprint, seed, context).map(drop)
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
        if self.chains == 0 || draws < 4 {
            let (name, value) = if self.chains == 0 { ("chains", 0) } else { ("draws", draws) };
            return Err(Error::Setting { name, value: value.to_string(), expected: "at least 1 chain of 4 draws" });
        }
        let layout = fitted::layout(model, &*likelihood);
        // Neither other chains nor further draws change what a chain has sampled so far.
        let of_chain = (self.training_steps, self.sampler.with_draws(0), &self.prior);
        let fingerprint = fingerprint::of(&(of_chain, &layout, format!("{likelihood:?}"), seed), examples);
        let prior: Arc<dyn Prior> = self.prior.build();
        let potential = NetworkPotential::new(model, Scaling::data(scaling, examples), likelihood, prior)?;
        Ok(Prepared { potential, layout, fingerprint })
    }

    fn chain(
        &self,
        number: u32,
        potential: NetworkPotential,
        examples: &Examples,
        fingerprint: &str,
        seed: Seed,
        context: &Context<'_>,
    ) -> Result<Array2<f32>, Error> {
        let Self { training_steps, sampler, .. } = *self;
        let calibration = examples.inputs.slice(s![..examples.len().min(CALIBRATION), ..]);
        sampling::chain(number, potential, calibration, training_steps, sampler, seed, fingerprint, context)
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
        let chains = potentials
            .into_par_iter()
            .with_max_len(1)
            .map(|(number, potential)| self.chain(number, potential, examples, &fingerprint, seed, context))
            .collect::<Result<Vec<Array2<f32>>, _>>()?;
        context.progress.begin(Stage::Distill.of(1));
        let mixing = Mixing::of(&chains, model, &*likelihood, examples.inputs.view())?;
        let chains: Vec<_> = chains.iter().map(|chain| chain.view()).collect();
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
