//! A sampler whose type is forgotten, so that one table holds all of them.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use apd_sgmcmc::{ChainError, Sampler, Schedule, Update};

/// The settings of a sampler that wraps another one: `settings_of!(self, self.0)` writes these methods of [`Sampler`].
macro_rules! settings_of {
    ($self:ident, $inner:expr) => {
        fn name(&$self) -> &'static str {
            $inner.name()
        }

        fn schedule(&$self) -> &apd_sgmcmc::Schedule {
            $inner.schedule()
        }

        fn temperature(&$self) -> f64 {
            $inner.temperature()
        }

        fn validate(&$self) -> Result<(), apd_sgmcmc::ChainError> {
            $inner.validate()
        }
    };
}

pub(crate) use settings_of;

/// A sampler of any type, yours included.
#[derive(Clone)]
pub struct AnySampler(Arc<dyn Erased>);

impl AnySampler {
    /// Forgets the sampler's type.
    pub fn new(sampler: impl Sampler<State: 'static> + 'static) -> Self {
        Self(Arc::new(sampler))
    }
}

/// The state of an [`AnySampler`].
#[derive(Debug)]
pub struct AnyState(Box<dyn Memory>);

impl Clone for AnyState {
    fn clone(&self) -> Self {
        self.0.copy()
    }
}

/// A state of some type.
trait Memory: Any + fmt::Debug + Send {
    fn copy(&self) -> AnyState;
}

impl<T: Any + Clone + fmt::Debug + Send> Memory for T {
    fn copy(&self) -> AnyState {
        AnyState(Box::new(self.clone()))
    }
}

/// [`Sampler`] without its associated type.
trait Erased: Send + Sync {
    fn name(&self) -> &'static str;
    fn schedule(&self) -> &Schedule;
    fn temperature(&self) -> f64;
    fn validate(&self) -> Result<(), ChainError>;
    fn init(&self, dim: usize) -> AnyState;
    fn check(&self, state: &AnyState, dim: usize) -> Result<(), ChainError>;
    fn step(&self, state: &mut AnyState, position: &mut [f32], update: Update<'_>) -> bool;
    fn noise_temperature(&self, step_size: f64, variance: f64) -> Option<f64>;
    fn wants_curvature(&self) -> bool;
}

impl<S: Sampler<State: 'static>> Erased for S {
    fn name(&self) -> &'static str {
        Sampler::name(self)
    }

    fn schedule(&self) -> &Schedule {
        Sampler::schedule(self)
    }

    fn temperature(&self) -> f64 {
        Sampler::temperature(self)
    }

    fn validate(&self) -> Result<(), ChainError> {
        Sampler::validate(self)
    }

    fn init(&self, dim: usize) -> AnyState {
        AnyState(Box::new(Sampler::init(self, dim)))
    }

    fn check(&self, state: &AnyState, dim: usize) -> Result<(), ChainError> {
        let state: &dyn Any = &*state.0;
        Sampler::check(self, state.downcast_ref().expect("a state of this sampler"), dim)
    }

    fn step(&self, state: &mut AnyState, position: &mut [f32], update: Update<'_>) -> bool {
        let state: &mut dyn Any = &mut *state.0;
        Sampler::step(self, state.downcast_mut().expect("a state of this sampler"), position, update)
    }

    fn noise_temperature(&self, step_size: f64, variance: f64) -> Option<f64> {
        Sampler::noise_temperature(self, step_size, variance)
    }

    fn wants_curvature(&self) -> bool {
        Sampler::wants_curvature(self)
    }
}

/// **Panics** at a state of another sampler.
impl Sampler for AnySampler {
    type State = AnyState;

    settings_of!(self, self.0);

    fn init(&self, dim: usize) -> AnyState {
        self.0.init(dim)
    }

    fn check(&self, state: &AnyState, dim: usize) -> Result<(), ChainError> {
        self.0.check(state, dim)
    }

    fn step(&self, state: &mut AnyState, position: &mut [f32], update: Update<'_>) -> bool {
        self.0.step(state, position, update)
    }

    fn noise_temperature(&self, step_size: f64, variance: f64) -> Option<f64> {
        self.0.noise_temperature(step_size, variance)
    }

    fn wants_curvature(&self) -> bool {
        self.0.wants_curvature()
    }
}
