//! MCMC diagnostics: are these draws to be believed?
//!
//! ```
//! use apd_diagnostics::{diagnose, rhat};
//! # let mut chains = [[0.0; 500]; 4];
//! # for (i, chain) in chains.iter_mut().enumerate() {
//! #     apd_seed::Seed::root(1).index(i as u64).normals().fill_f64(0, 0, chain);
//! # }
//!
//! // Four chains of 500 draws each, as arrays or vectors of yours.
//! let diagnosis = diagnose(&chains)?;
//! println!("{diagnosis}"); // mean, sd, R-hat, effective sizes on one line
//! assert!(diagnosis.rhat < 1.01 && diagnosis.ess_bulk > 1_500.0);
//!
//! chains[2].iter_mut().for_each(|x| *x *= 3.0); // the same location, another scale
//! assert!(rhat(&chains)? > 1.1);
//! # Ok::<(), apd_diagnostics::DiagnosticError>(())
//! ```
//!
//! Draws of one scalar come as chains of one length, `&[C]` with `C: AsRef<[f64]>`; each function takes all of them.
//!
//! | question | function | wanted |
//! |---|---|---|
//! | do the chains agree? | [`rhat`]; [`nested_rhat`] for many short ones | below 1.01 |
//! | how many independent draws is that? | [`ess_bulk`], [`ess_tail`], [`ess_mean`] | 100 per chain and more |
//! | which digits of an estimate are noise? | [`mcse_mean`], [`mcse_sd`], [`mcse_quantile`] | small beside the deviation |
//! | in what way do they disagree? | [`rank_histogram`], [`autocorrelation`] | flat; quickly 0 |
//! | all at once? | [`diagnose`] | |
//! | what of a figure over many scalars, or over repeated draws? | [`median`], [`mean_sd`] | |
//! | do points in R^d fit a density known by its gradient? | [`ksd`], [`ksd_test`] | small beside other samplers |
//! | has a sampler in many dimensions collapsed? | [`spread`] | as free coordinates |
//!
//! Chains that remember where they were, and one that is stuck:
//!
//! ```
//! use apd_diagnostics::{diagnose, rhat};
//! use apd_seed::Seed;
//!
//! // Four chains x ← 0.9·x + noise, each 1000 draws from its stationary law.
//! let mut chains = vec![vec![0.0; 1000]; 4];
//! for (i, chain) in chains.iter_mut().enumerate() {
//!     Seed::root(1).child("chain").index(i as u64).normals().fill_f64(0, 0, chain);
//!     chain[0] /= (1.0 - 0.9_f64.powi(2)).sqrt();
//!     for t in 1..1000 {
//!         chain[t] += 0.9 * chain[t - 1];
//!     }
//! }
//! let diagnosis = diagnose(&chains)?;
//! println!("{diagnosis}");
//! assert!(diagnosis.rhat < 1.05);
//! // 4000 draws are worth 4000·(1 − 0.9)/(1 + 0.9) ≈ 210.
//! assert!((120.0..350.0).contains(&diagnosis.ess_bulk));
//!
//! // One chain is stuck elsewhere.
//! chains[3].iter_mut().for_each(|x| *x += 10.0);
//! assert!(rhat(&chains)? > 1.5);
//! # Ok::<(), apd_diagnostics::DiagnosticError>(())
//! ```
//!
//! # Functions, not weights
//!
//! The hidden units of a network can be exchanged without changing the function, and so can the signs of a tanh unit: its
//! posterior has millions of equal modes. Chains that sit in different ones disagree about every weight and agree about every prediction,
//! and R̂ of the weights is large for no reason. Run the same diagnostics on *functions* of the weights that are used: predicted
//! probabilities of some test inputs, the log likelihood. (The reverse does not hold: small R̂ of a weight vouches for that weight only.)
//!
//! ```
//! use apd_diagnostics::rhat;
//! use apd_seed::Seed;
//!
//! // f(x) = tanh(w·x) + tanh(v·x): one chain knows w ≈ 1, v ≈ −3, the other calls them v and w.
//! let mut noise = [[0.0; 400]; 4];
//! for (i, row) in noise.iter_mut().enumerate() {
//!     Seed::root(2).index(i as u64).normals().fill_f64(0, 0, row);
//! }
//! let weights = |mean: f64, row: usize| noise[row].map(|z| mean + 0.1 * z);
//! let w = [weights(1.0, 0), weights(-3.0, 1)];
//! let v = [weights(-3.0, 2), weights(1.0, 3)];
//! assert!(rhat(&w)? > 1.5);
//!
//! let prediction = |chain: usize| w[chain].iter().zip(v[chain]).map(|(w, v)| (0.5 * w).tanh() + (0.5 * v).tanh());
//! let predictions: Vec<Vec<f64>> = (0..2).map(|chain| prediction(chain).collect()).collect();
//! assert!(rhat(&predictions)? < 1.02);
//! # Ok::<(), apd_diagnostics::DiagnosticError>(())
//! ```
//!
//! Conventions: f64; variances of draws divide by n − 1; draws that are all equal are an error, not a NaN. Values agree with those
//! of ArviZ (see the tests), except that R̂ of a single chain is defined.
//!
//! Deliberately without: samplers, files, plots, randomness of its own (the bootstrap's signs come from the caller).

mod autocorrelation;
mod chains;
mod diagnosis;
mod error;
mod ess;
mod ksd;
mod mcse;
mod nested_rhat;
mod rank;
mod rhat;
mod special;
pub mod spread;
mod summary;
#[cfg(test)]
mod testing;

pub use autocorrelation::autocorrelation;
pub use diagnosis::{Diagnosis, diagnose};
pub use error::DiagnosticError;
pub use ess::{ess_bulk, ess_mean, ess_tail};
pub use ksd::{KsdTest, ksd, ksd_test};
pub use mcse::{mcse_mean, mcse_quantile, mcse_sd};
pub use nested_rhat::nested_rhat;
pub use rank::rank_histogram;
pub use rhat::rhat;
pub use summary::{mean_sd, median};

// Its types stand in signatures: this is the version that fits.
pub use ndarray;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
