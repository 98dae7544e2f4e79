//! The interface of a sampler; one file per sampler.
//!
//! All share one step size ε and one temperature T. The samplers with momentum share a friction α, the part of the momentum that
//! an update loses: at α = 1 each is SGLD (BAOAB: its overdamped limit, with the same drift and a smoother noise), and at T = 0
//! gradient descent with heavy-ball momentum 1 − α. Momenta are in the units of θ, per update.

use std::fmt::Debug;

use apd_seed::Normals;

use crate::kernel::{self, Coordinates, Noise};
use crate::{ChainError, Schedule};

pub(crate) mod baoab;
pub(crate) mod config;
#[cfg(test)]
mod contract;
pub(crate) mod mclmc;
pub(crate) mod psgld;
pub(crate) mod sgd;
pub(crate) mod sghmc;
pub(crate) mod sgld;
pub(crate) mod sgnht;

/// A transition rule: one gradient in, one update of the position.
///
/// The sampler itself is its settings, which no update changes; all that changes (momenta, preconditioners, thermostats) is a
/// [`State`](Self::State), made by [`init`](Self::init). Updates allocate nothing, and touch θ in one pass.
///
/// A sampler that is known only at run time is a [`SamplerConfig`](crate::SamplerConfig).
pub trait Sampler: Send + Sync {
    /// The memory of an update for the next one, besides the position; `()` if there is none.
    ///
    /// The chain's [`ChainState`](crate::ChainState) is serializable if it is.
    type State: Clone + Debug + Send;

    /// A short name for messages, such as `"SGLD"`.
    fn name(&self) -> &'static str;

    /// The step sizes ε_t.
    fn schedule(&self) -> &Schedule;

    /// The temperature T of the injected noise; 0 for an optimizer.
    fn temperature(&self) -> f64;

    /// Checks the settings' ranges.
    ///
    /// **Errors**: [`ChainError::Setting`].
    fn validate(&self) -> Result<(), ChainError>;

    /// The state before the first update of `dim` coordinates.
    fn init(&self, dim: usize) -> Self::State;

    /// Checks that a state, new or saved, is one of `dim` coordinates.
    ///
    /// **Errors**: [`ChainError::Buffer`], or [`ChainError::Setting`] where the sampler does not know what to do with so few.
    fn check(&self, state: &Self::State, dim: usize) -> Result<(), ChainError>;

    /// Makes an update of `position` in place, and tells whether every new coordinate is finite.
    ///
    /// An update is a pure function of its arguments. A non-finite gradient must make a coordinate non-finite, not vanish.
    ///
    /// **Shapes**: `position` and the gradient have the length given to [`init`](Self::init).
    fn step(&self, state: &mut Self::State, position: &mut [f32], update: Update<'_>) -> bool;

    /// Temperature that gradient noise of variance `variance` per coordinate, independent from update to update, adds to a posterior
    /// of slow directions; `None` where it is not one number.
    ///
    /// The default is that of SGLD, ε·v/4: the noise moves θ by variance (ε/2)²·v per update, beside the T·ε that is injected.
    fn noise_temperature(&self, step_size: f64, variance: f64) -> Option<f64> {
        Some(0.25 * step_size * variance)
    }

    /// Whether updates want the diagonal of ∇²Û at the position; see [`Potential::curvature`](crate::Potential::curvature).
    fn wants_curvature(&self) -> bool {
        false
    }
}

/// The arguments of an update, besides position and state.
#[derive(Clone, Copy, Debug)]
pub struct Update<'a> {
    /// Its number, from 0.
    pub step: u64,
    /// ∇Û at the position: nats, full-data scale.
    pub gradient: &'a [f32],
    /// The diagonal of ∇²Û at the position; empty unless the sampler [wants](Sampler::wants_curvature) it.
    pub curvature: &'a [f32],
    /// The source of noise: row `step` of it.
    pub noise: &'a Normals,
}

impl Update<'_> {
    /// The kernel's pass without anything extra, with noise of standard deviation `deviation`.
    fn apply<M>(
        self,
        deviation: f32,
        position: &mut [f32],
        memory: &mut [M],
        rule: impl Fn(&mut f32, &mut M, f32, f32) + Copy,
        seen: impl FnMut(&[M]),
    ) -> bool {
        let nothing = vec![(); position.len()];
        let coordinates = Coordinates { position, memory, gradient: self.gradient, extra: &nothing };
        kernel::update(&self.noise(deviation), coordinates, |x, memory, g, (), z| rule(x, memory, g, z), seen)
    }

    fn noise(&self, deviation: f32) -> Noise<'_> {
        Noise { wanted: deviation != 0.0, normals: self.noise, step: self.step }
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

/// **Errors** unless a saved list has `expected` values.
pub(crate) fn length<T>(name: &'static str, values: &[T], expected: usize) -> Result<(), ChainError> {
    if values.len() == expected {
        Ok(())
    } else {
        Err(ChainError::Buffer { name, expected, found: Some(values.len()) })
    }
}
