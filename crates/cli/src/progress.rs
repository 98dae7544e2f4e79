//! Progress bars on a terminal, plain lines elsewhere, and the flag that Ctrl-C sets.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use apd_tasks::{CHECKPOINT_EVERY, Control, Progress};
use indicatif::{ProgressBar, ProgressStyle};

use crate::usage::Usage;

/// Set by the first Ctrl-C or SIGTERM; asked by every stage at every step boundary.
static STOP: AtomicBool = AtomicBool::new(false);

/// Arranges that Ctrl-C and SIGTERM stop the run at a step boundary; a second one ends it at once.
pub(crate) fn stop_on_signals() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(1);
        }
        eprintln!("\nstopping at the next step boundary (once more to stop at once)");
    })
}

/// Whether somebody wants the run to stop.
pub(crate) fn is_stopping() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// Shows stages as bars with rate, ETA and how it is going; without a terminal, as a line every ten seconds.
pub(crate) struct Terminal {
    current: Mutex<Option<Stage>>,
    checkpoint_every: Duration,
}

struct Stage {
    name: String,
    total: u64,
    resumed_at: u64,
    bar: ProgressBar,
    started: Instant,
    last_line: Instant,
}

const LINE_EVERY: Duration = Duration::from_secs(10);

impl Terminal {
    pub(crate) fn new() -> Self {
        Terminal { current: Mutex::new(None), checkpoint_every: CHECKPOINT_EVERY }
    }

    /// With another time between checkpoints.
    pub(crate) fn checkpoint_every(self, seconds: Option<f64>) -> Result<Self, Usage> {
        let Some(seconds) = seconds else { return Ok(self) };
        let refused = |_| Usage(format!("--checkpoint-seconds {seconds}: not a time"));
        Ok(Self { checkpoint_every: Duration::try_from_secs_f64(seconds).map_err(refused)?, ..self })
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Option<Stage>> {
        self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Progress for Terminal {
    fn begin(&self, stage: &str, total: u64, done: u64) {
        let bar = if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template(
                "{prefix:>14} {bar:28.cyan/blue} {pos}/{len}  {per_sec}  {elapsed}, {eta} left  {msg}",
            )
            .expect("a constant template")
            .progress_chars("━╸─");
            ProgressBar::new(total).with_style(style).with_prefix(stage.to_string()).with_position(done)
        } else {
            ProgressBar::hidden()
        };
        bar.reset_eta();
        let now = Instant::now();
        *self.current() =
            Some(Stage { name: stage.into(), total, resumed_at: done, bar, started: now, last_line: now });
    }

    fn advance(&self, done: u64, message: Option<String>) {
        let mut current = self.current();
        let Some(stage) = current.as_mut() else { return };
        stage.bar.set_position(done);
        if let Some(message) = message {
            stage.bar.set_message(message);
        }
        if stage.bar.is_hidden() && stage.last_line.elapsed() >= LINE_EVERY {
            stage.last_line = Instant::now();
            let rate = (done - stage.resumed_at.min(done)) as f64 / stage.started.elapsed().as_secs_f64();
            let left = stage.total.saturating_sub(done) as f64 / rate.max(1e-9);
            eprintln!(
                "{:>14} {done}/{}  {rate:.1}/s  {left:.0} s left  {}",
                stage.name,
                stage.total,
                stage.bar.message()
            );
        }
    }

    fn end(&self) {
        if let Some(stage) = self.current().take() {
            let (seconds, message) = (stage.started.elapsed().as_secs_f64(), stage.bar.message());
            stage.bar.finish_and_clear();
            eprintln!("{:>14} done in {seconds:.1} s  {message}", stage.name);
        }
    }

    fn note(&self, text: &str) {
        match self.current().as_ref() {
            Some(stage) if !stage.bar.is_hidden() => stage.bar.println(text),
            _ => eprintln!("{text}"),
        }
    }
}

impl Control for Terminal {
    fn stop_requested(&self) -> bool {
        is_stopping()
    }

    fn checkpoint_every(&self) -> Duration {
        self.checkpoint_every
    }
}
