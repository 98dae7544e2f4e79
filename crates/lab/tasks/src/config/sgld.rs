//! Settings of the chains, and of distillation while they run.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::settings::{not_negative, positive};

/// SGLD in the authors' parametrization on the mean loss: ε = lr/N, τ = N·weight_decay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SgldConfig {
    /// Independent chains, each with its own streams and start.
    pub chains: usize,
    /// Steps of each chain, burn-in included; the most, where there is a goal.
    pub steps: u64,
    /// The goal: so many effective samples of predictions, in the median over validation images, at which the chains end. It is looked at after each
    /// eighth of the steps that follow burn-in, and is no matter for a chain that is a job of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ess: Option<f64>,
    /// Steps before the first sample.
    pub burn_in: u64,
    /// A sample is kept every this many steps after burn-in.
    pub thinning: u64,
    /// Steps of SGD, as `[sgd]` has them, between a random network and a chain's first step.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub training_steps: u64,
    /// Examples in a minibatch; as many as there are, or more: all.
    pub batch: usize,
    /// Learning rate on the mean loss: ε = lr/N.
    pub lr: f64,
    /// Weight decay on the mean loss: τ = N·weight_decay.
    pub weight_decay: f64,
    /// Temperature T; 1 is the Bayesian posterior.
    pub temperature: f64,
    /// What becomes of a chain that diverges.
    pub on_divergence: OnDivergence,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
pub(super) fn is_zero(steps: &u64) -> bool {
    *steps == 0
}

/// What becomes of a chain whose potential or position is not finite, or whose potential is far above that of uniform predictions. The
/// other chains go on in any case. In online distillation it is the same, but that the run ends at once where it has to.
///
/// It may differ between a run and its resumption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnDivergence {
    /// The run ends with an error once the other chains are through.
    #[default]
    Stop,
    /// It ends where it is; its samples before that stay.
    Drop,
    /// It goes on from its last sample, or from another start if it has none, with the noise of later steps: three times, then as
    /// [`Stop`](Self::Stop).
    Restart,
}

impl std::str::FromStr for OnDivergence {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "stop" => Ok(Self::Stop),
            "drop" => Ok(Self::Drop),
            "restart" => Ok(Self::Restart),
            other => Err(format!("{other}: must be stop, drop or restart")),
        }
    }
}

/// Distillation while sampling, by the distiller's settings, with as many steps of the chains as the bank takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OnlineConfig {
    /// Pieces into which the SGLD steps after burn-in are cut; 0 for no online distillation.
    pub rounds: u64,
    /// Generator iterations in each round.
    pub iterations: u64,
    /// Samples that the buffer holds.
    pub buffer: usize,
    /// Does it once more with infinite chains, which restart from networks of the generator in each round.
    pub infinite: bool,
}

impl SgldConfig {
    pub(crate) fn check(&self) -> Result<()> {
        positive("sgld.chains", self.chains as f64)?;
        positive("sgld.steps", self.steps as f64)?;
        positive("sgld.thinning", self.thinning as f64)?;
        positive("sgld.batch", self.batch as f64)?;
        positive("sgld.lr", self.lr)?;
        positive("sgld.weight-decay", self.weight_decay)?;
        not_negative("sgld.temperature", self.temperature)?;
        self.until_ess.map_or(Ok(()), |goal| positive("sgld.until-ess", goal))?;
        if self.samples_per_chain() == 0 {
            return Err(Error::Config(format!(
                "sgld: {} steps with burn-in {} and thinning {} keep no sample",
                self.steps, self.burn_in, self.thinning
            )));
        }
        Ok(())
    }

    /// Samples that each chain keeps.
    pub fn samples_per_chain(&self) -> u64 {
        self.steps.saturating_sub(self.burn_in) / self.thinning.max(1)
    }
}

impl OnlineConfig {
    pub(crate) fn check(&self, sgld: &SgldConfig) -> Result<()> {
        if self.rounds == 0 {
            return Ok(());
        }
        positive("online.iterations", self.iterations as f64)?;
        let samples = sgld.samples_per_chain();
        if self.rounds > samples {
            return Err(Error::Config(format!("online.rounds = {}: a chain has {samples} samples", self.rounds)));
        }
        let (buffer, staged) = (self.buffer, self.staged(sgld));
        if buffer < staged {
            return Err(Error::Config(format!("online.buffer = {buffer}: a round has {staged} samples")));
        }
        Ok(())
    }

    /// Generators that are distilled while sampling.
    pub(crate) fn generators(&self) -> u64 {
        if self.rounds == 0 { 0 } else { 1 + u64::from(self.infinite) }
    }

    /// The step at the end of a round, from 0, of chains that make `steps`; no round before the first sample.
    pub(crate) fn until(&self, sgld: &SgldConfig, steps: u64, round: u64) -> u64 {
        let (length, rounds) = (u128::from(steps.saturating_sub(sgld.burn_in)), u128::from(self.rounds));
        let after_burn_in = (length * u128::from(round + 1) / rounds) as u64;
        sgld.burn_in + after_burn_in.max(sgld.thinning)
    }

    /// The most samples that all chains together take in a round.
    pub(crate) fn staged(&self, sgld: &SgldConfig) -> usize {
        let steps = (sgld.steps - sgld.burn_in).div_ceil(self.rounds);
        sgld.chains * steps.div_ceil(sgld.thinning) as usize
    }
}
