//! A chain of the run: how it is made, and what becomes of it when it diverges.

use apd_bnn::NetworkPotential;
use apd_nn::Model as _;
use apd_seed::Seed;
use apd_sgmcmc::{
    Chain, ChainConfig, ChainError, ChainState, Progress, Sample, SamplerConfig, SamplerState, Schedule, from_mean_loss,
};
use serde::{Deserialize, Serialize};

use crate::config::OnDivergence;
use crate::error::{Error, Result};
use crate::experiment::Experiment;

/// Restarts of one chain before it is given up.
const RESTARTS: u32 = 3;
/// A chain counts as diverged when U exceeds so many times that of a network with uniform predictions, whose weights are those of the
/// prior. Chains that sample are below twice of it.
const DIVERGED: f64 = 100.0;

pub(crate) type PipelineChain = Chain<NetworkPotential, SamplerConfig>;
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
        Self {
            experiment,
            concurrent,
            sampler: experiment.config.sampler.at_pace(Schedule::Constant, step_size, sgld.temperature, terms),
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

    /// A chain at its start.
    pub(crate) fn start(&self, number: u32) -> Result<PipelineChain> {
        let potential = self.experiment.potential(self.prior_precision, self.concurrent)?;
        Ok(Chain::new(number, potential, self.sampler, self.length, self.seed, self.initial(number, 0))?)
    }

    /// Where a chain starts, the first time and after some restarts.
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
    fn resume(&self, state: PipelineState) -> Result<PipelineChain> {
        let potential = self.experiment.potential(self.prior_precision, self.concurrent)?;
        Ok(Chain::resume(potential, self.sampler, self.length, self.seed, state)?)
    }
}

/// A chain, and what it takes to go on after it has diverged.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SupervisedChain<C> {
    pub(crate) chain: C,
    /// Times that it was restarted.
    restarts: u32,
    /// Its last sample.
    last: Option<Vec<f32>>,
    /// The step at which it was dropped, if it was.
    dropped: Option<u64>,
}

impl<C> SupervisedChain<C> {
    pub(crate) fn new(chain: C) -> Self {
        Self { chain, restarts: 0, last: None, dropped: None }
    }

    /// Whether it diverged and ended where it was.
    pub(crate) fn was_dropped(&self) -> bool {
        self.dropped.is_some()
    }
}

impl SupervisedChain<PipelineState> {
    /// The chain that this is the state of.
    pub(crate) fn resume(self, recipe: &Recipe<'_>) -> Result<SupervisedChain<PipelineChain>> {
        let Self { chain, restarts, last, dropped } = self;
        Ok(SupervisedChain { chain: recipe.resume(chain)?, restarts, last, dropped })
    }
}

impl SupervisedChain<PipelineChain> {
    /// What it takes to go on.
    pub(crate) fn state(&self) -> SupervisedChain<PipelineState> {
        let Self { chain, restarts, last, dropped } = self;
        SupervisedChain { chain: chain.state(), restarts: *restarts, last: last.clone(), dropped: *dropped }
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
                    let start = self.last.clone().unwrap_or_else(|| recipe.initial(number, self.restarts));
                    self.chain.restart_from(&start);
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
                keep(sample)?;
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
