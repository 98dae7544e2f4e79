//! A Gaussian around the positions that a chain visits.

use apd_points::Posterior;
use apd_seed::Seed;
use ndarray::{ArrayViewMut2, Axis};
use thiserror::Error;

/// Coordinates that are drawn at a time: their noise and their sum stay in L1.
const BLOCK: usize = 1024;

/// Stochastic weight averaging, Gaussian: a posterior approximation from the end of an optimizer's run.
///
/// It keeps, of the collected positions θ₁, …, θ_n, the mean θ̄, the diagonal Σ of their covariance (divided by n), and the last K
/// deviations Dᵢ = θᵢ − θ̄ᵢ from the mean up to then, and approximates the posterior by
///
/// θ ~ N(θ̄, s·[½·Σ + ½·D·Dᵀ/(K − 1)]),
///
/// with a scale s, by default 1. There are no deviations if `rank` = 0, and the covariance is s·Σ (SWAG-diagonal). While fewer than
/// `rank` positions have been collected, K is their number.
///
/// The path is that of SGD from an optimized position on, with a large constant step size; a position per epoch is usual. Positions
/// weigh equally.
///
/// Point i of a seed is θ̄ + √(s·½·Σ)·z₁ + √(s/(2(K − 1)))·D·z₂ with z₁ from `seed[i]/diagonal` and z₂ from `seed[i]/low rank`. It
/// takes at least two positions: drawing panics before.
///
/// **Units**: those of θ. A θ of length d takes 16·d + 4·K·d bytes.
///
/// **Where it fails**: the spread is that of the optimizer's path, set by learning rate and batch size rather than by the posterior:
/// calibrate s on held-out data. A run that still descends leaves its drift in the covariance. One mode only.
///
/// Reference: Maddox, Garipov, Izmailov, Vetrov & Wilson, *A simple baseline for Bayesian uncertainty in deep learning*, NeurIPS
/// 2019, eq. 1 and algorithm 1.
///
/// ```
/// use apd_distill::Swag;
/// use apd_points::Posterior;
/// use apd_seed::Seed;
///
/// let mut swag = Swag::new(2, 3)?;
/// for position in [[1.0, 0.0], [3.0, 0.5], [2.0, 1.0]] {
///     swag.collect(&position);
/// }
/// assert_eq!(swag.mean(), [2.0, 0.5]);
/// assert_eq!(swag.draw(Seed::root(1), 10).dim(), (10, 2));
/// # Ok::<(), apd_distill::SwagError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Swag {
    rank: usize,
    scale: f64,
    collected: u64,
    mean: Vec<f64>,
    /// Σᵢ (θᵢ − θ̄)², per coordinate.
    squares: Vec<f64>,
    /// Row i mod `rank` is Dᵢ.
    deviations: Vec<f32>,
}

/// Why a [`Swag`] could not be made, or has no covariance.
#[derive(Clone, PartialEq, Debug, Error)]
#[non_exhaustive]
pub enum SwagError {
    /// One deviation has no covariance.
    #[error("the rank of a SWAG covariance is 1; expected 0 (diagonal only), or at least 2")]
    Rank,
    /// The scale is not that of a covariance.
    #[error("the scale of a SWAG covariance is {0}; expected a finite number, at least 0")]
    Scale(
        /// The scale.
        f64,
    ),
    /// A single position has no spread.
    #[error("SWAG has collected {collected} positions; drawing needs at least 2")]
    TooFew {
        /// Positions so far.
        collected: u64,
    },
}

impl Swag {
    /// An approximation without positions yet, of `dim` coordinates and with the last `rank` deviations: 20 in the paper.
    ///
    /// **Errors**: [`SwagError::Rank`] for a rank of 1.
    pub fn new(dim: usize, rank: usize) -> Result<Self, SwagError> {
        if rank == 1 {
            return Err(SwagError::Rank);
        }
        let zeros = vec![0.0; dim];
        Ok(Self {
            rank,
            scale: 1.0,
            collected: 0,
            mean: zeros.clone(),
            squares: zeros,
            deviations: vec![0.0; rank * dim],
        })
    }

    /// The same with its covariance multiplied by `scale` = s.
    ///
    /// **Errors**: [`SwagError::Scale`] for one that is negative or not finite.
    pub fn with_scale(self, scale: f64) -> Result<Self, SwagError> {
        if scale.is_finite() && scale >= 0.0 { Ok(Self { scale, ..self }) } else { Err(SwagError::Scale(scale)) }
    }

    /// Takes in a position.
    ///
    /// Welford's recursion in double precision: θ²'s mean minus θ̄² would cancel to nothing where weights are large and hardly move.
    ///
    /// **Panics** if `position` does not have as many coordinates as [`new`](Self::new) was told.
    #[track_caller]
    pub fn collect(&mut self, position: &[f32]) {
        let dim = self.mean.len();
        assert_eq!(position.len(), dim, "coordinates of the position, and of the average");
        let row = self.collected.checked_rem(self.rank as u64).unwrap_or(0) as usize * dim;
        self.collected += 1;
        let n = self.collected as f64;
        let moments = self.mean.iter_mut().zip(&mut self.squares);
        if self.rank == 0 {
            for (&x, (mean, squares)) in position.iter().zip(moments) {
                welford(x, n, mean, squares);
            }
        } else {
            let deviations = &mut self.deviations[row..row + dim];
            for ((&x, (mean, squares)), deviation) in position.iter().zip(moments).zip(deviations) {
                *deviation = welford(x, n, mean, squares) as f32;
            }
        }
    }

