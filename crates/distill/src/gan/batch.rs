//! The input of one update: points, latent vectors and interpolation weights.

use std::ops::Range;

use apd_seed::Seed;
use apd_tensor::kernel::prefetch;

use crate::kernel::Element;
use crate::standardize::Affine;
use apd_points::Points;

/// The random part of one update: a pure function of (seed, number of the update), in buffers that are used again.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Batch {
    /// Indices of B points, drawn with replacement. Only in a critic update.
    pub(crate) rows: Vec<u32>,
    /// B interpolation weights from U(0, 1). Only in a critic update.
    pub(crate) mix: Vec<f32>,
    /// B × z standard normals.
    pub(crate) latent: Vec<f32>,
}

impl Batch {
    /// Critic update number `update` (from 0) among `points` points.
    pub(crate) fn critic(&mut self, seed: Seed, update: u64, points: u32, size: usize, latent: usize) {
        Self::rows(&mut self.rows, seed, update, points, size);
        let mut uniform = seed.child("critic-mix").index(update).stream();
        self.mix.clear();
        self.mix.extend((0..size).map(|_| uniform.uniform_f32()));
        self.fill_latent(seed.child("critic-latent"), update, size * latent);
    }

    /// The points alone of critic update number `update`.
    pub(crate) fn rows(rows: &mut Vec<u32>, seed: Seed, update: u64, points: u32, size: usize) {
        let mut stream = seed.child("rows").index(update).stream();
        rows.clear();
        rows.extend((0..size).map(|_| stream.below(points)));
    }

    /// Generator update number `update` (from 0).
    pub(crate) fn generator(&mut self, seed: Seed, update: u64, size: usize, latent: usize) {
        self.fill_latent(seed.child("generator-latent"), update, size * latent);
    }

    fn fill_latent(&mut self, seed: Seed, update: u64, len: usize) {
        self.latent.resize(len, 0.0);
        seed.normals().fill(update, 0, &mut self.latent);
    }
}

/// Points as the networks see them: standardized.
pub(crate) struct StandardizedPoints<'a, R> {
    pub(crate) rows: &'a R,
    pub(crate) affine: &'a Affine<'a>,
}

impl<R: Points> StandardizedPoints<'_, R> {
    /// A function that asks, at each call, for coordinates `columns` of the next of these points, which lie all over the bank.
    pub(crate) fn prefetch(&self, indices: &[u32], columns: Range<usize>) -> impl FnMut() {
        let mut indices = indices.iter();
        move || {
            if let Some(&index) = indices.next() {
                prefetch(&self.rows.row(index as usize)[columns.clone()]);
            }
        }
    }

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
