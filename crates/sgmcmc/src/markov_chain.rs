//! Any Markov chain: what it gives, whom it gives it to, and how it is run.

use std::ops::ControlFlow;

use crate::{ChainError, RunError, Transition, Warning};

/// A kept position, in single precision (`T` = `f32`) or in double.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sample<'a, T = f32> {
    /// The chain.
    pub chain: u32,
    /// Updates made before it.
    pub step: u64,
    /// θ.
    pub position: &'a [T],
    /// The estimate of U(θ) from the next update's minibatch: nats, full-data scale.
    pub potential: f64,
    /// ε of the update that led here relative to ε₀: 1 for a constant step size.
    pub weight: f64,
    /// The statistics of its trajectory, of a [`HamiltonianChain`](crate::HamiltonianChain).
    pub transition: Option<Transition>,
}

/// The progress of a chain.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Progress {
    /// The chain.
    pub chain: u32,
    /// Updates made.
    pub step: u64,
    /// Updates in all.
    pub steps: u64,
    /// The last estimate of U: nats, full-data scale.
    pub potential: f64,
}

/// The destination of a chain's samples.
///
/// Closures `FnMut(Sample<'_>) -> Result<(), E>` are sinks; those of samples in double precision name it, `Sample<'_, f64>`.
pub trait Sink<T = f32>: Send {
    /// Why a sample could not be taken.
    type Error: Send;

    /// Takes a sample; an error ends the run.
    fn sample(&mut self, sample: Sample<'_, T>) -> Result<(), Self::Error>;

    /// Called after every update; `Break` ends the run at this step boundary.
    fn progress(&mut self, _progress: Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<T, E: Send, F: FnMut(Sample<'_, T>) -> Result<(), E> + Send> Sink<T> for F {
    type Error = E;

    fn sample(&mut self, sample: Sample<'_, T>) -> Result<(), E> {
        self(sample)
    }
}

/// The end of a run that did not fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// All steps were made.
    Finished,
    /// The sink asked to stop; the chain can go on later.
    Stopped,
}

/// A chain that is made step by step: what [`run_chains`](crate::run_chains) runs.
pub trait MarkovChain: Send {
    /// The type of its coordinates: `f32` with minibatches, `f64` without.
    type Scalar;

    /// Makes one step, and returns the new position if it is kept.
    ///
    /// **Errors**: a divergence, or a failure of the potential.
    fn step(&mut self) -> Result<Option<Sample<'_, Self::Scalar>>, ChainError>;

    /// Where it is, and how many steps it has.
    fn progress(&self) -> Progress;

    /// What is to be said against its draws so far, as far as it knows.
    fn warnings(&self) -> Vec<Warning> {
        Vec::new()
    }

    /// Runs to the end, giving each kept position to `sink`.
    ///
    /// **Errors**: [`RunError::Chain`] for a divergence or a failure of the potential, [`RunError::Sink`] with the sink's own error.
    fn run<K: Sink<Self::Scalar>>(&mut self, sink: &mut K) -> Result<Outcome, RunError<K::Error>> {
        self.run_until(u64::MAX, sink)
    }

    /// Runs as [`run`](Self::run) does, up to step `until` or the end, whichever comes first.
    ///
    /// **Errors**: as [`run`](Self::run).
    fn run_until<K: Sink<Self::Scalar>>(&mut self, until: u64, sink: &mut K) -> Result<Outcome, RunError<K::Error>> {
        while self.progress().step < until.min(self.progress().steps) {
            if let Some(sample) = self.step()? {
                let (chain, step) = (sample.chain, sample.step);
                sink.sample(sample).map_err(|cause| RunError::Sink { chain, step, cause })?;
            }
            if sink.progress(self.progress()).is_break() {
                return Ok(Outcome::Stopped);
            }
        }
        Ok(Outcome::Finished)
    }
}
