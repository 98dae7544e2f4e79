//! Dense layers on row-major matrices of B or h rows, into buffers that are there already.

use apd_tensor::kernel;
use rayon::prelude::*;

use crate::kernel::{Element, Left, accumulate};

/// Rows of a product that one task computes.
const ROWS: usize = 32;
/// Multiplications below which a product is not worth sharing out: the bits are the same.
const SHARED: usize = 1 << 19;

/// out = A·B. **Shapes**: A m × k, B k × n, out m × n.
pub(super) fn product<T: Element>([m, n, k]: [usize; 3], left: Left<'_, T>, right: &[T], out: &mut [T]) {
    out.fill(T::zero());
    add_product([m, n, k], left, right, out);
}

/// out += A·B, as [`product`].
pub(super) fn add_product<T: Element>([m, n, k]: [usize; 3], left: Left<'_, T>, right: &[T], out: &mut [T]) {
    if m * n * k < SHARED {
        return accumulate([m, n, k], left, right, n, out, n);
    }
    out.par_chunks_mut(ROWS * n).enumerate().for_each(|(i, out)| {
        accumulate([out.len() / n, n, k], left.from(i * ROWS, 0), right, n, out, n);
    });
}

/// out = relu(x·Wᵀ + b), with Wᵀ as `weight` left it in [`transpose`]. **Shapes**: x N × i, Wᵀ i × o, b o, out N × o.
pub(super) fn forward<T: Element>(x: &[T], transposed: &[T], bias: &[T], out: &mut [T]) {
    let (outputs, inputs) = (bias.len(), transposed.len() / bias.len());
    out.chunks_exact_mut(outputs).for_each(|row| row.copy_from_slice(bias));
    add_product([out.len() / outputs, outputs, inputs], Left::rows(x, inputs), transposed, out);
    relu(out);
}

/// x where it is positive, else 0; not a number stays so, that divergence is seen.
pub(super) fn relu<T: Element>(values: &mut [T]) {
    values.iter_mut().for_each(|x| *x = if *x <= T::zero() { T::zero() } else { *x });
}

/// out = (δ·W) ∘ [x > 0]: the derivative before the layer that made x, from that after the one that x went into.
/// **Shapes**: δ N × o, W o × i, x and out N × i.
pub(super) fn backward<T: Element>(slope: &[T], weight: &[T], outputs: usize, x: &[T], out: &mut [T]) {
    let inputs = weight.len() / outputs;
    product([out.len() / inputs, inputs, outputs], Left::rows(slope, outputs), weight, out);
    gate(x, out);
}

/// out ∘ [x > 0].
pub(super) fn gate<T: Element>(x: &[T], out: &mut [T]) {
    out.iter_mut().zip(x).for_each(|(out, &x)| *out = if x <= T::zero() { T::zero() } else { *out });
}

/// ∂W = δᵀ·x. **Shapes**: δ N × o, x N × i, out o × i.
pub(super) fn weight_gradient<T: Element>(slope: &[T], outputs: usize, x: &[T], out: &mut [T]) {
    let inputs = out.len() / outputs;
    product([outputs, inputs, slope.len() / outputs], Left::transposed(slope, outputs), x, out);
}

/// ∂b: the sum of the rows of δ.
pub(super) fn bias_gradient<T: Element>(slope: &[T], out: &mut [T]) {
    out.fill(T::zero());
    for row in slope.chunks_exact(out.len()) {
        out.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x);
    }
}

/// The transpose of a row-major matrix whose rows have length `width`.
pub(super) fn transpose<T: Element>(matrix: &[T], width: usize, out: &mut [T]) {
    let height = matrix.len() / width;
    kernel::transpose([height, width], matrix, width, out, height);
}

/// x·y, in eight interleaved sums that the compiler can keep in one register.
pub(super) fn dot<T: Element>(x: &[T], y: &[T]) -> T {
    const LANES: usize = 8;
    let mut sums = [T::zero(); LANES];
    let (x_chunks, y_chunks) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let rest = x_chunks.remainder().iter().zip(y_chunks.remainder()).fold(T::zero(), |sum, (&x, &y)| sum + x * y);
    for (x, y) in x_chunks.zip(y_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.into_iter().fold(rest, |sum, x| sum + x)
}
