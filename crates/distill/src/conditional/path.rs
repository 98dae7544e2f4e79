//! The curve that each chain follows in its own directions, and what it leaves.

use std::f64::consts::{PI, SQRT_2};

use nalgebra::DMatrix;
use ndarray::{Array2, s};

use crate::Pca;
use crate::gan::conditional::Residuals;
use crate::pca::eigen;
use apd_points::Points;

/// Coefficients a = Σ_j b_cj·√2·cos(πjt) + L_c·r of each chain c.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Path {
    /// Points of each chain: the share of the draws that are its own.
    pub(crate) lengths: Vec<usize>,
    /// b, chains × F × K.
    pub(crate) curves: Vec<f32>,
    /// L, chains × K × K.
    pub(crate) factors: Vec<f32>,
    /// The deviation of the noise on the coefficients of all chains' directions, of each chain.
    pub(crate) noise: Vec<f32>,
    pub(crate) rank: usize,
}

/// Where the points of each chain lie, in the order of the chains' numbers.
pub(super) fn places(points: &impl Points) -> Vec<Vec<usize>> {
    let mut chains = std::collections::BTreeMap::<u32, Vec<usize>>::new();
    (0..points.len()).for_each(|i| chains.entry(points.chain(i)).or_default().push(i));
    chains.into_values().collect()
}

/// Cosines that so many points are enough for: eight for each.
pub(super) fn frequencies_of(points: usize) -> usize {
    points / 8
}

/// √2·cos(πjt), j = 1..=count: orthonormal over the times (i + ½)/n, i < n.
pub(super) fn cosines(time: f64, count: usize) -> Vec<f32> {
    (1..=count).map(|j| (SQRT_2 * (PI * j as f64 * time).cos()) as f32).collect()
}

impl Path {
    /// The curves of the chains' first `rank` coefficients, with `noise` times the variance that a chain's directions leave out spread over
    /// those of all chains; and the residuals in units of their covariance, with chain and cosines as their conditions.
    pub(super) fn fit(chains: &[Pca], rank: usize, frequencies: usize, noise: f64) -> (Self, Residuals) {
        let lengths: Vec<usize> = chains.iter().map(|chain| chain.coefficients.nrows()).collect();
        let frequencies = frequencies.min(frequencies_of(lengths.iter().copied().max().unwrap_or(0)));
        let (all, conditions) = (lengths.iter().sum(), chains.len() + frequencies);
        let mut residuals =
            Residuals { values: Array2::zeros((all, rank)), conditions: Array2::zeros((all, conditions)) };
        let (mut curves, mut factors, mut deviations, mut at) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for (c, chain) in chains.iter().enumerate() {
            let n = lengths[c];
            let cosines: Vec<f32> = (0..n).flat_map(|i| cosines((i as f64 + 0.5) / n as f64, frequencies)).collect();
            let cosines = Array2::from_shape_vec((n, frequencies), cosines).expect("as many for each point");
            let coefficients = chain.coefficients.slice(s![.., ..rank]);
            let mut curve = cosines.t().dot(&coefficients) / n as f32;
            curve.slice_mut(s![frequencies_of(n).min(frequencies).., ..]).fill(0.0);
            let left = &coefficients - &cosines.dot(&curve);

            let columns = DMatrix::from_fn(n, rank, |i, k| f64::from(left[[i, k]]));
            let (values, vectors) = eigen(&(columns.tr_mul(&columns) / n as f64));
            // What does not vary, but for rounding, has residuals 0.
            let inverse = |value: f64| if value > 1e-12 * values[0] { value.sqrt().recip() } else { 0.0 };
            let whitening = Array2::from_shape_fn((rank, rank), |(k, l)| (vectors[(k, l)] * inverse(values[l])) as f32);
            residuals.values.slice_mut(s![at..at + n, ..]).assign(&left.dot(&whitening));
            residuals.conditions.slice_mut(s![at..at + n, c]).fill(1.0);
            residuals.conditions.slice_mut(s![at..at + n, chains.len()..]).assign(&cosines);

            deviations.push((noise * chain.residual_variance(rank) / (chains.len() * rank) as f64).sqrt() as f32);
            let factor = |k: usize, l: usize| vectors[(k, l)] * values[l].max(0.0).sqrt();
            factors.extend((0..rank * rank).map(|i| factor(i / rank, i % rank) as f32));
            curves.extend(curve.iter().copied());
            at += n;
        }
        (Self { lengths, curves, factors, noise: deviations, rank }, residuals)
    }

    /// F.
    pub(crate) fn frequencies(&self) -> usize {
        self.curves.len() / (self.rank * self.lengths.len())
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of::<f32>() * (self.curves.len() + self.factors.len() + self.noise.len())
    }

    /// The chain and the time of the row that is `beyond` its start among the rows of all chains.
    pub(super) fn locate(&self, mut row: usize, beyond: f64) -> (usize, f64) {
        let mut chain = 0;
        while row >= self.lengths[chain] {
            row -= self.lengths[chain];
            chain += 1;
        }
        (chain, (row as f64 + beyond) / self.lengths[chain] as f64)
    }

    /// `out` ← the K coefficients of a chain at a time with these cosines, with this residual.
    pub(super) fn coefficients(&self, chain: usize, cosines: &[f32], residual: &[f32], out: &mut [f32]) {
        let rank = self.rank;
        let curve = self.curves[chain * cosines.len() * rank..][..cosines.len() * rank].chunks_exact(rank);
        for (&cosine, curve) in cosines.iter().zip(curve) {
            out.iter_mut().zip(curve).for_each(|(out, &b)| *out += cosine * b);
        }
        let factor = self.factors[chain * rank * rank..][..rank * rank].chunks_exact(rank);
        for (out, row) in out.iter_mut().zip(factor) {
            *out += row.iter().zip(residual).map(|(&l, &r)| l * r).sum::<f32>();
        }
    }
}
