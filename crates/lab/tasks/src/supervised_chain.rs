//! A chain of the run: how it is made, and what becomes of it when it diverges.

use std::borrow::Cow;

use apd_bnn::NetworkPotential;
use apd_nn::Model as _;
use apd_seed::Seed;
use apd_sgmcmc::{
    Baoab, Chain, ChainConfig, ChainError, ChainState, LangevinTuning, Progress, Rescaled, Sample, SamplerConfig,
    SamplerState, from_mean_loss,
};
use serde::{Deserialize, Serialize};

use crate::config::OnDivergence;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::methods::descent::Descent;

/// Restarts of one chain before it is given up.
const RESTARTS: u32 = 3;
/// A chain counts as diverged when U exceeds so many times that of a network with uniform predictions, whose weights are those of the
/// prior. Chains that sample are below twice of it.
const DIVERGED: f64 = 100.0;

/// Most of a variance that minibatches may add to it, where a chain is tuned.
const BIAS: f64 = 0.02;

/// In the potential's own units unless it is tuned.
pub(crate) type PipelineChain = Chain<Rescaled<NetworkPotential>, SamplerConfig>;
pub(crate) type PipelineState = ChainState<SamplerState>;

/// How the configuration's chains are made.
pub(crate) struct Recipe<'a> {
    pub(crate) experiment: &'a Experiment,
    /// Chains that run at the same time.
    concurrent: usize,
    sampler: SamplerConfig,
    length: ChainConfig,
    prior_precision: f64,
    pub(crate) seed: Seed,
}

impl<'a> Recipe<'a> {
    pub(crate) fn new(experiment: &'a Experiment, concurrent: usize) -> Self {
        let (sgld, terms) = (&experiment.config.sgld, experiment.split.train.len());
        let (step_size, prior_precision) = from_mean_loss(sgld.lr, sgld.weight_decay, terms);
        let sampler = experiment.config.sampler;
        Self {
            experiment,
            concurrent,
            sampler: sampler.at_pace(|epsilon| sampler.schedule(epsilon), step_size, sgld.temperature, terms),
            length: ChainConfig {
                steps: sgld.steps,
                burn_in: sgld.burn_in,
                thinning: sgld.thinning,
                batch_size: sgld.batch,
            },
            prior_precision,
            seed: experiment.seed.child("sgld"),
        }
    }

    /// A chain at its start: at a trained network, by what is measured there, if the settings say so.
    pub(crate) fn start(&self, context: Context<'_>, number: u32) -> Result<SupervisedChain<PipelineChain>> {
        let Experiment { config, .. } = self.experiment;
        let mut initial = self.initial(number, 0);
        let of_chain = |name| self.seed.child(name).index(u64::from(number));
        if config.sgld.training_steps > 0 {
            let steps = config.sgld.training_steps;
            let descent = Descent { steps, ..self.experiment.descent(self.concurrent) };
            initial = descent.end(context, of_chain("training"), initial)?;
        }
        let mut potential = self.experiment.potential(self.prior_precision, self.concurrent)?;
        let mut tuning = None;
        if config.sampler.tuned {
            let (batch, seed) = (self.length.batch_size, of_chain("tuning"));
            let (measured, measured_by) =
                LangevinTuning::measure(potential, &initial, self.prior_precision, batch, BIAS, seed)
                    .map_err(ChainError::from)?;
            (tuning, potential) = (Some(measured), measured_by);
        }
        let potential = rescaled(potential, tuning.as_ref());
        let (sampler, z) = (self.sampler_of(tuning.as_ref()), potential.z_of(&initial).into_owned());
        let chain = Chain::new(number, potential, sampler, self.length, self.seed, z)?;
        Ok(SupervisedChain { chain, tuning, restarts: 0, last: None, dropped: None })
    }

    fn sampler_of(&self, tuning: Option<&LangevinTuning>) -> SamplerConfig {
        let temperature = self.experiment.config.sgld.temperature;
        tuning.map_or(self.sampler, |tuning| Baoab { temperature, ..tuning.sampler() }.into())
    }

    /// A random network, the first time and after some restarts.
    fn initial(&self, number: u32, restarts: u32) -> Vec<f32> {
        let seed = self.seed.child("initial").index(u64::from(number));
        let seed = if restarts == 0 { seed } else { seed.child("restart").index(u64::from(restarts)) };
        self.experiment.network.initialize(seed)
    }

    /// The potential of a network that gives each class the same probability, its weights drawn from the prior: N·ln K + d/2 nats.
    fn uniform_potential(&self) -> f64 {
        let train = &self.experiment.split.train;
        train.len() as f64 * (train.classes as f64).ln() + 0.5 * self.experiment.network.dim() as f64
    }

    /// A chain where it was.
    fn resume(&self, state: PipelineState, tuning: Option<&LangevinTuning>) -> Result<PipelineChain> {
        let potential = rescaled(self.experiment.potential(self.prior_precision, self.concurrent)?, tuning);
        Ok(Chain::resume(potential, self.sampler_of(tuning), self.length, self.seed, state)?)
    }
}

