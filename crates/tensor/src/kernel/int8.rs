//! W·X of 8-bit numbers, exact in 32 bits: the same numbers on every processor, in whatever order they are summed.
//!
//! X is unsigned and lies as a minibatch does that is multiplied feature by feature, W is signed and a constant for many of them. Four
//! neighbors along the inner index are a [`Quad`], which is what `vpdpbusd` multiplies and sums in each 32 bits. Where a processor lacks it,
//! `vpmaddwd` takes the even and the odd ones of four: `vpmaddubsw`, which takes all of them, saturates at sums of two that occur here.

#![allow(unsafe_code)]

/// Columns of X that lie side by side: a vector of AVX-512, two of AVX2.
pub const COLUMNS: usize = 16;
/// Rows of W that lie side by side: sums of as many, by two vectors, hide the latency of a multiplication.
pub const ROWS: usize = 4;
/// Most quads of a row: so many times four products of 255 and −128 are above −2³¹.
pub const MOST: usize = 16_448;

/// Four numbers along the inner index.
pub type Quad<T> = [T; 4];

/// Quads that one sweep over the inner index takes: a panel of so many stays in the first-level cache.
const SWEEP: usize = 128;

/// C ← W·X on the calling thread.
///
/// **Shapes**: `[blocks, panels, quads]`: W has 4·blocks rows, X has 16·panels columns, and both have 4·quads inner elements, of which those that
/// are none are 0. `weight` is blocks × quads × 4 rows, `units` is panels × quads × 16 columns, `out` is 4·blocks × 16·panels.
///
/// **Panics** if a slice has another length, or there are more than [`MOST`] quads: a sum could then exceed 32 bits.
///
/// ```
/// use apd_tensor::kernel::int8::product;
///
/// let (weight, units) = ([[[1, 2, 3, -4], [0; 4], [0; 4], [0; 4]]], [[[1, 1, 1, 1]; 16]]);
/// let mut out = [0; 64];
/// product([1, 1, 1], &weight, &units, &mut out);
/// assert_eq!((out[0], out[15], out[16]), (2, 2, 0));
/// ```
#[track_caller]
pub fn product(shape: [usize; 3], weight: &[[Quad<i8>; ROWS]], units: &[[Quad<u8>; COLUMNS]], out: &mut [i32]) {
    let [blocks, panels, quads] = shape;
    assert!(quads <= MOST, "{quads} quads may exceed 32 bits");
    assert_eq!([weight.len(), units.len()], [blocks * quads, panels * quads], "quads of W and X");
    assert_eq!(out.len(), blocks * ROWS * panels * COLUMNS, "elements of C");
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        // As wide as the other kernels are: a build may be held to AVX2.
        if super::lanes::<f32>() == COLUMNS && has!("avx512vnni") && has!("avx512bw") {
            // SAFETY: the CPU has these instructions, and the lengths are those of the shape.
            return unsafe { x86::vnni(shape, weight, units, out) };
        }
        if has!("avx2") {
            // SAFETY: as above.
            return unsafe { x86::avx2(shape, weight, units, out) };
        }
    }
    naive(shape, weight, units, out);
}

