//! The similarity of two clouds of points.
//!
//! Everything here is about points of R^d, d large: generated ones, ones held out of the bank, and the bank itself.

use apd_seed::Seed;
use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

use crate::kernel::{Left, accumulate};
use apd_points::Points;

/// Random directions of [`sliced_wasserstein`].
const SLICES: usize = 100;
/// Points of the bank that one task compares with.
const BLOCK: usize = 64;
/// Coordinates of one step of the comparison.
const TILE: usize = 2048;

/// Differences of the moments of generated points from those of `reference`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Moments {
    /// Root mean square over coordinates of (mean of generated − mean of reference) / (standard deviation of reference): of two samples of n
    /// and m independent points of one distribution it is √(1/n + 1/m).
    pub mean_error: f64,
    /// Total variance of generated points over that of reference.
    pub variance_ratio: f64,
    /// The 5 %, 50 % and 95 % quantiles of the ratio of variances, over coordinates.
    pub variance_ratios: [f64; 3],
}

/// Compares means and variances coordinate by coordinate. **Shapes**: n × d and m × d. Coordinates that do not vary in `reference` are left
/// out.
///
/// **Panics** if either has fewer than two points, or they have other dimensions.
#[track_caller]
pub fn moments(generated: ArrayView2<'_, f32>, reference: ArrayView2<'_, f32>) -> Moments {
    check(&generated, &reference);
    let of = |points: ArrayView2<'_, f32>| {
        // Relative to the first point, and in double precision: means of weights are large beside how they vary.
        let origin = points.row(0).to_owned();
        let (mut sum, mut squares) = (vec![0.0_f64; points.ncols()], vec![0.0_f64; points.ncols()]);
        for row in points.outer_iter() {
            for ((sum, squares), (&x, &x0)) in sum.iter_mut().zip(&mut squares).zip(row.iter().zip(&origin)) {
                let shifted = f64::from(x) - f64::from(x0);
                *sum += shifted;
                *squares += shifted * shifted;
            }
        }
        let n = points.nrows() as f64;
        let variances: Vec<f64> =
            sum.iter().zip(&squares).map(|(sum, squares)| (squares - sum * sum / n).max(0.0) / (n - 1.0)).collect();
        let means: Vec<f64> = sum.iter().zip(&origin).map(|(sum, &x0)| f64::from(x0) + sum / n).collect();
        (means, variances)
    };
    let ((means, variances), (true_means, true_variances)) = (of(generated), of(reference));
    let varying: Vec<usize> = (0..means.len()).filter(|&j| true_variances[j] > 0.0).collect();
    let errors = varying.iter().map(|&j| (means[j] - true_means[j]).powi(2) / true_variances[j]);
    let mean_error = (errors.sum::<f64>() / varying.len().max(1) as f64).sqrt();
    let mut ratios: Vec<f64> = varying.iter().map(|&j| variances[j] / true_variances[j]).collect();
    ratios.sort_by(f64::total_cmp);
    let quantile = |q: f64| match ratios.len() {
        0 => f64::NAN,
        n => ratios[(q * (n - 1) as f64).round() as usize],
    };
    Moments {
        mean_error,
        variance_ratio: variances.iter().sum::<f64>() / true_variances.iter().sum::<f64>(),
        variance_ratios: [quantile(0.05), quantile(0.5), quantile(0.95)],
    }
}

/// Mean Wasserstein-1 distance of the two clouds' projections on random directions, in units of the reference's mean standard deviation on
/// them.
///
/// **Shapes**: n × d and m × d. **Panics** as [`moments`].
///
/// Reference: Bonneel et al., *Sliced and Radon Wasserstein barycenters of measures*, JMIV 2015.
#[track_caller]
pub fn sliced_wasserstein(generated: ArrayView2<'_, f32>, reference: ArrayView2<'_, f32>, seed: Seed) -> f64 {
    check(&generated, &reference);
    let center = reference.mean_axis(Axis(0)).expect("two points or more");
    let normals = seed.child("slices").normals();
    let slices: Vec<(f64, f64)> = (0..SLICES)
        .into_par_iter()
        .map(|i| {
            let mut direction = vec![0.0; center.len()];
            normals.fill(i as u64, 0, &mut direction);
            let along = |points: &ArrayView2<'_, f32>| {
                let dot = |row: ndarray::ArrayView1<'_, f32>| {
                    let terms = row.iter().zip(&center).zip(&direction);
                    terms.map(|((&x, &c), &v)| f64::from(x - c) * f64::from(v)).sum::<f64>()
                };
                let mut values: Vec<f64> = points.outer_iter().map(dot).collect();
                values.sort_by(f64::total_cmp);
                values
            };
            let (a, b) = (along(&generated), along(&reference));
            let mean = b.iter().sum::<f64>() / b.len() as f64;
            let variance = b.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / b.len() as f64;
            (wasserstein(&a, &b), variance.sqrt())
        })
        .collect();
    let (distance, sd) = slices.into_iter().fold((0.0, 0.0), |sum, slice| (sum.0 + slice.0, sum.1 + slice.1));
    distance / sd
}

/// W₁ of two sorted samples: ∫ |F⁻¹ − G⁻¹|.
fn wasserstein(a: &[f64], b: &[f64]) -> f64 {
    let (mut i, mut j, mut at, mut sum) = (0, 0, 0.0, 0.0);
    while i < a.len() && j < b.len() {
        let (end_a, end_b) = ((i + 1) as f64 / a.len() as f64, (j + 1) as f64 / b.len() as f64);
        let end = end_a.min(end_b);
        sum += (end - at) * (a[i] - b[j]).abs();
        at = end;
        // In integers: both end at once where they end at the same fraction.
        let (left, right) = ((i + 1) * b.len(), (j + 1) * a.len());
        i += usize::from(left <= right);
        j += usize::from(right <= left);
    }
    sum
}

