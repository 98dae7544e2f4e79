//! Bayesian neural networks: a network, a likelihood, a prior and data as a potential for samplers; prediction over many
//! networks at once.
//!
//! * [`NetworkPotential`] is U(θ) = −Σₙ log p(yₙ|xₙ, θ) − log p(θ) with its unbiased minibatch gradient in one flat buffer:
//!   what a sampler of `apd-sgmcmc` asks for. Everything that could be wrong with user data is told when it is built.
//! * [`predict`] and its relatives evaluate many networks on many inputs at the rate of one large matrix product, in
//!   memory that does not grow with the number of networks, and hand over one network's rows at a time.
//! * [`predict_shared`] does so for networks of a low-dimensional subspace of weight space, which share their first layer's work.
//! * [`input_gradient()`] differentiates the loss of an averaged prediction with respect to the inputs, and [`Attack`] climbs it:
//!   FGSM and PGD on one network or on many.
//!
//! ```
//! use std::sync::Arc;
//! use apd_bnn::{Data, Likelihood, NetworkPotential, Targets, predict};
//! use apd_nn::{Model, Network};
//! use apd_seed::Seed;
//! use apd_sgmcmc::{Minibatch, Potential};
//! use ndarray::array;
//!
//! let data = Data {
//!     inputs: Arc::new(array![[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]),
//!     targets: Targets::Classes([1, 1, 0, 0].into()),
//! };
//! let network = Network::mlp(&[2, 8, 2]);
//! let mut potential = NetworkPotential::new(&network, data.clone(), Likelihood::Categorical, 1.0)?;
//!
//! // An unbiased estimate of ∇U from the first and the third example, at full-data scale.
//! let theta = network.initialize(Seed::root(0));
//! let mut gradient = vec![0.0; potential.dim()];
//! let energy = potential.gradient(&theta, Minibatch::Indices(&[0, 2]), &mut gradient);
//! assert!(energy > 0.0);
//!
//! // Class probabilities of several networks, one after the other.
//! let networks = [theta, network.initialize(Seed::root(1))];
//! predict(&network, &networks, data.inputs.view(), |_, p| {
//!     assert_eq!(p.dim(), (4, 2));
//!     assert!(p.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-5));
//! });
//! # Ok::<(), apd_bnn::ModelError>(())
//! ```
//!
//! **Deliberately without**: samplers (`apd-sgmcmc`), scores and metrics of predictions (`apd-uncertainty`), files.

mod attack;
mod data;
mod input_gradient;
mod potential;
mod predict;
mod shared;

pub use attack::Attack;
pub use data::{Data, Likelihood, ModelError, Targets};
pub use input_gradient::input_gradient;
pub use potential::NetworkPotential;
pub use predict::{predict, predict_dropout, predict_outputs};
pub use shared::{SharedBasis, predict_shared};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
