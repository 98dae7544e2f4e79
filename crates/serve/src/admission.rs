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
            let _place = place;
            // Whoever asked may have gone.
            if sender.is_closed() {
                return;
            }
            let result = catch_unwind(AssertUnwindSafe(task)).unwrap_or_else(|_| {
                Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the prediction failed: this is a bug"))
            });
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
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    #[test]
    fn more_than_the_queue_holds_are_turned_away_and_a_place_is_given_back() {
        let admission = Admission::new(0, Duration::from_secs(60));
        block_on(async {
            let (gate, waiting) = std::sync::mpsc::channel::<()>();
            let waiting = Arc::new(std::sync::Mutex::new(waiting));
            let held: Vec<_> = (0..admission.most)
                .map(|_| {
                    let (admission, waiting) = (admission.clone(), waiting.clone());
                    Box::pin(async move {
                        admission
                            .run(move || {
                                let _ = waiting.lock().unwrap().recv();
                                Ok(1)
                            })
                            .await
                    })
                })
                .collect();
            let mut tasks: Vec<_> = Vec::new();
            for future in held {
                tasks.push(future);
            }
            // Polled once, all are admitted.
            for task in &mut tasks {
                assert!(tokio::time::timeout(Duration::ZERO, task).await.is_err());
            }
            let refused = admission.run(|| Ok(2)).await.unwrap_err();
            assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
            for _ in 0..admission.most {
                gate.send(()).unwrap();
            }
            for task in tasks {
                assert_eq!(task.await.unwrap(), 1);
            }
            assert_eq!(admission.run(|| Ok(2)).await.unwrap(), 2);
        });
        assert_eq!(admission.admitted(), 0);
    }

    #[test]
    fn a_panic_is_an_answer_and_a_late_answer_is_a_failure() {
        let admission = Admission::new(4, Duration::from_millis(50));
        block_on(async {
            let panicked = admission.run::<()>(|| panic!("expected")).await.unwrap_err();
            assert_eq!(panicked.status, StatusCode::INTERNAL_SERVER_ERROR);
            let late = admission
                .run(|| {
                    std::thread::sleep(Duration::from_millis(200));
                    Ok(())
                })
                .await
                .unwrap_err();
            assert_eq!(late.status, StatusCode::SERVICE_UNAVAILABLE);
        });
    }
}
