//! The stages of a fit on a terminal: which of how many, and the time that is left of the whole.

use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use apd::{Progress, Stage, Steps};
use indicatif::{ProgressBar, ProgressStyle};

use crate::progress::is_stopping;

/// Without a terminal there is a line so often.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// A bar on a terminal, lines of at most 80 columns elsewhere.
#[derive(Default)]
pub(crate) struct Stages(Mutex<Option<Current>>);

struct Current {
    stage: Stage,
    steps: u64,
    done: u64,
    /// Steps that an earlier run had made.
    found: u64,
    started: Instant,
    last_line: Instant,
    bar: ProgressBar,
}

impl Current {
    fn line(&self) -> String {
        let made = (self.done - self.found).max(1) as f64;
        let left = (self.steps.saturating_sub(self.done)) as f64 * self.started.elapsed().as_secs_f64() / made;
        let (number, of, name) =
            (Stage::ALL.iter().position(|&stage| stage == self.stage), Stage::ALL.len(), self.stage.name());
        format!("stage {} of {of}, {name}: {}/{}, {left:.0} s left", number.map_or(0, |i| i + 1), self.done, self.steps)
    }
}

impl Stages {
    fn current(&self) -> MutexGuard<'_, Option<Current>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last stage is over.
    pub(crate) fn finish(&self) {
        if let Some(current) = self.current().take() {
            current.bar.finish_and_clear();
        }
    }
}

impl Progress for Stages {
    fn begin(&self, Steps { stage, steps }: Steps) {
        self.finish();
        let now = Instant::now();
        let bar = if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{bar:20.cyan/blue} {msg}").expect("a constant template");
            ProgressBar::new(steps).with_style(style.progress_chars("━╸─"))
        } else {
            ProgressBar::hidden()
        };
        *self.current() = Some(Current { stage, steps, done: 0, found: 0, started: now, last_line: now, bar });
    }

    fn advance(&self, steps: u64) {
        let mut current = self.current();
        let Some(current) = current.as_mut() else { return };
        current.done += steps;
        if !current.bar.is_hidden() {
            current.bar.set_position(current.done);
            current.bar.set_message(current.line());
        } else if current.last_line.elapsed() >= LINE_EVERY {
            current.last_line = Instant::now();
            eprintln!("{}", current.line());
        }
    }

    fn resume(&self, steps: u64) {
        if let Some(current) = self.current().as_mut() {
            current.found += steps;
        }
        self.advance(steps);
    }

    fn stop_requested(&self) -> bool {
        is_stopping()
    }
}
