//! The directions in which points vary most, of banks that are never in memory as a whole.

use apd_seed::Seed;
use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::Array2;
use rayon::prelude::*;

use crate::Error;
use crate::kernel::{Left, accumulate};
use crate::standardize::{Affine, Moments};
use apd_points::Points;

/// The mean of the points xᵢ ∈ R^d, the r orthonormal directions v_k of largest variance, and every point's coefficients cᵢ in them:
///
/// xᵢ ≈ x̄ + Σ_k c_ik·v_k.
///
/// The method is a randomized singular value decomposition: the points' span is sketched with l = r + 20 + r/2 random combinations of them, the
/// sketch is brought closer to the largest directions by one iteration of the power method, and the decomposition is taken within it.
/// A pass over the points for their moments and four of n·d·l multiplications each, and memory for four l × d matrices: never d × d,
/// never a copy of the points.
///
/// Coordinates of one scale are taken as they are. If their deviations differ by more than a factor of 1 000 (other units, as in the statistics
/// of a batch norm beside weights), a sum of variances would be that of the largest, and the others its rounding: then each is taken in
/// units of its own deviation, "variance" is that of these, and the directions are orthonormal in them.
///
/// **Where it fails**: without a gap in the spectrum behind l the last directions are good, not the best.
///
/// Reference: Halko, Martinsson & Tropp, *Finding structure with randomness*, SIAM Review 2011, algorithms 4.4 and 5.1.
#[derive(Clone, Debug, PartialEq)]
pub struct Pca {
    /// x̄, d numbers.
    pub mean: Vec<f32>,
    /// v_k, r × d: a direction per row, of falling variance; in the units of the points.
    pub directions: Array2<f32>,
    /// c_ik, n × r; each column has mean 0.
    pub coefficients: Array2<f32>,
    /// Standard deviation of each coordinate of the points, d numbers.
    pub sd: Vec<f32>,
    /// The divisor of each coordinate, d numbers; none where they are of one scale.
    scale: Vec<f32>,
}

/// Deviations that differ by more are of other units.
const UNLIKE: f32 = 1000.0;

/// Coordinates and points of one task.
const TILE: usize = 2048;
const BLOCK: usize = 64;

impl Pca {
    /// The `rank` first directions of all points; fewer where the points span fewer.
    ///
    /// A function of the points and of `seed`, to the bit, whatever the number of threads.
    ///
    /// **Errors**: no points, or a number in them that is not finite.
    pub fn of(rows: &impl Points, rank: usize, seed: Seed) -> Result<Self, Error> {
        let (n, d) = (rows.len(), rows.dim());
        if n == 0 || d == 0 {
            let reason = "there is nothing to learn from".to_owned();
            return Err(Error::Points { rows: n, dim: d, reason });
        }
        let Moments { mean, raw_sd, .. } = Moments::of(rows)?;
        let [mean, sd] = [mean, raw_sd].map(|values| values.into_iter().map(|x| x as f32).collect::<Vec<f32>>());
        let standardized = Affine { scale: units(&mean, &sd).into(), mean: mean.into() };

        let rank = rank.min(n).min(d);
        let width = (rank + 20 + rank / 2).min(n).min(d);
        let mut weights = vec![0.0; width * n];
        seed.child("sketch").normals().fill(0, 0, &mut weights);
        let sketch = basis(&combinations(rows, &standardized, &weights), d);
        let within = project(rows, &standardized, &sketch);
        let weights = basis(&within.t().iter().copied().collect::<Vec<f32>>(), n);
        let basis = basis(&combinations(rows, &standardized, &weights), d);
        let within = project(rows, &standardized, &basis);

        let columns = DMatrix::from_fn(n, within.ncols(), |i, k| f64::from(within[[i, k]]));
        let (_, rotation) = eigen(&columns.tr_mul(&columns));
        let rank = rank.min(within.ncols());
        let rotation = Array2::from_shape_fn((rank, within.ncols()), |(k, j)| rotation[(j, k)] as f32);
        let directions = combine(&rotation, &basis, d);
        let mut directions = Array2::from_shape_vec((rank, d), directions).expect("rank directions of d numbers");
        let Affine { mean, scale } = standardized;
        for mut direction in directions.outer_iter_mut() {
            direction.iter_mut().zip(&*scale).for_each(|(v, &scale)| *v *= scale);
        }
        let coefficients = within.dot(&rotation.t());
        Ok(Self { mean: mean.into_owned(), directions, coefficients, sd, scale: scale.into_owned() })
    }

