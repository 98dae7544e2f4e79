//! What a long stage tells whoever is watching, and how it is asked to stop.

use std::time::Duration;

/// [`Observer::checkpoint_every`] of those who do not say: far longer than a checkpoint takes.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);

/// Watches a run: told of stages, progress and remarks, and asked at every step boundary whether to stop.
///
/// `tasks` never prints; the command line implements this with progress bars, tests with [`Silent`]. What is not implemented does nothing,
/// and never asks to stop.
pub trait Observer: Sync {
    /// A stage of so many steps in total begins; the first `_done` of them were finished by an earlier, interrupted run.
    fn begin(&self, _stage: &str, _total: u64, _done: u64) {}
    /// So many steps of the current stage are finished; `_message` says how it is going (the accuracy so far, a loss, …).
    fn advance(&self, _done: u64, _message: Option<String>) {}
    /// The current stage is over.
    fn end(&self) {}
    /// A remark for people: the sampler's temperature, the location of a file, a warning.
    fn note(&self, _text: &str) {}
    /// Whether the run should stop at the next step boundary, keeping what it has.
    fn stop_requested(&self) -> bool {
        false
    }
    /// The time after which a long stage makes its state durable: what a kill costs at most.
    fn checkpoint_every(&self) -> Duration {
        CHECKPOINT_EVERY
    }
}

/// Watches nothing and never asks to stop.
pub struct Silent;

impl Observer for Silent {}
