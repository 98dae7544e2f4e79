//! Several chains at once.

use rayon::prelude::*;

use crate::{Chain, Outcome, Potential, RunError, Sampler, Sink};

/// A chain that can be run to its end: what [`run_chains`] runs.
pub trait MarkovChain: Send {
    /// The type of its coordinates: `f32` with minibatches, `f64` without.
    type Scalar;

    /// Runs to the end, giving each kept position to `sink`.
    ///
    /// **Errors**: [`RunError::Chain`] for a divergence or a failure of the potential, [`RunError::Sink`] with the sink's own error.
    fn run<K: Sink<Self::Scalar>>(&mut self, sink: &mut K) -> Result<Outcome, RunError<K::Error>>;
}

impl<P: Potential, S: Sampler> MarkovChain for Chain<P, S> {
    type Scalar = f32;

    fn run<K: Sink>(&mut self, sink: &mut K) -> Result<Outcome, RunError<K::Error>> {
        Self::run(self, sink)
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