    /// Var c_k, direction by direction.
    pub fn variances(&self) -> impl Iterator<Item = f64> {
        let n = self.coefficients.nrows() as f64;
        let of =
            move |column: ndarray::ArrayView1<'_, f32>| column.iter().map(|&c| f64::from(c).powi(2)).sum::<f64>() / n;
        self.coefficients.columns().into_iter().map(of)
    }

    /// Total variance of the points.
    pub(crate) fn total(&self) -> f64 {
        let unit = |j: usize| self.scale.get(j).map_or(1.0, |&scale| f64::from(scale));
        self.sd.iter().enumerate().map(|(j, &sd)| (f64::from(sd) / unit(j)).powi(2)).sum()
    }

    /// The total variance that the first `rank` directions leave.
    pub fn residual_variance(&self, rank: usize) -> f64 {
        (self.total() - self.variances().take(rank).sum::<f64>()).max(0.0)
    }

    /// Σ_k Var c_k of the first `rank` directions over the points' total variance: the share of it that they carry.
    pub fn explained(&self, rank: usize) -> f64 {
        let total = self.total();
        if total > 0.0 { 1.0 - self.residual_variance(rank) / total } else { 1.0 }
    }

    /// About the standard deviation, coordinate by coordinate, of what the first `rank` directions leave: √(Var x_j − Σ_k v_kj²·Var c_k).
    pub fn residual(&self, rank: usize) -> Vec<f32> {
        let mut left: Vec<f64> = self.sd.iter().map(|&sd| f64::from(sd).powi(2)).collect();
        for (direction, variance) in self.directions.outer_iter().zip(self.variances()).take(rank) {
            left.iter_mut().zip(direction).for_each(|(left, &v)| *left -= variance * f64::from(v).powi(2));
        }
        left.into_iter().map(|left| left.max(0.0).sqrt() as f32).collect()
    }
}

/// Whether a coordinate varies by more than its numbers' rounding.
pub(crate) fn varies(mean: f32, sd: f32) -> bool {
    sd > 1e-7 * mean.abs()
}

/// The divisor of each coordinate: none where all that vary do so on one scale.
fn units(mean: &[f32], sd: &[f32]) -> Vec<f32> {
    let varying = mean.iter().zip(sd).filter(|&(&mean, &sd)| varies(mean, sd)).map(|(_, &sd)| sd);
    let (least, most) = varying.fold((f32::INFINITY, 0.0_f32), |(least, most), sd| (least.min(sd), most.max(sd)));
    if most <= UNLIKE * least {
        return Vec::new();
    }
    // What does not vary is left out by a scale that its rounding is nothing beside.
    mean.iter().zip(sd).map(|(&mean, &sd)| if varies(mean, sd) { sd } else { most }).collect()
}

/// Σᵢ w_ki·(xᵢ − mean), standardized, m × d, for each of m rows w_k of n `weights`.
fn combinations(rows: &impl Points, standardized: &Affine<'_>, weights: &[f32]) -> Vec<f32> {
    let (n, d, m) = (rows.len(), rows.dim(), weights.len() / rows.len());
    let tiles: Vec<_> = starts(d)
        .into_par_iter()
        .map(|start| {
            let t = TILE.min(d - start);
            let (mut block, mut out) = (vec![0.0; BLOCK * t], vec![0.0; m * t]);
            for first in (0..n).step_by(BLOCK) {
                let count = BLOCK.min(n - first);
                read_block(rows, standardized, first, start, &mut block[..count * t]);
                accumulate([m, t, count], Left::rows(&weights[first..], n), &block, t, &mut out, t);
            }
            out
        })
        .collect();
    beside(tiles, m, d)
}

/// Some coordinates, from `start` on, of some points, from `first` on, standardized.
fn read_block(rows: &impl Points, standardized: &Affine<'_>, first: usize, start: usize, block: &mut [f32]) {
    let t = TILE.min(rows.dim() - start);
    for (i, out) in block.chunks_exact_mut(t).enumerate() {
        standardized.forward(start..start + t, &rows.row(first + i)[start..start + t], out);
    }
}

/// Matrices of `height` rows and TILE columns (the last may have fewer), one beside the other.
fn beside(tiles: Vec<Vec<f32>>, height: usize, d: usize) -> Vec<f32> {
    let mut out = vec![0.0; height * d];
    for (start, tile) in (0..d).step_by(TILE).zip(tiles) {
        let t = TILE.min(d - start);
        for (to, from) in out.chunks_exact_mut(d).zip(tile.chunks_exact(t)) {
            to[start..start + t].copy_from_slice(from);
        }
    }
    out
}

/// An orthonormal basis, a row each, of what the rows of `span` span.
fn basis(span: &[f32], d: usize) -> Vec<f32> {
    // What rounding leaves of the first time, where the lengths span many orders, is gone after the second.
    orthonormal(&orthonormal(span, d), d)
}

