//! Progress bars on a terminal, plain lines elsewhere, and the flag that Ctrl-C sets.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use apd_tasks::{CHECKPOINT_EVERY, Control, PlannedStage, Progress};
use indicatif::{ProgressBar, ProgressStyle};

use crate::usage::Usage;

#[cfg(test)]
mod tests;

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

/// Columns of a terminal that nobody has widened.
const WIDTH: usize = 80;
/// Without a terminal there is a line so often.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// Shows which stage of how many a run is in, and the time that is left in all: a bar, and a line once the stage is over. Without a terminal,
/// a line for each piece of work and now and then one in between.
pub(crate) struct Terminal {
    run: Mutex<Run>,
    checkpoint_every: Duration,
}

/// What is under way.
#[derive(Default)]
struct Run {
    plan: Plan,
    work: Option<Work>,
}

/// The stages of a run; there are none where a single piece of work is done.
#[derive(Default)]
struct Plan {
    stages: Vec<PlannedStage>,
    /// Stages that were entered.
    entered: usize,
    /// When the present one was, and the run.
    times: Option<[Instant; 2]>,
    /// Planned seconds of the stages that were worked on in this run, before the present one.
    worked: f64,
    /// What was last said of the present one, if it was worked on.
    message: Option<String>,
}

/// A piece of work.
struct Work {
    name: String,
    total: u64,
    done: u64,
    message: String,
    bar: ProgressBar,
    started: Instant,
    last_line: Instant,
}

impl Work {
    fn share(&self) -> f64 {
        if self.total == 0 { 1.0 } else { (self.done as f64 / self.total as f64).min(1.0) }
    }
}

impl Plan {
    /// `stage 3 of 9, `, or nothing.
    fn place(&self) -> String {
        if self.entered == 0 { String::new() } else { format!("stage {} of {}, ", self.entered, self.stages.len()) }
    }

    /// Seconds that are left when the present stage is done to this share after so many seconds of the run.
    fn left(&self, share: f64, seconds: f64) -> f64 {
        /// Planned seconds that are believed before any were measured.
        const PRIOR: f64 = 10.0;
        let present = self.stages.get(self.entered.wrapping_sub(1)).map_or(0.0, |stage| stage.seconds);
        let ahead: f64 = self.stages.iter().skip(self.entered).map(|stage| stage.seconds).sum();
        let pace = (seconds + PRIOR) / (self.worked + share * present + PRIOR);
        pace * ((1.0 - share) * present + ahead)
    }

    /// `, 2 min left in all`, or nothing.
    fn left_in_all(&self, share: f64) -> String {
        let Some([_, run]) = self.times else { return String::new() };
        let left = self.left(share, run.elapsed().as_secs_f64());
        if left > 0.0 { format!(", {} left in all", words(left)) } else { String::new() }
    }

    /// The line of the stage that is over; none where it had been done before.
    fn leave(&mut self) -> Option<String> {
        let ([started, _], message) = (self.times?, self.message.take()?);
        let stage = self.entered.checked_sub(1).map(|place| self.stages[place].clone())?;
        let (place, left) = (self.place(), self.left_in_all(1.0));
        self.worked += stage.seconds;
        Some(line(&format!("{place}{} done in {}{left}", stage.name, words(started.elapsed().as_secs_f64())), &message))
    }
}

