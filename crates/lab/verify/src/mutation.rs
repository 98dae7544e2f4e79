//! Negative controls: the usual mistakes, made around a sampler that is right.

use std::fmt;

use apd_sgmcmc::{ChainError, Sampler, Schedule, Update};

use crate::Recipe;
use crate::any::{AnySampler, AnyState, settings_of};
use crate::recipe::Memory;

/// A mistake in a sampler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SamplerMutation {
    /// The noise is √2 times too large. (A thermostat makes up for that; there it is its target that is doubled too.)
    DoubledNoise,
    /// The noise is 3 % too large: the least mistake that some family must see in any sampler.
    LoudNoise,
    /// The noise is multiplied by T·ε, its variance, instead of by its standard deviation.
    VarianceForDeviation,
    /// Nothing is added.
    NoNoise,
    /// The drift is twice as large: a missing ½.
    HalfMissing,
    /// Uphill.
    WrongSign,
    /// The gradient is that of the update before.
    StaleGradient,
    /// Every update adds row 0 of the noise.
    RepeatedRow,
    /// Every stretch of 1024 coordinates gets the noise of the first.
    RepeatedBlock,
    /// The momentum does not outlast the update.
    ForgottenMomentum,
}

impl SamplerMutation {
    /// Those that any sampler may have.
    pub(crate) const COMMON: [Self; 7] = [
        Self::DoubledNoise,
        Self::VarianceForDeviation,
        Self::NoNoise,
        Self::HalfMissing,
        Self::WrongSign,
        Self::StaleGradient,
        Self::RepeatedRow,
    ];

    /// Those that `recipe` may have. (A direction that is drawn anew for every update is none, as ε → 0.)
    pub(crate) fn of(recipe: &Recipe) -> Vec<Self> {
        let mut mutations = Self::COMMON.to_vec();
        if matches!(recipe.memory, Memory::Momentum | Memory::Thermostat) {
            mutations.push(Self::ForgottenMomentum);
        }
        mutations
    }

    /// The sampler with this mutation, though it claims the temperature `temperature`.
    pub(crate) fn build(self, recipe: &Recipe, schedule: Schedule, temperature: f64) -> AnySampler {
        let actual = match self {
            Self::DoubledNoise => 2.0 * temperature,
            Self::LoudNoise => 1.03 * 1.03 * temperature,
            Self::VarianceForDeviation => temperature * temperature * schedule.step_size(0),
            Self::NoNoise => 0.0,
            _ => temperature,
        };
        let sampler = (recipe.build)(schedule, actual);
        match self {
            Self::DoubledNoise | Self::LoudNoise | Self::VarianceForDeviation | Self::NoNoise => sampler,
            Self::RepeatedBlock => AnySampler::new(Blockwise(sampler)),
            mutation => AnySampler::new(Mutated { sampler, mutation }),
        }
    }
}

impl fmt::Display for SamplerMutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DoubledNoise => "noise times √2",
            Self::LoudNoise => "noise 3 % too large",
            Self::VarianceForDeviation => "variance for standard deviation",
            Self::NoNoise => "no noise",
            Self::HalfMissing => "½ missing in the drift",
            Self::WrongSign => "drift uphill",
            Self::StaleGradient => "stale gradient",
            Self::RepeatedRow => "the same noise in every update",
            Self::RepeatedBlock => "the same noise in every 1024 coordinates",
            Self::ForgottenMomentum => "momentum forgotten",
        })
    }
}

/// A sampler that is given something else than it thinks.
struct Mutated {
    sampler: AnySampler,
    mutation: SamplerMutation,
}

#[derive(Clone, Debug)]
struct MutatedState {
    state: AnyState,
    /// The gradient that the sampler is given.
    given: Vec<f32>,
    /// The gradient of the update before.
    before: Option<Vec<f32>>,
}

impl Sampler for Mutated {
    type State = MutatedState;

    settings_of!(self, self.sampler);

    fn init(&self, dim: usize) -> MutatedState {
        MutatedState { state: self.sampler.init(dim), given: Vec::new(), before: None }
    }

    fn check(&self, state: &MutatedState, dim: usize) -> Result<(), ChainError> {
        self.sampler.check(&state.state, dim)
    }

    fn step(&self, state: &mut MutatedState, position: &mut [f32], update: Update<'_>) -> bool {
        let MutatedState { state, given, before } = state;
        let gradient = update.gradient;
        given.clear();
        match self.mutation {
            SamplerMutation::HalfMissing => given.extend(gradient.iter().map(|g| 2.0 * g)),
            SamplerMutation::WrongSign => given.extend(gradient.iter().map(|g| -g)),
            SamplerMutation::StaleGradient => {
                given.extend(before.as_deref().unwrap_or(gradient));
                *before = Some(gradient.to_vec());
            }
            _ => given.extend(gradient),
        }
        if self.mutation == SamplerMutation::ForgottenMomentum {
            *state = self.sampler.init(position.len());
        }
        let step = if self.mutation == SamplerMutation::RepeatedRow { 0 } else { update.step };
        self.sampler.step(state, position, Update { step, gradient: given, ..update })
    }
}

/// A sampler for each stretch of 1024 coordinates, as if it were the first.
struct Blockwise(AnySampler);

impl Sampler for Blockwise {
    type State = Vec<AnyState>;

    settings_of!(self, self.0);

    fn init(&self, dim: usize) -> Vec<AnyState> {
        (0..dim).step_by(BLOCK).map(|start| self.0.init(BLOCK.min(dim - start))).collect()
    }

    fn check(&self, states: &Vec<AnyState>, dim: usize) -> Result<(), ChainError> {
        let mut blocks = (0..dim).step_by(BLOCK).zip(states);
        blocks.try_for_each(|(start, state)| self.0.check(state, BLOCK.min(dim - start)))
    }

    fn step(&self, states: &mut Vec<AnyState>, position: &mut [f32], update: Update<'_>) -> bool {
        let blocks = position.chunks_mut(BLOCK).zip(update.gradient.chunks(BLOCK)).zip(states);
        blocks.fold(true, |finite, ((position, gradient), state)| {
            self.0.step(state, position, Update { gradient, ..update }) && finite
        })
    }
}

/// Coordinates whose noise samplers draw at a time.
const BLOCK: usize = 1024;

#[cfg(test)]
mod tests;
