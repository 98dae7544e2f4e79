//! What one update sees: which points, which latent vectors, which interpolation weights.

use std::ops::Range;

use apd_seed::Seed;

use crate::Rows;
use crate::kernel::Element;
use crate::standardize::Affine;

/// The random part of one update: a pure function of (seed, number of the update).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Batch {
    /// Indices of B points, drawn with replacement. Empty in a generator update.
    pub(crate) rows: Vec<u32>,
    /// B interpolation weights from U(0, 1). Empty in a generator update.
    pub(crate) mix: Vec<f32>,
    /// B × z standard normals.
    pub(crate) latent: Vec<f32>,
}

impl Batch {
    /// Critic update number `update` (from 0) among `points` points.
    pub(crate) fn critic(seed: Seed, update: u64, points: u32, size: usize, latent: usize) -> Self {
        let mut uniform = seed.child("critic-mix").index(update).stream();
        Self {
            rows: Self::rows(seed, update, points, size),
            mix: (0..size).map(|_| uniform.uniform_f32()).collect(),
            latent: normals(seed.child("critic-latent"), update, size * latent),
        }
    }

    /// The points alone of critic update number `update`.
    pub(crate) fn rows(seed: Seed, update: u64, points: u32, size: usize) -> Vec<u32> {
        let mut stream = seed.child("rows").index(update).stream();
        (0..size).map(|_| stream.below(points)).collect()
    }

    /// Generator update number `update` (from 0).
    pub(crate) fn generator(seed: Seed, update: u64, size: usize, latent: usize) -> Self {
        let latent = normals(seed.child("generator-latent"), update, size * latent);
        Self { rows: Vec::new(), mix: Vec::new(), latent }
    }
}

fn normals(seed: Seed, step: u64, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    seed.normals().fill(step, 0, &mut values);
    values
}

/// Points as the networks see them: standardised.
pub(crate) struct Points<'a, R> {
    pub(crate) rows: &'a R,
    pub(crate) affine: &'a Affine<'a>,
}

impl<R: Rows> Points<'_, R> {
    /// Coordinates `columns` of these points, one point after the other.
    pub(crate) fn gather<T: Element>(&self, indices: &[u32], columns: Range<usize>, out: &mut [T]) {
        for (&index, out) in indices.iter().zip(out.chunks_exact_mut(columns.len())) {
            self.affine.forward(columns.clone(), &self.rows.row(index as usize)[columns.clone()], out);
        }
    }
}

pub(crate) fn convert<T: Element>(values: &[f32]) -> Vec<T> {
    values.iter().map(|&x| T::from_f32(x)).collect()
}
