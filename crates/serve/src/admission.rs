//! Which requests are answered now, later, or not.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::oneshot;

use crate::failure::Failure;

/// As many tasks as there are threads run, a few more wait, and all others are turned away: an answer that comes too late helps nobody, and what
/// waits without bound takes memory without bound.
#[derive(Clone)]
pub(crate) struct Admission {
    admitted: Arc<AtomicUsize>,
    most: usize,
    timeout: Duration,
}

/// A place among those that are admitted, given back when it is dropped.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Admission {
    pub(crate) fn new(queue: usize, timeout: Duration) -> Self {
        Self { admitted: Arc::default(), most: rayon::current_num_threads() + queue, timeout }
    }

    /// Tasks that run or wait.
    pub(crate) fn admitted(&self) -> usize {
        self.admitted.load(Ordering::Relaxed)
    }

    /// The result of a task on one of Rayon's threads, in the order of their arrival.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let place = Place(self.admitted.clone());
        if self.admitted.fetch_add(1, Ordering::Relaxed) >= self.most {
            return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "too many requests wait: try again in a second"));
        }
        let (sender, receiver) = oneshot::channel();
        rayon::spawn_fifo(move || {
            // Whoever asked may have gone.
            if sender.is_closed() {
                return;
            }
            let result = catch_unwind(AssertUnwindSafe(task)).unwrap_or_else(|_| {
                Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the prediction failed: this is a bug"))
            });
            // Whoever sees the answer may ask again at once.
            drop(place);
            let _ = sender.send(result);
        });
        match tokio::time::timeout(self.timeout, receiver).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => {
                Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the prediction was dropped: this is a bug"))
            }
            Err(_) => {
                let seconds = self.timeout.as_secs_f64();
                let message = format!("no answer within {seconds} seconds: send fewer rows, or try again later");
                Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    /// One test: the threads that predictions run on are those of the whole program.
    #[test]
    fn a_full_queue_a_panic_and_a_late_answer_are_failures() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
        let admission = Admission::new(0, Duration::from_secs(60));
        let gate = Arc::new(Barrier::new(admission.most + 1));
        let held: Vec<_> = (0..admission.most)
            .map(|_| {
                let (admission, gate) = (admission.clone(), gate.clone());
                runtime.spawn(async move { admission.run(move || Ok(gate.wait().is_leader())).await })
            })
            .collect();
        while admission.admitted() < admission.most {
            thread::yield_now();
        }
        let refused = runtime.block_on(admission.run(|| Ok(()))).unwrap_err();
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        gate.wait();
        for task in held {
            runtime.block_on(task).unwrap().unwrap();
        }
        assert_eq!((runtime.block_on(admission.run(|| Ok(2))).unwrap(), admission.admitted()), (2, 0));

        let panicked = runtime.block_on(admission.run::<()>(|| panic!("expected"))).unwrap_err();
        assert_eq!(panicked.status, StatusCode::INTERNAL_SERVER_ERROR);
        let hasty = Admission { timeout: Duration::from_millis(1), ..admission };
        let late = || {
            thread::sleep(Duration::from_millis(500));
            Ok(())
        };
        assert_eq!(runtime.block_on(hasty.run(late)).unwrap_err().status, StatusCode::SERVICE_UNAVAILABLE);
    }
}
