//! Which sampler the chains are of.

use apd_sgmcmc::{Baoab, Psgld, SamplerConfig, Schedule, Sghmc, Sgld, Sgnht};
use serde::{Deserialize, Serialize};

use super::sgld::{SgldConfig, is_zero};
use crate::error::{Error, Result};

/// The sampler of the chains. Whatever its kind, it moves as far in a step as SGLD does at the step size of `[sgld]`, which also says how
/// long the chains are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct SamplerSettings {
    /// Its kind.
    pub kind: SamplerKind,
    /// Friction α of the samplers with momentum: the part of the momentum that a step loses.
    pub friction: f64,
    /// Whether units, step size and friction are measured where each chain starts, in place of `friction` and the learning rate of `[sgld]`
    /// ([`LangevinTuning`](apd_sgmcmc::LangevinTuning)); so far of BAOAB only.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tuned: bool,
    /// Steps in which the step size falls, by a cosine, from twice that of `[sgld]` to 0, again and again: a chain leaves where it was, and
    /// settles, the noise of its minibatches fading. 0: the step size stays as it is. Noise is injected all the way, so that nothing is colder than
    /// the temperature says. Burn-in and thinning are multiples of this: samples are of where a chain has settled.
    #[serde(skip_serializing_if = "is_zero")]
    pub cycle: u64,
}

/// A kind of sampler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SamplerKind {
    /// Stochastic gradient Langevin dynamics.
    #[default]
    Sgld,
    /// The same with a step size per weight.
    Psgld,
    /// Stochastic gradient Hamiltonian Monte Carlo.
    Sghmc,
    /// The stochastic gradient Nosé–Hoover thermostat.
    Sgnht,
    /// Underdamped Langevin dynamics by the BAOAB splitting.
    Baoab,
}

impl SamplerKind {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sgld => "SGLD",
            Self::Psgld => "pSGLD",
            Self::Sghmc => "SGHMC",
            Self::Sgnht => "SGNHT",
            Self::Baoab => "BAOAB",
        }
    }
}

/// The usual friction α: at α·ε the samplers with momentum forget as fast as SGLD at ε.
pub(crate) const FRICTION: f64 = 0.1;

/// pSGLD's λ, in units of the mean loss's gradient.
const PSGLD_DAMPING: f64 = 1e-2;

impl Default for SamplerSettings {
    fn default() -> Self {
        Self { kind: SamplerKind::Sgld, friction: FRICTION, tuned: false, cycle: 0 }
    }
}

impl SamplerSettings {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn check(&self, sgld: &SgldConfig) -> Result<()> {
        if self.tuned && self.kind != SamplerKind::Baoab {
            return Err(Error::Config("sampler.tuned: of kind baoab only".to_owned()));
        }
        if self.tuned && self.cycle > 0 {
            return Err(Error::Config("sampler.cycle: not of steps that are measured (sampler.tuned)".to_owned()));
        }
        for (name, steps) in [("burn-in", sgld.burn_in), ("thinning", sgld.thinning)] {
            if self.cycle > 0 && !steps.is_multiple_of(self.cycle) {
                return Err(Error::Config(format!(
                    "sampler.cycle = {}: sgld.{name} = {steps} must be a multiple of it, or samples would be of before the step has \
                     fallen (sampler.cycle = 0 leaves the step as it is)",
                    self.cycle
                )));
            }
        }
        if self.friction > 0.0 && self.friction <= 1.0 {
            return Ok(());
        }
        Err(Error::Config(format!("sampler.friction = {}: must lie in (0, 1]", self.friction)))
    }

    /// The step sizes of the chains, ε in the mean.
    pub(crate) fn schedule(self, epsilon: f64) -> Schedule {
        match self.cycle {
            0 => Schedule::Constant(epsilon),
            // The mean of (1 + cos)/2 over a cycle is one half.
            length => Schedule::Cyclical { initial: 2.0 * epsilon, length, sampling: 1.0 },
        }
    }

    /// The sampler whose long-run motion per step is that of SGLD with step size ε, on `terms` examples; `schedule` makes a schedule of a
    /// step size.
    pub(crate) fn at_pace(
        self,
        schedule: impl Fn(f64) -> Schedule,
        epsilon: f64,
        temperature: f64,
        terms: usize,
    ) -> SamplerConfig {
        let Self { kind, friction, .. } = self;
        let slow = || schedule(friction * epsilon);
        match kind {
            SamplerKind::Sgld => Sgld::new(schedule(epsilon), temperature).into(),
            // The preconditioner is about 1/damping for weights with small gradients: a step of damping·ε is SGLD's there.
            SamplerKind::Psgld => {
                Psgld::new(schedule(PSGLD_DAMPING * epsilon), temperature, terms).with_damping(PSGLD_DAMPING).into()
            }
            SamplerKind::Sghmc => Sghmc::new(slow(), temperature, friction).into(),
            SamplerKind::Sgnht => Sgnht::new(slow(), temperature, friction).into(),
            SamplerKind::Baoab => Baoab::new(slow(), temperature, friction).into(),
        }
    }
}
