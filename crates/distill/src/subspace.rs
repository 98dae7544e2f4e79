//! A posterior distilled into a few directions: a mean, a basis, and a distribution of coefficients.

use std::ops::Range;

use apd_seed::Seed;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::kernel::{self, TILE};
use crate::pca::varies;
use crate::quantized::Matrix;
use crate::spread::{pick, start};
use crate::{Config, Error, Format, Generator, Pca, Trainer};
use apd_points::{LowRank, Points, Posterior};

/// How the coefficients are generated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum CoefficientModel {
    /// A kernel density: a coefficient vector of the bank, plus a little Gaussian noise.
    #[default]
    Kernel,
    /// One Gaussian.
    Gaussian,
    /// A GAN on the standardized coefficients.
    Gan,
}

/// Settings of a distillation into a subspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SubspaceConfig {
    /// Directions r.
    pub rank: usize,
    /// The format of the directions; the mean and the components have 16 bits where these have 8.
    pub format: Format,
    /// How the coefficients are generated.
    pub coefficients: CoefficientModel,
    /// Coefficient vectors that the kernel density keeps, at equal distances through the bank; only for [`CoefficientModel::Kernel`].
    #[serde(rename = "centres")]
    pub components: usize,
    /// Share of the variance that the directions leave out that comes back as noise on the coefficients; only for
    /// [`CoefficientModel::Kernel`].
    pub noise: f64,
    /// Independent noise on each coordinate, as a multiple of the standard deviation that the directions leave. Networks do not share
    /// their first layer's work then.
    pub residual: f64,
    /// The GAN; only for [`CoefficientModel::Gan`].
    pub gan: Config,
}

impl Default for SubspaceConfig {
    /// Sixteen networks' worth of bytes: 60 directions of 8 bits, a mean of 16, and the coefficients of a thousand rows. Noise and
    /// residual are discussed in [`Subspace`].
    fn default() -> Self {
        Self {
            rank: 60,
            format: Format::Int8,
            coefficients: CoefficientModel::Kernel,
            components: 1000,
            noise: 0.5,
            residual: 0.0,
            gan: Config { iterations: 6_000, ..Config::gan1().with_moments() },
        }
    }
}

impl SubspaceConfig {
    /// The same with as many directions as fit into `bytes`, for `points` points of R^`dim`; none where not even a mean does.
    ///
    /// The bytes of a GAN are not counted for [`CoefficientModel::Gan`].
    #[must_use]
    pub fn within(self, bytes: usize, dim: usize, points: usize) -> Option<Self> {
        let of_rank = |rank: usize| Self { rank, ..self.clone() }.bytes(dim, points);
        let rank = (0..=dim.min(points)).take_while(|&rank| of_rank(rank) <= bytes).last()?;
        Some(Self { rank, ..self })
    }

    /// Bytes of the subspace of `points` points of R^`dim`, but for a GAN's.
    pub fn bytes(&self, dim: usize, points: usize) -> usize {
        let number = if self.format.of_vectors() == Format::F32 { 4 } else { 2 };
        let vectors = number * dim * if self.residual > 0.0 { 2 } else { 1 };
        let components = match self.coefficients {
            CoefficientModel::Kernel => self.components.min(points),
            CoefficientModel::Gaussian | CoefficientModel::Gan => 1,
        };
        vectors + self.rank * (self.format.row_bytes(dim) + number * components + 4)
    }

    /// **Errors**: names the first setting outside its range.
    pub fn validate(&self) -> Result<(), Error> {
        let refuse = |name, value: String, expected| Err(Error::Config { name, value, expected });
        if self.components == 0 {
            return refuse("centres", "0".to_owned(), "at least 1");
        }
        for (name, value) in [("noise", self.noise), ("residual", self.residual)] {
            if !(value >= 0.0 && value.is_finite()) {
                return refuse(name, value.to_string(), "finite, at least 0");
            }
        }
        self.gan.validate()
    }
}

