//! Dense kernels on array views; their results do not depend on the number of threads.
//!
//! **Unstable**: a minor version may change or remove anything in this module. What `Tensor` does with it stays.
//!
//! ```
//! use apd_tensor::kernel::gemm;
//! use ndarray::arr2;
//!
//! let (a, b) = (arr2(&[[1.0_f32, 2.0], [3.0, 4.0]]), arr2(&[[1.0, 0.0], [1.0, 1.0]]));
//! let mut c = arr2(&[[f32::NAN; 2]; 2]);
//! gemm(1.0, a.view(), b.t(), 0.0, c.view_mut()); // C ← A·Bᵀ: transposes are views
//! assert_eq!(c, arr2(&[[1.0, 3.0], [3.0, 7.0]]));
//! ```

mod aligned;
mod conv;
pub(crate) mod exp;
mod gather;
pub mod gemm;
pub mod int8;
pub(crate) mod map;
pub mod norm;
pub(crate) mod normal;
mod padded_image;
pub(crate) mod polygamma;
pub mod pool;
pub(crate) mod softmax;
pub mod sparse;
pub(crate) mod sum;
pub(crate) mod tanh;
pub(crate) mod tile;
mod transpose;

pub use aligned::Aligned;
pub use conv::Convolution;
pub use gather::{gather_rows, prefetch};
pub use gemm::unpacked::lanes;
pub use gemm::{gemm, gemm_naive, gemm_serial};
pub use padded_image::PaddedImage;
pub use softmax::{log_softmax_rows, softmax_cross_entropy, softmax_rows};
pub use sum::{all as sum, columns as sum_columns};
pub use tanh::rough_tanh_f32;
pub use transpose::transpose;
