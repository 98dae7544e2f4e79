//! What can go wrong between data and predictions.

use std::path::PathBuf;

/// Why a fit, a prediction or a file failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Data that cannot be read or used.
    #[error(transparent)]
    Data(#[from] apd_data::Error),
    /// Network, likelihood, prior and data that do not fit together.
    #[error(transparent)]
    Model(#[from] apd_bnn::ModelError),
    /// A chain that diverged, or settings out of range.
    #[error(transparent)]
    Chain(#[from] apd_sgmcmc::ChainError),
    /// Samples that cannot be distilled.
    #[error(transparent)]
    Distill(#[from] apd_distill::Error),
    /// A posterior that does not fit the network.
    #[error(transparent)]
    Predict(#[from] apd_bnn::PredictError),
    /// Draws of which nothing can be diagnosed.
    #[error(transparent)]
    Diagnostic(#[from] apd_diagnostics::DiagnosticError),
    /// A chain's checkpoint that cannot be written or read.
    #[error(transparent)]
    Checkpoint(Box<apd_store::Error>),
    /// Predictions of which no metric can be computed.
    #[error(transparent)]
    Metric(#[from] apd_uncertainty::MetricError),
    /// The fit was asked to stop.
    #[error("stopped")]
    Stopped,
    /// Checkpoints of another fit.
    #[error("{}: left by a fit of other data or with other settings; remove the folder to begin anew", folder.display())]
    OtherFit {
        /// The folder of the checkpoints.
        folder: PathBuf,
    },
    /// A setting out of range.
    #[error("{name} is {value}, expected {expected}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// What it is.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A model that another format cannot hold.
    #[error("the model cannot be exported: {problem}")]
    Export {
        /// What of it.
        problem: String,
    },
    /// A file that cannot be written or read.
    #[error("{}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Inputs of another width than the network's.
    #[error("the inputs have {found} columns, the network takes {expected}")]
    Inputs {
        /// Of the network.
        expected: usize,
        /// Of the inputs.
        found: usize,
    },
    /// An input that is no number.
    #[error("input row {row}, column {column}: {value} is not finite")]
    NotFinite {
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// What stands there.
        value: f32,
    },
}
