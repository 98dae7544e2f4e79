//! Which requests are answered now, later, or not.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::failure::Failure;

/// What memory is counted in.
const KIB: usize = 1 << 10;

/// Tasks run in the order of their arrival, some wait, and all others are turned away: an answer that comes too late helps nobody, and what
/// waits without bound takes memory without bound. So do bodies that are on their way.
#[derive(Clone)]
pub(crate) struct Admission {
    admitted: Arc<AtomicUsize>,
    most: usize,
    /// Permits for what Rayon has: a task for each thread and one that waits for it, so that no thread does. It is no more, because a thread whose
    /// task waits for parts of it on others takes another task meanwhile, and ends that first.
    threads: Arc<Semaphore>,
    /// A permit for each KiB of a body, and how many bodies there are.
    memory: Arc<Semaphore>,
    bodies: Arc<AtomicUsize>,
    timeout: Duration,
}

/// A place among those that are admitted, given back when it is dropped.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Memory that a request's body may take, until it is dropped.
pub(crate) struct Room {
    _memory: OwnedSemaphorePermit,
    _body: Place,
}

impl Admission {
    pub(crate) fn new(queue: usize, memory: usize, timeout: Duration) -> Self {
        let threads = rayon::current_num_threads();
        Self {
            admitted: Arc::default(),
            most: threads.saturating_add(queue),
            threads: Arc::new(Semaphore::new(2 * threads)),
            memory: Arc::new(Semaphore::new((memory / KIB).clamp(1, Semaphore::MAX_PERMITS))),
            bodies: Arc::default(),
            timeout,
        }
    }

    /// Tasks that run or wait.
    pub(crate) fn admitted(&self) -> usize {
        self.admitted.load(Ordering::Relaxed)
    }

    /// Bodies that are on their way or being answered.
    pub(crate) fn bodies(&self) -> usize {
        self.bodies.load(Ordering::Relaxed)
    }

    /// Room for a body of so many bytes, when there is some.
    pub(crate) async fn room(&self, bytes: usize) -> Result<Room, Failure> {
        let permits = u32::try_from(bytes.div_ceil(KIB).max(1)).unwrap_or(u32::MAX);
        match tokio::time::timeout(self.timeout, self.memory.clone().acquire_many_owned(permits)).await {
            Ok(Ok(memory)) => {
                self.bodies.fetch_add(1, Ordering::Relaxed);
                Ok(Room { _memory: memory, _body: Place(self.bodies.clone()) })
            }
            _ => Err(busy("too many bodies are on their way")),
        }
    }

    /// The result of a task on one of Rayon's threads.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let place = Place(self.admitted.clone());
        if self.admitted.fetch_add(1, Ordering::Relaxed) >= self.most {
            return Err(busy("too many requests wait"));
        }
        let (sender, receiver) = oneshot::channel();
        let answer = async {
            let Ok(thread) = self.threads.clone().acquire_owned().await else { return None };
            rayon::spawn(move || {
                // Whoever asked may have gone.
                let result = (!sender.is_closed()).then(|| {
                    catch_unwind(AssertUnwindSafe(task)).unwrap_or_else(|_| {
                        Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the prediction failed: this is a bug"))
                    })
                });
                // Whoever sees the answer may ask again at once.
                drop((place, thread));
                if let Some(result) = result {
                    let _ = sender.send(result);
                }
            });
            receiver.await.ok()
        };
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(Some(result)) => result,
            _ => Err(busy(&format!("no answer within {} seconds: send fewer rows", self.timeout.as_secs_f64()))),
        }
    }
}

fn busy(what: &str) -> Failure {
    Failure::new(StatusCode::SERVICE_UNAVAILABLE, format!("{what}; try again in a second"))
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
        let admission = Admission::new(0, 4 * KIB, Duration::from_secs(60));
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
        let room = runtime.block_on(hasty.room(4 * KIB)).unwrap();
        assert!(runtime.block_on(hasty.room(1)).is_err(), "all memory is taken");
        drop(room);
        assert!(runtime.block_on(hasty.room(1)).is_ok());
        let late = || {
            thread::sleep(Duration::from_millis(500));
            Ok(())
        };
        assert_eq!(runtime.block_on(hasty.run(late)).unwrap_err().status, StatusCode::SERVICE_UNAVAILABLE);
    }
}
