//! Many networks that share their first layer's work.

use apd_nn::{FeatureMajor, Mlp, Model, Products, Scratch};
use apd_tensor::kernel;
use apd_tensor::kernel::gemm::unpacked::{Left, accumulate};
use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;

use crate::likelihood::Likelihood;
use crate::networks::{Pool, ROWS, check, for_each, matrix_mut, on_chunks, predict_networks};

/// Networks that are made at once where nothing is shared.
const WAVE: usize = 32;
/// Networks that one task makes: as many read the directions together.
const GROUP: usize = 8;
/// Chunks of inputs that are tasks enough; with few inputs they have fewer rows.
const CHUNKS: usize = 32;
/// Most elements of a block of networks: its predictions, and the parameters behind the first layer. The 1 + r products are made anew for
/// every block, so that a block should have many times r networks: with 64 MiB in place of 256, a thousand networks of 784-100-10 on
/// 10 000 inputs would be seven blocks in place of two, and the products most of the work.
const ELEMENTS: usize = 1 << 26;

/// Networks θ_s = θ̄ + Σ_k c_sk·v_k: points of an affine subspace of weight space.
#[derive(Clone, Copy, Debug)]
pub struct SharedBasis<'a> {
    /// θ̄, of length d.
    pub mean: &'a [f32],
    /// v_k, r × d.
    pub directions: ArrayView2<'a, f32>,
}

/// Predictions as [`predict_networks`] gives them, of networks θ_s = θ̄ + Σ_k c_sk·v_k, without making them.
///
/// The first layer of a perceptron is affine in its parameters, so that for all inputs X
///
/// X·W₁(θ_s)ᵀ + b₁(θ_s) = P₀ + Σ_k c_sk·P_k,  P₀ = X·W₁(θ̄)ᵀ + b₁(θ̄),  P_k = X·W₁(v_k)ᵀ + b₁(v_k):
///
/// a block of networks costs 1 + r products, and for each network r multiplications per hidden unit in place of one per input. Only the
/// parameters behind the first layer are made for each network. The numbers are those of `predict_networks` up to rounding, and `visit` is called
/// in the same way; the bits do not depend on the number of threads.
///
/// Memory: besides the inputs, (17 + r) × first hidden width × 96 numbers per thread and 256 MiB, or one network and its prediction where
/// that is more; it does not grow with the number of networks.
///
/// **Shapes**: basis: d = [`Model::row_len`], coefficients: S × r, inputs: N × inputs, p: N × outputs.
///
/// **Panics** if the shapes do not fit.
///
/// **Where it fails**: nothing is gained where sharing needs as many multiplications as it saves (convolutional networks, r near the
/// number of inputs, few networks, or so many inputs that few networks' predictions fit into memory). The networks are then made, a
/// few at a time, and evaluated by [`predict_networks`].
#[track_caller]
pub fn predict_shared(
    model: &dyn Model,
    likelihood: &dyn Likelihood,
    basis: SharedBasis<'_>,
    coefficients: ArrayView2<'_, f32>,
    inputs: ArrayView2<'_, f32>,
    mut visit: impl FnMut(usize, ArrayView2<'_, f32>),
) {
    let (networks, r) = coefficients.dim();
    check(model, basis.mean, &inputs);
    assert_eq!(basis.directions.dim(), (r, basis.mean.len()), "directions for the coefficients, and elements of each");
    let (all, directions) = (coefficients.as_standard_layout(), basis.directions.as_standard_layout());
    let coefficients = all.as_slice().expect("standard layout");
    let basis = SharedBasis { directions: directions.view(), ..basis };
    match model.as_mlp() {
        Some(mlp) if is_cheaper(r, mlp.widths[0], block(&mlp, networks, inputs.nrows())) => {
            block_by_block(&mlp, likelihood, basis, all.view(), inputs, visit);
        }
        _ => {
            let mut thetas = Vec::new();
            for start in (0..networks).step_by(WAVE) {
                let count = WAVE.min(networks - start);
                basis.combine(0, count, &coefficients[start * r..][..count * r], &mut thetas);
                let rows = thetas.chunks_exact(basis.mean.len());
                predict_networks(model, likelihood, rows, inputs, |s, p| visit(start + s, p));
            }
        }
    }
}

impl SharedBasis<'_> {
    /// out ← θ̄ + Σ_k c_sk·v_k for so many networks, one after the other; coordinates from `start` on.
    fn combine(&self, start: usize, networks: usize, coefficients: &[f32], out: &mut Vec<f32>) {
        let (r, dim) = self.directions.dim();
        let (mean, part) = (&self.mean[start..], dim - start);
        out.resize(networks * part, 0.0);
        if part == 0 {
            return;
        }
        let directions = self.directions.as_slice().expect("standard layout").get(start..).unwrap_or_default();
        out.par_chunks_mut(GROUP * part).enumerate().for_each(|(group, out)| {
            out.chunks_exact_mut(part).for_each(|theta| theta.copy_from_slice(mean));
            let left = Left::rows(&coefficients[group * GROUP * r..], r);
            accumulate([out.len() / part, part, r], left, directions, dim, out, part);
        });
    }
}

