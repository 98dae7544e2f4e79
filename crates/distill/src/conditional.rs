//! A posterior distilled chain by chain: a basis for each, and coefficients that follow the chain's time.

use std::ops::Range;

use apd_seed::Seed;
use ndarray::{Array2, ArrayViewMut2, Axis, concatenate, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::gan::conditional::{AdversaryConfig, learn};
use crate::kernel;
use crate::quantized::Matrix;
use crate::spread::{place, start};
use crate::{Error, Format, Generator, Pca};
use apd_points::{LowRank, Points, Posterior};

mod path;
mod rounding;

pub(crate) use path::Path;
use path::{cosines, places};
use rounding::holds;

/// The law of what the regression on the time leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ResidualModel {
    /// A Gaussian: the distiller is a *path*.
    Gaussian,
    /// A GAN whose generator and critic are told chain and time.
    #[default]
    Adversarial,
}

/// Settings of a [`Conditional`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConditionalConfig {
    /// Directions K of each chain.
    pub rank: usize,
    /// The format of the directions.
    pub format: Format,
    /// The format of the chains' means.
    pub means: Format,
    /// Cosines k = 1..F of the time t that coefficients are regressed on, and that the adversary is told; fewer where a chain has less than
    /// eight points for each.
    pub frequencies: usize,
    /// Share of the variance that a chain's directions leave out that comes back as noise on the coefficients of all chains' directions.
    pub noise: f64,
    /// The law of what the regression leaves.
    pub residuals: ResidualModel,
    /// The GAN; only for [`ResidualModel::Adversarial`].
    pub adversary: AdversaryConfig,
}

impl Default for ConditionalConfig {
    fn default() -> Self {
        Self {
            rank: 7,
            format: Format::Int8,
            means: Format::Int8,
            frequencies: 64,
            noise: 0.2,
            residuals: ResidualModel::default(),
            adversary: AdversaryConfig::default(),
        }
    }
}

impl ConditionalConfig {
    /// The same with as many directions for each chain as fit into `bytes`, in 6 bits where there is no room for one in 8; none where there is none
    /// at all.
    #[must_use]
    pub fn within(self, bytes: usize, points: &impl Points) -> Option<Self> {
        let is_default = self.format == Format::Int8 && self.means == Format::Int8;
        let fewer_bits = is_default.then(|| Self { format: Format::Int6, means: Format::Int6, ..self.clone() });
        self.filling(bytes, points).or_else(|| fewer_bits?.filling(bytes, points))
    }

    fn filling(self, bytes: usize, points: &impl Points) -> Option<Self> {
        let chains = places(points);
        let (dim, least) = (points.dim(), chains.iter().map(Vec::len).min()?);
        let frequencies = self.frequencies.min(path::frequencies_of(chains.iter().map(Vec::len).max()?));
        let total = |rank: usize| {
            let law = 4 * rank * (frequencies + rank);
            let conditions = chains.len() + frequencies;
            let adversary = match self.residuals {
                ResidualModel::Gaussian => 0,
                ResidualModel::Adversarial => {
                    let (z, h) = (rank + conditions, self.adversary.hidden);
                    4 * (h * (z + 1) + 2 * h * (h + 1) + rank * (h + 1))
                }
            };
            chains.len() * (self.means.row_bytes(dim) + rank * self.format.row_bytes(dim) + law + 4) + adversary
        };
        let rank = (0..least.min(dim)).take_while(|&rank| total(rank) <= bytes).last().filter(|&rank| rank > 0)?;
        Some(Self { rank, ..self })
    }

    /// **Errors**: names the first setting outside its range.
    pub fn validate(&self) -> Result<(), Error> {
        let refuse = |name, value: String, expected| Err(Error::Config { name, value, expected });
        if self.rank == 0 {
            return refuse("rank", "0".to_owned(), "at least 1");
        }
        if !(self.noise >= 0.0 && self.noise.is_finite()) {
            return refuse("noise", self.noise.to_string(), "finite, at least 0");
        }
        self.adversary.validate()
    }
}

