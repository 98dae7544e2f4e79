//! A long computation in steps, and the loop that takes it to its end.

use std::path::Path;
use std::time::Instant;

use apd_store::checkpoint;
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::{Error, Result};

/// A computation in steps, whose state can be made durable between them.
///
/// A stage that is made anew from what [`save`](Self::save) has left goes on to the same bits.
pub trait Stage {
    /// Whether no step is left.
    fn is_finished(&self) -> bool;

    /// Takes a step, or a few short ones, and tells how it goes.
    fn step(&mut self, context: Context<'_>) -> Result<()>;

    /// Makes what it takes to go on from here durable.
    fn save(&mut self) -> Result<()>;

    /// Whether each step is saved, because it takes long and is lost where it is interrupted.
    fn saves_every_step(&self) -> bool {
        false
    }
}

/// Takes a stage to its end. Its state is saved there, every so often as [`Control`](crate::Control) says, and where it is asked to stop.
///
/// **Errors**: whatever a step fails with; [`Error::Stopped`], after which the stage is ready to be resumed.
pub fn drive(context: Context<'_>, stage: &mut dyn Stage) -> Result<()> {
    let mut saved = Instant::now();
    while !stage.is_finished() {
        stage.step(context)?;
        let stop = context.control.stop_requested();
        let due = stage.saves_every_step() || saved.elapsed() >= context.control.checkpoint_every();
        if stop || due || stage.is_finished() {
            stage.save()?;
            saved = Instant::now();
        }
        if stop {
            return Err(Error::Stopped);
        }
    }
    Ok(())
}

/// The state that an earlier run left at `path`, if there is one.
pub(crate) fn saved<T: DeserializeOwned>(path: &Path, kind: &str) -> Result<Option<T>> {
    Ok(if checkpoint::exists(path) { Some(checkpoint::load(path, kind)?.value) } else { None })
}

#[cfg(test)]
mod tests;