/// Λ^(−1/2)·Uᵀ·span with span·spanᵀ = U·Λ·Uᵀ.
fn orthonormal(span: &[f32], d: usize) -> Vec<f32> {
    let width = span.len() / d;
    // In double precision: what is small beside the largest direction is a direction all the same.
    let parts: Vec<Vec<f64>> = starts(d)
        .into_par_iter()
        .map(|start| {
            let t = TILE.min(d - start);
            let mut tile = Vec::with_capacity(width * t);
            for row in span.chunks_exact(d) {
                tile.extend(row[start..start + t].iter().map(|&x| f64::from(x)));
            }
            let mut transposed = vec![0.0; t * width];
            apd_tensor::kernel::transpose([width, t], &tile, t, &mut transposed, width);
            let mut gram = vec![0.0; width * width];
            accumulate([width, width, t], Left::rows(&tile, t), &transposed, width, &mut gram, width);
            gram
        })
        .collect();
    let mut gram = DMatrix::<f64>::zeros(width, width);
    for part in parts {
        gram.as_mut_slice().iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
    }
    let (values, vectors) = eigen(&gram);
    // Below a hundred-thousandth of the largest, a direction is the others' rounding.
    let rank = values.iter().take_while(|&&value| value > 1e-10 * values[0]).count();
    let rotation = Array2::from_shape_fn((rank, width), |(k, j)| (vectors[(j, k)] / values[k].sqrt()) as f32);
    combine(&rotation, span, d)
}

/// rotation·span, tile by tile.
fn combine(rotation: &Array2<f32>, span: &[f32], d: usize) -> Vec<f32> {
    let (rank, width) = rotation.dim();
    if rank == 0 {
        return Vec::new();
    }
    let rotation = rotation.as_standard_layout();
    let rotation = rotation.as_slice().expect("standard layout");
    let tiles: Vec<_> = starts(d)
        .into_par_iter()
        .map(|start| {
            let t = TILE.min(d - start);
            let mut out = vec![0.0; rank * t];
            accumulate([rank, t, width], Left::rows(rotation, width), &span[start..], d, &mut out, t);
            out
        })
        .collect();
    beside(tiles, rank, d)
}

/// Where the tiles of coordinates begin.
fn starts(d: usize) -> Vec<usize> {
    (0..d).step_by(TILE).collect()
}

/// (xᵢ − mean)·basisᵀ, standardized, n × l.
fn project(rows: &impl Points, standardized: &Affine<'_>, basis: &[f32]) -> Array2<f32> {
    let (n, d) = (rows.len(), rows.dim());
    let width = basis.len() / d;
    if width == 0 {
        return Array2::zeros((n, 0));
    }
    let mut transposed = vec![0.0; d * width];
    apd_tensor::kernel::transpose([width, d], basis, d, &mut transposed, width);
    let mut within = vec![0.0; n * width];
    within.par_chunks_mut(BLOCK * width).enumerate().for_each(|(i, within)| {
        let (first, count) = (i * BLOCK, within.len() / width);
        let mut block = vec![0.0; count * TILE];
        for start in (0..d).step_by(TILE) {
            let t = TILE.min(d - start);
            read_block(rows, standardized, first, start, &mut block[..count * t]);
            accumulate([count, width, t], Left::rows(&block, t), &transposed[start * width..], width, within, width);
        }
    });
    Array2::from_shape_vec((n, width), within).expect("a row of coefficients per point")
}

/// Eigenvalues of a symmetric matrix, falling, and its eigenvectors in columns, each with its largest element positive.
pub(crate) fn eigen(matrix: &DMatrix<f64>) -> (Vec<f64>, DMatrix<f64>) {
    if matrix.is_empty() {
        return (Vec::new(), matrix.clone());
    }
    let SymmetricEigen { eigenvalues, eigenvectors } = SymmetricEigen::new(matrix.clone());
    let mut order: Vec<usize> = (0..eigenvalues.len()).collect();
    order.sort_by(|&a, &b| eigenvalues[b].total_cmp(&eigenvalues[a]));
    let values = order.iter().map(|&k| eigenvalues[k]).collect();
    let mut vectors = DMatrix::zeros(matrix.nrows(), order.len());
    for (to, &from) in order.iter().enumerate() {
        let column = eigenvectors.column(from);
        let sign = if column[column.iamax()] < 0.0 { -1.0 } else { 1.0 };
        vectors.column_mut(to).copy_from(&(column * sign));
    }
    (values, vectors)
}

#[cfg(test)]
mod tests;
