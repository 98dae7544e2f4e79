//! Kernel Stein discrepancy: do the samples fit the density whose gradient is known, without a sample of it to compare with?

use ndarray::{Array2, ArrayView2, s};
#[cfg(feature = "rayon")]
use rayon::prelude::*;

use crate::DiagnosticError;

/// Rows of the kernel matrix that are worked on together. Fixed, as it decides the order of the sums.
const BLOCK: usize = 64;

/// Independent sums, so that the coordinates are added several at a time.
const LANES: usize = 4;

/// Outcome of [`ksd_test`].
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct KsdTest {
    /// The U-statistic: an unbiased estimate of the squared discrepancy, often negative if the samples are from p.
    pub statistic: f64,
    /// Share of bootstrap values, the statistic itself counted among them, that are at least as large.
    pub p_value: f64,
}

/// Kernel Stein discrepancy of samples from a density p: the square root of the V-statistic, a distance that is 0 only at p.
///
/// KSD² = (1/n²) Σ_ij u(x_i, x_j), where with s = ∇ log p, r = x − y and the kernel k(x, y) = (c² + ‖r‖²)^(−1/2)
///
/// u(x, y) = s(x)·s(y) k + s(x)·∇_y k + s(y)·∇_x k + ∇_x·∇_y k.
///
/// No normalizing constant of p is needed, and no draws that are known to be right. Under p it falls like n^(−1/2), elsewhere to a
/// positive limit, so values are compared at one n (of two samplers, of a bank before and after thinning).
///
/// **Shapes**: `samples` and `scores` n×d, row by row; `scale` is c. **Units**: that of the scores; c that of the samples.
/// A c of the order of the distance between typical samples is a sensible choice.
///
/// **Errors**: no rows, a value that is not finite, a `scale` that is not positive and finite.
/// **Panics** if the shapes differ.
///
/// **Where it fails**: it hardly sees the weights of modes that are far apart, as all that it knows is local. In hundreds of
/// dimensions it has little power. It is NaN or infinite where squares overflow, beyond about 10¹⁵⁰. Scores must be of the full data: minibatch noise is not averaged out in s(x)·s(x).
///
/// O(n²d) time, a copy of the input and 64·n numbers per thread; the same bits on any number of threads.
///
/// ```
/// use apd_diagnostics::ksd;
/// use apd_seed::Seed;
/// use ndarray::Array2;
///
/// let mut x = Array2::<f64>::zeros((200, 2));
/// Seed::root(1).normals().fill_f64(0, 0, x.as_slice_mut().unwrap());
/// let right = ksd(x.view(), (-&x).view(), 1.0)?; // the score of N(0, I) is −x
/// let shifted = ksd(x.view(), (-&x + 0.5).view(), 1.0)?; // that of N(½, I)
/// assert!(3.0 * right < shifted);
/// # Ok::<(), apd_diagnostics::DiagnosticError>(())
/// ```
///
/// Reference: Gorham & Mackey, *Measuring sample quality with kernels*, ICML 2017, theorem 8 (why this kernel); Liu, Lee &
/// Jordan, *A kernelized Stein discrepancy for goodness-of-fit tests*, ICML 2016, theorem 3.6.
#[track_caller]
pub fn ksd(samples: ArrayView2<'_, f64>, scores: ArrayView2<'_, f64>, scale: f64) -> Result<f64, DiagnosticError> {
    let stein = Stein::new(samples, scores, scale)?;
    let n = stein.rows();
    let blocks: Vec<f64> = stein.blocks(|block| block.sum());
    let diagonal: f64 = (0..n).map(|i| stein.kernel(i, i)).sum();
    let sum = diagonal + 2.0 * blocks.iter().sum::<f64>();
    // u is positive definite; rounding is not. (`f64::max` would turn the NaN of an overflow into 0, the best there is.)
    Ok(if sum < 0.0 { 0.0 } else { sum.sqrt() / n as f64 })
}

