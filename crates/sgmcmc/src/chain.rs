//! A chain: a potential, a sampler, and a position that moves.

use apd_seed::{Minibatches, Normals, Seed};
use serde::{Deserialize, Serialize};

use crate::{
    Buffers, ChainError, Divergence, MarkovChain, Minibatch, Outcome, Potential, PotentialError, Progress, RunError,
    Sample, Sampler, Sink, Update,
};

/// The length of a chain and the samples that it keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainConfig {
    /// Updates in all.
    pub steps: u64,
    /// First updates, of which nothing is kept.
    pub burn_in: u64,
    /// Every `thinning`-th position after burn-in is kept (unless the schedule is exploring): at `burn_in + thinning`, ….
    pub thinning: u64,
    /// Data terms B in each gradient estimate; N or more means all.
    pub batch_size: usize,
}

impl ChainConfig {
    /// Checks the settings' ranges.
    ///
    /// **Errors**: [`ChainError::Setting`].
    pub fn validate(&self) -> Result<(), ChainError> {
        for (field, value) in [("thinning", self.thinning), ("batch size", self.batch_size as u64)] {
            if value == 0 {
                return Err(ChainError::Setting { field, value: "0".into(), expected: "at least 1" });
            }
        }
        Ok(())
    }

    /// Positions that a chain keeps, where the schedule never explores.
    pub fn kept(&self) -> u64 {
        self.steps.saturating_sub(self.burn_in) / self.thinning.max(1)
    }

    fn keeps(&self, step: u64) -> bool {
        step > self.burn_in && (step - self.burn_in).is_multiple_of(self.thinning)
    }
}

/// All that a chain needs to go on, besides its potential and settings; `T` is the sampler's own state, `()` for SGLD.
///
/// Noise and minibatches are functions of (seed, chain, step), so the step number stands for both.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainState<T = ()> {
    /// The chain.
    pub chain: u32,
    /// The seed of its noise and its minibatches.
    pub seed: Seed,
    /// The sampler's name.
    pub sampler: String,
    /// T.
    pub temperature: f64,
    /// Updates made.
    pub step: u64,
    /// The last step whose sample was kept.
    pub last_sample: Option<u64>,
    /// θ.
    pub position: Vec<f32>,
    /// The sampler's memory.
    pub memory: T,
    /// The gradient estimator's memory.
    pub estimator: Buffers,
}

/// One Markov chain: made step by step, resumable to the bit, allocation-free per step.
///
/// Chain c takes its noise from `seed/chain[c]/noise` and its minibatches from `seed/chain[c]/minibatch`, both addressed by the
/// step number: chains of one seed are independent of each other, and nothing depends on threads or on interruptions.
#[derive(Debug)]
pub struct Chain<P, S: Sampler> {
    chain: u32,
    pub(crate) potential: P,
    pub(crate) sampler: S,
    pub(crate) config: ChainConfig,
    pub(crate) seed: Seed,
    pub(crate) noise: Normals,
    minibatches: Minibatches,
    step: u64,
    last_sample: Option<u64>,
    pub(crate) position: Vec<f32>,
    /// The sampler's memory.
    pub(crate) memory: S::State,
    gradient: Vec<f32>,
    /// The diagonal of ∇²Û, for samplers that want it.
    curvature: Vec<f32>,
    /// Û at `position`, once `gradient` has been computed there.
    value: Option<f64>,
}

impl<P: Potential, S: Sampler> Chain<P, S> {
    /// Chain number `chain` of `seed`, at `initial`: a random initialization, or a warm start from an optimized position.
    ///
    /// **Errors**: [`ChainError::Setting`] for settings out of range, or fewer coordinates than the sampler needs.
    /// **Panics** if `initial` does not have the potential's dimension.
    #[track_caller]
    pub fn new(
        chain: u32,
        potential: P,
        sampler: S,
        config: ChainConfig,
        seed: Seed,
        initial: Vec<f32>,
    ) -> Result<Self, ChainError> {
        assert_eq!(initial.len(), potential.dim(), "coordinates of the initial position, and of the potential");
        config.validate()?;
        sampler.validate()?;
        let memory = sampler.init(initial.len());
        sampler.check(&memory, initial.len())?;
        let seed = seed.child("chain").index(u64::from(chain));
        Ok(Self {
            chain,
            noise: seed.child("noise").normals(),
            minibatches: Minibatches::new(seed.child("minibatch"), potential.num_data(), config.batch_size),
            seed,
            potential,
            config,
            step: 0,
            last_sample: None,
            gradient: vec![0.0; initial.len()],
            curvature: vec![0.0; if sampler.wants_curvature() { initial.len() } else { 0 }],
            memory,
            position: initial,
            value: None,
            sampler,
        })
    }

