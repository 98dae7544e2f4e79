//! The transpose of a matrix, block by block.

#![allow(unsafe_code)]

/// Edge of one block: a vector of AVX2, and half a cache line.
const EDGE: usize = 8;

/// to ← fromᵀ: element (i, j) of `from` becomes element (j, i) of `to`.
///
/// **Shapes**: `[rows, columns]` of `from`, whose rows are `from_row` apart; `to` is columns × rows, its rows `to_row` apart. What lies
/// between rows stays as it is.
///
/// **Panics** if a slice is shorter than its matrix.
///
/// ```
/// let mut to = [0; 6];
/// apd_tensor::kernel::transpose([2, 3], &[1, 2, 3, 4, 5, 6], 3, &mut to, 2);
/// assert_eq!(to, [1, 4, 2, 5, 3, 6]);
/// ```
#[track_caller]
pub fn transpose<T: Copy>([rows, columns]: [usize; 2], from: &[T], from_row: usize, to: &mut [T], to_row: usize) {
    if rows == 0 || columns == 0 {
        return;
    }
    let fits = (rows - 1) * from_row + columns <= from.len() && (columns - 1) * to_row + rows <= to.len();
    assert!(fits, "transpose: a slice is shorter than its matrix");
    #[cfg(target_arch = "x86_64")]
    let wide = size_of::<T>() == size_of::<f32>() && std::is_x86_feature_detected!("avx2");
    let (whole_rows, whole_columns) = (rows / EDGE * EDGE, columns / EDGE * EDGE);
    for i in (0..whole_rows).step_by(EDGE) {
        for j in (0..whole_columns).step_by(EDGE) {
            let (from, to) = (&from[i * from_row + j..], &mut to[j * to_row + i..]);
            #[cfg(target_arch = "x86_64")]
            if wide {
                // SAFETY: the CPU has AVX2, elements have 32 bits, and the block is inside both matrices (`fits`).
                unsafe { avx2::block(from.as_ptr().cast(), from_row, to.as_mut_ptr().cast(), to_row) };
                continue;
            }
            part([0..EDGE, 0..EDGE], from, from_row, to, to_row);
        }
    }
    #[allow(unused_mut)]
    let mut edge = 0;
    #[cfg(target_arch = "x86_64")]
    if wide && whole_columns < columns {
        // The last columns too, as long as whole vectors can be read there: behind a row there is the next one.
        while edge < whole_rows && edge * from_row + whole_columns + (EDGE - 1) * from_row + EDGE <= from.len() {
            let (from, to) = (&from[edge * from_row + whole_columns..], &mut to[whole_columns * to_row + edge..]);
            // SAFETY: as above, but for the columns behind the last one, which are read and not stored.
            unsafe {
                avx2::columns(from.as_ptr().cast(), from_row, to.as_mut_ptr().cast(), to_row, columns - whole_columns);
            }
            edge += EDGE;
        }
    }
    part([edge..whole_rows, whole_columns..columns], from, from_row, to, to_row);
    part([whole_rows..rows, 0..columns], from, from_row, to, to_row);
}

/// Some rows and columns, element by element.
fn part<T: Copy>(
    [rows, columns]: [std::ops::Range<usize>; 2],
    from: &[T],
    from_row: usize,
    to: &mut [T],
    to_row: usize,
) {
    for i in rows {
        for j in columns.clone() {
            to[j * to_row + i] = from[i * from_row + j];
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    /// Eight rows of eight numbers of 32 bits.
    ///
    /// # Safety
    /// The CPU has AVX2, and both pointers are at blocks of 8 × 8 elements with rows so far apart.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn block(from: *const f32, from_row: usize, to: *mut f32, to_row: usize) {
        // SAFETY: the caller's promise.
        unsafe { columns(from, from_row, to, to_row, 8) };
    }

    /// The first columns, at most eight, of eight rows of eight numbers of 32 bits.
    ///
    /// # Safety
    /// As [`block`], but `to` has no more than so many rows.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn columns(from: *const f32, from_row: usize, to: *mut f32, to_row: usize, columns: usize) {
        // SAFETY: the caller's promise.
        let row = |i: usize| unsafe { _mm256_loadu_ps(from.add(i * from_row)) };
        let r: [__m256; 8] = [row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)];
        // Pairs of rows, then quadruples within each half, then the halves.
        let mut pairs = r;
        for i in 0..4 {
            pairs[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
            pairs[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
        }
        let mut fours = pairs;
        for i in 0..2 {
            let [a, b, c, d] = [pairs[4 * i], pairs[4 * i + 1], pairs[4 * i + 2], pairs[4 * i + 3]];
            fours[4 * i] = _mm256_shuffle_ps::<0b01_00_01_00>(a, c);
            fours[4 * i + 1] = _mm256_shuffle_ps::<0b11_10_11_10>(a, c);
            fours[4 * i + 2] = _mm256_shuffle_ps::<0b01_00_01_00>(b, d);
            fours[4 * i + 3] = _mm256_shuffle_ps::<0b11_10_11_10>(b, d);
        }
        let mut eights = fours;
        for i in 0..4 {
            eights[i] = _mm256_permute2f128_ps::<0x20>(fours[i], fours[i + 4]);
            eights[i + 4] = _mm256_permute2f128_ps::<0x31>(fours[i], fours[i + 4]);
        }
        for (i, eight) in eights.into_iter().enumerate().take(columns) {
            // SAFETY: the caller's promise.
            unsafe { _mm256_storeu_ps(to.add(i * to_row), eight) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::transpose;

    fn check<T: Copy + PartialEq + std::fmt::Debug>(
        rows: usize,
        columns: usize,
        gap: usize,
        number: impl Fn(usize) -> T,
    ) {
        let (from_row, to_row) = (columns + gap, rows + 2 * gap);
        let from: Vec<T> = (0..rows * from_row).map(&number).collect();
        let mut to = vec![number(1_000_000); columns * to_row];
        transpose([rows, columns], &from, from_row, &mut to, to_row);
        for (place, &found) in to.iter().enumerate() {
            let (j, i) = (place / to_row, place % to_row);
            let expected = if i < rows { from[i * from_row + j] } else { number(1_000_000) };
            assert_eq!(found, expected, "({i}, {j}) of {rows}×{columns}");
        }
    }

    #[test]
    fn every_element_finds_its_place_and_gaps_are_left_alone() {
        for rows in (0..20).chain([33]) {
            for columns in (0..20).chain([40]) {
                for gap in [0, 3] {
                    check(rows, columns, gap, |i| i as f32);
                    check(rows, columns, gap, |i| i as f64);
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "shorter than its matrix")]
    fn short_slices_are_refused() {
        transpose([2, 3], &[0.0; 6], 3, &mut [0.0; 5], 2);
    }
}
