//! The mass, as the transformation that whitens momenta.
//!
//! All that is learned is in units of the posterior's own: where a coordinate is measured in other units the scale follows, and the chain
//! is the same.

use nalgebra::{DMatrix, SymmetricEigen};
use pulp::NullaryFnOnce;
use serde::{Deserialize, Serialize};

use super::window::Window;
use crate::ChainError;
use crate::adaptation::learn_scales;
use crate::lanes::{Dot, LANES, vectorized};
use crate::sampler::{length, within};

/// The mass matrix that the warm-up learns, from draws and their gradients.
///
/// A trajectory of a Gaussian posterior needs about as many leapfrog steps as its widest direction is wider than its narrowest, in
/// units of the mass: what the metric makes alike costs nothing.
///
/// Reference: Seyboldt, Carlson & Carpenter, *Preconditioning Hamiltonian Monte Carlo by minimizing Fisher divergence*, arXiv
/// 2603.18845, 2026.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
#[non_exhaustive]
pub enum Metric {
    /// M = I: θ is in units of its own.
    Identity,
    /// The scale of each coordinate.
    Diagonal,
    /// The scale of each coordinate and, in these scales, the directions in which the posterior is widest or narrowest: for many
    /// coordinates with some strong correlations. 4·d·`rank` more operations for each of three products a step, and in the warm-up
    /// 6400 + 64·`rank` bytes more per coordinate. A strong correlation of two coordinates is two directions, a wide and a narrow one.
    /// In d dimensions deviations come out (1 + d/n)^¼ times too near to 1 from n < d independent draws, of which a window keeps 400.
    LowRank {
        /// Most directions; d and more is [`Dense`](Self::Dense).
        rank: u32,
    },
    /// All d directions, for some hundred coordinates at most.
    Dense,
}

impl Metric {
    /// Directions that are learned in `dim` dimensions.
    pub(super) fn rank(self, dim: usize) -> usize {
        match self {
            Self::Identity | Self::Diagonal => 0,
            Self::LowRank { rank } => dim.min(rank as usize),
            Self::Dense => dim,
        }
    }
}

/// L of M⁻¹ = L·Lᵀ, by which momenta p ~ N(0, M) are q = Lᵀp ~ N(0, I): L = S·(I + V·(Λ − I)·Vᵀ).
///
/// Once it is learned, L·Lᵀ is about the covariance of exp(−U/T).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preconditioner {
    /// The diagonal of S: d scales, in units of θ.
    pub scales: Vec<f64>,
    /// The diagonal of Λ: the standard deviations of k directions, in these scales.
    pub stretches: Vec<f64>,
    /// The columns of V, orthonormal, one after the other: k·d numbers.
    pub directions: Vec<f64>,
}

impl Preconditioner {
    /// What is added to covariances in coordinates of scale 1, so that directions that were not seen have an inverse.
    const RIDGE: f64 = 1e-5;
    /// The least of that beside the covariance itself: of a product of two, the square of this is above rounding. (Draws on the way from a
    /// far start lie on a line that is longer than the posterior is wide.)
    const LEAST_RIDGE: f64 = 1e-7;
    /// Variances within this factor of 1 are left at 1, unless all directions are learned: so far off are those of as few draws.
    const UNLIKE: f64 = 2.0;

    pub(super) fn identity(dim: usize) -> Self {
        Self { scales: vec![1.0; dim], stretches: Vec::new(), directions: Vec::new() }
    }

    /// Scales by the only thing that is known of them at a start: along a coordinate's scale, U/T changes by 1. Where it does not
    /// change at all the scale is 1.
    pub(super) fn of_gradient(gradient: &[f64], temperature: f64) -> Self {
        let scale = |g: &f64| Some(temperature / g.abs()).filter(|scale| (scale * scale).is_normal()).unwrap_or(1.0);
        Self { scales: gradient.iter().map(scale).collect(), ..Self::identity(0) }
    }

    /// Whether it has no directions.
    pub(super) fn is_diagonal(&self) -> bool {
        self.stretches.is_empty()
    }

    /// v ← (I + V·(Λ − I)·Vᵀ)·v.
    pub(super) fn stretch(&self, vector: &mut [f64]) {
        vectorized(vector.len(), Stretch { preconditioner: self, vector });
    }

    /// Learns from a window: the scales of the diagonal metric, and in these the most unlike of the directions.
    ///
    /// Their covariance Σ is the one with Σ·Cov(∇U/T)·Σ = Cov(θ), the geometric mean of Cov(θ) and Cov(∇U/T)⁻¹. Of fewer draws than
    /// coordinates both are projected to the `rank` widest directions of θ and of ∇U/T, which are the widest and the narrowest of
    /// the posterior.
    ///
    /// Reference: Seyboldt, Carlson & Carpenter, arXiv 2603.18845, 2026: the dense and the low-rank minimizer of Fisher divergence.
    pub(super) fn learn(&mut self, window: &Window, rank: usize, temperature: f64) {
        learn_scales(&window.positions, &window.gradients, temperature, &mut self.scales);
        // Those of before were directions in other scales.
        (self.stretches, self.directions) = (Vec::new(), Vec::new());
        let (dim, n) = (self.scales.len(), window.recent.len());
        if rank == 0 || n < 2 {
            return;
        }
        let [x, g] = self.whitened(window, temperature);
        if !(x.norm_squared() + g.norm_squared()).is_finite() {
            return;
        }
        let basis = (n < dim).then(|| basis(&x, &g, rank));
        let covariance = |columns: DMatrix<f64>| {
            let within = match &basis {
                Some(basis) => basis.tr_mul(&columns),
                None => columns,
            };
            let covariance = &within * within.transpose() / n as f64;
            let ridge = Self::RIDGE.max(Self::LEAST_RIDGE * covariance.norm());
            covariance + DMatrix::identity(within.nrows(), within.nrows()) * ridge
        };
        let SymmetricEigen { eigenvalues, eigenvectors } =
            geometric_mean(covariance(x), covariance(g)).symmetric_eigen();
        let unlike = |&k: &usize| eigenvalues[k].ln().abs();
        let least = if rank < dim { Self::UNLIKE.ln() } else { 0.0 };
        let mut order: Vec<usize> = (0..eigenvalues.len()).filter(|k| unlike(k) >= least).collect();
        order.sort_by(|a, b| unlike(b).total_cmp(&unlike(a)));
        order.truncate(rank);
        self.stretches = order.iter().map(|&k| eigenvalues[k].sqrt()).collect();
        let within = eigenvectors.select_columns(&order);
        let directions = match basis {
            Some(basis) => basis * within,
            None => within,
        };
        self.directions = directions.as_slice().to_vec();
    }