    /// The chain that [`state`](Self::state) was taken from: from here on equal to the bit, given equal arguments.
    ///
    /// `config.steps` may be larger than before, to extend a finished chain; step sizes may differ.
    ///
    /// **Errors**: [`ChainError::Origin`] for another seed, sampler or temperature, [`ChainError::Dimension`] and
    /// [`ChainError::Buffer`] for a state that does not fit, [`ChainError::Setting`], [`ChainError::Potential`].
    pub fn resume(
        potential: P,
        sampler: S,
        config: ChainConfig,
        seed: Seed,
        state: ChainState<S::State>,
    ) -> Result<Self, ChainError> {
        if state.position.len() != potential.dim() {
            return Err(ChainError::Dimension { expected: potential.dim(), found: state.position.len() });
        }
        let mut chain = Self::new(state.chain, potential, sampler, config, seed, state.position)?;
        ChainError::unless_equal("seed", state.seed, chain.seed)?;
        ChainError::unless_equal("sampler", &state.sampler[..], chain.sampler.name())?;
        ChainError::unless_equal("temperature", state.temperature, chain.sampler.temperature())?;
        chain.sampler.check(&state.memory, chain.position.len())?;
        chain.memory = state.memory;
        chain.potential.restore(&state.estimator)?;
        chain.step = state.step;
        chain.last_sample = state.last_sample;
        Ok(chain)
    }

    /// A copy of all that changes, for [`resume`](Self::resume).
    pub fn state(&self) -> ChainState<S::State> {
        ChainState {
            chain: self.chain,
            seed: self.seed,
            sampler: self.sampler.name().to_owned(),
            temperature: self.sampler.temperature(),
            step: self.step,
            last_sample: self.last_sample,
            position: self.position.clone(),
            memory: self.memory.clone(),
            estimator: self.potential.save(),
        }
    }

