//! The errors of distillation.

use thiserror::Error;

/// A distillation that cannot start or go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting outside its range.
    #[error("distiller configuration: {name} = {value}, but it must be {expected}")]
    Config {
        /// The setting.
        name: &'static str,
        /// What it was.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// Points that cannot be distilled.
    #[error("cannot distil {rows} points of dimension {dim}: {reason}")]
    Points {
        /// Number of points.
        rows: usize,
        /// Their dimension.
        dim: usize,
        /// Why not.
        reason: String,
    },
    /// A loss that is not finite; the parameters are as they were before that update.
    #[error(
        "the {network} diverged in iteration {iteration} (loss {loss}): check the points for values that are not finite, \
         standardize them, or lower the learning rate"
    )]
    Diverged {
        /// Which network's update.
        network: &'static str,
        /// Generator updates done before.
        iteration: u64,
        /// The loss.
        loss: f64,
    },
    /// A saved state that does not belong to these points, or whose parts do not fit together.
    #[error("cannot resume: {what} is {found}, not {expected}")]
    State {
        /// Which part.
        what: &'static str,
        /// What it is.
        found: String,
        /// What it had to be.
        expected: String,
    },
}

/// A file that holds no usable generator.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// Not a safetensors file, or cut off.
    #[error("generator file: {0}")]
    Container(apd_points::FormatError),
    /// An entry of the header's metadata that is missing or unreadable.
    #[error("generator file: metadata entry `{key}`: {problem}")]
    Metadata {
        /// The entry.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A tensor that is missing, or not what the metadata promise.
    #[error("generator file: tensor `{name}`: expected {expected}, found {found}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What the metadata promise.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A layout of another length than the generated points.
    #[error("the layout describes {layout} parameters, but the generator makes points of dimension {dim}")]
    Layout {
        /// Length of the layout.
        layout: usize,
        /// Dimension of the points.
        dim: usize,
    },
}
