//! Dense kernels on array views; their results do not depend on the number of threads.

mod exp;
mod gemm;
pub(crate) mod map;
pub(crate) mod softmax;
pub(crate) mod sum;
pub(crate) mod tile;

pub use gemm::{gemm, gemm_naive, gemm_serial};
pub use softmax::{log_softmax_rows, softmax_rows};