    /// Makes one update, and returns the new position if it is to be kept. The caller counts the steps.
    ///
    /// **Errors**: [`ChainError::Diverged`] if the new position, or the potential there, is not finite; [`ChainError::Potential`].
    pub fn step(&mut self) -> Result<Option<Sample<'_>>, ChainError> {
        if self.value.is_none() {
            self.evaluate()?;
        }
        let step = self.step;
        self.step += 1;
        let update = Update { step, gradient: &self.gradient, curvature: &self.curvature, noise: &self.noise };
        if !self.sampler.step(&mut self.memory, &mut self.position, update) {
            let coordinate = self.position.iter().position(|x| !x.is_finite()).unwrap_or(0);
            return Err(self.diverged(Divergence::Position { coordinate }));
        }
        // Here rather than before the next update: no sample goes out whose potential turns out not to be finite.
        let value = self.evaluate()?;
        let weight = self.sampler.schedule().weight(step);
        if weight > 0.0 && self.config.keeps(self.step) {
            self.last_sample = Some(self.step);
            let (chain, step, position) = (self.chain, self.step, &self.position[..]);
            return Ok(Some(Sample { chain, step, position, potential: value, weight, transition: None }));
        }
        Ok(None)
    }

    /// Runs to the end, giving each kept position to `sink`.
    ///
    /// **Errors**: [`RunError::Chain`] for a divergence or a failure of the potential, [`RunError::Sink`] with the sink's own error.
    pub fn run<K: Sink>(&mut self, sink: &mut K) -> Result<Outcome, RunError<K::Error>> {
        self.run_until(u64::MAX, sink)
    }

    /// Runs as [`run`](Self::run) does, up to step `until` or the end, whichever comes first.
    pub fn run_until<K: Sink>(&mut self, until: u64, sink: &mut K) -> Result<Outcome, RunError<K::Error>> {
        MarkovChain::run_until(self, until, sink)
    }

    /// Moves the chain to `position` and makes the sampler forget; the step number, and with it noise and minibatches, goes
    /// on.
    ///
    /// **Panics** if `position` does not have the potential's dimension.
    #[track_caller]
    pub fn restart_from(&mut self, position: &[f32]) {
        assert_eq!(position.len(), self.position.len(), "coordinates of the new position, and of the potential");
        self.position.copy_from_slice(position);
        self.memory = self.sampler.init(position.len());
        self.value = None;
    }

    /// Trades positions with `other`; each keeps its step, its noise and what its sampler remembers.
    pub(crate) fn trade_places(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.position, &mut other.position);
        (self.value, other.value) = (None, None);
    }

    /// The chain's number.
    pub fn chain(&self) -> u32 {
        self.chain
    }

    /// θ.
    pub fn position(&self) -> &[f32] {
        &self.position
    }

    /// The settings.
    pub fn config(&self) -> &ChainConfig {
        &self.config
    }

    /// The potential.
    pub fn potential(&self) -> &P {
        &self.potential
    }

    /// The potential, for instance to reuse it.
    pub fn into_potential(self) -> P {
        self.potential
    }

    /// The chain's progress.
    pub fn progress(&self) -> Progress {
        let (chain, step, steps) = (self.chain, self.step, self.config.steps);
        Progress { chain, step, steps, potential: self.value.unwrap_or(f64::NAN) }
    }

    /// Gradient and Û at the present position with the next update's minibatch.
    fn evaluate(&mut self) -> Result<f64, ChainError> {
        // Until both are known to be good: a chain that failed must not go on from half of them.
        self.value = None;
        let minibatch = minibatch(&mut self.minibatches, self.step, self.potential.num_data());
        match estimate(
            &mut self.potential,
            self.step,
            &self.position,
            minibatch,
            &mut self.gradient,
            &mut self.curvature,
        ) {
            Ok(value) if value.is_finite() => {
                self.value = Some(value);
                Ok(value)
            }
            Ok(value) => Err(self.diverged(Divergence::Potential(value))),
            Err(PotentialError::Recoverable(cause)) => Err(self.diverged(Divergence::Undefined(cause))),
            Err(fatal) => Err(fatal.into()),
        }
    }

    #[cold]
    fn diverged(&self, what: Divergence) -> ChainError {
        ChainError::Diverged {
            chain: self.chain,
            step: self.step,
            what,
            last_good_sample: self.last_sample,
            step_size: self.sampler.schedule().step_size(self.step.saturating_sub(1)),
        }
    }
}

impl<P: Potential, S: Sampler> MarkovChain for Chain<P, S> {
    type Scalar = f32;

    fn step(&mut self) -> Result<Option<Sample<'_>>, ChainError> {
        Self::step(self)
    }

    fn progress(&self) -> Progress {
        Self::progress(self)
    }
}

/// Û, its gradient, and the diagonal of its curvature unless `curvature` is empty.
fn estimate(
    potential: &mut impl Potential,
    step: u64,
    position: &[f32],
    minibatch: Minibatch<'_>,
    gradient: &mut [f32],
    curvature: &mut [f32],
) -> Result<f64, PotentialError> {
    potential.refresh(step, position)?;
    let value = potential.gradient(position, minibatch, gradient)?;
    if !curvature.is_empty() {
        potential.curvature(position, minibatch, curvature)?;
    }
    Ok(value)
}

/// `Full` where the minibatch is everything: potentials are faster without an index.
pub(crate) fn minibatch(minibatches: &mut Minibatches, step: u64, num_data: usize) -> Minibatch<'_> {
    if minibatches.batch() == num_data { Minibatch::Full } else { Minibatch::Indices(minibatches.indices(step)) }
}

#[cfg(test)]
mod tests;
