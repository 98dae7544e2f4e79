//! C ← C + A·B without packing, for operands that lie well already.
//!
//! A general matrix product packs its operands into buffers first, a tenth to a third of the time where one of the lengths is a few
//! hundred. Here B's rows are contiguous and A is read one number at a time, so that nothing needs packing: a layer applied to a
//! minibatch is such a product when the minibatch lies feature by feature, and so is the gradient of its weights.
//!
//! # The loops, from the outside in
//!
//! 1. Sweeps over the inner index: so few of B's rows that a panel of their columns stays in the first-level cache.
//! 2. Rows of C: so few that their part of A, which every panel reads again, stays in the second-level cache.
//! 3. Panels: columns of C, as many vectors as a register tile is wide.
//! 4. Blocks: rows of C, as many as a register tile is high.
//! 5. The register tile: all of its sums are loaded from C once, take one row of B and one column of A at a time, and are stored once.
//!
//! Loop 1 is outermost, so that C passes through the caches once for each sweep and not for each inner index. This is the order of Goto & van de
//! Geijn (*Anatomy of High-Performance Matrix Multiplication*, ACM TOMS 34(3), 2008) without the packing between loops 1 and 3.
//!
//! Every element of C is one chain of fused multiply-adds in the order of the inner index, whatever the shapes are: a row
//! of the result has the same bits in a product of one row as in one of a thousand.

#![allow(unsafe_code)]

use std::hint::black_box;
use std::ops::Range;

use pulp::{Arch, MemMask, Simd, WithSimd};

use crate::kernel::gather::prefetch;

/// The left factor A of [`accumulate`]: element (i, p) is `data[i * row + p * inner]`.
#[derive(Clone, Copy, Debug)]
pub struct Left<'a, T> {
    data: &'a [T],
    row: usize,
    inner: usize,
}

impl<'a, T> Left<'a, T> {
    /// Row-major `data` with rows `stride` apart.
    pub fn rows(data: &'a [T], stride: usize) -> Self {
        Self { data, row: stride, inner: 1 }
    }

    /// The transpose of row-major `data` with rows `stride` apart.
    pub fn transposed(data: &'a [T], stride: usize) -> Self {
        Self { data, row: 1, inner: stride }
    }

    /// The transpose.
    pub fn t(self) -> Self {
        Self { row: self.inner, inner: self.row, ..self }
    }

    /// The part that starts at row `i` and inner index `p`.
    ///
    /// **Panics** if there is no such element.
    #[track_caller]
    pub fn from(self, i: usize, p: usize) -> Self {
        Self { data: &self.data[i * self.row + p * self.inner..], ..self }
    }
}

impl<T> Left<'_, T> {
    /// Asks for some rows, which the first panel of columns is about to read: a weight matrix does not stay in the second-level cache from
    /// step to step. Rows without gaps are brought by the processor itself.
    #[inline(always)]
    fn prefetch(&self, rows: Range<usize>, inner: Range<usize>) {
        if self.inner == 1 && self.row > inner.len() {
            for i in rows {
                prefetch(&self.data[i * self.row..][inner.clone()]);
            }
        }
    }
}

/// What the sums of a product begin with.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a, T> {
    /// What C holds.
    Out,
    /// 0; what C holds is not read.
    Zero,
    /// A number for each row of C, which is not read.
    Rows(&'a [T]),
    /// A number for each column of C, which is not read.
    Columns(&'a [T]),
}

impl<T: Copy + Default> Start<'_, T> {
    /// That of the rows from `i` and the columns from `j` on.
    #[inline(always)]
    fn from(self, i: usize, j: usize) -> Self {
        match self {
            Self::Rows(numbers) => Self::Rows(&numbers[i..]),
            Self::Columns(numbers) => Self::Columns(&numbers[j..]),
            other => other,
        }
    }

    /// Whether there is a number for each row, or column.
    fn fits(&self, m: usize, n: usize) -> bool {
        match self {
            Self::Rows(numbers) => numbers.len() >= m,
            Self::Columns(numbers) => numbers.len() >= n,
            _ => true,
        }
    }

    /// Writes what row `i` begins with, if it is not what C holds.
    fn write(self, i: usize, row: &mut [T]) {
        match self {
            Self::Out => (),
            Self::Zero => row.fill(T::default()),
            Self::Rows(numbers) => row.fill(numbers[i]),
            Self::Columns(numbers) => row.copy_from_slice(&numbers[..row.len()]),
        }
    }
}