/// θ = m_c + Σ_k a_k·v_ck: points near the curve that chain c followed, at a time t of it.
///
/// A chain that is short beside its relaxation times is a curve, and several are several of them: one law of all their points puts some where no
/// chain has been. Here each chain c has its own mean m_c and principal directions v_c ([`Pca`]), and the law of a point's coefficients
/// is conditional on the chain and on the time t ∈ [0, 1] at which it passed:
///
/// a = Σ_j b_cj·√2·cos(πjt) + L_c·r,  j = 1..F,
///
/// where b are least squares (the first terms of a discrete cosine transform) and L_c·L_cᵀ is the covariance of what they leave. A share of the
/// variance that the directions of chain c leave out is put back as independent noise on the coefficients of all chains' directions: networks
/// disagree less without it. How much less depends on the points ([`with_noise`](Self::with_noise)). The residual r is
///
/// - N(0, I): a *path*;
/// - or ε + G(ε, c, cos πjt): a conditional WGAN-GP whose critic is told chain and time as well. G is 0 before training, so that the adversary
///   only mends what is wrong with the path.
///
/// Chain and time of a draw are no random numbers: draw number s takes the fraction {u + s·(√5 − 1)/2} of all rows, with u uniform, so that
/// any S consecutive draws are spread evenly over chains and times.
///
/// All points lie in one affine subspace, of the means and all directions: predictions share their first layer's work ([`LowRank`]).
///
/// **Where it fails**: chains that mix, whose points need more directions than there is room for in each of several bases: keep rows, or
/// one [`Subspace`](crate::Subspace). Points without chains ([`Points::chain`]) are taken for one, in their order. It has seen nothing that
/// the chains have not.
///
/// References: Mirza & Osindero, *Conditional generative adversarial nets*, 2014; the loss: Gulrajani et al., *Improved training of
/// Wasserstein GANs*, NeurIPS 2017; averaging of the generator: Yazıcı et al., *The unusual effectiveness of averaging in GAN training*,
/// ICLR 2019.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditional {
    /// m_c, C × d.
    pub(crate) means: Matrix,
    /// v_ck, C·K × d, chain by chain.
    pub(crate) directions: Matrix,
    pub(crate) path: Path,
    pub(crate) adversary: Option<Generator>,
    /// The share of the points' variance that lies between the means and in the directions.
    pub(crate) explained: f64,
}

/// Some points of a cloud: those of a chain.
struct Chain<'a, R> {
    points: &'a R,
    places: &'a [usize],
}

impl<R: Points> Points for Chain<'_, R> {
    fn len(&self) -> usize {
        self.places.len()
    }

    fn dim(&self) -> usize {
        self.points.dim()
    }

    fn row(&self, i: usize) -> &[f32] {
        self.points.row(self.places[i])
    }
}

impl Conditional {
    /// Distils the points, chain by chain: five passes over them, and then on their coefficients.
    ///
    /// Means and directions are kept in [`Format::F32`] where `config` asks for fewer bits that would lose a coordinate (one of other units than
    /// most, or that hardly varies).
    ///
    /// **Errors**: settings out of range; no points, no chain whose points vary, or a number in them that is not finite; a GAN that diverges.
    pub fn fit(points: &impl Points, config: &ConditionalConfig, seed: Seed) -> Result<Self, Error> {
        Self::of(&ChainBases::of(points, config.rank, seed.child("principal"))?, config, seed)
    }

    /// The same with decompositions that are there already; the first directions of each chain where they have more than `config` asks for.
    ///
    /// **Errors**: as [`fit`](Self::fit).
    pub fn of(chains: &ChainBases, config: &ConditionalConfig, seed: Seed) -> Result<Self, Error> {
        config.validate()?;
        let chains = &chains.0;
        let rank = chains[0].directions.nrows().min(config.rank);
        let dim = chains[0].mean.len();
        if rank == 0 {
            let reason = "no chain's points vary: keep one of each".to_owned();
            let rows = chains.iter().map(|chain| chain.coefficients.nrows()).sum();
            return Err(Error::Points { rows, dim, reason });
        }
        let (path, residuals) = Path::fit(chains, rank, config.frequencies, config.noise);
        let adversary = match config.residuals {
            ResidualModel::Gaussian => None,
            ResidualModel::Adversarial => Some(learn(&residuals, &config.adversary, seed.child("adversary"))?),
        };
        let means = Array2::from_shape_fn((chains.len(), dim), |(c, j)| chains[c].mean[j]);
        let directions: Vec<_> = chains.iter().map(|chain| chain.directions.slice(s![..rank, ..])).collect();
        let directions = concatenate(Axis(0), &directions).expect("directions of one dimension");
        let exact = [means, directions].map(|numbers| Matrix::new(Format::F32, numbers.view()));
        let kept = [exact[0].in_format(config.means), exact[1].in_format(config.format)];
        let [means, directions] = if holds(&kept, &exact, chains) { kept } else { exact };
        Ok(Self { means, directions, path, adversary, explained: explained(chains, rank) })
    }

