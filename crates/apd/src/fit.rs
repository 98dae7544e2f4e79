//! From data to a fitted model.

use std::sync::Arc;

use apd_bnn::prior::{Gaussian, Scaling as PriorScaling};
use apd_bnn::{Likelihood, LikelihoodConfig, NetworkPotential, PriorConfig};
use apd_data::{Examples, Targets};
use apd_distill::{Distilled, Format, Subspace, SubspaceConfig};
use apd_nn::{Model, Network};
use apd_seed::Seed;
use apd_sgmcmc::{HamiltonianConfig, Trajectory};
use ndarray::{Array2, Axis, concatenate, s};
use rayon::prelude::*;

use crate::fitted::{self, Description, Fitted, Mixing};
use crate::sampling;
use crate::scaling::{self, Scaling};
use crate::{Error, Prior};

/// Training rows whose statistics batch normalization divides by in predictions.
const CALIBRATION: usize = 256;

/// How a posterior is sampled and distilled; the defaults are for tables of up to some thousand rows.
///
/// Each chain starts at a network of its own, trained by Adam, and goes on by NUTS on the full data: draws have the law of the posterior, at
/// temperature 1, whatever the step size. The chains run in parallel, and the result does not depend on the number of threads.
///
/// **Where it fails**: the cost of a draw grows with rows × parameters, and NUTS needs all rows at each step. For large data, sample with
/// minibatches ([`sgmcmc`](crate::sgmcmc)) into a bank ([`store`](crate::store)).
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// Chains.
    pub chains: u32,
    /// Steps of Adam before each chain.
    pub training_steps: u64,
    /// Draws of each chain in which step size and mass are learned.
    pub warmup: u64,
    /// Draws of each chain that are kept.
    pub draws: u64,
    /// A draw takes up to 2^`max_depth` − 1 gradients.
    pub max_depth: u32,
    /// The prior of the weights.
    pub prior: PriorConfig,
    /// How the samples are distilled.
    pub subspace: SubspaceConfig,
}

impl Default for Fit {
    /// Four chains of 250 draws; the prior N(0, 1/fan-in).
    fn default() -> Self {
        Self {
            chains: 4,
            training_steps: 1_000,
            warmup: 250,
            draws: 250,
            max_depth: 7,
            prior: PriorConfig::Gaussian(Gaussian { precision: 1.0, scaling: PriorScaling::FanIn }),
            // Small networks move in many directions; what is kept of them is exact, and noise would be too much.
            subspace: SubspaceConfig { rank: 64, noise: 0.0, format: Format::F16, ..SubspaceConfig::default() },
        }
    }
}

impl Fit {
    /// Samples the posterior of `network` given `examples`, and distils it.
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
        let scaling = if likelihood == LikelihoodConfig::Poisson { None } else { Scaling::of(&examples.targets) };
        let mut fitted = self.sample(network, likelihood.build(), examples, scaling, seed)?;
        fitted.description.network = Some(network.clone());
        fitted.description.likelihood = Some(likelihood);
        Ok(fitted)
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
        self.sample(model, likelihood, examples, None, seed)
    }

    fn sample(
        &self,
        model: &dyn Model,
        likelihood: Arc<dyn Likelihood>,
        examples: &Examples,
        scaling: Option<Scaling>,
        seed: Seed,
    ) -> Result<Fitted, Error> {
        if self.chains == 0 || self.draws < 4 {
            let (name, value) = if self.chains == 0 { ("chains", 0) } else { ("draws", self.draws) };
            return Err(Error::Setting { name, value: value.to_string(), expected: "at least 1 chain of 4 draws" });
        }
        let prior: Arc<dyn Prior> = self.prior.build();
        let potential =
            NetworkPotential::new(model, scaling::data(examples, scaling.as_ref()), likelihood.clone(), prior)?;
        let layout = fitted::layout(model, &*likelihood);
        let calibration = examples.inputs.slice(s![..examples.len().min(CALIBRATION), ..]);
        let trajectory = Trajectory::Nuts { max_depth: self.max_depth };
        let nuts = HamiltonianConfig { trajectory, ..HamiltonianConfig::nuts(self.warmup, self.draws) };
        let potentials: Vec<_> = (0..self.chains).map(|number| (number, potential.clone())).collect();
        let chains = potentials
            .into_par_iter()
            .with_max_len(1)
            .map(|(number, potential)| sampling::chain(number, potential, calibration, self.training_steps, nuts, seed))
            .collect::<Result<Vec<Array2<f32>>, _>>()?;
        let mixing = Mixing::of(&chains, model, &*likelihood, examples.inputs.view())?;
        let chains: Vec<_> = chains.iter().map(|chain| chain.view()).collect();
        let bank = concatenate(Axis(0), &chains).expect("chains of one network");
        let subspace = Subspace::fit(&bank, &self.subspace, seed.child("distill"))?;
        Ok(Fitted {
            model: model.clone_model(),
            likelihood,
            posterior: Distilled::Subspace(subspace),
            layout,
            seed: seed.child("predict"),
            description: Description {
                network: None,
                likelihood: None,
                scaling,
                classes: match &examples.targets {
                    Targets::Classes { names, .. } => Some(names.clone()),
                    Targets::Numbers { .. } => None,
                },
                mixing,
            },
        })
    }
}