/// C ← C + A·B on the calling thread; nothing is allocated.
///
/// Best where the rows of B and C are a few hundred bytes apart or more, whole vectors ([`lanes`]), and not a multiple of 2 KiB (their cache
/// sets collide), and where both begin a cache line ([`Aligned`](crate::kernel::Aligned)).
///
/// **Shapes**: `[m, n, k]`: A is m × k, B is k × n with rows `right_row` apart, C is m × n with rows `out_row` apart.
///
/// **Panics** if a slice is shorter than its matrix.
///
/// ```
/// use apd_tensor::kernel::gemm::unpacked::{Left, accumulate};
///
/// let (a, b, mut c) = ([1.0_f32, 2.0, 3.0, 4.0], [1.0, 0.0, 1.0, 1.0], [0.5; 4]);
/// accumulate([2, 2, 2], Left::rows(&a, 2), &b, 2, &mut c, 2);
/// assert_eq!(c, [3.5, 2.5, 7.5, 4.5]);
/// ```
#[track_caller]
pub fn accumulate<T: Accumulate>(
    shape: [usize; 3],
    left: Left<'_, T>,
    right: &[T],
    right_row: usize,
    out: &mut [T],
    out_row: usize,
) {
    accumulate_while(shape, left, right, right_row, out, out_row, &mut || ());
}

/// C ← start + A·B as [`accumulate`] does it, without a pass over C that writes the start, and without reading it again.
///
/// **Panics** as [`accumulate`], and if `start` does not have a number for each row, or column.
#[track_caller]
pub fn product<T: Accumulate>(
    shape: [usize; 3],
    left: Left<'_, T>,
    right: &[T],
    right_row: usize,
    start: Start<'_, T>,
    out: &mut [T],
    out_row: usize,
) {
    run(Product { shape, left, right, right_row, start, out, out_row, meanwhile: &mut || () });
}

/// C ← C + A·B as [`accumulate`] does it, calling `meanwhile` every few thousand operations: a place to ask for memory that will be needed
/// ([`prefetch`]), a little at a time, so that it arrives while the arithmetic goes on.
#[track_caller]
pub fn accumulate_while<T: Accumulate>(
    shape: [usize; 3],
    left: Left<'_, T>,
    right: &[T],
    right_row: usize,
    out: &mut [T],
    out_row: usize,
    meanwhile: &mut dyn FnMut(),
) {
    run(Product { shape, left, right, right_row, start: Start::Out, out, out_row, meanwhile });
}

#[track_caller]
fn run<T: Accumulate>(product: Product<'_, T>) {
    let [m, n, k] = product.shape;
    if m == 0 || n == 0 {
        return;
    }
    assert!(product.fits(), "accumulate: a slice is shorter than its matrix");
    if k > 0 {
        return T::accumulate(product);
    }
    for (i, row) in product.out.chunks_mut(product.out_row.max(n)).take(m).enumerate() {
        product.start.write(i, &mut row[..n]);
    }
}

/// Bytes of B that one sweep over the inner index reads again for every few rows, of the first-level cache: a quarter of the smallest,
/// of which a neighbor on the same core may have half. With wide vectors a sweep of so few bytes would be over in some
/// twenty steps, too few for the sums that each begins and ends with.
const fn sweep(registers: usize) -> usize {
    if registers >= 32 { 24 << 10 } else { 8 << 10 }
}

/// Bytes of A that are read again for every panel of columns: likewise of the second-level cache.
const fn block(registers: usize) -> usize {
    if registers >= 32 { 96 << 10 } else { 48 << 10 }
}

/// Element types with such a kernel.
pub trait Accumulate: Copy + Default + 'static {
    /// C ← C + A·B, with the widest vectors that this CPU has.
    fn accumulate(product: Product<'_, Self>);
}

/// A product, checked by its maker.
pub struct Product<'a, T> {
    shape: [usize; 3],
    left: Left<'a, T>,
    right: &'a [T],
    right_row: usize,
    start: Start<'a, T>,
    out: &'a mut [T],
    out_row: usize,
    meanwhile: &'a mut dyn FnMut(),
}

