//! Several chains at once.

use rayon::prelude::*;

use crate::{Chain, ChainError, Outcome, Potential, Progress, RunError, Sample, Sampler, Sink};

/// A chain that is made step by step: what [`run_chains`] runs.
pub trait MarkovChain: Send {
    /// The type of its coordinates: `f32` with minibatches, `f64` without.
    type Scalar;

    /// Makes one step, and returns the new position if it is kept.
    ///
    /// **Errors**: a divergence, or a failure of the potential.
    fn step(&mut self) -> Result<Option<Sample<'_, Self::Scalar>>, ChainError>;

    /// Where it is, and how many steps it has.
    fn progress(&self) -> Progress;

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

impl<P: Potential, S: Sampler> MarkovChain for Chain<P, S> {
    type Scalar = f32;

    fn step(&mut self) -> Result<Option<Sample<'_>>, ChainError> {
        Self::step(self)
    }

    fn progress(&self) -> Progress {
        Self::progress(self)
    }
}

/// Runs every chain to its end in parallel, chain i into `sinks[i]`; results in the order of the chains.
///
/// A chain that fails does not stop the others. Nothing depends on the number of threads: a chain's randomness is its own, and its
/// sink sees its samples in order.
///
/// **Panics** if there are not as many sinks as chains.
#[track_caller]
pub fn run_chains<C: MarkovChain, K: Sink<C::Scalar>>(
    chains: &mut [C],
    sinks: &mut [K],
) -> Vec<Result<Outcome, RunError<K::Error>>> {
    assert_eq!(chains.len(), sinks.len(), "chains and sinks");
    // One job per chain: by default rayon may hand several to one thread while another has none left.
    chains.par_iter_mut().zip(sinks).with_max_len(1).map(|(chain, sink)| chain.run(sink)).collect()
}

#[cfg(test)]
mod tests;