    /// The window's positions and gradients of U/T as columns, centered, in coordinates of scale 1.
    fn whitened(&self, window: &Window, temperature: f64) -> [DMatrix<f64>; 2] {
        let (dim, n) = (self.scales.len(), window.recent.len());
        let (positions, gradients) = (&window.positions.mean, &window.gradients.mean);
        [
            DMatrix::from_fn(dim, n, |i, j| (window.recent[j].0[i] - positions[i]) / self.scales[i]),
            DMatrix::from_fn(dim, n, |i, j| (window.recent[j].1[i] - gradients[i]) * self.scales[i] / temperature),
        ]
    }

    /// **Errors**: a saved one that is not one of `dim` coordinates.
    pub(super) fn validate(&self, dim: usize) -> Result<(), ChainError> {
        length("scales", &self.scales, dim)?;
        length("directions", &self.directions, dim * self.stretches.len())?;
        for &scale in self.scales.iter().chain(&self.stretches) {
            within("a saved scale", scale, (f64::MIN_POSITIVE, f64::MAX), "a finite number above 0")?;
        }
        for &coordinate in &self.directions {
            within("a saved direction", coordinate, (-1.001, 1.001), "between -1 and 1")?;
        }
        Ok(())
    }
}

/// See [`Preconditioner::stretch`].
struct Stretch<'a> {
    preconditioner: &'a Preconditioner,
    vector: &'a mut [f64],
}

impl NullaryFnOnce for Stretch<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        // Directions are orthonormal: what one adds the others do not see, and some together need not wait for each other.
        const TOGETHER: usize = 8;
        let Self { preconditioner: Preconditioner { stretches, directions, .. }, vector } = self;
        let dim = vector.len().max(1);
        for (directions, stretches) in directions.chunks(TOGETHER * dim).zip(stretches.chunks(TOGETHER)) {
            let mut more = [0.0; TOGETHER];
            for ((more, direction), stretch) in more.iter_mut().zip(directions.chunks_exact(dim)).zip(stretches) {
                *more = (stretch - 1.0) * Dot(direction, vector).call();
            }
            // Some coordinates take what all of these directions add before the next ones do: they stay in a register.
            let (blocks, rest) = vector.as_chunks_mut::<LANES>();
            for (i, block) in blocks.iter_mut().enumerate() {
                let mut sums = *block;
                for (direction, more) in directions.chunks_exact(dim).zip(more) {
                    for (sum, v) in sums.iter_mut().zip(&direction[i * LANES..(i + 1) * LANES]) {
                        *sum += more * v;
                    }
                }
                *block = sums;
            }
            let done = dim - rest.len();
            for (direction, more) in directions.chunks_exact(dim).zip(more) {
                rest.iter_mut().zip(&direction[done..]).for_each(|(x, v)| *x += more * v);
            }
        }
    }
}

/// An orthonormal basis of the `rank` widest directions of both.
fn basis(x: &DMatrix<f64>, g: &DMatrix<f64>, rank: usize) -> DMatrix<f64> {
    let widest = |columns: &DMatrix<f64>| {
        // Of n columns in d > n dimensions the n × n products know all.
        let SymmetricEigen { eigenvalues, eigenvectors } = columns.tr_mul(columns).symmetric_eigen();
        let mut order: Vec<usize> = (0..eigenvalues.len()).collect();
        order.sort_by(|&a, &b| eigenvalues[b].total_cmp(&eigenvalues[a]));
        order.truncate(rank);
        columns * eigenvectors.select_columns(&order)
    };
    let (x, g) = (widest(x), widest(g));
    let columns: Vec<_> = x.column_iter().chain(g.column_iter()).collect();
    DMatrix::from_columns(&columns).qr().q()
}

/// A # B⁻¹ = B^(−½)·(B^½·A·B^½)^½·B^(−½), the positive definite Σ with Σ·B·Σ = A.
fn geometric_mean(a: DMatrix<f64>, b: DMatrix<f64>) -> DMatrix<f64> {
    let SymmetricEigen { eigenvalues, eigenvectors } = b.symmetric_eigen();
    let power = |exponent: f64| {
        let values = eigenvalues.map(|value| value.max(f64::MIN_POSITIVE).powf(exponent));
        &eigenvectors * DMatrix::from_diagonal(&values) * eigenvectors.transpose()
    };
    let (root, inverse) = (power(0.5), power(-0.5));
    let SymmetricEigen { eigenvalues, eigenvectors } = (&root * a * &root).symmetric_eigen();
    let values = eigenvalues.map(|value| value.max(f64::MIN_POSITIVE).sqrt());
    let middle = &eigenvectors * DMatrix::from_diagonal(&values) * eigenvectors.transpose();
    let mean = &inverse * middle * &inverse;
    0.5 * (&mean + mean.transpose())
}

#[cfg(test)]
mod tests;