/// Tests whether the samples are from p: the U-statistic of [`ksd`], with a p-value by the wild bootstrap.
///
/// The statistic is Σ_{i≠j} u(x_i, x_j)/(n(n − 1)); a bootstrap value is the same sum of w_i w_j u(x_i, x_j) with random signs w. The
/// p-value is (1 + number of bootstrap values at or above the statistic)/(1 + `bootstraps`), so it is never 0, and a test at level α
/// needs at least 1/α − 1 of them.
///
/// `sign` is asked n times for each bootstrap value in turn, in the order of the rows (`true` for +1). Independent samples need
/// fair, independent signs. Correlated draws of a chain need signs that persist as long as the chain does, or the test rejects
/// correct samples: let `sign` repeat its last answer, but flip it with probability a; 1/(2a) of the order of the autocorrelation
/// time.
///
/// **Shapes**, **Units**, **Errors**: as [`ksd`], and at least two samples. **Panics** if the shapes differ or `bootstraps` is 0.
///
/// O(n²(d + `bootstraps`)) time, O(n·`bootstraps`) memory; the same bits on any number of threads.
///
/// ```
/// use apd_diagnostics::ksd_test;
/// use apd_seed::Seed;
/// use ndarray::Array2;
///
/// let mut x = Array2::<f64>::zeros((200, 2));
/// Seed::root(1).normals().fill_f64(0, 0, x.as_slice_mut().unwrap());
/// let mut signs = Seed::root(1).child("signs").stream();
/// let test = ksd_test(x.view(), (-&x + 0.5).view(), 1.0, 199, &mut || signs.below(2) == 1)?;
/// assert_eq!(test.p_value, 1.0 / 200.0); // not N(½, I)
/// # Ok::<(), apd_diagnostics::DiagnosticError>(())
/// ```
///
/// Reference: Chwialkowski, Strathmann & Gretton, *A kernel test of goodness of fit*, ICML 2016 (the wild bootstrap, also for
/// correlated draws); Liu, Lee & Jordan, ICML 2016, eq. 14 (the U-statistic).
#[track_caller]
pub fn ksd_test(
    samples: ArrayView2<'_, f64>,
    scores: ArrayView2<'_, f64>,
    scale: f64,
    bootstraps: usize,
    sign: &mut dyn FnMut() -> bool,
) -> Result<KsdTest, DiagnosticError> {
    assert!(bootstraps > 0, "a p-value needs at least one bootstrap value");
    let stein = Stein::new(samples, scores, scale)?;
    let n = stein.rows();
    if n < 2 {
        return Err(DiagnosticError::TooFew { what: "samples", found: n, needed: 2 });
    }
    // Column 0 has no signs: its sum is the statistic. The others are filled in the order that the caller was promised.
    let mut signs = Array2::from_elem((n, 1 + bootstraps), 1.0);
    for mut column in signs.columns_mut().into_iter().skip(1) {
        column.mapv_inplace(|_| if sign() { 1.0 } else { -1.0 });
    }
    let blocks: Vec<Vec<f64>> = stein.blocks(|block| {
        let rows = signs.slice(s![block.first..block.first + block.values.nrows(), ..]);
        let weighted = block.values.dot(&signs.slice(s![block.first.., ..]));
        (&weighted * &rows).sum_axis(ndarray::Axis(0)).to_vec()
    });
    let sum = |column: usize| blocks.iter().map(|block| block[column]).sum::<f64>();
    let statistic = sum(0);
    let larger = (1..=bootstraps).filter(|&column| sum(column) >= statistic).count();
    Ok(KsdTest {
        statistic: 2.0 * statistic / (n as f64 * (n as f64 - 1.0)),
        p_value: (1 + larger) as f64 / (1 + bootstraps) as f64,
    })
}

/// The samples and the Stein kernel between them.
struct Stein {
    samples: Array2<f64>,
    scores: Array2<f64>,
    square_scale: f64,
}

