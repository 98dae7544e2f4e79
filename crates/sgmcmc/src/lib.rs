//! Markov chain Monte Carlo on R^d: stochastic-gradient samplers with minibatches; HMC, NUTS and microcanonical Langevin without.
//!
//! ```
//! use apd_sgmcmc::{FromFn64, sample};
//!
//! // A location and the logarithm of a scale, from four measurements, under the priors N(0, 10²) and N(0, 1): U = −log p, and ∇U.
//! let data = [4.9, 5.3, 5.1, 4.6];
//! let potential = FromFn64::new(2, move |theta: &[f64], gradient: &mut [f64]| {
//!     let (location, precision) = (theta[0], (-2.0 * theta[1]).exp());
//!     let squares: f64 = data.iter().map(|x| (x - location).powi(2)).sum();
//!     gradient[0] = location / 100.0 - precision * data.iter().map(|x| x - location).sum::<f64>();
//!     gradient[1] = theta[1] + 4.0 - precision * squares;
//!     location * location / 200.0 + 0.5 * theta[1] * theta[1] + 4.0 * theta[1] + 0.5 * precision * squares
//! });
//! let draws = sample(4, potential).parameters([("location", vec![]), ("log scale", vec![])]).run()?;
//! println!("{}", draws.summary()); // mean, sd, MCSE, R-hat, effective sizes of each parameter; warnings, if there are any
//! # assert!((draws.summary().rows[0].diagnosis.clone()?.mean - 4.97).abs() < 0.1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A posterior is a [`Potential`]: position in, (minibatch) gradient out; a closure will do. Every sampler takes any of them:
//! ```
//! use apd_sgmcmc::*;
//!
//! let config = ChainConfig { steps: 60_000, burn_in: 1_000, thinning: 10, batch_size: 1 };
//! let (schedule, seed) = (Schedule::Constant(0.1), apd_seed::Seed::root(1));
//! // U(x) = x²/2 in each of 50 coordinates; no data, so that a minibatch is everything.
//! let normal = || FromFn::new(50, 1, |x: &[f32], _, gradient: &mut [f32]| {
//!     gradient.copy_from_slice(x);
//!     x.iter().map(|&x| 0.5 * f64::from(x).powi(2)).sum()
//! });
//! let samplers: [SamplerConfig; 6] = [
//!     Sgld::new(schedule, 1.0).into(),
//!     Psgld::new(schedule, 1.0, 1).with_decay(0.999).with_damping(0.1).into(),
//!     Sghmc::new(schedule, 1.0, 0.3).into(),
//!     Sgnht::new(schedule, 1.0, 0.3).into(),
//!     Baoab::new(schedule, 1.0, 0.3).into(),
//!     Mclmc::new(schedule, 1.0, 0.3).into(),
//! ];
//! for sampler in samplers {
//!     let name = sampler.name();
//!     let mut squares = 0.0;
//!     Chain::new(0, normal(), sampler, config, seed, vec![0.0; 50])?.run(&mut |sample: Sample<'_>| {
//!         squares += sample.position.iter().map(|x| f64::from(x * x)).sum::<f64>() / (50.0 * 5_900.0);
//!         Ok::<(), ChainError>(())
//!     })?;
//!     assert!((squares - 1.0).abs() < 0.05, "{name}: variance {squares}");
//! }
//! let exact = FullBatch::new(normal());
//! let mut nuts = HamiltonianChain::new(0, exact, HamiltonianConfig::nuts(500, 1_000), seed, vec![0.0; 50])?;
//! nuts.run(&mut |_: Sample<'_, f64>| Ok::<(), ChainError>(()))?;
//! assert!(nuts.warnings().is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`check_gradient`] looks at a potential of one's own.
//!
//! | | |
//! |---|---|
//! | with minibatches | [`Sgld`], [`Psgld`], [`Sghmc`], [`Sgnht`], [`Baoab`], [`Mclmc`]; [`Sgd`] is their limit without noise; [`SamplerConfig`] is any of them, chosen at run time |
//! | step sizes | [`Schedule`]: constant, decaying, cyclical (cyclical SGLD is [`Sgld`] with that) |
//! | gradient estimators | [`ControlVariate`] (SGLD-CV), [`Svrg`]: potentials around a potential, for any sampler |
//! | no tuning by hand | [`LangevinTuning`]: units ([`Rescaled`]), step size and friction of each of them, measured where a chain with minibatches starts, for a bias that is stated |
//! | several temperatures | [`ReplicaExchange`] |
//! | without minibatches | [`HamiltonianChain`]: HMC and NUTS, exact, with a learned [`Metric`]; [`MicrocanonicalChain`]: for many dimensions and long chains, exact or nearly so; in double precision ([`Potential64`]) |
//!
//! All are meant to be *believed*: step size, temperature, prior precision and data scale are explicit and printed ([`Summary`]), runs
//! are reproducible to the bit on any number of threads, a resumed run equals an uninterrupted one, and `apd-verify` compares the
//! chains with the exact law of the discretized process.
//!
//! # One scale, stated once
//! U(θ) = −Σₙ log p(yₙ|xₙ, θ) − log p(θ): nats, **full-data scale** (a sum over all N terms, not a mean). Minibatch estimates are
//! multiplied by N/B. Step size ε is in the units of θ² per nat, and that of SGLD, θ ← θ − (ε/2)·∇Û(θ) + N(0, T·ε·I), for all: with
//! friction α = 1 the samplers with momentum are SGLD, and with friction α they forget at α·ε as fast as SGLD at ε. A learning
//! rate for a *mean* loss maps to ε = lr/N, see [`from_mean_loss`]. Temperature T = 1 is the Bayesian posterior.
//!
//! # With data and minibatches
//! The posterior of the mean of data with unit variance under the prior N(0, 1/τ) is N(Σx/(N+τ), 1/(N+τ)).
//! ```
//! use apd_seed::Seed;
//! use apd_sgmcmc::{Chain, ChainConfig, Minibatch, Potential, PotentialError, Sample, Schedule, Sgld};
//!
//! struct Mean(Vec<f32>);
//!
//! impl Potential for Mean {
//!     fn dim(&self) -> usize { 1 }
//!     fn num_data(&self) -> usize { self.0.len() }
//!     fn prior_precision(&self) -> Option<f64> { Some(1.0) }
//!     fn gradient(
//!         &mut self,
//!         theta: &[f32],
//!         minibatch: Minibatch<'_>,
//!         gradient: &mut [f32],
//!     ) -> Result<f64, PotentialError> {
//!         let scale = minibatch.scale(self.0.len()) as f32; // N/B
//!         let (mut u, mut g) = (0.5 * theta[0] * theta[0], theta[0]); // the prior, τ = 1
//!         for n in minibatch.indices(self.0.len()) {
//!             let r = theta[0] - self.0[n];
//!             u += scale * 0.5 * r * r;
//!             g += scale * r;
//!         }
//!         gradient[0] = g;
//!         Ok(f64::from(u))
//!     }
//! }
//!
//! let data = Mean((0..100).map(|i| (i % 10) as f32).collect()); // mean 4.5
//! let sampler = Sgld::new(Schedule::Constant(1e-3), 1.0);
//! let config = ChainConfig { steps: 20_000, burn_in: 1_000, thinning: 10, batch_size: 20 };
//! let mut chain = Chain::new(0, data, sampler, config, Seed::root(1), vec![0.0])?;
//! println!("{}", chain.summary()?);
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

