//! One progress bar for stages that go on at the same time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::context::{Context, Control, Progress};
use crate::error::Result;

/// Stages that go on at the same time, shown as one: their steps are added up.
pub(crate) struct SharedProgress<'a> {
    context: Context<'a>,
    done: AtomicU64,
    failed: AtomicBool,
}

impl<'a> SharedProgress<'a> {
    /// They begin, with so many steps in total.
    pub(crate) fn begin(context: Context<'a>, stage: &str, total: u64) -> Self {
        context.progress.begin(stage, total, 0);
        Self { context, done: AtomicU64::new(0), failed: AtomicBool::new(false) }
    }

    /// They are all over.
    pub(crate) fn end(self) {
        self.context.progress.end();
    }

    /// Does `work` as one of them. If it fails, the others are asked to stop.
    pub(crate) fn run<T>(&self, work: impl FnOnce(Context<'_>) -> Result<T>) -> Result<T> {
        let outcome = work(Context::of(&Share { shared: self, stage: Mutex::default() }));
        if outcome.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        outcome
    }
}

/// What one of them is told.
struct Share<'a> {
    shared: &'a SharedProgress<'a>,
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

impl Progress for Share<'_> {
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
        let done = self.shared.done.fetch_add(steps, Ordering::Relaxed) + steps;
        self.shared.context.progress.advance(done, message.map(|message| format!("{}: {message}", stage.name)));
    }

    fn end(&self) {
        if let Some(Stage { name, started, message, .. }) = self.stage().take() {
            self.shared.context.progress.end_of_piece(&name, started.elapsed(), &message);
        }
    }

    // A remark is in the report too; here it would stand between the lines of the others. A warning cannot wait.
    fn warn(&self, text: &str) {
        self.shared.context.progress.warn(text);
    }
}

impl Control for Share<'_> {
    fn stop_requested(&self) -> bool {
        self.shared.failed.load(Ordering::Relaxed) || self.shared.context.control.stop_requested()
    }

    fn checkpoint_every(&self) -> Duration {
        self.shared.context.control.checkpoint_every()
    }
}

#[cfg(test)]
mod tests;
