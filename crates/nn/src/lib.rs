//! Neural networks as pure functions of one flat parameter vector.
//!
//! Samplers and weight-space generators treat a network as a point θ ∈ R^d. Here a network is data that says *which* function
//! of θ and x is meant: [`Network`] (a multilayer perceptron, [`Mlp`], or a convolutional network, [`Cnn`]) owns no weights. Its [`Layout`](apd_points::Layout) names the parts of
//! θ in PyTorch's order (layer by layer: weight out × in in row-major order, then bias) and is the only bridge between the two views.
//!
//! There are three ways to run a network, which agree with each other and are tested to:
//!
//! * [`Network::forward`] — differentiable, in tensor operations; any derivative of any order;
//! * [`Network::evaluate`] — values only, over row blocks in parallel;
//! * [`Backprop`] — value and first derivative in one hand-fused pass over reused buffers, the inner loop of training.
//!
//! The elementwise optimisers of [`optim`] are plain fused passes over slices, so that they apply to a tile as well as to all of θ.
//!
//! ```
//! use apd_nn::{Accumulate, Backprop, Network, Threads, optim::{Adam, AdamState}};
//! use apd_seed::Seed;
//! use ndarray::array;
//!
//! // Exclusive or: four points, two classes.
//! let x = array![[0.0_f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
//! let labels = [0, 1, 1, 0];
//!
//! let network = Network::mlp(&[2, 16, 2]);
//! let mut theta = network.initialize(Seed::root(1));
//! assert_eq!(theta.len(), 2 * 16 + 16 + 16 * 2 + 2);
//!
//! let mut backprop = Backprop::new(&network, Threads::Serial);
//! let adam = Adam { lr: 0.05, ..Adam::default() };
//! let mut state = AdamState::new(theta.len());
//! let mut gradient = vec![0.0; theta.len()];
//! for _ in 0..200 {
//!     backprop.cross_entropy(&theta, x.view(), &labels, None, Accumulate::overwrite(0.25), &mut gradient);
//!     adam.step(&mut state, &mut theta, &gradient);
//! }
//!
//! let logits = network.evaluate(&theta, x.view());
//! for (row, &label) in logits.rows().into_iter().zip(&labels) {
//!     assert_eq!(usize::from(row[1] > row[0]), label as usize);
//! }
//! ```
//!
//! **Deliberately without**: modules that own their weights, priors and likelihoods (`apd-bnn`), data loading, learning-rate
//! schedules, running averages (a batch normalisation's are a function of θ and fixed inputs, [`Network::calibrate`]).

mod activation;
mod backprop;
mod cnn;
mod combination;
mod dropout;
mod evaluate;
mod initialization;
mod input_gradient;
mod layout;
mod mlp;
mod network;
pub mod optim;
mod panel;
mod permutation;

pub use activation::Activation;
pub use backprop::{Accumulate, Backprop, Onto, Threads};
pub use cnn::{Cnn, CnnLayer, Padding};
pub use combination::Products;
pub use evaluate::Scratch;
pub use initialization::Initialization;
pub use input_gradient::{InputBackprop, InputPass};
pub use layout::TensorLayout;
pub use mlp::{Linear, Mlp};
pub use network::{LayerFault, Network, NetworkError};
pub use panel::Panel;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