mod adaptation;
mod chain;
mod check_gradient;
mod draws;
mod error;
mod hamiltonian;
mod kernel;
mod lanes;
mod markov_chain;
mod microcanonical;
mod origin;
mod parallel;
mod phase_space;
mod potential;
mod replica;
mod sampler;
mod sampling;
mod schedule;
mod summary;
#[cfg(test)]
mod testing;
mod tuning;
mod warning;

pub use chain::{Chain, ChainConfig, ChainState};
pub use check_gradient::check_gradient;
pub use draws::{Draws, DrawsSummary, Parameter, Row};
pub use error::{Cause, ChainError, Divergence, GradientError, PotentialError, RunError};
pub use hamiltonian::{
    HamiltonianChain, HamiltonianConfig, HamiltonianState, HamiltonianStatistics, Metric, Preconditioner, Trajectory,
    Transition,
};
pub use markov_chain::{MarkovChain, Outcome, Progress, Sample, Sink};
pub use microcanonical::{
    Correction, MicrocanonicalChain, MicrocanonicalConfig, MicrocanonicalState, MicrocanonicalStatistics,
};
pub use origin::Change;
pub use parallel::run_chains;
pub use potential::control_variate::ControlVariate;
pub use potential::double::{FromFn64, FullBatch, Potential64};
pub use potential::rescaled::Rescaled;
pub use potential::svrg::Svrg;
pub use potential::with_gradient::WithGradient;
pub use potential::{Buffers, FromFn, Minibatch, Potential};
pub use replica::{Exchange, ReplicaError, ReplicaExchange, ReplicaState};
pub use sampler::baoab::{Baoab, BaoabState};
pub use sampler::config::{SamplerConfig, SamplerState};
pub use sampler::mclmc::{Mclmc, MclmcState};
pub use sampler::psgld::{Gamma, Psgld, PsgldState};
pub use sampler::sgd::Sgd;
pub use sampler::sghmc::Sghmc;
pub use sampler::sgld::{Sgld, from_mean_loss};
pub use sampler::sgnht::{Sgnht, SgnhtState};
pub use sampler::{Sampler, Update};
pub use sampling::{ChainSettings, Sampling, Streamed, sample};
pub use schedule::Schedule;
pub use summary::Summary;
pub use tuning::{Bias, LangevinTuning, SamplerKind, TunedSampler};
pub use warning::Warning;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
