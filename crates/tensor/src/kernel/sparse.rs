//! C ← A·B + b where many elements of A are 0, as those behind a ReLU are: they are left out.

use pulp::{Arch, Simd, WithSimd};

use super::gather::prefetch;

/// Vectors of C that are summed up in registers at once.
const VECTORS: usize = 12;

/// Inner indices of one sweep: a panel of so many rows of B stays in the first-level cache.
const INNER: usize = 50;

/// Rows of C that are asked for before they are written.
const AHEAD: usize = 2;

/// The elements of a matrix that are not 0, row by row, for [`affine`].
#[derive(Clone, Debug)]
pub struct Sparse {
    rows: usize,
    inner: usize,
    elements: Vec<Element>,
    /// Where each row of each sweep over the inner index begins, and the last one ends: sweeps × rows + 1.
    starts: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Element {
    inner: u32,
    value: f32,
}

impl Sparse {
    /// The nonzero elements of a row-major matrix with so many rows and columns.
    ///
    /// **Panics** if it does not have as many elements.
    #[track_caller]
    pub fn new([rows, inner]: [usize; 2], matrix: &[f32]) -> Self {
        assert_eq!(matrix.len(), rows * inner, "elements of {rows} rows of {inner}");
        let (mut elements, mut starts) = (Vec::new(), vec![0]);
        let sweeps = inner.div_ceil(INNER).max(1);
        for sweep in 0..sweeps {
            let columns = sweep * inner / sweeps..(sweep + 1) * inner / sweeps;
            for row in 0..rows {
                let row = &matrix[row * inner..][..inner];
                let there = columns.clone().filter(|&p| row[p] != 0.0);
                elements.extend(there.map(|p| Element { inner: p as u32, value: row[p] }));
                starts.push(elements.len());
            }
        }
        Self { rows, inner, elements, starts }
    }
}

/// C ← A·B + 1·biasᵀ on the calling thread; nothing is allocated.
///
/// Every element of C is one chain of fused multiply-adds in the order of the inner index, from the bias on: the bits are those of
/// [`unpacked::accumulate`](super::gemm::unpacked::accumulate), where B is finite.
///
/// **Shapes**: A is m × k, B is k × n, C has m rows of n, which may lie anywhere; the bias has n elements.
///
/// **Panics** if the shapes do not fit.
///
/// ```
/// use apd_tensor::kernel::sparse::{Sparse, affine};
///
/// let (a, b) = (Sparse::new([2, 2], &[0.0, 2.0, 3.0, 0.0]), [1.0, 0.0, 1.0, 1.0]);
/// let (mut first, mut second) = ([0.0; 2], [0.0; 2]);
/// affine(&a, &b, &[0.5; 2], &mut [&mut first, &mut second]);
/// assert_eq!((first, second), ([2.5, 2.5], [3.5, 0.5]));
/// ```
#[track_caller]
pub fn affine(left: &Sparse, right: &[f32], bias: &[f32], out: &mut [&mut [f32]]) {
    let n = bias.len();
    assert!(right.len() == left.inner * n, "affine: B has {} elements, not {} × {n}", right.len(), left.inner);
    let fits = out.len() == left.rows && out.iter().all(|row| row.len() == n);
    assert!(fits, "affine: C does not have {} rows of {n}", left.rows);
    Arch::new().dispatch(Affine { left, right, bias, out });
}

struct Affine<'a, 'b> {
    left: &'a Sparse,
    right: &'a [f32],
    bias: &'a [f32],
    out: &'a mut [&'b mut [f32]],
}

impl WithSimd for Affine<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (lanes, n) = (S::F32_LANES, self.bias.len());
        let mut j = 0;
        while n - j >= VECTORS * lanes {
            self.panel::<S, VECTORS>(simd, j);
            j += VECTORS * lanes;
        }
        while n - j >= lanes {
            self.panel::<S, 1>(simd, j);
            j += lanes;
        }
        while j < n {
            self.panel::<pulp::Scalar, 1>(pulp::Scalar::new(), j);
            j += 1;
        }
    }
}

impl Affine<'_, '_> {
    /// `V` vectors of every row of C, from column `j` on.
    #[inline(always)]
    fn panel<S: Simd, const V: usize>(&mut self, simd: S, j: usize) {
        let Self { left, right, bias, out } = self;
        let (n, width) = (bias.len(), V * S::F32_LANES);
        let bias = vectors::<S, V>(&bias[j..][..width]);
        for (sweep, starts) in left.starts.windows(left.rows + 1).step_by(left.rows.max(1)).enumerate() {
            for (i, start) in starts.windows(2).enumerate() {
                if sweep == 0
                    && let Some(ahead) = out.get(i + AHEAD)
                {
                    prefetch(&ahead[j..][..width]);
                }
                let row = &mut out[i];
                let row = vectors_mut::<S, V>(&mut row[j..][..width]);
                let mut sums = if sweep == 0 { *bias } else { *row };
                for element in &left.elements[start[0]..start[1]] {
                    let right = vectors::<S, V>(&right[element.inner as usize * n + j..][..width]);
                    let x = simd.splat_f32s(element.value);
                    for v in 0..V {
                        sums[v] = simd.mul_add_f32s(x, right[v], sums[v]);
                    }
                }
                *row = sums;
            }
        }
    }
}

#[inline(always)]
fn vectors<S: Simd, const V: usize>(numbers: &[f32]) -> &[S::f32s; V] {
    S::as_simd_f32s(numbers).0.try_into().expect("as many numbers as V vectors have")
}

#[inline(always)]
fn vectors_mut<S: Simd, const V: usize>(numbers: &mut [f32]) -> &mut [S::f32s; V] {
    S::as_mut_simd_f32s(numbers).0.try_into().expect("as many numbers as V vectors have")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::gemm::unpacked;
    use super::*;
    use crate::check::numbers;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn has_the_bits_of_the_dense_product(
            m in 0..9_usize, n in 0..420_usize, k in 0..130_usize, zeros in 0..5_u32, seed: u32,
        ) {
            let numbers = |len, salt| numbers(len, u64::from(seed) << 2 | salt, -0.5, 0.5).into_iter().map(|x| x as f32);
            // So many quarters of them are 0.
            let a: Vec<f32> = numbers(m * k, 0).map(|x| if x < 0.25 * zeros as f32 - 0.5 { 0.0 } else { x }).collect();
            let (b, bias): (Vec<_>, Vec<_>) = (numbers(k * n, 1).collect(), numbers(n, 2).collect());
            let mut expected = Vec::new();
            (0..m).for_each(|_| expected.extend_from_slice(&bias));
            let mut found = vec![f32::NAN; m * n];
            unpacked::accumulate([m, n, k], unpacked::Left::rows(&a, k), &b, n, &mut expected, n);
            let mut rows: Vec<_> = (0..m).map(|_| <&mut [f32]>::default()).collect();
            rows.iter_mut().zip(found.chunks_mut(n.max(1))).for_each(|(row, found)| *row = found);
            affine(&Sparse::new([m, k], &a), &b, &bias, &mut rows);
            prop_assert_eq!(expected, found);
        }
    }

    #[test]
    #[should_panic(expected = "B has 5 elements, not 2 × 3")]
    fn a_short_right_factor_is_refused() {
        affine(&Sparse::new([2, 2], &[1.0; 4]), &[0.0; 5], &[0.0; 3], &mut []);
    }
}