/// The strict upper triangle of some rows of the kernel matrix, from column `first` on.
struct Block {
    first: usize,
    values: Array2<f64>,
}

impl Block {
    fn sum(&self) -> f64 {
        self.values.iter().sum()
    }
}

impl Stein {
    #[track_caller]
    fn new(samples: ArrayView2<'_, f64>, scores: ArrayView2<'_, f64>, scale: f64) -> Result<Self, DiagnosticError> {
        assert_eq!(samples.dim(), scores.dim(), "samples and scores must have the same shape");
        if samples.nrows() == 0 {
            return Err(DiagnosticError::Empty { what: "samples" });
        }
        for (what, values) in [("sample", samples), ("score", scores)] {
            if let Some(((row, index), &value)) = values.indexed_iter().find(|(_, x)| !x.is_finite()) {
                return Err(DiagnosticError::NotFinite { what, row, index, value });
            }
        }
        if !(scale > 0.0 && scale.is_finite()) {
            let expected = "a finite number above 0";
            return Err(DiagnosticError::OutOfRange { what: "the kernel's scale", value: scale, expected });
        }
        let (samples, scores) = (samples.as_standard_layout().into_owned(), scores.as_standard_layout().into_owned());
        Ok(Self { samples, scores, square_scale: scale * scale })
    }

    fn rows(&self) -> usize {
        self.samples.nrows()
    }

    /// What is made of the blocks of the matrix, in the order of their rows.
    fn blocks<T: Send>(&self, of: impl Fn(Block) -> T + Sync) -> Vec<T> {
        let n = self.rows();
        let blocks = 0..n.div_ceil(BLOCK);
        #[cfg(feature = "rayon")]
        let blocks = blocks.into_par_iter();
        let of_block = |block| {
            let first = block * BLOCK;
            // Column by column: the samples of the block stay in the cache while the others pass by once.
            let columns = Array2::from_shape_fn((n - first, BLOCK.min(n - first)), |(j, i)| {
                if i < j { self.kernel(first + i, first + j) } else { 0.0 }
            });
            of(Block { first, values: columns.reversed_axes() })
        };
        blocks.map(of_block).collect()
    }

    /// u(x_i, x_j), with k = q^(−1/2), q = c² + ‖r‖², ∇_y k = r·q^(−3/2) = −∇_x k and ∇_x·∇_y k = d·q^(−3/2) − 3‖r‖²·q^(−5/2).
    fn kernel(&self, i: usize, j: usize) -> f64 {
        let (x, y) = (row(&self.samples, i), row(&self.samples, j));
        let (a, b) = (row(&self.scores, i), row(&self.scores, j));
        // Lanes of ‖r‖², s(x)·s(y) and (s(x) − s(y))·r; the coordinates that fill no lane come last, in the first of them.
        let mut sums = [[0.0; LANES]; 3];
        let mut add = |lane: usize, x: f64, y: f64, a: f64, b: f64| {
            let r = x - y;
            sums[0][lane] += r * r;
            sums[1][lane] += a * b;
            sums[2][lane] += (a - b) * r;
        };
        let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
        let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
        for (((x, y), a), b) in x.iter().zip(y).zip(a).zip(b) {
            for lane in 0..LANES {
                add(lane, x[lane], y[lane], a[lane], b[lane]);
            }
        }
        for (((&x, &y), &a), &b) in x_rest.iter().zip(y_rest).zip(a_rest).zip(b_rest) {
            add(0, x, y, a, b);
        }
        let [square, scores, mixed] = sums.map(|lanes| lanes.iter().sum::<f64>());
        let q = self.square_scale + square;
        let k = q.sqrt().recip();
        k * (scores + (mixed + self.samples.ncols() as f64 - 3.0 * square / q) / q)
    }
}

fn row(array: &Array2<f64>, index: usize) -> &[f64] {
    let d = array.ncols();
    &array.as_slice().expect("standard layout")[index * d..(index + 1) * d]
}

#[cfg(test)]
mod tests;
