//! Stochastic-gradient MCMC on R^d: samplers, schedules, chains.
//!
//! The crate sees a posterior only through [`Potential`]: position in, (minibatch) gradient out. It draws
//!
//! θ ← θ − (ε/2)·∇Û(θ) + N(0, T·ε·I)
//!
//! and its relatives, thousands of steps a second, and is meant to be *believed*: step size, temperature, prior precision and
//! data scale are explicit and printed ([`Summary`]), runs are reproducible to the bit on any number of threads, a resumed run
//! equals an uninterrupted one, and the tests compare the chains' moments with the exact law of the discretised process.
//!
//! # One scale, stated once
//! U(θ) = −Σₙ log p(yₙ|xₙ, θ) − log p(θ): nats, **full-data scale** (a sum over all N terms, not a mean). Minibatch estimates are
//! multiplied by N/B. Step size ε is in the units of θ² per nat. A learning rate for a *mean* loss maps to ε = lr/N, see
//! [`from_mean_loss`]. Temperature T = 1 is the Bayesian posterior.
//!
//! # Example
//! The posterior of the mean of data with unit variance under the prior N(0, 1/τ) is N(Σx/(N+τ), 1/(N+τ)).
//! ```
//! use apd_seed::Seed;
//! use apd_sgmcmc::{Chain, ChainConfig, Minibatch, Potential, Sample, Schedule, Sgld};
//!
//! struct Mean(Vec<f32>);
//!
//! impl Potential for Mean {
//!     fn dim(&self) -> usize { 1 }
//!     fn terms(&self) -> usize { self.0.len() }
//!     fn prior_precision(&self) -> Option<f64> { Some(1.0) }
//!     fn gradient(&mut self, theta: &[f32], minibatch: Minibatch<'_>, gradient: &mut [f32]) -> f64 {
//!         let scale = minibatch.scale(self.0.len()) as f32; // N/B
//!         let (mut u, mut g) = (0.5 * theta[0] * theta[0], theta[0]); // the prior, τ = 1
//!         for n in minibatch.indices(self.0.len()) {
//!             let r = theta[0] - self.0[n];
//!             u += scale * 0.5 * r * r;
//!             g += scale * r;
//!         }
//!         gradient[0] = g;
//!         f64::from(u)
//!     }
//! }
//!
//! let data = Mean((0..100).map(|i| (i % 10) as f32).collect()); // mean 4.5
//! let sampler = Sgld::new(Schedule::Constant(1e-3), 1.0);
//! let config = ChainConfig { steps: 20_000, burn_in: 1_000, thinning: 10, batch_size: 20 };
//! let mut chain = Chain::new(0, data, sampler, config, Seed::root(1), vec![0.0])?;
//! println!("{}", chain.summary());
//!
//! let (mut sum, mut count) = (0.0, 0.0);
//! chain.run(&mut |sample: Sample<'_>| {
//!     sum += f64::from(sample.position[0]);
//!     count += 1.0;
//!     Ok::<(), std::convert::Infallible>(())
//! })?;
//! assert_eq!(count, 1_900.0);
//! assert!((sum / count - 450.0 / 101.0).abs() < 0.03);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Deliberately without**: networks, data sets, files, printing, automatic differentiation. Several chains run in parallel with
//! [`run_chains`]; a chain itself is one thread, since chains need no synchronisation.

mod chain;
mod error;
mod hamiltonian;
mod kernel;
#[cfg(test)]
mod law;
mod parallel;
mod potential;
mod replica;
mod sampler;
mod schedule;
mod summary;
mod swag;
#[cfg(test)]
mod testing;

pub use chain::{Chain, ChainConfig, ChainState, Outcome, Progress, Sample, Sink};
pub use error::{ChainError, NotFinite, RunError};
pub use hamiltonian::{
    HamiltonianChain, HamiltonianConfig, HamiltonianState, HamiltonianStatistics, Trajectory, Transition,
};
pub use parallel::{MarkovChain, run_chains};
pub use potential::control_variate::ControlVariate;
pub use potential::svrg::Svrg;
pub use potential::{FromFn, Minibatch, Potential};
pub use replica::{Exchange, ReplicaError, ReplicaExchange, ReplicaState};
pub use sampler::baoab::Baoab;
pub use sampler::momentum::Momentum;
pub use sampler::psgld::{Gamma, Psgld};
pub use sampler::sghmc::Sghmc;
pub use sampler::sgld::{Sgld, from_mean_loss};
pub use sampler::sgnht::Sgnht;
pub use sampler::{Buffers, Sampler};
pub use schedule::Schedule;
pub use summary::Summary;
pub use swag::{Swag, SwagError};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
