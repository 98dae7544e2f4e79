//! What a long stage tells whoever is watching, and how it is asked to stop.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Result;

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

/// Stages that go on at the same time, shown as one: their steps are added up.
pub(crate) struct Together<'a> {
    observer: &'a dyn Observer,
    done: AtomicU64,
    failed: AtomicBool,
}

impl<'a> Together<'a> {
    /// They begin, with so many steps in total.
    pub(crate) fn begin(observer: &'a dyn Observer, stage: &str, total: u64) -> Self {
        observer.begin(stage, total, 0);
        Self { observer, done: AtomicU64::new(0), failed: AtomicBool::new(false) }
    }

    /// They are all over.
    pub(crate) fn end(self) {
        self.observer.end();
    }

    /// Does `work` as one of them. If it fails, the others are asked to stop.
    pub(crate) fn run<T>(&self, work: impl FnOnce(&dyn Observer) -> Result<T>) -> Result<T> {
        let outcome = work(&Share { together: self, stage: Mutex::default() });
        if outcome.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        outcome
    }
}

/// What one of them is told.
struct Share<'a> {
    together: &'a Together<'a>,
    /// The stage that it is in.
    stage: Mutex<Option<Stage>>,
}

struct Stage {
    name: String,
    started: Instant,
    done: u64,
    message: String,
}

impl Share<'_> {
    fn stage(&self) -> std::sync::MutexGuard<'_, Option<Stage>> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Share<'_> {
    fn begin(&self, stage: &str, _total: u64, done: u64) {
        let (name, started, message) = (stage.to_owned(), Instant::now(), String::new());
        *self.stage() = Some(Stage { name, started, done: 0, message });
        self.advance(done, None);
    }

    fn advance(&self, done: u64, message: Option<String>) {
        let mut stage = self.stage();
        let Some(stage) = stage.as_mut() else { return };
        // Chains that share a stage may be overtaken on their way here.
        let steps = done.saturating_sub(stage.done);
        stage.done += steps;
        stage.message = message.clone().unwrap_or(std::mem::take(&mut stage.message));
        let done = self.together.done.fetch_add(steps, Ordering::Relaxed) + steps;
        self.together.observer.advance(done, message.map(|message| format!("{}: {message}", stage.name)));
    }

    fn end(&self) {
        if let Some(Stage { name, started, message, .. }) = self.stage().take() {
            self.note(&format!("{name:>14} done in {:.1} s  {message}", started.elapsed().as_secs_f64()));
        }
    }

    fn note(&self, text: &str) {
        self.together.observer.note(text);
    }

    fn stop_requested(&self) -> bool {
        self.together.failed.load(Ordering::Relaxed) || self.together.observer.stop_requested()
    }

    fn checkpoint_every(&self) -> Duration {
        self.together.observer.checkpoint_every()
    }
}

#[cfg(test)]
mod tests;