fn rescaled(potential: NetworkPotential, tuning: Option<&LangevinTuning>) -> Rescaled<NetworkPotential> {
    match tuning {
        Some(tuning) => Rescaled::new(potential, tuning.scale.clone()),
        None => Rescaled::unscaled(potential),
    }
}

/// A chain, and what it takes to go on after it has diverged.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SupervisedChain<C> {
    pub(crate) chain: C,
    /// What was measured at its start, if it is tuned.
    pub(crate) tuning: Option<LangevinTuning>,
    /// Times that it was restarted.
    restarts: u32,
    /// Its last sample, in the chain's units.
    last: Option<Vec<f32>>,
    /// The step at which it was dropped, if it was.
    dropped: Option<u64>,
}

impl<C> SupervisedChain<C> {
    /// Whether it diverged and ended where it was.
    pub(crate) fn was_dropped(&self) -> bool {
        self.dropped.is_some()
    }
}

impl SupervisedChain<PipelineState> {
    /// The chain that this is the state of.
    pub(crate) fn resume(self, recipe: &Recipe<'_>) -> Result<SupervisedChain<PipelineChain>> {
        let Self { chain, tuning, restarts, last, dropped } = self;
        Ok(SupervisedChain { chain: recipe.resume(chain, tuning.as_ref())?, tuning, restarts, last, dropped })
    }
}

impl SupervisedChain<PipelineChain> {
    /// What it takes to go on.
    pub(crate) fn state(&self) -> SupervisedChain<PipelineState> {
        let Self { chain, tuning, restarts, last, dropped } = self;
        let (tuning, last) = (tuning.clone(), last.clone());
        SupervisedChain { chain: chain.state(), tuning, restarts: *restarts, last, dropped: *dropped }
    }

    /// θ.
    pub(crate) fn theta(&self) -> Cow<'_, [f32]> {
        self.chain.potential().theta_of(self.chain.position())
    }

    /// Moves the chain to θ.
    pub(crate) fn restart_from(&mut self, theta: &[f32]) {
        let z = self.chain.potential().z_of(theta).into_owned();
        self.chain.restart_from(&z);
    }

    /// Takes the chain to step `until`, its samples to `keep`. A divergence is dealt with as the settings say: an error, the end of the
    /// chain, or a new start from the last sample.
    pub(crate) fn run_until(
        &mut self,
        recipe: &Recipe<'_>,
        until: u64,
        keep: &mut dyn FnMut(Sample<'_>) -> Result<()>,
    ) -> Result<()> {
        while !self.was_dropped() && self.chain.progress().step < until {
            let diverged = match self.steps(recipe, until, keep) {
                Err(error @ (Error::Chain(ChainError::Diverged { .. }) | Error::Diverged { .. })) => error,
                other => return other,
            };
            match recipe.experiment.config.sgld.on_divergence {
                OnDivergence::Drop => self.dropped = Some(self.chain.progress().step),
                OnDivergence::Restart if self.restarts < RESTARTS => {
                    self.restarts += 1;
                    let number = self.chain.chain();
                    match self.last.clone() {
                        Some(last) => self.chain.restart_from(&last),
                        None => self.restart_from(&recipe.initial(number, self.restarts)),
                    }
                }
                OnDivergence::Restart | OnDivergence::Stop => return Err(diverged),
            }
        }
        Ok(())
    }

    fn steps(&mut self, recipe: &Recipe<'_>, until: u64, keep: &mut dyn FnMut(Sample<'_>) -> Result<()>) -> Result<()> {
        let limit = DIVERGED * recipe.uniform_potential();
        while self.chain.progress().step < until {
            if let Some(sample) = self.chain.step()? {
                let (chain, step, potential) = (sample.chain, sample.step, sample.potential);
                if potential > limit {
                    return Err(Error::Diverged { chain, step, potential });
                }
                let last = self.last.get_or_insert_default();
                last.clear();
                last.extend_from_slice(sample.position);
                // The sample borrows the chain; its place does not.
                let (weight, transition) = (sample.weight, sample.transition);
                let position = &*self.chain.potential().theta_of(last);
                keep(Sample { chain, step, position, potential, weight, transition })?;
            }
        }
        let Progress { chain, step, potential, .. } = self.chain.progress();
        if potential > limit { Err(Error::Diverged { chain, step, potential }) } else { Ok(()) }
    }

    /// What there is to say if it diverged.
    pub(crate) fn said(&self) -> Option<String> {
        let number = self.chain.chain();
        match (self.dropped, self.restarts) {
            (Some(step), _) => Some(format!("chain {number} diverged at step {step} and was dropped")),
            (None, 0) => None,
            (None, restarts) => Some(format!("chain {number} diverged and was restarted {restarts} time(s)")),
        }
    }
}
