//! The compiled half of the Python package `apd`: arrays in, arrays out. What a Python user sees is in `python/apd`.
//!
//! Work is done without the interpreter's lock, on a pool of threads of its own (a process that was forked has lost those of its parent), and
//! Ctrl-C stops it at the next step.

mod arrays;
mod compiled;
mod error;
mod metrics;
mod posterior;
mod predictive;
mod sample;
mod table;
mod work;

#[pyo3::pymodule]
mod _apd {
    #[pymodule_export]
    use crate::metrics::{
        accuracy, aurc, auroc, bald, brier, crps, detection, ece, entropy, ess_bulk, ess_tail, ksd, mcse_mean, nll,
        rhat,
    };
    #[pymodule_export]
    use crate::posterior::{Posterior, distill};
    #[pymodule_export]
    use crate::predictive::Law;
    #[pymodule_export]
    use crate::sample::{Sampled, sample, summary};
    #[pymodule_export]
    use crate::table::{Fit, Model};

    /// The version of the library.
    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
