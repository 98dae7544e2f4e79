//! The interface of a sampler, and its saved state; one file per sampler.
//!
//! All share one step size ε and one temperature T. The samplers with momentum share a friction α, the part of the momentum that
//! an update loses: at α = 1 each is SGLD (BAOAB: its overdamped limit, with the same drift and a smoother noise), and at T = 0
//! gradient descent with heavy-ball momentum 1 − α. Momenta are in the units of θ, per update.

use std::collections::BTreeMap;

use apd_seed::Normals;
use serde::{Deserialize, Serialize};

use crate::{ChainError, Schedule};

pub(crate) mod baoab;
#[cfg(test)]
mod contract;
pub(crate) mod momentum;
pub(crate) mod psgld;
pub(crate) mod sghmc;
pub(crate) mod sgld;
pub(crate) mod sgnht;

/// A transition rule: one gradient in, one update of the position.
///
/// Implementations hold their own buffers (momenta, preconditioners, thermostats), allocate them in [`prepare`](Self::prepare)
/// only, and touch θ in one pass.
pub trait Sampler: Send {
    /// A short name for messages, such as `"SGLD"`.
    fn name(&self) -> &'static str;

    /// The step sizes ε_t.
    fn schedule(&self) -> &Schedule;

    /// The temperature T of the injected noise; 0 for an optimiser.
    fn temperature(&self) -> f64;

    /// Checks the settings' ranges.
    ///
    /// **Errors**: [`ChainError::Setting`].
    fn validate(&self) -> Result<(), ChainError>;

    /// Allocates the buffers for `dim` coordinates and puts them in their initial state.
    fn prepare(&mut self, dim: usize);

    /// Makes update number `step` (from 0) in place, and tells whether every new coordinate is finite.
    ///
    /// `gradient` is ∇Û at `position`: nats, full-data scale. Noise comes from row `step` of `noise`, so that an update is a pure
    /// function of its arguments and the buffers. A non-finite gradient must make a coordinate non-finite, not vanish.
    ///
    /// **Shapes**: `position` and `gradient` have the length given to `prepare`.
    fn step(&mut self, step: u64, position: &mut [f32], gradient: &[f32], noise: &Normals) -> bool;

    /// Temperature that gradient noise of variance `variance` per coordinate, independent from update to update, adds to a posterior
    /// of slow directions; `None` where it is not one number.
    ///
    /// By default that of SGLD, ε·v/4: the noise moves θ by variance (ε/2)²·v per update, beside the T·ε that is injected.
    fn heating(&self, step_size: f64, variance: f64) -> Option<f64> {
        Some(0.25 * step_size * variance)
    }

    /// Where the diagonal of ∇²Û at the position is wanted before each update, if it is; see [`Potential::curvature`].
    ///
    /// [`Potential::curvature`]: crate::Potential::curvature
    fn curvature(&mut self) -> Option<&mut [f32]> {
        None
    }

    /// A copy of the buffers that the next update depends on.
    fn save(&self) -> Buffers {
        Buffers::default()
    }

    /// Takes the buffers from a saved state, after `prepare`.
    ///
    /// **Errors**: [`ChainError::Buffer`] for a missing buffer, or one of the wrong length.
    fn restore(&mut self, _buffers: &Buffers) -> Result<(), ChainError> {
        Ok(())
    }
}

impl<S: Sampler + ?Sized> Sampler for Box<S> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn schedule(&self) -> &Schedule {
        (**self).schedule()
    }

    fn temperature(&self) -> f64 {
        (**self).temperature()
    }

    fn validate(&self) -> Result<(), ChainError> {
        (**self).validate()
    }

    fn prepare(&mut self, dim: usize) {
        (**self).prepare(dim);
    }

    fn step(&mut self, step: u64, position: &mut [f32], gradient: &[f32], noise: &Normals) -> bool {
        (**self).step(step, position, gradient, noise)
    }

    fn heating(&self, step_size: f64, variance: f64) -> Option<f64> {
        (**self).heating(step_size, variance)
    }

    fn curvature(&mut self) -> Option<&mut [f32]> {
        (**self).curvature()
    }

    fn save(&self) -> Buffers {
        (**self).save()
    }

    fn restore(&mut self, buffers: &Buffers) -> Result<(), ChainError> {
        (**self).restore(buffers)
    }
}

/// **Errors** unless `value` lies between `least` and `most`, both included, and is a number.
pub(crate) fn within(
    field: &'static str,
    value: f64,
    (least, most): (f64, f64),
    expected: &'static str,
) -> Result<(), ChainError> {
    if (least..=most).contains(&value) && value.is_finite() {
        return Ok(());
    }
    Err(ChainError::Setting { field, value: value.to_string(), expected })
}

/// A sampler's or a gradient estimator's buffers by name, as a checkpoint holds them.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Buffers(BTreeMap<String, Vec<f32>>);

impl Buffers {
    /// Adds (or replaces) a buffer.
    pub fn insert(&mut self, name: &str, values: &[f32]) {
        self.0.insert(name.to_owned(), values.to_vec());
    }

    /// The buffer called `name`, which must have `len` values.
    ///
    /// **Errors**: [`ChainError::Buffer`].
    pub fn get(&self, name: &'static str, len: usize) -> Result<&[f32], ChainError> {
        match self.0.get(name) {
            Some(values) if values.len() == len => Ok(values),
            other => Err(ChainError::Buffer { name, expected: len, found: other.map(Vec::len) }),
        }
    }
}