    /// Positions taken in.
    pub fn collected(&self) -> u64 {
        self.collected
    }

    /// θ̄: the stochastic weight average itself; zero before the first position.
    pub fn mean(&self) -> Vec<f32> {
        self.mean.iter().map(|&mean| mean as f32).collect()
    }

    /// The diagonal of the draws' covariance.
    ///
    /// **Errors**: [`SwagError::TooFew`] for fewer than two positions.
    pub fn variance(&self) -> Result<Vec<f32>, SwagError> {
        let [diagonal, low_rank] = self.factors()?;
        let mut variance: Vec<f64> = self.squares.iter().map(|squares| diagonal * squares).collect();
        for deviations in self.columns().1 {
            for (variance, &deviation) in variance.iter_mut().zip(deviations) {
                *variance += low_rank * f64::from(deviation).powi(2);
            }
        }
        Ok(variance.iter().map(|&variance| variance as f32).collect())
    }

    /// Writes the point of `seed` to `out`.
    fn point(&self, [diagonal, low_rank]: [f64; 2], seed: Seed, out: &mut [f32]) {
        let noise = seed.child("diagonal").normals();
        let mut directions = vec![0.0; self.columns().0];
        seed.child("low rank").normals().fill_f64(0, 0, &mut directions);

        let (mut z, mut sum) = ([0.0; BLOCK], [0.0; BLOCK]);
        for (block, out) in out.chunks_mut(BLOCK).enumerate() {
            let start = block * BLOCK;
            let (z, sum) = (&mut z[..out.len()], &mut sum[..out.len()]);
            noise.fill_f64(0, start, z);
            for ((sum, &z), &squares) in sum.iter_mut().zip(&*z).zip(&self.squares[start..]) {
                *sum = (diagonal * squares).sqrt() * z;
            }
            for (deviations, &direction) in self.columns().1.zip(&directions) {
                let factor = low_rank.sqrt() * direction;
                for (sum, &deviation) in sum.iter_mut().zip(&deviations[start..]) {
                    *sum += factor * f64::from(deviation);
                }
            }
            for ((out, &sum), &mean) in out.iter_mut().zip(&*sum).zip(&self.mean[start..]) {
                *out = (mean + sum) as f32;
            }
        }
    }

    /// The factors of the sums of squares and of the deviations' squares in the covariance.
    fn factors(&self) -> Result<[f64; 2], SwagError> {
        let collected = self.collected;
        if collected < 2 {
            return Err(SwagError::TooFew { collected });
        }
        if self.rank == 0 {
            return Ok([self.scale / collected as f64, 0.0]);
        }
        let half = 0.5 * self.scale;
        Ok([half / collected as f64, half / (self.columns().0 - 1) as f64])
    }

    /// K, and the deviations that have been filled in: none where there are no coordinates.
    fn columns(&self) -> (usize, impl Iterator<Item = &[f32]>) {
        let filled = self.collected.min(self.rank as u64) as usize;
        (filled, self.deviations.chunks_exact(self.mean.len().max(1)).take(filled))
    }
}

/// Updates mean and sum of squared deviations by the n-th value, and returns its deviation from the new mean.
///
/// The sum never falls: the value's deviations from the old mean and from the new one cannot differ in sign, even rounded.
fn welford(value: f32, n: f64, mean: &mut f64, squares: &mut f64) -> f64 {
    let value = f64::from(value);
    let before = value - *mean;
    *mean += before / n;
    let after = value - *mean;
    *squares += before * after;
    after
}

impl Posterior for Swag {
    fn dim(&self) -> usize {
        self.mean.len()
    }

    /// Bytes of the moments and the deviations.
    fn bytes(&self) -> usize {
        size_of_val(&self.mean[..]) + size_of_val(&self.squares[..]) + size_of_val(&self.deviations[..])
    }

    /// **Panics** if `out` does not have the positions' dimension, and for fewer than two positions.
    #[track_caller]
    fn draw_into(&self, seed: Seed, first: u64, mut out: ArrayViewMut2<'_, f32>) {
        assert_eq!(out.ncols(), self.mean.len(), "coordinates of the draws, and of the average");
        let factors = self.factors().unwrap_or_else(|error| panic!("{error}"));
        let mut point = vec![0.0; self.mean.len()];
        for (i, mut row) in (first..).zip(out.axis_iter_mut(Axis(0))) {
            self.point(factors, seed.index(i), &mut point);
            row.iter_mut().zip(&point).for_each(|(to, &x)| *to = x);
        }
    }
}

#[cfg(test)]
mod tests;