/// θ = x̄ + Σ_k c_k·v_k (+ residual noise): points in the directions in which a bank varies most.
///
/// The directions are those of [`Pca`]. The coefficients of a draw are, by default, those of a row of the bank and a little noise:
///
/// c = cᵢ + √(noise·σ²/r)·ε,  ε ~ N(0, I),
///
/// with σ² the variance that r directions leave out: a few per cent, spread over all weights. A projected bank disagrees less than
/// the bank; noise within the subspace makes up for it, and predictions stay cheap. As a chain's fast motion is much the same in
/// all directions, the noise is. Half of the variance is enough (`noise` = 0.5, measured: the first directions matter more to a network's
/// outputs than those left out). Independent noise on every weight (`residual`) also works, but it costs the
/// shared work.
///
/// Rows are not drawn independently: draw number s takes the row at the fraction {u + s·(√5 − 1)/2} of those that were kept, with u
/// uniform. Each draw alone is uniform over the rows, but any S consecutive ones are spread evenly through the bank, chains included:
/// averages of S networks vary far less than those of S independent draws.
///
/// **Where it fails**: a bank that moves in more directions than r: of C chains, r has to be several times C, or the variance between the
/// chains comes back as noise around each of them (look at [`explained`](Self::explained): nine chains of a 784-100-10 network are well
/// described at 95 %, and not at 80 %); statistics that need independent draws.
///
/// Reference: kernel densities of posterior samples, West, *Approximating posterior distributions by mixtures*, JRSS B 1993, §2; the
/// spreading of draws, Niederreiter, *Random number generation and quasi-Monte Carlo methods*, 1992, §3.1 (Kronecker sequences).
#[derive(Clone, Debug, PartialEq)]
pub struct Subspace {
    /// x̄, one row.
    pub(crate) mean: Matrix,
    /// v_k, r × d.
    pub(crate) directions: Matrix,
    pub(crate) coefficients: Coefficients,
    /// Standard deviation of the noise on each coordinate, one row, if there is any.
    pub(crate) residual: Option<Matrix>,
    /// The share of the bank's variance that lies in the directions.
    pub(crate) explained: f64,
}

/// The law that coefficients are drawn from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Coefficients {
    /// Equal Gaussians around each of some components.
    Mixture {
        /// m × r.
        components: Matrix,
        /// Deviation of each coefficient, r numbers.
        sd: Vec<f32>,
    },
    Gan(Generator),
}

impl Subspace {
    /// Distils the points: five passes over them, and then on their coefficients.
    ///
    /// The format is [`Format::F32`] where `config.format` would lose a coordinate (numbers beyond 16 bits, or of other units than most).
    ///
    /// **Errors**: settings out of range; no points, points that do not vary, or a number in them that is not finite; a GAN that diverges.
    pub fn fit(rows: &impl Points, config: &SubspaceConfig, seed: Seed) -> Result<Self, Error> {
        config.validate()?;
        let principal = Pca::of(rows, config.rank, seed.child("principal"))?;
        Self::of(&principal, config, seed)
    }

    /// The same with a decomposition that is there already; its first directions where it has more than `config` asks for.
    ///
    /// **Errors**: as [`fit`](Self::fit).
    pub fn of(principal: &Pca, config: &SubspaceConfig, seed: Seed) -> Result<Self, Error> {
        config.validate()?;
        if principal.total() == 0.0 {
            let (rows, dim) = (principal.coefficients.nrows(), principal.mean.len());
            let reason = "they do not vary: keep one of them".to_owned();
            return Err(Error::Points { rows, dim, reason });
        }
        let rank = config.rank.min(principal.directions.nrows());
        let coefficients = principal.coefficients.slice(s![.., ..rank]);
        let exact = |numbers: ArrayView2<'_, f32>| Matrix::new(Format::F32, numbers);
        let coefficients = match config.coefficients {
            CoefficientModel::Gan => {
                // Whatever the distribution, nothing can be learned in no dimensions.
                if rank == 0 {
                    return Err(Error::Config {
                        name: "rank",
                        value: "0".to_owned(),
                        expected: "at least 1 for a GAN",
                    });
                }
                let mut trainer = Trainer::new(coefficients.to_owned(), config.gan.clone(), seed.child("gan"))?;
                for _ in 0..config.gan.iterations {
                    trainer.step()?;
                }
                Coefficients::Gan(trainer.into_generator())
            }
            CoefficientModel::Gaussian => {
                // Coefficients of principal directions are uncorrelated.
                let sd = principal.variances().take(rank).map(|variance| variance.sqrt() as f32).collect();
                Coefficients::Mixture { components: exact(Array2::zeros((1, rank)).view()), sd }
            }
            CoefficientModel::Kernel => {
                let (n, kept) = (coefficients.nrows(), config.components.min(coefficients.nrows()));
                let places: Vec<usize> = (0..kept).map(|k| k * n / kept).collect();
                let variance = config.noise * principal.residual_variance(rank) / rank.max(1) as f64;
                Coefficients::Mixture {
                    components: exact(coefficients.select(Axis(0), &places).view()),
                    sd: vec![variance.sqrt() as f32; rank],
                }
            }
        };
        let vector = |values: &[f32]| exact(ArrayView2::from_shape((1, values.len()), values).expect("one row"));
        let residual = (config.residual > 0.0).then(|| {
            let mut residual = principal.residual(rank);
            residual.iter_mut().for_each(|x| *x *= config.residual as f32);
            vector(&residual)
        });
        let exact = Self {
            mean: vector(&principal.mean),
            directions: exact(principal.directions.slice(s![..rank, ..])),
            coefficients,
            residual,
            explained: principal.explained(rank),
        };
        let kept = exact.in_format(config.format);
        Ok(if kept.holds(&exact, principal) { kept } else { exact })
    }