impl<T: Copy + Default> Product<'_, T> {
    /// Whether every element that the kernel touches lies inside its slice; m and n are not 0.
    fn fits(&self) -> bool {
        let ([m, n, k], left) = (self.shape, &self.left);
        let last = |rows: usize, row: usize, columns: usize, column: usize| (rows - 1) * row + (columns - 1) * column;
        let factors =
            || last(m, left.row, k, left.inner) < left.data.len() && last(k, self.right_row, n, 1) < self.right.len();
        self.start.fits(m, n) && (k == 0 || factors()) && last(m, self.out_row, n, 1) < self.out.len()
    }
}

/// Vectors of the next panel of columns, when `vectors` whole ones are left (and a partial one, if `tail`), and whether the partial one
/// rides along. No panel is a single vector unless it is all there is: with one load for each multiplication it would run at half speed.
const fn panel_width(vectors: usize, tail: bool, registers: usize) -> (usize, bool) {
    let (usual, most) = if registers >= 32 { (6, 6) } else { (2, 3) };
    let all = vectors + tail as usize;
    match all {
        7 if usual == 6 => (4, false), // better as four and three, even if the last one is partial
        _ if all <= most => (vectors, tail),
        _ if all == usual + 1 => (usual - 1, false),
        _ => (usual, false),
    }
}

/// Rows of the next block, when `rows` are left, for panels of so many vectors (a partial one included): sums, one row of B and one
/// element of A fill the registers, or nearly so. (Four rows of three fill all sixteen, and were measured at half the speed.)
const fn block_height(rows: usize, vectors: usize, registers: usize) -> usize {
    let most = match (registers >= 32, vectors) {
        // A layer row by row is a product with few inner indices: twice as many rows for what each block begins and ends with.
        (true, 0..=1) if rows == 16 || rows >= 18 => 16,
        (true, 0..=3) => 8,
        (true, 4) => 6,
        (true, _) => 4,
        (false, 0..=1) => 8,
        (false, 2) => 6,
        (false, _) => 3,
    };
    match rows {
        _ if rows >= most + 2 || rows == most => most,
        // Not a block and a lone row.
        _ if rows == most + 1 => rows / 2,
        7 => 5,
        _ => rows,
    }
}

