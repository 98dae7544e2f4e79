//! Work without the interpreter's lock.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use apd::{Progress, Stage, Steps};
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::value_error;

/// Time between two looks at whether a signal has come.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Threads of its own: those that a library keeps are gone in a process that was forked.
fn pool(threads: Option<usize>) -> PyResult<ThreadPool> {
    const MOST: usize = 1024;
    let threads = threads.unwrap_or(0);
    if threads > MOST {
        return Err(value_error(format!("n_jobs is {threads}, more than {MOST}")));
    }
    ThreadPoolBuilder::new().num_threads(threads).build().map_err(value_error)
}

/// Does short work, on as many threads (one for each core, if nothing is said).
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    threads: Option<usize>,
    work: impl FnOnce() -> T + Send,
) -> PyResult<T> {
    py.detach(|| Ok(pool(threads)?.install(work)))
}

/// Hears how far a fit is, and whether it is to stop.
#[derive(Default)]
pub(crate) struct Watch {
    stage: Mutex<Option<Steps>>,
    done: AtomicU64,
    stop: AtomicBool,
}

impl Watch {
    /// Whether to stop.
    pub(crate) fn stop(&self) -> &AtomicBool {
        &self.stop
    }

    /// So many of all steps of sampling are done.
    pub(crate) fn sampled(&self, done: u64, steps: u64) {
        *self.stage.lock().expect("nobody panics with it") = Some(Steps { stage: Stage::Sample, steps });
        self.done.store(done, Ordering::Relaxed);
    }
}

impl Progress for Watch {
    fn begin(&self, stage: Steps) {
        *self.stage.lock().expect("nobody panics with it") = Some(stage);
        self.done.store(0, Ordering::Relaxed);
    }

    fn advance(&self, steps: u64) {
        self.done.fetch_add(steps, Ordering::Relaxed);
    }

    fn stop_requested(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Does long work: every twentieth of a second a signal may stop it, and `progress` is called with the stage's name, the steps done and all
/// steps. An exception that it raises stops the work too.
pub(crate) fn watched<T: Send>(
    py: Python<'_>,
    threads: Option<usize>,
    progress: Option<&Py<PyAny>>,
    work: impl FnOnce(&Watch) -> T + Send,
) -> PyResult<T> {
    let watch = Watch::default();
    let look = || {
        Python::attach(|py| {
            py.check_signals()?;
            if let (Some(progress), Some(Steps { stage, steps })) = (progress, *watch.stage.lock().expect("as above")) {
                progress.call1(py, (stage.name(), watch.done.load(Ordering::Relaxed).min(steps), steps))?;
            }
            PyResult::Ok(())
        })
    };
    let pool = pool(threads)?;
    py.detach(|| {
        std::thread::scope(|scope| {
            let (sender, receiver) = channel::<()>();
            let worker = scope.spawn(|| {
                let outcome = pool.install(|| work(&watch));
                drop(sender);
                outcome
            });
            let mut interrupted = Ok(());
            while receiver.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                if interrupted.is_ok() {
                    interrupted = look();
                    watch.stop.store(interrupted.is_err(), Ordering::Relaxed);
                }
            }
            if interrupted.is_ok() {
                interrupted = look();
            }
            let outcome = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            interrupted.map(|()| outcome)
        })
    })
}
