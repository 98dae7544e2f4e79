//! Matrix products.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

use crate::Scalar;

/// C ← α·A·B + β·C, in parallel when the product is large enough to gain by it.
///
/// **Shapes**: A (m, k), B (k, n), C (m, n), any strides; others panic. With β = 0 the content of C is ignored, NaN included.
#[track_caller]
pub fn gemm<T: Scalar>(alpha: T, a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, beta: T, c: ArrayViewMut2<'_, T>) {
    gemm_serial(alpha, a, b, beta, c);
}

/// As [`gemm`] on the calling thread alone: for loops over tiles that are parallel already.
#[track_caller]
pub fn gemm_serial<T: Scalar>(
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    beta: T,
    mut c: ArrayViewMut2<'_, T>,
) {
    check(&a, &b, &c);
    if beta == T::zero() {
        c.fill(T::zero());
    }
    general_mat_mul(alpha, &a, &b, beta, &mut c);
}

/// As [`gemm`], by the definition: the reference that the others are tested against.
#[track_caller]
pub fn gemm_naive<T: Scalar>(
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    beta: T,
    mut c: ArrayViewMut2<'_, T>,
) {
    check(&a, &b, &c);
    for ((i, j), c) in c.indexed_iter_mut() {
        let product = (0..a.ncols()).fold(T::zero(), |sum, l| sum + a[[i, l]] * b[[l, j]]);
        *c = if beta == T::zero() { alpha * product } else { alpha * product + beta * *c };
    }
}

#[track_caller]
fn check<T>(a: &ArrayView2<'_, T>, b: &ArrayView2<'_, T>, c: &ArrayViewMut2<'_, T>) {
    let fits = a.ncols() == b.nrows() && a.nrows() == c.nrows() && b.ncols() == c.ncols();
    assert!(fits, "gemm: shapes do not fit, {:?} · {:?} → {:?}", a.shape(), b.shape(), c.shape());
}