/// Seconds as nobody needs them finer.
fn words(seconds: f64) -> String {
    match seconds {
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 99.5 => format!("{s:.0} s"),
        s if s < 99.5 * 60.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// At most 80 columns: what is said last is cut.
fn line(text: &str, message: &str) -> String {
    let line = if message.is_empty() { text.to_owned() } else { format!("{text}; {message}") };
    match line.chars().count() > WIDTH {
        true => line.chars().take(WIDTH - 1).chain(['…']).collect(),
        false => line,
    }
}

impl Terminal {
    pub(crate) fn new() -> Self {
        Terminal { run: Mutex::default(), checkpoint_every: CHECKPOINT_EVERY }
    }

    /// With another time between checkpoints.
    pub(crate) fn checkpoint_every(self, seconds: Option<f64>) -> Result<Self, Usage> {
        let Some(seconds) = seconds else { return Ok(self) };
        let refused = |_| Usage(format!("--checkpoint-seconds {seconds}: not a time"));
        Ok(Self { checkpoint_every: Duration::try_from_secs_f64(seconds).map_err(refused)?, ..self })
    }

    /// The last stage of the plan is over.
    pub(crate) fn finish(&self) {
        self.leave();
    }

    fn run(&self) -> MutexGuard<'_, Run> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self) {
        let line = self.run().plan.leave();
        // Without a terminal its pieces have been told already.
        if let Some(line) = line.filter(|_| std::io::stderr().is_terminal()) {
            eprintln!("{line}");
        }
    }

    fn say(&self, text: &str) {
        match &self.run().work {
            Some(work) if !work.bar.is_hidden() => work.bar.println(text),
            _ => eprintln!("{text}"),
        }
    }
}

impl Progress for Terminal {
    fn plan(&self, stages: &[PlannedStage]) {
        self.run().plan = Plan { stages: stages.to_vec(), times: Some([Instant::now(); 2]), ..Plan::default() };
    }

    fn enter(&self, stage: &str) {
        self.leave();
        let plan = &mut self.run().plan;
        plan.entered =
            plan.stages.iter().position(|planned| planned.name == stage).map_or(plan.entered, |place| place + 1);
        if let Some([started, _]) = &mut plan.times {
            *started = Instant::now();
        }
    }

    fn begin(&self, stage: &str, total: u64, done: u64) {
        let bar = if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{bar:16.cyan/blue} {wide_msg}").expect("a constant template");
            ProgressBar::new(total).with_style(style.progress_chars("━╸─")).with_position(done)
        } else {
            ProgressBar::hidden()
        };
        let now = Instant::now();
        let mut run = self.run();
        run.plan.message = Some(String::new());
        let (name, message) = (stage.to_owned(), String::new());
        run.work = Some(Work { name, total, done, message, bar, started: now, last_line: now });
    }

    fn advance(&self, done: u64, message: Option<String>) {
        let run = &mut *self.run();
        let Some(work) = run.work.as_mut() else { return };
        work.done = done;
        work.message = message.unwrap_or(std::mem::take(&mut work.message));
        run.plan.message = Some(work.message.clone());
        let (place, left) = (run.plan.place(), run.plan.left_in_all(work.share()));
        let text = || format!("{place}{}: {:.0} %{left}", work.name, 100.0 * work.share());
        if !work.bar.is_hidden() {
            work.bar.set_position(done);
            work.bar.set_message(line(&text(), &work.message));
        } else if work.last_line.elapsed() >= LINE_EVERY {
            eprintln!("{}", line(&text(), &work.message));
            work.last_line = Instant::now();
        }
    }

    fn end(&self) {
        let Some(work) = self.run().work.take() else { return };
        let is_planned = self.run().plan.entered > 0;
        work.bar.finish_and_clear();
        // A stage of a plan has its line once all of its pieces are done.
        if work.bar.is_hidden() || !is_planned {
            self.end_of(&work.name, work.started.elapsed(), &work.message);
        }
    }

    fn end_of_piece(&self, name: &str, time: Duration, message: &str) {
        if !std::io::stderr().is_terminal() {
            self.end_of(name, time, message);
        }
    }

    fn note(&self, text: &str) {
        self.say(text);
    }

    fn warn(&self, text: &str) {
        self.say(&format!("warning: {text}"));
    }
}

impl Terminal {
    fn end_of(&self, name: &str, time: Duration, message: &str) {
        let place = self.run().plan.place();
        self.say(&line(&format!("{place}{name} done in {}", words(time.as_secs_f64())), message));
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