    /// The same with `factor` times the variance of the noise: of a fit with [`noise`](ConditionalConfig::noise) 1, that share of what the
    /// directions leave out.
    ///
    /// The share at which predictions disagree as those of the points do differs: .1 to .2 on banks of the digits, whose chains were several
    /// relaxation times long, .75 to 1.5 on banks of MNIST, whose were one to five. Whoever has inputs can look.
    ///
    /// **Panics** if it is negative or not finite.
    #[must_use]
    #[track_caller]
    pub fn with_noise(mut self, factor: f64) -> Self {
        assert!(factor >= 0.0 && factor.is_finite(), "{factor} times the noise");
        self.path.noise.iter_mut().for_each(|sd| *sd *= factor.sqrt() as f32);
        self
    }

    /// The format of the directions.
    pub fn format(&self) -> Format {
        self.directions.format()
    }

    /// Chains C.
    pub fn chains(&self) -> usize {
        self.means.rows()
    }

    /// Directions K of each chain.
    pub fn rank(&self) -> usize {
        self.directions.rows() / self.chains()
    }

    /// The share of the points' variance that lies between the chains' means and in their directions.
    pub fn explained(&self) -> f64 {
        self.explained
    }

    /// Whether an adversary has mended the law of the coefficients.
    pub fn is_adversarial(&self) -> bool {
        self.adversary.is_some()
    }
}

/// The principal directions of each chain's points.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainBases(Vec<Pca>);

impl ChainBases {
    /// The first `rank` directions of each chain; fewer where no chain's points span as many, and 0 for the rest of one whose do not.
    ///
    /// **Errors**: as [`Pca::of`].
    pub fn of(points: &impl Points, rank: usize, seed: Seed) -> Result<Self, Error> {
        let places = places(points);
        let chains = places.iter().zip(0..).map(|(places, c)| Pca::of(&Chain { points, places }, rank, seed.index(c)));
        let mut chains = chains.collect::<Result<Vec<_>, _>>()?;
        let Some(most) = chains.iter().map(|chain| chain.directions.nrows()).max() else {
            let reason = "there is nothing to learn from".to_owned();
            return Err(Error::Points { rows: 0, dim: points.dim(), reason });
        };
        for Pca { directions, coefficients, .. } in &mut chains {
            let missing = most - directions.nrows();
            let rows = Array2::zeros((missing, directions.ncols()));
            directions.append(Axis(0), rows.view()).expect("rows of as many numbers");
            let columns = Array2::zeros((coefficients.nrows(), missing));
            *coefficients = concatenate![Axis(1), *coefficients, columns].as_standard_layout().into_owned();
        }
        Ok(Self(chains))
    }
}

/// 1 − what the directions leave over the total variance, that between the means included.
fn explained(chains: &[Pca], rank: usize) -> f64 {
    let n: f64 = chains.iter().map(|chain| chain.coefficients.nrows() as f64).sum();
    let share = |chain: &Pca| chain.coefficients.nrows() as f64 / n;
    let within: f64 = chains.iter().map(|chain| share(chain) * chain.total()).sum();
    let left: f64 = chains.iter().map(|chain| share(chain) * chain.residual_variance(rank)).sum();
    let mean = |j: usize| chains.iter().map(|chain| share(chain) * f64::from(chain.mean[j])).sum::<f64>();
    let off = |j: usize| {
        let mean = mean(j);
        chains.iter().map(|chain| share(chain) * (f64::from(chain.mean[j]) - mean).powi(2)).sum::<f64>()
    };
    let total = within + (0..chains[0].mean.len()).map(off).sum::<f64>();
    if total > 0.0 { 1.0 - left / total } else { 1.0 }
}

impl LowRank for Conditional {
    /// 0: the means are directions, of which each point has one.
    fn mean(&self) -> Vec<f32> {
        vec![0.0; self.dim()]
    }

    fn rank(&self) -> usize {
        self.chains() * (1 + self.rank())
    }

