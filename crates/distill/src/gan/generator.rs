//! The product of a distillation.

use std::ops::Range;

use apd_seed::Seed;
use ndarray::ArrayViewMut2;
use rayon::prelude::*;

use crate::Standardization;
use crate::gan::model::{Widths, total};
use crate::kernel::{self, BLOCK, Left, TILE, accumulate};
use crate::standardize::Affine;
use apd_points::Posterior;

/// A sampler of points: z ~ N(0, I) through three ReLU layers and a linear one, with the standardization undone.
///
/// It needs no bank, and no more memory than its parameters and what is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Generator {
    pub(crate) widths: Widths,
    pub(crate) standardization: Standardization,
    pub(crate) affine: Affine<'static>,
    /// Weight (out × in) and bias of three layers.
    pub(crate) trunk: Vec<f32>,
    /// W_g, d × h, tile by tile: of each tile of coordinates the transpose, which is what a product needs.
    weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

impl Generator {
    pub(crate) fn new(
        widths: Widths,
        standardization: Standardization,
        affine: Affine<'static>,
        [trunk, mut weight, bias]: [Vec<f32>; 3],
    ) -> Self {
        debug_assert_eq!(total(&widths.trunk()), trunk.len());
        let tiles = weight.par_chunks_mut(TILE * widths.hidden);
        tiles.for_each(|tile| tile.copy_from_slice(&transpose(tile, widths.hidden)));
        Self { widths, standardization, affine, trunk, weight, bias }
    }

    /// W_g in row-major order, d × h.
    pub(crate) fn weight(&self) -> impl Iterator<Item = f32> {
        let tiles = self.weight.chunks(TILE * self.widths.hidden);
        tiles.flat_map(|tile| transpose(tile, tile.len() / self.widths.hidden))
    }

    /// Length z of the input.
    pub fn latent(&self) -> usize {
        self.widths.latent
    }

    /// Width h of the hidden layers.
    pub fn hidden(&self) -> usize {
        self.widths.hidden
    }

    /// How the points were standardized before they were distilled.
    pub fn standardization(&self) -> Standardization {
        self.standardization
    }

    /// The last hidden layer of these inputs, count × z: count × h.
    fn features(&self, mut inputs: Vec<f32>) -> Vec<f32> {
        let count = inputs.len() / self.widths.latent;
        let mut parameters = &self.trunk[..];
        let mut take = |shape: &[usize]| {
            let (part, rest) = parameters.split_at(shape.iter().product());
            parameters = rest;
            part
        };
        for layer in self.widths.trunk().chunks_exact(2) {
            let (weight, bias) = (take(&layer[0]), take(&layer[1]));
            let (n_out, n_in) = (layer[0][0], layer[0][1]);
            let weight = transpose(weight, n_in);
            let mut outputs = bias.repeat(count);
            outputs.par_chunks_mut(BLOCK * n_out).zip(inputs.par_chunks(BLOCK * n_in)).for_each(|(out, x)| {
                accumulate([x.len() / n_in, n_out, n_in], Left::rows(x, n_in), &weight, n_out, out, n_out);
                out.iter_mut().for_each(|x| *x = x.max(0.0));
            });
            inputs = outputs;
        }
        inputs
    }

    /// The points of these inputs. **Shapes**: inputs: n × z, row-major, out: n × d.
    pub(crate) fn of_inputs(&self, inputs: Vec<f32>, out: ArrayViewMut2<'_, f32>) {
        if out.is_empty() {
            return;
        }
        let (hidden, features) = (self.widths.hidden, self.features(inputs));
        let load = |columns: Range<usize>, weight: &mut [f32], bias: &mut [f32]| {
            // A copy, because it reads from memory in order, as the product does not.
            weight.copy_from_slice(&self.weight[columns.start * hidden..columns.end * hidden]);
            bias.copy_from_slice(&self.bias[columns]);
        };
        kernel::draw(&features, hidden, out, load, |_, columns, point| self.affine.backward(columns, point));
    }
}

impl Posterior for Generator {
    fn dim(&self) -> usize {
        self.widths.dim
    }

    /// All parameters in f32, those of the standardization included.
    fn bytes(&self) -> usize {
        let affine = self.affine.mean.len() + self.affine.scale.len();
        size_of::<f32>() * (self.trunk.len() + self.weight.len() + self.bias.len() + affine)
    }

    fn draw_into(&self, seed: Seed, first: u64, out: ArrayViewMut2<'_, f32>) {
        let Widths { dim, latent, .. } = self.widths;
        assert!(out.ncols() == dim, "draw_into: points have {dim} coordinates, not {}", out.ncols());
        let normals = seed.child("latent").normals();
        let mut inputs = vec![0.0; out.nrows() * latent];
        for (i, row) in inputs.chunks_exact_mut(latent).enumerate() {
            normals.fill(first + i as u64, 0, row);
        }
        self.of_inputs(inputs, out);
    }
}

/// The transpose of a row-major matrix whose rows have length `width`.
fn transpose(matrix: &[f32], width: usize) -> Vec<f32> {
    let height = matrix.len() / width;
    let mut out = vec![0.0; matrix.len()];
    apd_tensor::kernel::transpose([height, width], matrix, width, &mut out, height);
    out
}

#[cfg(test)]
pub(crate) mod tests;
