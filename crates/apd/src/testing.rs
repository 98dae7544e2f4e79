//! What several tests need.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Progress;

/// Stops a fit after so many steps, those of fits before not counted.
pub(crate) struct Stopper(AtomicU64);

impl Stopper {
    pub(crate) fn after(steps: u64) -> Self {
        Self(steps.into())
    }
}

impl Progress for Stopper {
    fn advance(&self, steps: u64) {
        let less = |left: u64| Some(left.saturating_sub(steps));
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).expect("there is always less");
    }

    fn resume(&self, _steps: u64) {}

    fn stop_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}
