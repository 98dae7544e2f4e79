//! What goes on around a fit: who hears of it, who may stop it, and where its checkpoints are.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Hears how a fit goes on, and may stop it. No method has to be written: `()` hears nothing and never stops.
pub trait Progress: Sync {
    /// A stage begins, and the one before is over.
    fn begin(&self, stage: Steps) {
        let _ = stage;
    }

    /// So many steps of the stage have been made since the last call; from any thread.
    fn advance(&self, steps: u64) {
        let _ = steps;
    }

    /// So many steps of the stage had been made by a fit that was interrupted; from any thread.
    fn resume(&self, steps: u64) {
        self.advance(steps);
    }

    /// Whether to stop at the next step boundary.
    fn stop_requested(&self) -> bool {
        false
    }
}

impl Progress for () {}

/// One of the stages of a fit, and how many steps it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// The stage.
    pub stage: Stage,
    /// Its steps.
    pub steps: u64,
}

/// The stages of a fit, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Stage {
    /// The chains are sampled: nearly all of the time.
    Sample,
    /// The samples are distilled.
    Distill,
    /// Held-out rows say how right the model is.
    Check,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sample, Self::Distill, Self::Check];

    /// What is done.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Distill => "distill",
            Self::Check => "check",
        }
    }

    pub(crate) fn of(self, steps: u64) -> Steps {
        Steps { stage: self, steps }
    }
}

/// Time between two checkpoints of a chain.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);

/// Around a fit: by default nobody hears of it, and nothing is left of one that was interrupted.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Hears of the fit.
    pub progress: &'a dyn Progress,
    /// The folder in which chains leave their checkpoints, and from which they go on: a fit that was interrupted ends with the bits of one
    /// that was not. Whoever gives it removes it.
    pub checkpoints: Option<&'a Path>,
    /// Time between two checkpoints.
    pub checkpoint_every: Duration,
}

impl Default for Context<'_> {
    fn default() -> Self {
        Self { progress: &(), checkpoints: None, checkpoint_every: CHECKPOINT_EVERY }
    }
}

impl Context<'_> {
    /// Where a chain leaves its checkpoints.
    pub(crate) fn checkpoint(&self, chain: u32) -> Option<PathBuf> {
        self.checkpoints.map(|folder| folder.join(format!("chain-{chain}.ckpt")))
    }
}