/// Distance of each point to the nearest of `bank`. **Shapes**: n × d.
///
/// A generator that remembers gives points that lie nearer to the bank than fresh points of the posterior do.
///
/// **Panics** if the bank is empty, or of another dimension.
#[track_caller]
pub fn nearest(points: ArrayView2<'_, f32>, bank: &impl Points) -> Vec<f64> {
    assert!(!bank.is_empty(), "the nearest of no points");
    assert_eq!(points.ncols(), bank.dim(), "coordinates of the points, and of the bank");
    let distances: Vec<Vec<f64>> = (0..bank.len())
        .step_by(BLOCK)
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|first| {
            let squares = squared_distances(points, bank, first, BLOCK.min(bank.len() - first));
            squares.outer_iter().map(|row| row.iter().fold(f64::INFINITY, |m, &x| m.min(x))).collect()
        })
        .collect();
    let nearest = |i: usize| distances.iter().map(|block| block[i]).fold(f64::INFINITY, f64::min);
    (0..points.nrows()).map(|i| nearest(i).max(0.0).sqrt()).collect()
}

/// Leave-one-out accuracy of the 1-nearest-neighbor classifier that distinguishes generated points from true ones.
///
/// ½ and ½ where both have one distribution and are independent; 1 and 1 where they lie apart; 0 and 0 where each generated point is a copy
/// of a true one; near 1 and near 0 where the generated cloud is too narrow (its points lie closest to each other, and true ones to
/// them), which a mean of both would not show.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct NeighborTest {
    /// Its accuracy on generated points.
    pub generated: f64,
    /// Its accuracy on points of the reference.
    pub reference: f64,
}

/// The two-sample test by nearest neighbors. **Shapes**: n × d each, equally many. **Panics** if not.
///
/// Reference: Lopez-Paz & Oquab, *Revisiting classifier two-sample tests*, ICLR 2017, §2.
#[track_caller]
pub fn nearest_neighbor_test(generated: ArrayView2<'_, f32>, reference: ArrayView2<'_, f32>) -> NeighborTest {
    check(&generated, &reference);
    assert_eq!(generated.nrows(), reference.nrows(), "generated points, and true ones");
    let n = reference.nrows();
    let all = ndarray::concatenate(Axis(0), &[generated, reference]).expect("points of one dimension");
    let distances = squared_distances(all.view(), &all, 0, 2 * n);
    let right = |i: usize| {
        let others = distances.row(i).into_iter().enumerate().filter(|(j, _)| *j != i);
        let (nearest, _) = others.min_by(|a, b| a.1.total_cmp(b.1)).expect("two points or more");
        (nearest < n) == (i < n)
    };
    let share = |points: std::ops::Range<usize>| points.filter(|&i| right(i)).count() as f64 / n as f64;
    NeighborTest { generated: share(0..n), reference: share(n..2 * n) }
}

/// ‖x − y‖² of every point and `count` rows of the bank from `first` on: sums over tiles, each of them relative to a row of the bank,
/// because points of a posterior lie closer to one another than to zero.
fn squared_distances(points: ArrayView2<'_, f32>, bank: &impl Points, first: usize, count: usize) -> Array2<f64> {
    let (n, d) = points.dim();
    let origin = bank.row(first);
    let mut squares = Array2::<f64>::zeros((n, count));
    let tile = TILE.min(d);
    let (mut left, mut right, mut transposed) = (vec![0.0; n * tile], vec![0.0; count * tile], vec![0.0; tile * count]);
    let mut products = vec![0.0; n * count];
    let norm = |row: &[f32]| row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
    for start in (0..d).step_by(TILE) {
        let t = TILE.min(d - start);
        let origin = &origin[start..start + t];
        let part = points.slice(s![.., start..start + t]);
        for (out, row) in left.chunks_exact_mut(t).zip(part.outer_iter()) {
            out.iter_mut().zip(row.iter().zip(origin)).for_each(|(out, (&x, &x0))| *out = x - x0);
        }
        for (j, out) in right.chunks_exact_mut(t).take(count).enumerate() {
            let row = &bank.row(first + j)[start..start + t];
            out.iter_mut().zip(row.iter().zip(origin)).for_each(|(out, (&x, &x0))| *out = x - x0);
        }
        apd_tensor::kernel::transpose([count, t], &right, t, &mut transposed, count);
        products.fill(0.0);
        accumulate([n, count, t], Left::rows(&left, t), &transposed, count, &mut products, count);
        let lengths: Vec<f64> = right.chunks_exact(t).take(count).map(norm).collect();
        for (i, row) in left.chunks_exact(t).take(n).enumerate() {
            let length = norm(row);
            for (j, square) in squares.row_mut(i).iter_mut().enumerate() {
                *square += length + lengths[j] - 2.0 * f64::from(products[i * count + j]);
            }
        }
    }
    squares
}

#[track_caller]
fn check(generated: &ArrayView2<'_, f32>, reference: &ArrayView2<'_, f32>) {
    assert_eq!(generated.ncols(), reference.ncols(), "coordinates of generated points, and of true ones");
    assert!(generated.nrows() > 1 && reference.nrows() > 1, "two points or more are needed of each");
}

#[cfg(test)]
mod tests;
