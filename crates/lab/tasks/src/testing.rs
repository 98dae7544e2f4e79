//! What the tests of several stages share.

use std::sync::atomic::{AtomicU64, Ordering};

use apd_data::Dataset;

use crate::config::{Config, NetName, Profile, SgldConfig};
use crate::configure::complete;
use crate::context::{Control, Progress};
use crate::tasks::TASKS;

/// The quick settings of the digits for these tasks, but for the sampler: the paper's, whose steps are short.
pub(crate) fn quick(net: NetName, tasks: &[&str]) -> Config {
    let tasks = tasks.iter().map(|&task| task.to_owned()).collect();
    complete(Config { tasks, ..with_sgld(net) }, TASKS).unwrap()
}

/// The same for all tasks, without their sections.
pub(crate) fn with_sgld(net: NetName) -> Config {
    let Config { sampler, sgld, .. } = Config::new(Dataset::Digits, net, Profile::Paper);
    let sgld = SgldConfig { steps: 60_000, burn_in: 20_000, thinning: 20, ..sgld };
    Config { sampler, sgld, ..Config::new(Dataset::Digits, net, Profile::Quick) }
}

/// Asks to stop once it has been told of so many advances.
pub(crate) struct StopAfter {
    advances: u64,
    seen: AtomicU64,
}

impl StopAfter {
    pub(crate) fn new(advances: u64) -> Self {
        Self { advances, seen: AtomicU64::new(0) }
    }
}

impl Progress for StopAfter {
    fn advance(&self, _done: u64, _message: Option<String>) {
        self.seen.fetch_add(1, Ordering::Relaxed);
    }
}

impl Control for StopAfter {
    fn stop_requested(&self) -> bool {
        self.seen.load(Ordering::Relaxed) >= self.advances
    }
}

/// Runs `work` on so many threads.
pub(crate) fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}
