//! How strange a row is beside those that the model was fitted to.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ndarray::{Array2, ArrayView2, Axis, s};
use pulp::Arch;
use rayon::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::rows::evenly;

#[cfg(test)]
mod tests;

/// Most training rows that are kept.
const ROWS: usize = 512;
/// Steps of a whitened coordinate, whose deviation is about 1: with 16 bits it reaches to 128 deviations.
const STEPS: f32 = 256.0;
/// Kept rows whose distances are looked at together.
const LANES: usize = 16;
/// Most inputs whose correlations are removed.
const WHITENED: usize = 128;
/// Of the covariance, the share that is that of independent inputs: directions in which training rows do not vary at all count as varying a little.
const SHRINKAGE: f64 = 0.01;

/// Some training rows in coordinates in which they have no correlations; a row is as strange as it is far from the nearest of them.
///
/// A column's values may all be usual and still not go together: distances between whitened rows see that. (`cargo xtask tables` measures it
/// on rows whose columns were permuted.)
///
/// **Where it fails**: with more than 128 inputs correlations are left as they are; with many inputs that say nothing, distances say little.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reference {
    /// Inputs of a row.
    inputs: usize,
    mean: Vec<f64>,
    /// The inverse of the covariance's Cholesky factor, lower triangular, row by row; empty where inputs are left as they are.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    whitening: Vec<f32>,
    /// m × inputs, whitened, in steps of 1/256.
    #[serde(serialize_with = "steps_to_base64", deserialize_with = "steps_from_base64")]
    rows: Vec<i16>,
    /// Distances of held-out rows, which rise.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    held_out: Vec<f32>,
    /// The kept rows in groups, input by input; made when they are first needed.
    #[serde(skip)]
    groups: OnceLock<Vec<[f32; LANES]>>,
}

impl Reference {
    /// Of training rows, and of rows that were held out.
    ///
    /// **Shapes**: n × inputs, both.
    pub(crate) fn new(training: ArrayView2<'_, f32>, held_out: ArrayView2<'_, f32>) -> Self {
        let (n, inputs) = training.dim();
        let mean: Vec<f64> = training
            .axis_iter(Axis(1))
            .map(|x| x.iter().map(|&x| f64::from(x)).sum::<f64>() / n.max(1) as f64)
            .collect();
        let whitening = if inputs <= WHITENED { whitening(training, &mean) } else { Vec::new() };
        let mut reference =
            Self { inputs, mean, whitening, rows: Vec::new(), held_out: Vec::new(), groups: OnceLock::new() };
        let kept = training.select(Axis(0), &evenly(n, ROWS));
        reference.rows = kept
            .outer_iter()
            .flat_map(|row| reference.whiten(row.iter()))
            .map(|x| (x * STEPS).round() as i16)
            .collect();
        reference.held_out = reference.distances(held_out);
        reference.held_out.sort_by(f32::total_cmp);
        reference
    }

    /// Whether what a file says can be used for rows of so many inputs.
    pub(crate) fn is_valid(&self, inputs: usize) -> bool {
        let Self { mean, whitening, rows, held_out, .. } = self;
        let finite = |numbers: &[f32]| numbers.iter().all(|x| x.is_finite());
        self.inputs == inputs
            && mean.len() == inputs
            && (whitening.is_empty() || (inputs <= WHITENED && whitening.len() == triangle(inputs)))
            && rows.len() == self.inputs * (rows.len() / inputs.max(1))
            && mean.iter().all(|x| x.is_finite())
            && [whitening, held_out].into_iter().all(|numbers| finite(numbers))
    }

    /// For each row the share of held-out rows that are less strange, in [0, 1].
    ///
    /// **Shapes**: n × inputs.
    pub(crate) fn strangeness(&self, rows: ArrayView2<'_, f32>) -> Vec<f64> {
        let count = self.held_out.len().max(1) as f64;
        let share = |distance: f32| self.held_out.partition_point(|&other| other < distance) as f64 / count;
        self.distances(rows).into_iter().map(share).collect()
    }

