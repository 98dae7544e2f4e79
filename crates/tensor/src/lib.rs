//! A small CPU tensor engine with reverse-mode autodiff that is closed under differentiation.
//!
//! The gradient rule of each operation is written in the same operations, so a gradient can be differentiated again, as often
//! as one likes: gradient penalties, Hessian-vector products and the like need no special case.
//!
//! ```
//! use apd_tensor::{Tensor, grad, grad_graph};
//!
//! let x = Tensor::from_vec(&[3], vec![1.0_f64, 2.0, 3.0]).into_variable();
//! let y = x.square().mul(&x).sum(); // Σ x³
//! let dy = &grad_graph(&y, &[&x])[0]; // 3x², recorded
//! let ddy = &grad(&dy.sum(), &[&x])[0]; // 6x
//! assert_eq!(dy.as_slice(), [3.0, 12.0, 27.0]);
//! assert_eq!(ddy.as_slice(), [6.0, 12.0, 18.0]);
//! ```
//!
//! # What there is
//!
//! - [`Tensor`]: an immutable array of `f32` (for work) or `f64` (for checks) and, if it depends on a
//!   [variable](Tensor::variable), the record of how it was computed. Values are `Send + Sync`; clones share them.
//! - [`grad`] for plain gradients, [`grad_graph`] for gradients that are recorded themselves. Both traverse the graph without
//!   recursion, and add contributions in an order that follows from its structure.
//! - [`kernel`], unstable: the matrix product and softmax on plain `ndarray` views, convolution, pooling and normalization on slices, for code
//!   that has its gradients by hand.
//!
//! Results do not depend on the number of threads: work is cut into pieces by its shape, and pieces are added in index order.
//!
//! # Deliberately without
//!
//! Devices, layers, optimizers, randomness, in-place updates, strided views of values. Mistaken shapes are programming
//! errors and panic with the operation and both shapes, at the caller's line.
//!
//! # A new operation
//!
//! Outside of this crate it is a function that calls [`Tensor::custom`] with a value and one rule per input, in tensor operations. Inside
//! it is a method that does the same. If it is linear, its adjoint is an operation as well (matrix products, `sum_to`/`broadcast_to`,
//! `slice_axis`/`pad_axis`, `stride_axis`/`dilate_axis`, `solve_lower`/`solve_lower_t`, `gather_rows`/`scatter_add_rows`,
//! `unfold`/`fold`), and the two are each other's rule. Its test calls the same finite-difference check as all the others, for both orders.

#[cfg(test)]
mod check;
mod grad;
pub mod kernel;
mod ops;
mod scalar;
mod tensor;

pub use grad::{grad, grad_graph};
pub use scalar::Scalar;
pub use tensor::{Rule, Tensor};

// Its types stand in signatures: this is the version that fits.
pub use ndarray;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
