//! Several chains at once.

use rayon::prelude::*;

use crate::{MarkovChain, Outcome, RunError, Sink};

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