/// Sum by sum.
fn naive([_, panels, quads]: [usize; 3], weight: &[[Quad<i8>; ROWS]], units: &[[Quad<u8>; COLUMNS]], out: &mut [i32]) {
    for (i, row) in out.chunks_exact_mut((panels * COLUMNS).max(1)).enumerate() {
        let weight = &weight[i / ROWS * quads..][..quads];
        for (panel, out) in row.chunks_exact_mut(COLUMNS).enumerate() {
            out.fill(0);
            for (weight, units) in weight.iter().zip(&units[panel * quads..][..quads]) {
                for (out, unit) in out.iter_mut().zip(units) {
                    let products = weight[i % ROWS].iter().zip(unit).map(|(&w, &x)| i32::from(w) * i32::from(x));
                    *out += products.sum::<i32>();
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::ops::Range;

    use super::{COLUMNS, Quad, ROWS, SWEEP};

    /// What multiplies and sums one quad of 16 columns.
    trait Instructions {
        /// Panels that a tile is wide, 1 or 2: its sums fill half of the registers.
        const WIDE: usize;
        /// Sums of 16 columns.
        type Sums: Copy;
        /// A quad of each of 16 columns.
        type Units: Copy;
        /// A quad of each of four rows.
        type Weight: Copy;

        /// # Safety
        /// The CPU has the instructions, and there are 16 sums to read.
        unsafe fn load(from: *const i32) -> Self::Sums;
        /// # Safety
        /// The CPU has the instructions, and there is room for 16 sums.
        unsafe fn store(sums: Self::Sums, to: *mut i32);
        /// # Safety
        /// The CPU has the instructions, and there is a quad of each of 16 columns to read.
        unsafe fn units(from: *const [Quad<u8>; COLUMNS]) -> Self::Units;
        /// # Safety
        /// The CPU has the instructions, and there is a quad of each of four rows to read.
        unsafe fn add(sums: Self::Sums, units: Self::Units, weight: *const Self::Weight, row: usize) -> Self::Sums;
        /// The weights as `add` reads them; `room` may be where they are put.
        ///
        /// # Safety
        /// The CPU has the instructions.
        unsafe fn weights(from: &[[Quad<i8>; ROWS]], room: &mut Vec<Self::Weight>) -> *const Self::Weight;
    }

    /// # Safety
    /// The lengths are those of the shape, and the CPU has the instructions.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) unsafe fn vnni(
        shape: [usize; 3],
        weight: &[[Quad<i8>; ROWS]],
        units: &[[Quad<u8>; COLUMNS]],
        out: &mut [i32],
    ) {
        // SAFETY: the caller's promise.
        unsafe { run::<Vnni>(shape, weight, units, out) };
    }

    /// # Safety
    /// The lengths are those of the shape, and the CPU has the instructions.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn avx2(
        shape: [usize; 3],
        weight: &[[Quad<i8>; ROWS]],
        units: &[[Quad<u8>; COLUMNS]],
        out: &mut [i32],
    ) {
        // SAFETY: the caller's promise.
        unsafe { run::<Avx2>(shape, weight, units, out) };
    }

    /// # Safety
    /// The lengths are those of the shape, and the CPU has the instructions.
    #[inline(always)]
    unsafe fn run<I: Instructions>(
        [blocks, panels, quads]: [usize; 3],
        weight: &[[Quad<i8>; ROWS]],
        units: &[[Quad<u8>; COLUMNS]],
        out: &mut [i32],
    ) {
        if quads == 0 {
            return out.fill(0);
        }
        let (sweeps, mut room) = (quads.div_ceil(SWEEP), Vec::new());
        for sweep in 0..sweeps {
            let inner = sweep * quads / sweeps..(sweep + 1) * quads / sweeps;
            for block in 0..blocks {
                let weight = &weight[block * quads..][inner.clone()];
                let out = &mut out[block * ROWS * panels * COLUMNS..][..ROWS * panels * COLUMNS];
                // SAFETY: the caller's promise.
                let weight = unsafe { I::weights(weight, &mut room) };
                let mut panel = 0;
                while panel < panels {
                    let (units, wide) = (&units[panel * quads..], I::WIDE.min(panels - panel));
                    let shape = [panels * COLUMNS, quads];
                    let out = &mut out[panel * COLUMNS..];
                    // SAFETY: so many panels are left; `out` has four rows of them.
                    unsafe {
                        match wide {
                            1 => tile::<I, 1>(shape, inner.clone(), weight, units, out),
                            _ => tile::<I, 2>(shape, inner.clone(), weight, units, out),
                        }
                    }
                    panel += wide;
                }
            }
        }
    }

    /// The share of some inner indices in four rows of `V` panels.
    ///
    /// # Safety
    /// `units` has V panels of so many quads, `out` four rows of V panels that begin so far apart, and the CPU has the instructions.
    #[inline(always)]
    unsafe fn tile<I: Instructions, const V: usize>(
        [row, quads]: [usize; 2],
        inner: Range<usize>,
        weight: *const I::Weight,
        units: &[[Quad<u8>; COLUMNS]],
        out: &mut [i32],
    ) {
        let (units, out, zeros) = (units.as_ptr(), out.as_mut_ptr(), [0; COLUMNS]);
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [[I::load(zeros.as_ptr()); V]; ROWS];
            if inner.start > 0 {
                for (i, sums) in sums.iter_mut().enumerate() {
                    for (v, sum) in sums.iter_mut().enumerate() {
                        *sum = I::load(out.add(i * row + v * COLUMNS));
                    }
                }
            }
            for (at, p) in inner.enumerate() {
                let mut columns = [I::units(units.add(p)); V];
                for v in 1..V {
                    columns[v] = I::units(units.add(v * quads + p));
                }
                for i in 0..ROWS {
                    for v in 0..V {
                        sums[i][v] = I::add(sums[i][v], columns[v], weight.add(at), i);
                    }
                }
            }
            for i in 0..ROWS {
                for v in 0..V {
                    I::store(sums[i][v], out.add(i * row + v * COLUMNS));
                }
            }
        }
    }

    struct Vnni;

    impl Instructions for Vnni {
        const WIDE: usize = 2;
        type Sums = __m512i;
        type Units = __m512i;
        type Weight = [Quad<i8>; ROWS];

        #[inline(always)]
        unsafe fn load(from: *const i32) -> __m512i {
            // SAFETY: the caller's promise, as below.
            unsafe { _mm512_loadu_si512(from.cast()) }
        }

        #[inline(always)]
        unsafe fn store(sums: __m512i, to: *mut i32) {
            // SAFETY: as above.
            unsafe { _mm512_storeu_si512(to.cast(), sums) };
        }

        #[inline(always)]
        unsafe fn units(from: *const [Quad<u8>; COLUMNS]) -> __m512i {
            // SAFETY: as above.
            unsafe { _mm512_loadu_si512(from.cast()) }
        }

        #[inline(always)]
        unsafe fn add(sums: __m512i, units: __m512i, weight: *const [Quad<i8>; ROWS], row: usize) -> __m512i {
            // SAFETY: as above.
            unsafe {
                let weight = weight.cast::<i32>().add(row).read_unaligned();
                _mm512_dpbusd_epi32(sums, units, _mm512_set1_epi32(weight))
            }
        }

        #[inline(always)]
        unsafe fn weights(from: &[[Quad<i8>; ROWS]], _: &mut Vec<Self::Weight>) -> *const [Quad<i8>; ROWS] {
            from.as_ptr()
        }
    }

    struct Avx2;

    impl Instructions for Avx2 {
        const WIDE: usize = 1;
        type Sums = [__m256i; 2];
        /// Of 8 columns the even and the odd ones of each quad in 16 bits, then of the 8 others.
        type Units = [__m256i; 4];
        /// The even ones of four rows' quads, and the odd ones.
        type Weight = [[[i16; 2]; ROWS]; 2];

        #[inline(always)]
        unsafe fn load(from: *const i32) -> [__m256i; 2] {
            // SAFETY: the caller's promise, as below.
            unsafe { [_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(8).cast())] }
        }

        #[inline(always)]
        unsafe fn store(sums: [__m256i; 2], to: *mut i32) {
            // SAFETY: as above.
            unsafe {
                _mm256_storeu_si256(to.cast(), sums[0]);
                _mm256_storeu_si256(to.add(8).cast(), sums[1]);
            }
        }

        #[inline(always)]
        unsafe fn units(from: *const [Quad<u8>; COLUMNS]) -> [__m256i; 4] {
            // SAFETY: as above.
            unsafe {
                let [a, b] = Self::load(from.cast());
                let even = _mm256_set1_epi16(255);
                [
                    _mm256_and_si256(a, even),
                    _mm256_srli_epi16::<8>(a),
                    _mm256_and_si256(b, even),
                    _mm256_srli_epi16::<8>(b),
                ]
            }
        }

        #[inline(always)]
        unsafe fn add(
            sums: [__m256i; 2],
            [a, b, c, d]: [__m256i; 4],
            weight: *const Self::Weight,
            row: usize,
        ) -> [__m256i; 2] {
            // SAFETY: as above.
            unsafe {
                let weight = weight.cast::<i32>();
                let even = _mm256_set1_epi32(*weight.add(row));
                let odd = _mm256_set1_epi32(*weight.add(ROWS + row));
                let add = |sum, even_units, odd_units| {
                    let sum = _mm256_add_epi32(sum, _mm256_madd_epi16(even_units, even));
                    _mm256_add_epi32(sum, _mm256_madd_epi16(odd_units, odd))
                };
                [add(sums[0], a, b), add(sums[1], c, d)]
            }
        }

        #[inline(always)]
        unsafe fn weights(from: &[[Quad<i8>; ROWS]], room: &mut Vec<Self::Weight>) -> *const Self::Weight {
            room.clear();
            room.extend(
                from.iter()
                    .map(|rows| [0, 1].map(|odd| rows.map(|quad| [i16::from(quad[odd]), i16::from(quad[2 + odd])]))),
            );
            room.as_ptr()
        }
    }
}

#[cfg(test)]
mod tests;
