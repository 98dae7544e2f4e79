//! A small CPU tensor engine with reverse-mode autodiff that is closed under differentiation.
//!
//! The gradient rule of each operation is written in the same operations, so the result of [`grad_graph`] can be
//! differentiated again.
//!
//! ```
//! use apd_tensor::{Tensor, grad, grad_graph};
//!
//! let x = Tensor::scalar(2.0_f64).into_variable();
//! let y = x.mul(&x).mul(&x); // x³
//! let dy = &grad_graph(&y, &[&x])[0]; // 3x²
//! let ddy = &grad(dy, &[&x])[0]; // 6x
//! assert_eq!((dy.item(), ddy.item()), (12.0, 12.0));
//! ```

mod grad;
pub mod kernel;
mod ops;
mod scalar;
mod tensor;

pub use grad::{grad, grad_graph};
pub use scalar::Scalar;
pub use tensor::Tensor;
