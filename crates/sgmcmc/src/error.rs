//! Errors of chains.

use thiserror::Error;

/// Why a chain could not be built, resumed, or continued.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum ChainError {
    /// The potential or a coordinate is no longer a finite number.
    #[error(
        "chain {chain} diverged at step {step}: {what} (step size {step_size:e}); {}. Try a smaller step size, start \
         from an optimised position (warm start), and check the inputs for extreme or non-finite values",
        last_good(.last_good_sample)
    )]
    Diverged {
        /// The chain.
        chain: u32,
        /// Updates made, the failing one included.
        step: u64,
        /// What is not finite.
        what: NotFinite,
        /// The last step whose sample was kept, all finite.
        last_good_sample: Option<u64>,
        /// The step size of the last update.
        step_size: f64,
    },
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
    /// A saved sampler buffer is missing, or does not fit.
    #[error("the saved sampler buffer \"{name}\" {}; expected {expected} values", match .found {
        Some(found) => format!("has {found} values"),
        None => "is missing (was the chain saved by another sampler?)".to_owned(),
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

/// What was found not to be a finite number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum NotFinite {
    /// A coordinate of the position, after an update (or of the gradient before it).
    Position {
        /// The first such coordinate.
        coordinate: usize,
    },
    /// The potential at the new position.
    Potential(
        /// Its value: ±∞ or NaN.
        f64,
    ),
}

impl std::fmt::Display for NotFinite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Position { coordinate } => write!(f, "coordinate {coordinate} is not finite"),
            Self::Potential(value) => write!(f, "the potential is {value}"),
        }
    }
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
    #[error("chain {chain}, step {step}: the sample could not be stored: {source}")]
    Sink {
        /// The chain.
        chain: u32,
        /// The sample's step.
        step: u64,
        /// The sink's error.
        source: E,
    },
}

impl<E> From<ChainError> for RunError<E> {
    fn from(error: ChainError) -> Self {
        Self::Chain(error)
    }
}
