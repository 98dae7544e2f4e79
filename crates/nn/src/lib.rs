//! Neural networks as pure functions of one flat parameter vector.
//!
//! ```
//! use apd_nn::optim::{Adam, AdamState};
//! use apd_nn::{Accumulate, Batch, Model, Network, Threads, cross_entropy};
//! use apd_seed::Seed;
//! use ndarray::array;
//!
//! let (x, labels) = (array![[0.0_f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]); // exclusive or
//! let network = Network::mlp(&[2, 16, 2]);
//! let (mut theta, mut engine) = (network.initialize(Seed::root(1)), network.engine(Threads::Serial));
//! let (adam, mut state) = (Adam { lr: 0.05, ..Adam::default() }, AdamState::new(theta.len()));
//! let mut gradient = vec![0.0; theta.len()];
//! for _ in 0..200 {
//!     let (mut loss, mut target) = (cross_entropy(&labels), Accumulate::overwrite(0.25)); // the mean of four
//!     engine.gradient(&theta, Batch::new(x.view()), &mut loss, &mut target, &mut gradient);
//!     adam.step(&mut state, &mut theta, &gradient);
//! }
//! println!("{}", network.evaluate(&theta, x.view())); // logits, a row for each point
//! # let logits = network.evaluate(&theta, x.view());
//! # assert!(logits.rows().into_iter().zip(&labels).all(|(row, &label)| usize::from(row[1] > row[0]) == label as usize));
//! ```
//!
//! Samplers and weight-space generators treat a network as a point θ ∈ R^d. Here a network is a [`Model`]: *which* function of θ and x is
//! meant, without weights of its own. Its [`Layout`](apd_points::Layout) names the parts of
//! θ in PyTorch's order (layer by layer: weight out × in in row-major order, then bias) and is the only bridge between the two views.
//!
//! * A forward pass in tensor operations is a `Model`, whoever writes it; [`Network`] is one as data: a multilayer perceptron ([`Mlp`]),
//!   a convolutional network ([`Cnn`]), or any chain of layers ([`Sequential`]).
//! * An [`Engine`] runs a model over reused buffers: gradients with respect to θ, with respect to x, and values. Every model
//!   has one, [`Autodiff`]; perceptrons and convolutional networks bring fused ones.
//! * [`conformance::check`] holds any engine to the derivative of the forward pass in double precision.
//!
//! The elementwise optimizers of [`optim`] are plain fused passes over slices, so that they apply to a tile as well as to all of θ.
//!
//! **Deliberately without**: modules that own their weights, priors and likelihoods (`apd-bnn`), data loading, learning-rate
//! schedules, running averages (a batch normalization's are a function of θ and fixed inputs, [`Model::calibrate`]).

mod activation;
mod batch_norm;
mod cnn;
mod combination;
pub mod conformance;
mod dropout;
mod engine;
mod error;
mod evaluate;
mod feature_major;
mod initialization;
mod interleaved;
mod layout;
mod mlp;
mod model;
mod network;
pub mod optim;
mod permutation;
mod quantized;
mod sequential;

pub use activation::Activation;
pub use cnn::{Cnn, CnnLayer, Padding};
pub use combination::Products;
pub use engine::{Accumulate, Batch, CloneEngine, Engine, GradientTarget, Threads, cross_entropy};
pub use error::{LayerFault, NetworkError};
pub use evaluate::Scratch;
pub use feature_major::FeatureMajor;
pub use initialization::Initialization;
pub use interleaved::Interleaved;
pub use layout::TensorLayout;
pub use mlp::{Linear, Mlp};
pub use model::{Autodiff, CloneModel, Model};
pub use network::Network;
pub use quantized::{Quantized, QuantizedInputs, QuantizedScratch};
pub use sequential::{Layer, Sequential};

// Its types stand in signatures: this is the version that fits.
pub use ndarray;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
