//! C ← C + A·B for the tall, thin products of a tile.
//!
//! A general matrix product packs its operands into buffers first. Here B's rows are contiguous already and A is read one
//! number at a time, so that nothing needs packing, which is a tenth to a third of the time at inner lengths of a few hundred.
//! Every element of C is one chain of fused multiply-adds in the order of the inner index, whatever the shapes are: a row
//! of the result has the same bits in a product of one row as in one of a thousand.
#![allow(unsafe_code)]

use apd_tensor::Scalar;
use pulp::{Arch, MemMask, Simd, WithSimd};

/// The left factor: element (i, p) is `data[i * row + p * inner]`.
#[derive(Clone, Copy)]
pub(crate) struct Left<'a, T> {
    data: &'a [T],
    row: usize,
    inner: usize,
}

impl<'a, T> Left<'a, T> {
    /// Row-major `data` with rows of length `width`.
    pub(crate) fn rows(data: &'a [T], width: usize) -> Self {
        Self { data, row: width, inner: 1 }
    }

    /// The transpose of row-major `data` with rows of length `width`.
    pub(crate) fn transposed(data: &'a [T], width: usize) -> Self {
        Self { data, row: 1, inner: width }
    }

    /// The part that starts at row `i` and inner index `p`.
    pub(crate) fn from(self, i: usize, p: usize) -> Self {
        Self { data: &self.data[i * self.row + p * self.inner..], ..self }
    }
}

/// Element types with this kernel.
pub(crate) trait Element: Scalar {
    /// `x` in this type.
    fn from_f32(x: f32) -> Self;

    /// C += A·B. **Shapes**: A (m, k), B (k, n) with rows `right_row` apart, C (m, n) with rows `out_row` apart.
    fn accumulate(
        shape: [usize; 3],
        left: Left<'_, Self>,
        right: &[Self],
        right_row: usize,
        out: &mut [Self],
        out_row: usize,
    );
}

/// Inner lengths per sweep, so that the panel of B that a sweep reads again and again stays in the first-level cache.
const SWEEP: usize = 64;

/// As [`Element::accumulate`] with any inner length, in sweeps of similar length.
pub(crate) fn accumulate<T: Element>(
    [m, n, k]: [usize; 3],
    left: Left<'_, T>,
    right: &[T],
    right_row: usize,
    out: &mut [T],
    out_row: usize,
) {
    if m == 0 || n == 0 {
        return;
    }
    for (from, to) in sweeps(k) {
        T::accumulate([m, n, to - from], left.from(0, from), &right[from * right_row..], right_row, out, out_row);
    }
}

/// `0..k` in the fewest pieces of at most [`SWEEP`], as equal as they can be.
pub(crate) fn sweeps(k: usize) -> impl Iterator<Item = (usize, usize)> {
    let pieces = k.div_ceil(SWEEP);
    (0..pieces).map(move |i| (i * k / pieces, (i + 1) * k / pieces))
}

struct Product<'a, T> {
    shape: [usize; 3],
    left: Left<'a, T>,
    right: &'a [T],
    right_row: usize,
    out: &'a mut [T],
    out_row: usize,
}

impl<T> Product<'_, T> {
    /// Whether every element that the kernel touches lies inside its slice.
    fn fits(&self) -> bool {
        let ([m, n, k], left) = (self.shape, &self.left);
        let last = |rows: usize, row: usize, columns: usize, column: usize| (rows - 1) * row + (columns - 1) * column;
        last(m, left.row, k, left.inner) < left.data.len()
            && last(k, self.right_row, n, 1) < self.right.len()
            && last(m, self.out_row, n, 1) < self.out.len()
    }
}

