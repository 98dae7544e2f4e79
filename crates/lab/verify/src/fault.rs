//! Negative controls: the usual mistakes, made around a sampler that is right.

use std::fmt;

use apd_seed::Normals;
use apd_sgmcmc::{ChainError, Sampler, Schedule};

use crate::Recipe;
use crate::recipe::Memory;

/// A mistake in a sampler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// The noise is √2 times too large. (A thermostat makes up for that; there it is its target that is doubled too.)
    DoubledNoise,
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

impl Fault {
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

    /// Those that `recipe` may have.
    pub(crate) fn of(recipe: &Recipe) -> Vec<Self> {
        let mut faults = Self::COMMON.to_vec();
        if matches!(recipe.memory, Memory::Momentum | Memory::Thermostat) {
            faults.push(Self::ForgottenMomentum);
        }
        faults
    }

    /// The sampler with this fault, though it claims the temperature `temperature`.
    pub(crate) fn build(self, recipe: &Recipe, schedule: Schedule, temperature: f64) -> Box<dyn Sampler> {
        let actual = match self {
            Self::DoubledNoise => 2.0 * temperature,
            Self::VarianceForDeviation => temperature * temperature * schedule.step_size(0),
            Self::NoNoise => 0.0,
            _ => temperature,
        };
        let sampler = (recipe.build)(schedule, actual);
        match self {
            Self::DoubledNoise | Self::VarianceForDeviation | Self::NoNoise => sampler,
            Self::RepeatedBlock => {
                let build = recipe.build;
                Box::new(Blockwise { sampler, build: Box::new(move || build(schedule, actual)), blocks: Vec::new() })
            }
            fault => Box::new(Faulty { sampler, fault, given: Vec::new(), before: None }),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DoubledNoise => "noise times √2",
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
struct Faulty {
    sampler: Box<dyn Sampler>,
    fault: Fault,
    /// The gradient that it is given.
    given: Vec<f32>,
    /// The gradient of the update before.
    before: Option<Vec<f32>>,
}

impl Sampler for Faulty {
    fn name(&self) -> &'static str {
        self.sampler.name()
    }

    fn schedule(&self) -> &Schedule {
        self.sampler.schedule()
    }

    fn temperature(&self) -> f64 {
        self.sampler.temperature()
    }

    fn validate(&self) -> Result<(), ChainError> {
        self.sampler.validate()
    }

    fn prepare(&mut self, dim: usize) {
        self.sampler.prepare(dim);
        self.before = None;
    }

    fn step(&mut self, step: u64, position: &mut [f32], gradient: &[f32], noise: &Normals) -> bool {
        self.given.clear();
        match self.fault {
            Fault::HalfMissing => self.given.extend(gradient.iter().map(|g| 2.0 * g)),
            Fault::WrongSign => self.given.extend(gradient.iter().map(|g| -g)),
            Fault::StaleGradient => {
                self.given.extend(self.before.as_deref().unwrap_or(gradient));
                self.before = Some(gradient.to_vec());
            }
            _ => self.given.extend(gradient),
        }
        if self.fault == Fault::ForgottenMomentum {
            self.sampler.prepare(position.len());
        }
        let row = if self.fault == Fault::RepeatedRow { 0 } else { step };
        self.sampler.step(row, position, &self.given, noise)
    }
}

/// A sampler for each stretch of 1024 coordinates, as if it were the first.
struct Blockwise {
    /// Knows the settings.
    sampler: Box<dyn Sampler>,
    build: Box<dyn Fn() -> Box<dyn Sampler> + Send>,
    blocks: Vec<Box<dyn Sampler>>,
}

impl Sampler for Blockwise {
    fn name(&self) -> &'static str {
        self.sampler.name()
    }

    fn schedule(&self) -> &Schedule {
        self.sampler.schedule()
    }

    fn temperature(&self) -> f64 {
        self.sampler.temperature()
    }

    fn validate(&self) -> Result<(), ChainError> {
        self.sampler.validate()
    }

    fn prepare(&mut self, dim: usize) {
        let length = |start: usize| BLOCK.min(dim - start);
        self.blocks = (0..dim).step_by(BLOCK).map(|_| (self.build)()).collect();
        for (b, sampler) in self.blocks.iter_mut().enumerate() {
            sampler.prepare(length(b * BLOCK));
        }
    }

    fn step(&mut self, step: u64, position: &mut [f32], gradient: &[f32], noise: &Normals) -> bool {
        let blocks = position.chunks_mut(BLOCK).zip(gradient.chunks(BLOCK)).zip(&mut self.blocks);
        blocks.fold(true, |finite, ((position, gradient), sampler)| {
            sampler.step(step, position, gradient, noise) && finite
        })
    }
}

/// Coordinates whose noise samplers draw at a time.
const BLOCK: usize = 1024;

#[cfg(test)]
mod tests;
