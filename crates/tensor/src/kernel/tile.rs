//! The innermost product of one tile, on one thread: the one place that hands pointers to another crate's kernels.
//!
//! The kernels are those of the `gemm` crate (AVX-512, AVX2 or portable, chosen at run time), taken from its parts for our two types: it
//! would bring those for complex and 16-bit numbers too, which take longer to compile. Against `matrixmultiply`, on Zen 4, it
//! was measured equal on Aᵀ·B and 1.1 to 2.3 times as fast elsewhere. The exception is A·Bᵀ with row strides that are multiples of
//! 2 KiB (0.8 to 0.9), where cache sets collide while it packs: there `matrixmultiply` is called.

#![allow(unsafe_code)]

use gemm_common::Parallelism;
use ndarray::{ArrayView2, ArrayViewMut2, Axis, NdFloat};

use super::gemm::unpacked::Accumulate;

/// m, k, n, α, A and its strides, B and its strides, β, C and its strides.
type MatrixMultiply<T> =
    unsafe fn(usize, usize, usize, T, *const T, isize, isize, *const T, isize, isize, T, *mut T, isize, isize);

/// m, n, k, C with its column and row stride and whether it is read, A and B with theirs, the factor of C, that of A·B, conjugations, threads.
type Gemm<T> = unsafe fn(
    usize,
    usize,
    usize,
    *mut T,
    isize,
    isize,
    bool,
    *const T,
    isize,
    isize,
    *const T,
    isize,
    isize,
    T,
    T,
    bool,
    bool,
    bool,
    Parallelism,
);

/// Element types with a kernel; it seals [`Scalar`](crate::Scalar).
pub trait Tile: Accumulate {
    /// `matrixmultiply`'s product for this type.
    const MATRIXMULTIPLY: MatrixMultiply<Self>;

    /// `gemm`'s product for this type on this processor.
    fn gemm() -> Gemm<Self>;
}

impl Tile for f32 {
    const MATRIXMULTIPLY: MatrixMultiply<f32> = matrixmultiply::sgemm;

    fn gemm() -> Gemm<f32> {
        gemm_f32::gemm::f32::get_gemm_fn()
    }
}

impl Tile for f64 {
    const MATRIXMULTIPLY: MatrixMultiply<f64> = matrixmultiply::dgemm;

    fn gemm() -> Gemm<f64> {
        gemm_f64::gemm::f64::get_gemm_fn()
    }
}

/// C ← α·A·B + β·C, where C is not read if β = 0. The shapes fit, and none of the lengths is 0.
pub(super) fn product<'a, T: NdFloat + Tile>(
    alpha: T,
    mut a: ArrayView2<'a, T>,
    mut b: ArrayView2<'a, T>,
    beta: T,
    mut c: ArrayViewMut2<'_, T>,
) {
    let ((m, k), n) = (a.dim(), b.ncols());
    assert!(b.nrows() == k && c.dim() == (m, n), "the caller has checked the shapes");
    let [(rsa, csa), (rsb, csb), (rsc, csc)] = [a.strides(), b.strides(), c.strides()].map(|s| (s[0], s[1]));
    if csa == 1 && rsb == 1 && collides::<T>(rsa) && collides::<T>(csb) {
        let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
        // SAFETY: each pointer is a view's first element and comes with the view's own lengths (asserted to agree) and strides in
        // elements, so that every access stays inside its view; C is borrowed exclusively, so nothing read overlaps it, and no two
        // of its elements are the same.
        unsafe { T::MATRIXMULTIPLY(m, k, n, alpha, a, rsa, csa, b, rsb, csb, beta, c, rsc, csc) };
        return;
    }
    // The kernels write column by column, and want strides of C, and of A along k, that are not negative.
    if csc.abs() < rsc.abs() {
        (a, b, c) = (b.reversed_axes(), a.reversed_axes(), c.reversed_axes());
    }
    if c.strides()[0] < 0 {
        c.invert_axis(Axis(0));
        a.invert_axis(Axis(0));
    }
    if c.strides()[1] < 0 {
        c.invert_axis(Axis(1));
        b.invert_axis(Axis(1));
    }
    if a.strides()[1] < 0 {
        a.invert_axis(Axis(1));
        b.invert_axis(Axis(0));
    }
    let [(rsa, csa), (rsb, csb), (rsc, csc)] = [a.strides(), b.strides(), c.strides()].map(|s| (s[0], s[1]));
    let ((m, n), a, b, c) = (c.dim(), a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
    let (read, none) = (beta != T::zero(), Parallelism::None);
    // SAFETY: as above, for the views as they are now. `gemm` calls the factor of C α.
    unsafe {
        T::gemm()(m, n, k, c, csc, rsc, read, a, csa, rsa, b, csb, rsb, beta, alpha, false, false, false, none);
    }
}

/// Whether elements this far apart fall into few cache sets.
fn collides<T>(stride: isize) -> bool {
    stride != 0 && (stride * size_of::<T>() as isize) % 2048 == 0
}