macro_rules! element {
    ($float:ident, $vector:ident, $lanes:ident, $load:ident, $store:ident, $splat:ident, $fma:ident, $between:ident, $index:ident) => {
        impl Accumulate for $float {
            fn accumulate(product: Product<'_, $float>) {
                // What fits into half of the widest vectors costs half as much there, on CPUs that do those half by half (Zen 4).
                #[cfg(target_arch = "x86_64")]
                if product.shape[1] * size_of::<$float>() <= 32
                    && let Some(simd) = pulp::x86::V3::try_new()
                {
                    return Simd::vectorize(simd, product);
                }
                Arch::new().dispatch(product);
            }
        }

        impl WithSimd for Product<'_, $float> {
            type Output = ();

            #[inline(always)]
            fn with_simd<S: Simd>(mut self, simd: S) {
                let [m, n, k] = self.shape;
                // The usual width of a panel, or all there is: its bytes in one row of B decide how many rows a sweep may have.
                let widest = if S::REGISTER_COUNT >= 32 { 6 } else { 2 }.min(n.div_ceil(S::$lanes));
                let most = sweep(S::REGISTER_COUNT) / (widest * S::$lanes * size_of::<$float>());
                // Sweeps are of equal length (see `inner` below): a short last one would load and store all of C for little.
                let sweeps = k.div_ceil(most);
                let rows = block(S::REGISTER_COUNT) / (most.min(k) * size_of::<$float>());
                // Equal parts too, and 48 is a multiple of every height (16, 8, 6, 4, 3): no part but the last ends with a low block.
                let rows = m.div_ceil(m.div_ceil(rows)).next_multiple_of(48);
                for sweep in 0..sweeps {
                    let inner = sweep * k / sweeps..(sweep + 1) * k / sweeps;
                    for top in (0..m).step_by(rows) {
                        self.block(simd, top..(top + rows).min(m), inner.clone(), n);
                    }
                }
            }
        }

        impl Product<'_, $float> {
            /// The share of some inner indices in some rows of C.
            #[inline(always)]
            fn block<S: Simd>(&mut self, simd: S, rows: Range<usize>, inner: Range<usize>, n: usize) {
                let lanes = S::$lanes;
                let mut j = 0;
                while j < n {
                    let left = (n - j) / lanes;
                    let partial = (n - j) % lanes;
                    let (vectors, tail) = panel_width(left, partial > 0, S::REGISTER_COUNT);
                    // From here on the number of columns in the partial vector, 0 if this panel has none.
                    let tail = if tail { partial } else { 0 };
                    let wide = vectors + usize::from(tail > 0);
                    let mut i = rows.start;
                    while i < rows.end {
                        let block = block_height(rows.end - i, wide, S::REGISTER_COUNT);
                        (self.meanwhile)();
                        // One block ahead, about as long as memory takes. The first panel brings the rows of A, which the other panels then
                        // find in the second-level cache; every panel touches its own part of C for the first time.
                        if j == 0 {
                            self.left.prefetch(i + block..(i + 2 * block).min(self.shape[0]), inner.clone());
                        }
                        let columns = vectors * lanes + tail;
                        if self.out_row > columns {
                            for r in i + block..(i + 2 * block).min(rows.end) {
                                prefetch(&self.out[r * self.out_row + j..][..columns]);
                            }
                        }
                        // Later sweeps go on where the first one has left C.
                        let start = if inner.start == 0 { self.start.from(i, j) } else { Start::Out };
                        let k = inner.len();
                        // SAFETY: `fits` has shown that A up to (m, k), B up to (k, n) and C up to (m, n) lie in their
                        // slices, and that the start has a number for each row, or column; rows i.. of the block, the inner
                        // indices and columns j..j + vectors·lanes + tail stay below m, k and n.
                        unsafe {
                            let a = self.left.data.as_ptr().add(i * self.left.row + inner.start * self.left.inner);
                            let b = self.right.as_ptr().add(inner.start * self.right_row + j);
                            let c = self.out.as_mut_ptr().add(i * self.out_row + j);
                            let strides = [self.left.row, self.left.inner, self.right_row, self.out_row];
                            // Height and width are constants of the tile, so that its sums live in registers: a function for each pair.
                            macro_rules! rows {
                                ($v:literal, $tail:literal) => {
                                    match block {
                                        1 => panel::<S, 1, $v, $tail>(simd, k, tail, strides, start, a, b, c),
                                        2 => panel::<S, 2, $v, $tail>(simd, k, tail, strides, start, a, b, c),
                                        3 => panel::<S, 3, $v, $tail>(simd, k, tail, strides, start, a, b, c),
                                        4 => panel::<S, 4, $v, $tail>(simd, k, tail, strides, start, a, b, c),
                                        5 => panel::<S, 5, $v, $tail>(simd, k, tail, strides, start, a, b, c),
                                        6 => panel::<S, 6, $v, $tail>(simd, k, tail, strides, start, a, b, c),
                                        8 => panel::<S, 8, $v, $tail>(simd, k, tail, strides, start, a, b, c),
                                        // `block_height` has no other.
                                        _ => panel::<S, 16, $v, $tail>(simd, k, tail, strides, start, a, b, c),
                                    }
                                };
                            }
                            macro_rules! columns {
                                ($v:literal) => {
                                    if tail > 0 { rows!($v, true) } else { rows!($v, false) }
                                };
                            }
                            match vectors {
                                0 => rows!(0, true),
                                1 => columns!(1),
                                2 => columns!(2),
                                3 => columns!(3),
                                _ if S::REGISTER_COUNT < 32 => unreachable!("panels are at most 3 wide"),
                                4 => columns!(4),
                                5 => columns!(5),
                                // Six are the most, a partial one included.
                                _ => rows!(6, false),
                            }
                        }
                        i += block;
                    }
                    j += vectors * lanes + tail;
                }

                /// One register tile of `M` rows and `V` vectors (and `tail` further columns if `TAIL`).
                ///
                /// # Safety
                /// `a`, `b`, `c` point at (0, 0) of matrices with at least M × k, k × columns and M × columns elements; a start by columns has as
                /// many.
                #[inline(always)]
                unsafe fn panel<S: Simd, const M: usize, const V: usize, const TAIL: bool>(
                    simd: S,
                    k: usize,
                    tail: usize,
                    [a_row, a_inner, b_row, c_row]: [usize; 4],
                    start: Start<'_, $float>,
                    a: *const $float,
                    mut b: *const $float,
                    c: *mut $float,
                ) {
                    let wide = V + TAIL as usize;
                    // Tiles that `block_height` never asks for are not compiled.
                    if block_height(M, wide, S::REGISTER_COUNT) != M {
                        return;
                    }
                    let lanes = S::$lanes;
                    // SAFETY: the caller's promise; vectors are unaligned reads, the mask keeps the tail inside.
                    unsafe {
                        // Made anew: the mask as it comes makes every load a call, for the sake of CPUs without masks.
                        let mask = MemMask::new(simd.$between(0, tail as $index).mask());
                        let mut sums = [[simd.$splat(0.0); V]; M];
                        let mut tails = [simd.$splat(0.0); M];
                        // From C and not from 0: a sum over several sweeps is the same chain of operations as over one.
                        // The choice outside the loops: with it inside they are not unrolled, and the sums begin in memory.
                        let from = match start {
                            Start::Zero => None,
                            Start::Rows(numbers) => {
                                let numbers = &numbers[..M];
                                for i in 0..M {
                                    sums[i] = [simd.$splat(numbers[i]); V];
                                    tails[i] = simd.$splat(numbers[i]);
                                }
                                None
                            }
                            Start::Columns(numbers) => Some((numbers.as_ptr(), 0)),
                            Start::Out => Some((c.cast_const(), c_row)),
                        };
                        if let Some((from, row)) = from {
                            for i in 0..M {
                                for v in 0..V {
                                    sums[i][v] = from.add(i * row + v * lanes).cast::<S::$vector>().read_unaligned();
                                }
                                if TAIL {
                                    tails[i] = simd.$load(mask, from.add(i * row + V * lanes));
                                }
                            }
                        }
                        // The compiler steps from row to row by additions that wait for each other, which with eight rows of one vector takes longer
                        // than the multiplications: it is not to know that the lower half of the rows follows the upper one.
                        let half = M.div_ceil(2);
                        let mut a = [a, black_box(a.wrapping_add(half * a_row))];
                        for _ in 0..k {
                            let mut row = [simd.$splat(0.0); V];
                            for v in 0..V {
                                row[v] = b.add(v * lanes).cast::<S::$vector>().read_unaligned();
                            }
                            // Beyond the mask there are zeros, and nothing is read: it may be the end of the slice.
                            let last = if TAIL { simd.$load(mask, b.add(V * lanes)) } else { simd.$splat(0.0) };
                            for i in 0..M {
                                // A number of A for each V multiplications: its stride hardly matters, so that A need not be packed.
                                let x = simd.$splat(*a[i / half].add(i % half * a_row));
                                for v in 0..V {
                                    sums[i][v] = simd.$fma(x, row[v], sums[i][v]);
                                }
                                if TAIL {
                                    tails[i] = simd.$fma(x, last, tails[i]);
                                }
                            }
                            // Wrapping, since after the last step they point beyond the slices.
                            a = a.map(|a| a.wrapping_add(a_inner));
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
    f32s,
    F32_LANES,
    mask_load_ptr_f32s,
    mask_store_ptr_f32s,
    splat_f32s,
    mul_add_f32s,
    mask_between_m32s,
    u32
);
element!(
    f64,
    f64s,
    F64_LANES,
    mask_load_ptr_f64s,
    mask_store_ptr_f64s,
    splat_f64s,
    mul_add_f64s,
    mask_between_m64s,
    u64
);

/// Numbers of type `T` in the widest vectors that this CPU has.
pub fn lanes<T>() -> usize {
    struct Bytes;

    impl WithSimd for Bytes {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            size_of::<S::f32s>()
        }
    }

    Arch::new().dispatch(Bytes) / size_of::<T>()
}

#[cfg(test)]
mod tests;
