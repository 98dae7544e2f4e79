//! Bayesian neural networks: a network, a likelihood, a prior and data as a potential for samplers; the prediction of a posterior.
//!
//! ```
//! use std::sync::Arc;
//! use apd_bnn::{Data, NetworkPotential, likelihood::Gaussian, predict, prior};
//! use apd_nn::Network;
//! use apd_points::Ensemble;
//! use apd_sgmcmc::{FullBatch, MicrocanonicalConfig, sample};
//! use ndarray::Array2;
//!
//! let x = Array2::from_shape_fn((40, 1), |(i, _)| i as f32 / 20.0 - 1.0);
//! let data = Data::values(x.clone(), x.mapv(|x| (3.0 * x).sin()));
//! let (network, noise) = (Network::mlp(&[1, 20, 1]), Arc::new(Gaussian { sd: 0.1 }));
//! let potential = NetworkPotential::new(&network, data, noise.clone(), Arc::new(prior::Gaussian::isotropic(1.0)))?;
//! let draws = sample(2, FullBatch::new(potential)).with(MicrocanonicalConfig::langevin(1_000, 50, 20)).run()?;
//! let weights = |theta: &[f64]| theta.iter().map(|&w| w as f32).collect::<Vec<_>>();
//! let networks = Ensemble::of((0..2).flat_map(|k| draws.positions(k)).map(weights));
//! let numbers = predict(&networks, &network, &*noise, x.view(), 100, apd_seed::Seed::root(1))?.into_numbers();
//! let (lower, upper) = numbers.interval(0.9);
//! # assert!(lower.iter().zip(&upper).all(|(low, high)| low < high));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! * [`NetworkPotential`] is U(θ) = −Σₙ log p(yₙ|xₙ, θ) − log p(θ) with its unbiased minibatch gradient in one flat buffer:
//!   what a sampler of `apd-sgmcmc` asks for. Everything that could be wrong with user data is told when it is built.
//! * [`Likelihood`] says how observations arise from outputs (classes, several labels, numbers with known or learned noise, counts), and
//!   [`Prior`] what the weights are before; one file each, and yours another.
//! * [`predict`] averages networks of any [`Posterior`](apd_points::Posterior), in memory that does not grow with their number, into
//!   classes' probabilities or laws of numbers.
//! * [`predict_networks`] evaluates many networks on many inputs at the rate of one large matrix product, and hands over one network's
//!   rows at a time; [`predict_shared`] does so for networks of a low-dimensional subspace of weight space.
//! * [`QuantizedNetworks`] predict in 8-bit numbers, where an average of many networks does not need more.
//! * [`PreparedNetworks`] are read once and predict one input at a time, as a server has to.
//! * [`input_gradient()`] differentiates the loss of an averaged prediction with respect to the inputs, and [`Attack`] climbs it:
//!   FGSM and PGD on one network or on many.
//!
//! The potential by itself, and several networks one after the other:
//!
//! ```
//! use std::sync::Arc;
//! use apd_bnn::{Categorical, Data, NetworkPotential, predict_networks, prior};
//! use apd_nn::{Model, Network};
//! use apd_seed::Seed;
//! use apd_sgmcmc::{Minibatch, Potential};
//! use ndarray::array;
//!
//! let data = Data::classes(array![[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], [1, 1, 0, 0]);
//! let network = Network::mlp(&[2, 8, 2]);
//! let prior = Arc::new(prior::Gaussian::isotropic(1.0));
//! let mut potential = NetworkPotential::new(&network, data.clone(), Arc::new(Categorical), prior)?;
//!
//! // An unbiased estimate of ∇U from the first and the third example, at full-data scale.
//! let theta = network.initialize(Seed::root(0));
//! let mut gradient = vec![0.0; potential.dim()];
//! let energy = potential.gradient(&theta, Minibatch::Indices(&[0, 2]), &mut gradient)?;
//! assert!(energy > 0.0);
//!
//! // Class probabilities of several networks, one after the other.
//! let networks = [theta, network.initialize(Seed::root(1))];
//! predict_networks(&network, &Categorical, &networks, data.inputs.view(), |_, p| {
//!     assert_eq!(p.dim(), (4, 2));
//!     assert!(p.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-5));
//! });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Deliberately without**: samplers (`apd-sgmcmc`), scores and metrics of predictions (`apd-uncertainty`), files.

mod attack;
mod data;
mod dropout;
mod error;
mod input_gradient;
pub mod likelihood;
mod networks;
mod potential;
mod predict;
mod prepared;
pub mod prior;
mod quantized;
mod shared;

pub use attack::Attack;
pub use data::{Data, TargetRows, Targets};
pub use dropout::Dropout;
pub use error::ModelError;
pub use input_gradient::input_gradient;
pub use likelihood::{Categorical, Likelihood, LikelihoodConfig, Predictive};
pub use networks::predict_networks;
pub use potential::NetworkPotential;
pub use predict::{PredictError, predict};
pub use prepared::PreparedNetworks;
pub use prior::{Prior, PriorConfig};
pub use quantized::QuantizedNetworks;
pub use shared::{SharedBasis, predict_shared};

// Its types stand in signatures: this is the version that fits.
pub use ndarray;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
