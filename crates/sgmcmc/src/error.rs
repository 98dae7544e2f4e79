//! Errors of chains.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use thiserror::Error;

/// Why a potential could not be evaluated at a position.
///
/// ```
/// use apd_sgmcmc::{HamiltonianChain, HamiltonianConfig, Potential64, PotentialError, Sample};
///
/// /// A normal, cut off at 0: U = x²/2 where x > 0, and no U elsewhere.
/// struct HalfNormal;
///
/// impl Potential64 for HalfNormal {
///     fn dim(&self) -> usize { 1 }
///     fn gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64, PotentialError> {
///         if x[0] <= 0.0 {
///             return Err(PotentialError::recoverable("x must be positive"));
///         }
///         gradient[0] = x[0];
///         Ok(0.5 * x[0] * x[0])
///     }
/// }
///
/// let config = HamiltonianConfig::nuts(300, 1_000);
/// let mut chain = HamiltonianChain::new(0, HalfNormal, config, apd_seed::Seed::root(1), [1.0])?;
/// chain.run(&mut |sample: Sample<'_, f64>| {
///     assert!(sample.position[0] > 0.0);
///     Ok::<(), std::convert::Infallible>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug, Error)]
#[non_exhaustive]
pub enum PotentialError {
    /// U has no value there, but the run may go on elsewhere: a trajectory of a [`HamiltonianChain`](crate::HamiltonianChain) that
    /// comes there ends there, as at a wall, a [`Chain`](crate::Chain), which cannot go back, has diverged.
    #[error("the potential is not defined there: {0}")]
    Recoverable(Cause),
    /// Something that no other position mends: the run stops with this error.
    #[error("the potential could not be computed: {0}")]
    Fatal(Cause),
}

impl PotentialError {
    /// [`Recoverable`](Self::Recoverable), for this reason.
    pub fn recoverable(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Recoverable(Cause(cause.into().into()))
    }

    /// [`Fatal`](Self::Fatal), for this reason.
    pub fn fatal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Fatal(Cause(cause.into().into()))
    }
}

/// The user's own error, which it dereferences to: `cause.downcast_ref::<MyError>()` is it. Equal are those of equal words.
#[derive(Clone, Debug)]
pub struct Cause(Arc<dyn StdError + Send + Sync>);

impl Deref for Cause {
    type Target = dyn StdError + Send + Sync;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_string() == other.0.to_string()
    }
}

/// A gradient is not that of the potential.
#[derive(Clone, PartialEq, Debug, Error)]
#[non_exhaustive]
pub enum GradientError {
    /// A coordinate of it is not the slope of U.
    #[error("coordinate {coordinate} of the gradient is {given:e}, but U rises by {measured:e} per unit there")]
    Differs {
        /// The coordinate.
        coordinate: usize,
        /// ∂U/∂θᵢ as the potential has it.
        given: f64,
        /// The difference quotient that is nearest to it.
        measured: f64,
    },
    /// The potential could not be computed.
    #[error(transparent)]
    Potential(#[from] PotentialError),
}

/// Why a chain could not be built, resumed, or continued.
#[derive(Clone, PartialEq, Debug, Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The potential or a coordinate is no longer a finite number.
    #[error(
        "chain {chain} diverged at step {step}: {what} (step size {step_size:e}); {}. Try a smaller step size, start \
         from an optimized position (warm start), and check the inputs for extreme or non-finite values",
        last_good(.last_good_sample)
    )]
    Diverged {
        /// The chain.
        chain: u32,
        /// Updates made, the failing one included.
        step: u64,
        /// The way it diverged.
        what: Divergence,
        /// The last step whose sample was kept, all finite.
        last_good_sample: Option<u64>,
        /// The step size of the last update.
        step_size: f64,
    },
    /// The potential or its gradient is not finite where the chain was to start, or to go on.
    #[error(
        "chain {chain} cannot start at step {step}: {what}. Start where U and its gradient are finite (where U is \
         infinite the density is 0)"
    )]
    Start {
        /// The chain.
        chain: u32,
        /// Updates made before.
        step: u64,
        /// What is not finite.
        what: Divergence,
    },
    /// The potential's gradient is not that of its value where the chain was to start.
    #[error("chain {chain} cannot start: {cause}. A term is missing in one of them, or a sign")]
    Gradient {
        /// The chain.
        chain: u32,
        /// Where they differ.
        cause: GradientError,
    },
    /// The potential failed for good.
    #[error(transparent)]
    Potential(#[from] PotentialError),
    /// A setting is out of its range.
    #[error("{field} is {value}; expected {expected}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// Its range.
        expected: &'static str,
    },
    /// A saved position does not fit the potential.
    #[error("the saved chain has {found} coordinates, the potential {expected}")]
    Dimension {
        /// The potential's dimension.
        expected: usize,
        /// Coordinates in the saved state.
        found: usize,
    },
    /// A saved chain was made with another seed, sampler or temperature: what came before would not have been made by this one.
    #[error("the saved chain has the {what} {saved}; this one has {given}")]
    Origin {
        /// What differs.
        what: &'static str,
        /// What the saved chain has.
        saved: String,
        /// What it is resumed with.
        given: String,
    },
    /// A saved buffer is missing, or does not fit.
    #[error("the saved buffer \"{name}\" {}; expected {expected} values", match .found {
        Some(found) => format!("has {found} values"),
        None => "is missing (was the chain saved with another gradient estimator?)".to_owned(),
    })]
    Buffer {
        /// The buffer.
        name: &'static str,
        /// Values that it should have.
        expected: usize,
        /// Values that it has, if it is there.
        found: Option<usize>,
    },
}

impl ChainError {
    /// **Errors**: [`Self::Origin`] unless what a chain was made with is what it is resumed with.
    pub(crate) fn unless_equal<T: PartialEq + fmt::Debug>(what: &'static str, saved: T, given: T) -> Result<(), Self> {
        if saved == given {
            return Ok(());
        }
        Err(Self::Origin { what, saved: format!("{saved:?}"), given: format!("{given:?}") })
    }
}

/// The way a chain diverged.
#[derive(Clone, PartialEq, Debug, Error)]
#[non_exhaustive]
pub enum Divergence {
    /// A coordinate of the position, after an update, or of the gradient before it, is not finite.
    #[error("coordinate {coordinate} is not finite")]
    Position {
        /// The first such coordinate.
        coordinate: usize,
    },
    /// The potential at the new position is ±∞ or NaN.
    #[error("the potential is {0}")]
    Potential(
        /// Its value.
        f64,
    ),
    /// The potential has no value at the new position: [`PotentialError::Recoverable`].
    #[error("the potential is not defined there: {0}")]
    Undefined(
        /// Why.
        Cause,
    ),
    /// No step is too large for a trajectory: U does not rise, and exp(−U) is no distribution.
    #[error("the potential is flat, no step size is too large")]
    Flat,
}

fn last_good(sample: &Option<u64>) -> String {
    match sample {
        Some(step) => format!("the last good sample is that of step {step}"),
        None => "no sample had been kept".to_owned(),
    }
}

/// Why a run of a chain ended early.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum RunError<E> {
    /// The chain failed.
    #[error(transparent)]
    Chain(ChainError),
    /// The sink refused a sample.
    #[error("chain {chain}, step {step}: the sample could not be stored: {cause}")]
    Sink {
        /// The chain.
        chain: u32,
        /// The sample's step.
        step: u64,
        /// The sink's error.
        cause: E,
    },
}

impl<E> From<ChainError> for RunError<E> {
    fn from(error: ChainError) -> Self {
        Self::Chain(error)
    }
}

#[cfg(test)]
mod tests;
