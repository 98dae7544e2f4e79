//! Networks whose units are left out at random.

use apd_nn::{FeatureMajor, Mlp, Model, Scratch, TensorLayout as _};
use apd_points::Posterior;
use apd_seed::Seed;
use apd_tensor::Tensor;
use ndarray::{ArrayView2, ArrayViewMut2, Axis, Ix2};
use rayon::prelude::*;

use crate::likelihood::Likelihood;
use crate::networks::{Pool, ROWS, check, for_each, matrix_mut, on_chunks, wave};

/// Predictions of `passes` stochastic passes of one network with its dropout (MC-dropout): `visit(s, p)` in order.
///
/// Pass s takes its masks from the stream of `seed.index(s)`, row by row, so it is the [`forward32`](Model::forward32) with that
/// stream. Memory as [`predict_networks`](crate::predict_networks()), and N × the first hidden width of a perceptron. Without dropout all passes are the same.
///
/// **Panics** if the row (θ with its buffers, if there are any) or the inputs have another length than the network's.
///
/// Reference: Gal & Ghahramani, *Dropout as a Bayesian Approximation*, ICML 2016, equation (6).
#[track_caller]
pub fn predict_dropout(
    model: &dyn Model,
    likelihood: &dyn Likelihood,
    row: &[f32],
    passes: usize,
    seed: Seed,
    inputs: ArrayView2<'_, f32>,
    mut visit: impl FnMut(usize, ArrayView2<'_, f32>),
) {
    check(model, row, &inputs);
    let Some(mlp) = model.as_mlp() else {
        let (params, x) = (model.row_layout().tensors(row), Tensor::constant(inputs.to_owned().into_dyn()));
        for s in 0..passes {
            let mut stream = seed.index(s as u64).stream();
            let dropout = (model.dropout() > 0.0).then_some(&mut stream);
            let outputs = model.forward32(&params, &x, dropout).into_value();
            let mut outputs = outputs.into_dimensionality::<Ix2>().expect("N × outputs");
            likelihood.inverse_link(outputs.view_mut());
            visit(s, outputs.view());
        }
        return;
    };
    let (theta, outputs, n) = (row, model.outputs(), inputs.nrows());

    // All passes share the first layer's product.
    let mut firsts = vec![FeatureMajor::default(); n.div_ceil(ROWS)];
    firsts.par_iter_mut().enumerate().for_each_init(FeatureMajor::default, |chunk, (i, first)| {
        chunk.fill(inputs.slice_axis(Axis(0), (i * ROWS..((i + 1) * ROWS).min(n)).into()));
        mlp.first(theta, chunk, first);
    });

    let (wave, pool) = (wave(outputs * n, 0), Pool::default());
    let mut predictions = Vec::new();
    for start in (0..passes).step_by(wave) {
        let count = wave.min(passes - start);
        predictions.resize(count * n * outputs, 0.0);
        on_chunks(&mut predictions, [n, outputs], [1, ROWS], |pass, rows, mut out| {
            let mut stream = seed.index((start + pass.start) as u64).stream();
            stream.seek(rows.start as u64 * mlp.dropout_words());
            pool.with(|(first, scratch): &mut (FeatureMajor, Scratch)| {
                first.assign(&firsts[rows.start / ROWS]);
                mlp.finish(theta, first, Some(&mut stream), out[0], scratch);
            });
            likelihood.inverse_link(matrix_mut(out[0], rows.len(), outputs));
        });
        for_each(&predictions, count, n, outputs, |s, p| visit(start + s, p));
    }
}

/// A trained perceptron of which units are left out at random: MC-dropout as a posterior.
///
/// A draw leaves the same units out for all inputs: their weights are multiplied by 0, those of the others by 1/(1 − p). So its networks
/// can be stored, compared and attacked like any others; [`predict_dropout`] draws other units for every input.
///
/// Reference: Gal & Ghahramani, *Dropout as a Bayesian Approximation*, ICML 2016, section 3.
#[derive(Clone, Debug)]
pub struct Dropout {
    mlp: Mlp,
    theta: Vec<f32>,
}

impl Dropout {
    /// Units of this perceptron, left out with its own probability.
    ///
    /// **Panics** if θ has another length than the perceptron's.
    #[track_caller]
    pub fn new(mlp: &Mlp, theta: Vec<f32>) -> Self {
        assert_eq!(theta.len(), mlp.dim(), "elements of θ");
        Self { mlp: mlp.clone(), theta }
    }
}

impl Posterior for Dropout {
    fn dim(&self) -> usize {
        self.theta.len()
    }

    fn bytes(&self) -> usize {
        4 * self.theta.len()
    }

    fn draw_into(&self, seed: Seed, first: u64, mut out: ArrayViewMut2<'_, f32>) {
        assert_eq!(out.ncols(), self.theta.len(), "columns of the points");
        for (i, mut row) in out.outer_iter_mut().enumerate() {
            let mut stream = seed.index(first + i as u64).stream();
            let mut theta = self.theta.clone();
            for linear in self.mlp.linears().iter().skip(1) {
                let keep = 1.0 - f64::from(self.mlp.dropout);
                let mut factor = || if stream.uniform() < keep { keep.recip() as f32 } else { 0.0 };
                let factors: Vec<f32> = (0..linear.inputs).map(|_| factor()).collect();
                for weights in theta[linear.weight.clone()].chunks_exact_mut(linear.inputs) {
                    weights.iter_mut().zip(&factors).for_each(|(weight, factor)| *weight *= factor);
                }
            }
            row.iter_mut().zip(&theta).for_each(|(out, &weight)| *out = weight);
        }
    }
}

#[cfg(test)]
mod tests;