    fn in_format(&self, format: Format) -> Self {
        let vectors = format.of_vectors();
        let coefficients = match &self.coefficients {
            Coefficients::Mixture { components, sd } => {
                Coefficients::Mixture { components: components.in_format(vectors), sd: sd.clone() }
            }
            Coefficients::Gan(generator) => Coefficients::Gan(generator.clone()),
        };
        Self {
            mean: self.mean.in_format(vectors),
            directions: self.directions.in_format(format),
            coefficients,
            residual: self.residual.as_ref().map(|sd| sd.in_format(vectors)),
            explained: self.explained,
        }
    }

    /// Whether its numbers, in fewer bits than the `exact` ones, still hold the points: rounding comes to at most half of the variance
    /// of each coordinate, or to a thousandth of the value where there is none.
    fn holds(&self, exact: &Self, principal: &Pca) -> bool {
        let square = |x: f32| f64::from(x).powi(2);
        let squares = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| square(a - b)).collect::<Vec<f64>>();
        let mut errors = squares(&self.mean.row(0), &exact.mean.row(0));
        let lost = match (&self.coefficients, &exact.coefficients) {
            (Coefficients::Mixture { components: kept, .. }, Coefficients::Mixture { components, .. }) => {
                let mut lost = vec![0.0; self.rank()];
                for i in 0..kept.rows() {
                    let row = squares(&kept.row(i), &components.row(i));
                    lost.iter_mut().zip(row).for_each(|(lost, error)| *lost += error / kept.rows() as f64);
                }
                lost
            }
            _ => vec![0.0; self.rank()],
        };
        for (k, variance) in principal.variances().take(self.rank()).enumerate() {
            let (kept, exact) = (self.directions.row(k), exact.directions.row(k));
            for ((error, v), rounding) in errors.iter_mut().zip(&exact).zip(squares(&kept, &exact)) {
                *error += variance * rounding + lost[k] * square(*v);
            }
        }
        if let (Some(kept), Some(exact)) = (&self.residual, &exact.residual) {
            let rounding = squares(&kept.row(0), &exact.row(0));
            errors.iter_mut().zip(rounding).for_each(|(error, rounding)| *error += rounding);
        }
        errors.iter().zip(principal.mean.iter().zip(&principal.sd)).all(|(&error, (&mean, &sd))| {
            error <= if varies(mean, sd) { 0.5 * square(sd) } else { square(1e-3 * mean) }
        })
    }

    /// Remarks for whoever asked for `config` on `points` points, where the result differs from it; none as a rule.
    pub fn notes(&self, config: &SubspaceConfig, points: usize) -> Vec<String> {
        let mut notes = Vec::new();
        if self.format() != config.format {
            notes.push(format!("{} would lose some coordinates: kept in {}", config.format, self.format()));
        }
        if self.rank() + 1 >= points {
            notes.push(format!(
                "{} directions hold whatever {points} points do: the points themselves in 8 bits are as small, and exact",
                self.rank()
            ));
        }
        notes
    }

    /// Which of the coefficient vectors that are kept the first draws of this seed take; `None` where draws are no such vectors alone, but have
    /// noise, or come from a GAN.
    pub fn components(&self, seed: Seed, count: usize) -> Option<Vec<usize>> {
        match &self.coefficients {
            Coefficients::Mixture { components, sd } if self.residual.is_none() && sd.iter().all(|&sd| sd == 0.0) => {
                let start = start(seed);
                Some((0..count as u64).map(|number| pick(start, number, components.rows())).collect())
            }
            _ => None,
        }
    }

    /// Directions r.
    pub fn rank(&self) -> usize {
        self.directions.rows()
    }

    /// The format of the directions.
    pub fn format(&self) -> Format {
        self.directions.format()
    }

    /// The share of the bank's variance that lies in the directions.
    pub fn explained(&self) -> f64 {
        self.explained
    }
}