    /// The distance of each row from the nearest of those that are kept.
    fn distances(&self, rows: ArrayView2<'_, f32>) -> Vec<f32> {
        let groups = self.groups.get_or_init(|| self.groups()); // on this thread alone
        let distance = |row: ndarray::ArrayView1<'_, f32>| {
            let row = self.whiten(row.iter());
            let squares = |group: &[[f32; LANES]]| {
                // Of each kept row the squares are summed in order, whatever is summed beside it.
                let mut sums = [0.0; LANES];
                for (x, kept) in row.iter().zip(group) {
                    for lane in 0..LANES {
                        let distance = x - kept[lane];
                        sums[lane] += distance * distance;
                    }
                }
                sums.into_iter().fold(f32::INFINITY, f32::min)
            };
            let nearest = || groups.chunks_exact(self.inputs.max(1)).map(squares).fold(f32::INFINITY, f32::min);
            Arch::new().dispatch(nearest).sqrt()
        };
        let rows: Vec<_> = rows.outer_iter().collect();
        rows.into_par_iter().map(distance).collect()
    }

    /// The last group is filled up with rows that are near to nothing.
    fn groups(&self) -> Vec<[f32; LANES]> {
        let inputs = self.inputs.max(1);
        let kept: Vec<&[i16]> = self.rows.chunks_exact(inputs).collect();
        let group = |rows: &[&[i16]]| {
            (0..inputs)
                .map(|input| {
                    std::array::from_fn(|lane| {
                        rows.get(lane).map_or(f32::INFINITY, |row| f32::from(row[input]) / STEPS)
                    })
                })
                .collect::<Vec<[f32; LANES]>>()
        };
        kept.chunks(LANES).flat_map(group).collect()
    }

    fn whiten<'a>(&self, row: impl Iterator<Item = &'a f32>) -> Vec<f32> {
        let centered: Vec<f64> = row.zip(&self.mean).map(|(&x, mean)| f64::from(x) - mean).collect();
        let mut factor = &self.whitening[..];
        let whitened = (0..centered.len()).map(|i| {
            if self.whitening.is_empty() {
                return centered[i] as f32;
            }
            let (row, rest) = factor.split_at(i + 1);
            factor = rest;
            row.iter().zip(&centered).map(|(&a, b)| f64::from(a) * b).sum::<f64>() as f32
        });
        whitened.collect()
    }
}

/// Elements of a lower triangle.
fn triangle(inputs: usize) -> usize {
    inputs * (inputs + 1) / 2
}

/// L⁻¹ with LLᵀ = the covariance, shrunk towards that of independent inputs.
fn whitening(rows: ArrayView2<'_, f32>, mean: &[f64]) -> Vec<f32> {
    let d = mean.len();
    let mut covariance = Array2::<f64>::zeros((d, d));
    let mut centered = vec![0.0; d];
    for row in rows.outer_iter() {
        centered.iter_mut().zip(row.iter().zip(mean)).for_each(|(c, (&x, mean))| *c = f64::from(x) - mean);
        for i in 0..d {
            for j in 0..=i {
                covariance[[i, j]] += centered[i] * centered[j];
            }
        }
    }
    covariance /= rows.nrows().max(1) as f64;
    let variance = covariance.diag().sum() / d.max(1) as f64;
    // Rows that are all alike vary as one would expect of standardized ones.
    let floor = SHRINKAGE * if variance > 0.0 { variance } else { 1.0 };
    covariance.mapv_inplace(|c| (1.0 - SHRINKAGE) * c);
    covariance.diag_mut().iter_mut().for_each(|c| *c += floor);
    let mut factor = Array2::<f64>::zeros((d, d));
    for i in 0..d {
        for j in 0..=i {
            let dot = factor.slice(s![i, ..j]).dot(&factor.slice(s![j, ..j]));
            let left = covariance[[i, j]] - dot;
            factor[[i, j]] = if i == j { left.max(floor * 1e-6).sqrt() } else { left / factor[[j, j]] };
        }
    }
    // Column by column of the identity: forward substitution.
    let mut inverse = Array2::<f64>::zeros((d, d));
    for column in 0..d {
        for i in column..d {
            let dot = factor.slice(s![i, column..i]).dot(&inverse.slice(s![column..i, column]));
            inverse[[i, column]] = (f64::from(i == column) - dot) / factor[[i, i]];
        }
    }
    (0..d).flat_map(|i| inverse.slice(s![i, ..=i]).mapv(|x| x as f32).to_vec()).collect()
}

fn to_base64<S: Serializer>(numbers: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
    serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
    Ok(chunks(deserializer)?.into_iter().map(f32::from_le_bytes).collect())
}

fn steps_to_base64<S: Serializer>(numbers: &[i16], serializer: S) -> Result<S::Ok, S::Error> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
    serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
}

fn steps_from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<i16>, D::Error> {
    Ok(chunks(deserializer)?.into_iter().map(i16::from_le_bytes).collect())
}

/// Numbers of N bytes each.
fn chunks<'de, D: Deserializer<'de>, const N: usize>(deserializer: D) -> Result<Vec<[u8; N]>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let bytes = BASE64_STANDARD.decode(text).map_err(serde::de::Error::custom)?;
    let (chunks, []) = bytes.as_chunks() else {
        return Err(serde::de::Error::custom(format!("bytes of no whole number of {N}-byte numbers")));
    };
    Ok(chunks.to_vec())
}
