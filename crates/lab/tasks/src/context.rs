//! What surrounds a computation: whom it tells how it goes, and who may stop it.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::plan::PlannedStage;

/// [`Control::checkpoint_every`] of those who do not say: far longer than a checkpoint takes.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);

/// Shows how a run goes. What is not implemented shows nothing.
///
/// This crate never prints; the command line implements this with progress bars.
pub trait Progress: Sync {
    /// A run of these stages begins; each is [entered](Self::enter), and may begin several pieces of work.
    fn plan(&self, _stages: &[PlannedStage]) {}
    /// The stage of this name begins; the one before is over.
    fn enter(&self, _stage: &str) {}
    /// A stage of so many steps in total begins; the first `_done` of them were finished by an earlier, interrupted run.
    fn begin(&self, _stage: &str, _total: u64, _done: u64) {}
    /// So many steps of the current stage are finished; `_message` says how it is going (the accuracy so far, a loss, …).
    fn advance(&self, _done: u64, _message: Option<String>) {}
    /// The current stage is over.
    fn end(&self) {}
    /// One of several pieces of work that are done at the same time, and shown as one stage, is over.
    fn end_of_piece(&self, _name: &str, _time: Duration, _message: &str) {}
    /// A remark for people: the sampler's temperature, the location of a file.
    fn note(&self, _text: &str) {}
    /// Something that people should heed.
    fn warn(&self, _text: &str) {}
}

/// Says when a run stops and when it saves. What is not implemented never asks to stop.
pub trait Control: Sync {
    /// Whether the run should stop at the next step boundary, keeping what it has.
    fn stop_requested(&self) -> bool {
        false
    }
    /// The time after which a long stage makes its state durable: what a kill costs at most.
    fn checkpoint_every(&self) -> Duration {
        CHECKPOINT_EVERY
    }
}

/// What every computation of a run is given first. The default shows nothing and never stops.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Told of stages, progress and remarks.
    pub progress: &'a dyn Progress,
    /// Asked at every step boundary.
    pub control: &'a dyn Control,
}

impl<'a> Context<'a> {
    /// One that both shows and controls.
    pub fn of(both: &'a (impl Progress + Control)) -> Self {
        Self { progress: both, control: both }
    }

    /// **Errors**: [`Error::Stopped`] if the run was asked to stop.
    pub fn stop_if_asked(self) -> Result<()> {
        if self.control.stop_requested() { Err(Error::Stopped) } else { Ok(()) }
    }
}

struct Silent;

impl Progress for Silent {}
impl Control for Silent {}

impl Default for Context<'_> {
    fn default() -> Self {
        Self::of(&Silent)
    }
}