    fn directions(&self) -> Array2<f32> {
        let (rows, dim) = (LowRank::rank(self), self.dim());
        let mut out = vec![0.0; rows * dim];
        out.par_chunks_exact_mut(dim).enumerate().for_each(|(row, out)| self.read(row, 0..dim, out));
        Array2::from_shape_vec((rows, dim), out).expect("rows of dim numbers")
    }

    fn coefficients(&self, seed: Seed, first: u64, count: usize) -> Array2<f32> {
        let (chains, rank, frequencies) = (self.chains(), self.rank(), self.path.frequencies());
        let (start, normals) = (start(seed), seed.child("coefficients").normals());
        let all: usize = self.path.lengths.iter().sum();
        let mut told = Vec::with_capacity(count);
        let (mut residuals, mut noise) = (Array2::zeros((count, rank)), Array2::zeros((count, rank + chains * rank)));
        let width = rank + chains + frequencies;
        let mut inputs = vec![0.0; if self.adversary.is_some() { count * width } else { 0 }];
        for (i, (mut residual, mut noise)) in residuals.outer_iter_mut().zip(noise.outer_iter_mut()).enumerate() {
            let number = first.wrapping_add(i as u64);
            let (row, beyond) = place(start, number, all);
            let (chain, time) = self.path.locate(row, beyond);
            let cosines = cosines(time, frequencies);
            let residual = residual.as_slice_mut().expect("a row of a fresh array");
            let noise = noise.as_slice_mut().expect("a row of a fresh array");
            normals.fill(number, 0, noise);
            residual.copy_from_slice(&noise[..rank]);
            if let Some(input) = inputs.chunks_exact_mut(width).nth(i) {
                input[..rank].copy_from_slice(residual);
                input[rank + chain] = 1.0;
                input[rank + chains..].copy_from_slice(&cosines);
            }
            told.push((chain, cosines));
        }
        if let Some(adversary) = &self.adversary {
            let mut mended = Array2::zeros((count, rank));
            adversary.of_inputs(inputs, mended.view_mut());
            residuals += &mended;
        }
        let mut out = Array2::zeros((count, LowRank::rank(self)));
        let parts = residuals.outer_iter().zip(noise.outer_iter()).zip(out.outer_iter_mut());
        for ((chain, cosines), ((residual, noise), mut out)) in told.iter().zip(parts) {
            out[*chain] = 1.0;
            out.slice_mut(s![chains..]).assign(&(&noise.slice(s![rank..]) * self.path.noise[*chain]));
            let own = chains + chain * rank..chains + (chain + 1) * rank;
            let out = &mut out.as_slice_mut().expect("a row of a fresh array")[own];
            self.path.coefficients(*chain, cosines, residual.as_slice().expect("a row of a fresh array"), out);
        }
        out
    }
}

impl Conditional {
    /// `out` ← the elements `columns` of a mean, or of a direction after them.
    fn read(&self, row: usize, columns: Range<usize>, out: &mut [f32]) {
        match row.checked_sub(self.chains()) {
            None => self.means.read(row, columns, out),
            Some(row) => self.directions.read(row, columns, out),
        }
    }
}

impl Posterior for Conditional {
    fn dim(&self) -> usize {
        self.means.columns()
    }

    fn bytes(&self) -> usize {
        let adversary = self.adversary.as_ref().map_or(0, Posterior::bytes);
        self.means.bytes() + self.directions.bytes() + self.path.bytes() + adversary
    }

    fn draw_into(&self, seed: Seed, first: u64, out: ArrayViewMut2<'_, f32>) {
        let dim = self.dim();
        assert!(out.ncols() == dim, "draw_into: points have {dim} coordinates, not {}", out.ncols());
        if out.is_empty() {
            return;
        }
        let coefficients = LowRank::coefficients(self, seed, first, out.nrows());
        let load = |columns: Range<usize>, directions: &mut [f32], mean: &mut [f32]| {
            mean.fill(0.0);
            let rows = directions.chunks_exact_mut(columns.len()).enumerate();
            rows.for_each(|(k, row)| self.read(k, columns.clone(), row));
        };
        let coefficients = coefficients.as_slice().expect("a fresh array");
        kernel::draw(coefficients, LowRank::rank(self), out, load, |_, _, _| ());
    }

    fn low_rank(&self) -> Option<&dyn LowRank> {
        Some(self)
    }
}

#[cfg(test)]
mod tests;
