//! Everything that can stop a run, each with the facts a person needs to go on.

use std::path::PathBuf;

use crate::resources::{Bytes, Part};

/// The result of a stage.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// All of them, or the error to report: that some were asked to stop is no news beside what went wrong in another.
pub(crate) fn all<T>(outcomes: impl IntoIterator<Item = Result<T>>) -> Result<Vec<T>> {
    let (stopped, outcomes): (Vec<_>, Vec<_>) =
        outcomes.into_iter().partition(|outcome| matches!(outcome, Err(Error::Stopped)));
    outcomes.into_iter().chain(stopped).collect()
}

/// Everything that can stop a run.
///
/// The message of each variant holds its cause, which [`source`](std::error::Error::source) therefore does not give once more.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is missing, unknown or out of range.
    #[error("configuration: {0}")]
    Config(String),
    /// The folder holds a run of another configuration.
    #[error("{} belongs to a run with other settings; use the same ones, or another folder (--out):\n{difference}", path.display())]
    ConfigChanged {
        /// The configuration that was found.
        path: PathBuf,
        /// The settings that differ, a line each.
        difference: String,
    },
    /// Stopped at a step boundary because it was asked to; what was done is on disk.
    #[error("stopped; everything so far is kept")]
    Stopped,
    /// The run would take more than there is.
    #[error(
        "{place}the run takes up to {needed} of {what}, of which up to {} for {}, and {free} are free; {} takes less, --force starts anyway",
        Bytes(part.bytes), part.what, part.flag
    )]
    Resources {
        /// The folder, where that matters, and a colon.
        place: String,
        /// Disk or memory.
        what: &'static str,
        /// What the run takes.
        needed: Bytes,
        /// What there is.
        free: Bytes,
        /// What takes the most of it.
        part: Part,
    },
    /// A dataset is missing or damaged.
    #[error(transparent)]
    Data(#[from] apd_data::Error),
    /// A network or its data do not fit.
    #[error(transparent)]
    Network(#[from] apd_bnn::ModelError),
    /// A posterior that makes no prediction.
    #[error(transparent)]
    Predict(#[from] apd_bnn::PredictError),
    /// A chain diverged.
    #[error(transparent)]
    Chain(#[from] apd_sgmcmc::ChainError),
    /// A chain's potential is finite, and far above that of any network.
    #[error(
        "chain {chain} diverged at step {step}: the potential is {potential:e} nats, a hundred times that of uniform predictions; the \
         samples up to then are in the bank. Try a smaller learning rate ([sgld] lr), or --on-divergence restart or drop"
    )]
    Diverged {
        /// The chain.
        chain: u32,
        /// Updates made.
        step: u64,
        /// U(θ) in nats, full-data scale.
        potential: f64,
    },
    /// A SWAG Gaussian could not be made.
    #[error(transparent)]
    Swag(#[from] apd_distill::SwagError),
    /// A file of the run could not be written or read.
    #[error(transparent)]
    File(#[from] apd_points::FileError),
    /// The bank or a checkpoint could not be written or read.
    #[error(transparent)]
    Store(#[from] apd_store::Error),
    /// The distiller failed.
    #[error(transparent)]
    Distill(#[from] apd_distill::Error),
    /// A generator's file could not be made or read.
    #[error(transparent)]
    Generator(#[from] apd_distill::FileError),
    /// Scores could not be turned into a metric.
    #[error(transparent)]
    Metric(#[from] apd_uncertainty::MetricError),
    /// The report could not be written.
    #[error(transparent)]
    Report(#[from] apd_report::Error),
    /// Nothing to average.
    #[error("{0}: there is no network to predict with")]
    Empty(&'static str),
    /// Two things that should have one length do not.
    #[error("{what}: expected {expected}, found {found}")]
    Mismatch {
        /// What was measured.
        what: String,
        /// What fits.
        expected: usize,
        /// What was found.
        found: usize,
    },
}
