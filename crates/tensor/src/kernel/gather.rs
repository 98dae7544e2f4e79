//! Rows from all over a large array, one after the other.

#![allow(unsafe_code)]

use std::ops::Range;

use super::Aligned;

/// Rows on their way from memory while one is copied: without it the copy waits for each row's first lines.
const AHEAD: usize = 3;

/// out ← rows\[indices\], row by row; `out` keeps its memory from call to call.
///
/// **Shapes**: `rows`: N × width, row-major; indices: B; out: B × width.
///
/// **Panics** if an index is not below N, or `rows` is not whole rows.
///
/// ```
/// let mut out = apd_tensor::kernel::Aligned::new();
/// apd_tensor::kernel::gather_rows(&[0.0, 0.5, 1.0, 1.5, 2.0, 2.5], 2, &[2, 0], &mut out);
/// assert_eq!(*out, [2.0, 2.5, 0.0, 0.5]);
/// ```
#[track_caller]
pub fn gather_rows<T: Copy + Default>(rows: &[T], width: usize, indices: &[u32], out: &mut Aligned<T>) {
    assert!(width == 0 || rows.len().is_multiple_of(width), "{} elements are no whole rows of {width}", rows.len());
    let place = |&index: &u32| -> Range<usize> {
        let start = index as usize * width;
        start..start + width
    };
    out.resize(indices.len() * width, T::default());
    indices.iter().take(AHEAD).for_each(|index| prefetch(&rows[place(index)]));
    for (i, index) in indices.iter().enumerate() {
        if let Some(next) = indices.get(i + AHEAD) {
            prefetch(&rows[place(next)]);
        }
        out[i * width..][..width].copy_from_slice(&rows[place(index)]);
    }
}

/// Asks for the cache lines of a slice, which will be read soon.
#[inline(always)]
pub fn prefetch<T>(slice: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        const LINE: usize = 64;
        let start = slice.as_ptr().cast::<i8>();
        for offset in (0..size_of_val(slice)).step_by(LINE) {
            // SAFETY: SSE is part of x86-64, and a prefetch has no effect but on speed, whatever the address; this one is inside.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(offset)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = slice;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_the_order_of_their_indices() {
        let rows: Vec<f32> = (0..70_u8).map(f32::from).collect();
        let mut out = Aligned::new();
        out.resize(1000, 9.0);
        for count in 0..10_u32 {
            let indices: Vec<u32> = (0..count).map(|i| (i * 3) % 7).collect();
            gather_rows(&rows, 10, &indices, &mut out);
            let expected: Vec<f32> = indices.iter().flat_map(|i| i * 10..(i + 1) * 10).map(|x| x as f32).collect();
            assert_eq!(*out, expected);
        }
        gather_rows(&rows, 0, &[5, 6], &mut out);
        assert!(out.is_empty());
    }

    #[test]
    #[should_panic(expected = "out of range")]
    fn rows_that_are_not_there_are_refused() {
        gather_rows(&[1.0, 2.0], 2, &[0, 1], &mut Aligned::new());
    }
}