macro_rules! element {
    ($float:ident, $from:expr, $vector:ident, $lanes:ident, $mask:ident, $load:ident, $store:ident, $splat:ident, $fma:ident, $between:ident, $index:ident) => {
        impl Element for $float {
            fn from_f32(x: f32) -> Self {
                $from(x)
            }

            fn accumulate(
                shape: [usize; 3],
                left: Left<'_, Self>,
                right: &[Self],
                right_row: usize,
                out: &mut [Self],
                out_row: usize,
            ) {
                let product = Product { shape, left, right, right_row, out, out_row };
                if shape.contains(&0) {
                    return;
                }
                assert!(product.fits(), "accumulate: a slice is shorter than its matrix");
                Arch::new().dispatch(product);
            }
        }

        impl WithSimd for Product<'_, $float> {
            type Output = ();

            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) {
                let [m, n, k] = self.shape;
                let lanes = S::$lanes;
                // Four rows of six vectors (or three of seven) with their operands fill 32 registers, four rows of two fill 16.
                let widest = if S::REGISTER_COUNT >= 32 { 6 } else { 2 };
                let mut j = 0;
                while j < n {
                    let vectors = ((n - j) / lanes).min(widest);
                    let rest = n - j - vectors * lanes;
                    // A last partial vector rides along when there are registers left for it.
                    let tail = if rest < lanes && (vectors == 0 || S::REGISTER_COUNT >= 32) { rest } else { 0 };
                    let mut i = 0;
                    while i < m {
                        // SAFETY: `fits` has shown that A up to (m, k), B up to (k, n) and C up to (m, n) lie in their
                        // slices; rows i.. of the block and columns j..j + vectors·lanes + tail stay below m and n.
                        unsafe {
                            let a = self.left.data.as_ptr().add(i * self.left.row);
                            let b = self.right.as_ptr().add(j);
                            let c = self.out.as_mut_ptr().add(i * self.out_row + j);
                            let strides = [self.left.row, self.left.inner, self.right_row, self.out_row];
                            // Four rows left are better done as two and two than as three and one.
                            let block = match (m - i, tail > 0) {
                                (1, _) => 1,
                                (2 | 4, true) | (2, false) => 2,
                                (3, _) | (_, true) => 3,
                                (_, false) => 4,
                            };
                            macro_rules! call {
                                ($v:literal) => {
                                    match (block, tail > 0) {
                                        (1, false) => panel::<S, 1, $v, false>(simd, k, tail, strides, a, b, c),
                                        (1, true) => panel::<S, 1, $v, true>(simd, k, tail, strides, a, b, c),
                                        (2, false) => panel::<S, 2, $v, false>(simd, k, tail, strides, a, b, c),
                                        (2, true) => panel::<S, 2, $v, true>(simd, k, tail, strides, a, b, c),
                                        (3, false) => panel::<S, 3, $v, false>(simd, k, tail, strides, a, b, c),
                                        (_, true) => panel::<S, 3, $v, true>(simd, k, tail, strides, a, b, c),
                                        (_, false) => panel::<S, 4, $v, false>(simd, k, tail, strides, a, b, c),
                                    }
                                };
                            }
                            match vectors {
                                0 => call!(0),
                                1 => call!(1),
                                2 => call!(2),
                                3 => call!(3),
                                4 => call!(4),
                                5 => call!(5),
                                _ => call!(6),
                            }
                            i += block;
                        }
                    }
                    j += vectors * lanes + tail;
                }

                /// One register tile of `M` rows and `V` vectors (and `tail` further columns if `TAIL`).
                ///
                /// # Safety
                /// `a`, `b`, `c` point at (0, 0) of matrices with at least M × k, k × columns and M × columns elements.
                #[inline(always)]
                unsafe fn panel<S: Simd, const M: usize, const V: usize, const TAIL: bool>(
                    simd: S,
                    k: usize,
                    tail: usize,
                    [a_row, a_inner, b_row, c_row]: [usize; 4],
                    mut a: *const $float,
                    mut b: *const $float,
                    c: *mut $float,
                ) {
                    let lanes = S::$lanes;
                    // SAFETY: the caller's promise; vectors are unaligned reads, the mask keeps the tail inside.
                    unsafe {
                        // Made anew: the mask as it comes makes every load a call, for the sake of CPUs without masks.
                        let mask = MemMask::new(simd.$between(0, tail as $index).mask());
                        let mut sums = [[simd.$splat(0.0); V]; M];
                        let mut tails = [simd.$splat(0.0); M];
                        for i in 0..M {
                            for v in 0..V {
                                sums[i][v] = c.add(i * c_row + v * lanes).cast::<S::$vector>().read_unaligned();
                            }
                            if TAIL {
                                tails[i] = simd.$load(mask, c.add(i * c_row + V * lanes));
                            }
                        }
                        for _ in 0..k {
                            let mut row = [simd.$splat(0.0); V];
                            for v in 0..V {
                                row[v] = b.add(v * lanes).cast::<S::$vector>().read_unaligned();
                            }
                            let last = if TAIL { simd.$load(mask, b.add(V * lanes)) } else { simd.$splat(0.0) };
                            for i in 0..M {
                                let x = simd.$splat(*a.add(i * a_row));
                                for v in 0..V {
                                    sums[i][v] = simd.$fma(x, row[v], sums[i][v]);
                                }
                                if TAIL {
                                    tails[i] = simd.$fma(x, last, tails[i]);
                                }
                            }
                            a = a.wrapping_add(a_inner);
                            b = b.wrapping_add(b_row);
                        }
                        for i in 0..M {
                            for v in 0..V {
                                c.add(i * c_row + v * lanes).cast::<S::$vector>().write_unaligned(sums[i][v]);
                            }
                            if TAIL {
                                simd.$store(mask, c.add(i * c_row + V * lanes), tails[i]);
                            }
                        }
                    }
                }
            }
        }
    };
}

element!(
    f32,
    |x| x,
    f32s,
    F32_LANES,
    m32s,
    mask_load_ptr_f32s,
    mask_store_ptr_f32s,
    splat_f32s,
    mul_add_f32s,
    mask_between_m32s,
    u32
);
element!(
    f64,
    f64::from,
    f64s,
    F64_LANES,
    m64s,
    mask_load_ptr_f64s,
    mask_store_ptr_f64s,
    splat_f64s,
    mul_add_f64s,
    mask_between_m64s,
    u64
);

#[cfg(test)]
mod tests;
