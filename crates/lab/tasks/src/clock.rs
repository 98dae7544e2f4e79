//! How long each stage of a run took.

use std::path::PathBuf;
use std::time::Instant;

use apd_store::checkpoint;

use crate::error::Result;

/// Seconds spent in each stage, over all the runs that it took.
pub(crate) struct Clock {
    path: PathBuf,
    pub(crate) stages: Vec<(String, f64, Option<u64>)>,
}

impl Clock {
    pub(crate) fn load(path: PathBuf) -> Result<Self> {
        let stages = if checkpoint::exists(&path) { checkpoint::load(&path, "clock")?.value } else { Vec::new() };
        Ok(Clock { path, stages })
    }

    /// Adds the stage's time, also when it is stopped.
    pub(crate) fn time<T>(&mut self, stage: &str, steps: u64, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = Instant::now();
        let outcome = work();
        self.add(stage, started.elapsed().as_secs_f64(), Some(steps))?;
        outcome
    }

    /// What is done anew whenever a run goes on.
    pub(crate) fn set(&mut self, stage: &str, seconds: f64) -> Result<()> {
        if let Some((_, total, _)) = self.stages.iter_mut().find(|(name, ..)| name == stage) {
            *total = 0.0;
        }
        self.add(stage, seconds, None)
    }

    pub(crate) fn add(&mut self, stage: &str, seconds: f64, steps: Option<u64>) -> Result<()> {
        match self.stages.iter_mut().find(|(name, ..)| name == stage) {
            Some((_, total, _)) => *total += seconds,
            None => self.stages.push((stage.into(), seconds, steps)),
        }
        Ok(checkpoint::save(&self.path, "clock", &self.stages)?)
    }
}