impl LowRank for Subspace {
    fn mean(&self) -> Vec<f32> {
        self.mean.row(0)
    }

    fn directions(&self) -> Array2<f32> {
        let (rank, dim) = (self.rank(), self.dim());
        let mut out = vec![0.0; rank * dim];
        let rows = out.par_chunks_exact_mut(dim).enumerate();
        rows.for_each(|(k, row)| self.directions.read(k, 0..dim, row));
        Array2::from_shape_vec((rank, dim), out).expect("rank rows of dim numbers")
    }

    fn coefficients(&self, seed: Seed, first: u64, count: usize) -> Array2<f32> {
        let rank = self.rank();
        let mut out = Array2::zeros((count, rank));
        match &self.coefficients {
            Coefficients::Gan(generator) => generator.draw_into(seed, first, out.view_mut()),
            Coefficients::Mixture { components, sd } => {
                let normals = seed.child("coefficients").normals();
                let start = start(seed);
                let mut noise = vec![0.0; rank];
                for (i, mut row) in out.outer_iter_mut().enumerate() {
                    let (number, row) = (first + i as u64, row.as_slice_mut().expect("a row of a fresh array"));
                    components.read(pick(start, number, components.rows()), 0..rank, row);
                    normals.fill(number, 0, &mut noise);
                    row.iter_mut().zip(noise.iter().zip(sd)).for_each(|(x, (&noise, &sd))| *x += sd * noise);
                }
            }
        }
        out
    }
}

impl Posterior for Subspace {
    fn dim(&self) -> usize {
        self.mean.columns()
    }

    fn bytes(&self) -> usize {
        let coefficients = match &self.coefficients {
            Coefficients::Mixture { components, sd } => components.bytes() + size_of_val(&sd[..]),
            Coefficients::Gan(generator) => generator.bytes(),
        };
        let residual = self.residual.as_ref().map_or(0, Matrix::bytes);
        self.mean.bytes() + self.directions.bytes() + coefficients + residual
    }

    fn draw_into(&self, seed: Seed, first: u64, out: ArrayViewMut2<'_, f32>) {
        let (dim, rank) = (self.dim(), self.rank());
        assert!(out.ncols() == dim, "draw_into: points have {dim} coordinates, not {}", out.ncols());
        if out.is_empty() {
            return;
        }
        let coefficients = self.coefficients(seed, first, out.nrows());
        let coefficients = coefficients.as_slice().expect("a fresh array");
        let (noise, residual) = (seed.child("residual").normals(), self.residual.as_ref().map(|sd| sd.row(0)));
        let load = |columns: Range<usize>, directions: &mut [f32], mean: &mut [f32]| {
            self.mean.read(0, columns.clone(), mean);
            for (k, row) in directions.chunks_exact_mut(columns.len()).enumerate() {
                self.directions.read(k, columns.clone(), row);
            }
        };
        let finish = |i: usize, columns: Range<usize>, point: &mut [f32]| {
            if let Some(sd) = &residual {
                let mut line = [0.0; TILE];
                let z = &mut line[..point.len()];
                noise.fill(first + i as u64, columns.start, z);
                point.iter_mut().zip(z.iter().zip(&sd[columns])).for_each(|(x, (&z, &sd))| *x += sd * z);
            }
        };
        kernel::draw(coefficients, rank, out, load, finish);
    }

    fn low_rank(&self) -> Option<&dyn LowRank> {
        match self.residual {
            None => Some(self),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