/// Networks of a block: all of them, or equal parts that are within the bounds of memory; a function of the shapes alone.
fn block(mlp: &Mlp, networks: usize, n: usize) -> usize {
    let outputs = mlp.widths[mlp.widths.len() - 1];
    let later: usize = mlp.widths[1..].windows(2).map(|pair| pair[1] * (pair[0] + 1)).sum();
    let most = (ELEMENTS / (n * outputs + later).max(1)).max(1);
    networks.div_ceil(networks.div_ceil(most).max(1))
}

/// Whether combinations, with each network's share of the products, take fewer multiplications per hidden unit than a product does.
fn is_cheaper(r: usize, inputs: usize, block: usize) -> bool {
    (1 + r) * (inputs + block) < inputs * block
}

fn block_by_block(
    mlp: &Mlp,
    likelihood: &dyn Likelihood,
    basis: SharedBasis<'_>,
    coefficients: ArrayView2<'_, f32>,
    inputs: ArrayView2<'_, f32>,
    mut visit: impl FnMut(usize, ArrayView2<'_, f32>),
) {
    let (outputs, n, (networks, r)) = (mlp.widths[mlp.widths.len() - 1], inputs.nrows(), coefficients.dim());
    let coefficients = coefficients.to_slice().expect("standard layout");
    let block = block(mlp, networks, n);
    let rows = n.div_ceil(CHUNKS).next_multiple_of(kernel::lanes::<f32>()).clamp(1, ROWS);
    let pool = Pool::default();
    let (mut later, mut predictions) = (Vec::new(), Vec::new());
    for start in (0..networks).step_by(block.max(1)) {
        let count = block.min(networks - start);
        let coefficients = &coefficients[start * r..][..count * r];
        basis.combine(mlp.first_dim(), count, coefficients, &mut later);
        predictions.resize(count * n * outputs, 0.0);
        on_chunks(&mut predictions, [n, outputs], [count, rows], |_, rows, mut out| {
            pool.with(|Work { chunk, products, scratch }| {
                chunk.fill(inputs.slice_axis(Axis(0), rows.clone().into()));
                mlp.products(basis.mean, basis.directions, chunk, products);
                mlp.finish_combinations(coefficients, &later, products, &mut out, scratch);
            });
            out.into_iter().for_each(|p| likelihood.inverse_link(matrix_mut(p, rows.len(), outputs)));
        });
        for_each(&predictions, count, n, outputs, |s, p| visit(start + s, p));
    }
}

#[derive(Default)]
struct Work {
    chunk: FeatureMajor,
    products: Products,
    scratch: Scratch,
}

#[cfg(test)]
mod tests;
