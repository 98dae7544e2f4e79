//! How the loss of an averaged prediction changes with the inputs.

use apd_nn::{Engine, Model as _, Network, Threads};
use apd_tensor::kernel;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

/// Input rows of one task: the activations of a block stay in cache.
pub(crate) const ROWS: usize = 256;

/// The cross-entropy of the averaged prediction of S networks at each input, and its gradient with respect to that input:
///
/// ℓ(x, y) = −ln p̄(y|x), where p̄ = (1/S)·Σₛ pₛ and pₛ = softmax(f(x, θₛ)),
///
/// ∇ₓℓ = −Σₛ wₛ·∇ₓ ln pₛ(y|x), where wₛ = pₛ(y|x) / Σₜ pₜ(y|x).
///
/// With one network it is the ordinary cross-entropy. The networks are passed once, one after the other: what the sums hold so
/// far is rescaled whenever a network is surer of y than all before it, so that a y of which none is sure does no
/// harm and memory does not grow with S. Blocks of inputs run in parallel; the bits do not depend on the number of threads.
///
/// **Where it fails**: a network whose logit of y leads by more than 87 has a gradient of exactly 0.
///
/// **Shapes**: each θ: d; inputs: N × inputs, N labels ↦ N losses, N × inputs.
///
/// **Units**: nats, each input's own loss (no mean, no sum over inputs).
///
/// **Panics** if there is no network, the shapes do not fit, or a label is none of the network's outputs.
#[track_caller]
pub fn input_gradient<R: AsRef<[f32]>>(
    network: &Network,
    thetas: &[R],
    inputs: ArrayView2<'_, f32>,
    labels: &[u32],
) -> (Vec<f64>, Array2<f32>) {
    let thetas = check(network, thetas, &inputs, labels);
    let (n, columns) = inputs.dim();
    let (mut losses, mut gradient) = (vec![0.0; n], Array2::zeros((n, columns)));
    let rows = gradient.as_slice_mut().expect("a new array is in row-major order");
    rows.par_chunks_mut(ROWS * columns).zip(losses.par_chunks_mut(ROWS)).enumerate().for_each_init(
        || AveragedLoss::new(network),
        |averaged, (block, (gradient, losses))| {
            let start = block * ROWS;
            let x = inputs.slice_axis(Axis(0), (start..start + losses.len()).into());
            let gradient = ArrayViewMut2::from_shape((losses.len(), columns), gradient).expect("whole rows");
            averaged.gradient(&thetas, x, &labels[start..start + losses.len()], losses, gradient);
        },
    );
    (losses, gradient)
}

/// Networks as slices, after a look at all shapes.
#[track_caller]
pub(crate) fn check<'a, R: AsRef<[f32]>>(
    network: &Network,
    thetas: &'a [R],
    inputs: &ArrayView2<'_, f32>,
    labels: &[u32],
) -> Vec<&'a [f32]> {
    assert!(!thetas.is_empty(), "there is no network to average over");
    for theta in thetas {
        assert_eq!(theta.as_ref().len(), network.dim(), "elements of θ");
    }
    assert_eq!(inputs.ncols(), network.inputs(), "elements of an input row");
    assert_eq!(labels.len(), inputs.nrows(), "labels, one for each input");
    let classes = network.outputs();
    if let Some(label) = labels.iter().find(|&&label| label as usize >= classes) {
        panic!("label {label} of {classes} classes");
    }
    thetas.iter().map(AsRef::as_ref).collect()
}

/// Work space for one block of inputs at a time, on the calling thread.
pub(crate) struct AveragedLoss {
    engine: Box<dyn Engine>,
    /// Of each input: the largest ln pₛ(y) so far, and Σₛ pₛ(y) in units of it.
    peak: Vec<f32>,
    sum: Vec<f32>,
}

impl AveragedLoss {
    pub(crate) fn new(network: &Network) -> Self {
        Self { engine: network.engine(Threads::Serial), peak: Vec::new(), sum: Vec::new() }
    }

    /// losses ← ℓ, gradient ← ∇ₓℓ of [`input_gradient`].
    pub(crate) fn gradient(
        &mut self,
        thetas: &[&[f32]],
        x: ArrayView2<'_, f32>,
        labels: &[u32],
        losses: &mut [f64],
        mut gradient: ArrayViewMut2<'_, f32>,
    ) {
        let Self { engine, peak, sum } = self;
        for (values, start) in [(&mut *peak, f32::NEG_INFINITY), (&mut *sum, 0.0)] {
            values.clear();
            values.resize(labels.len(), start);
        }
        gradient.fill(0.0);
        for theta in thetas {
            let mut loss = |mut logits: ArrayViewMut2<'_, f32>, mut gradient: ArrayViewMut2<'_, f32>| {
                kernel::log_softmax_rows(logits.view_mut());
                for (n, (mut row, &label)) in logits.rows_mut().into_iter().zip(labels).enumerate() {
                    let (label, log_p) = (label as usize, row[label as usize]);
                    if log_p > peak[n] {
                        // Of the first network it is exp(−∞) = 0, and what it multiplies is 0.
                        let shrink = (peak[n] - log_p).exp();
                        sum[n] *= shrink;
                        gradient.row_mut(n).mapv_inplace(|g| shrink * g);
                        peak[n] = log_p;
                    }
                    let weight = (log_p - peak[n]).exp();
                    sum[n] += weight;
                    // pₛ − one-hot(y), with 1 − pₛ(y) as the sum of the others: it does not round to 0 where pₛ(y) rounds to 1.
                    let mut others = 0.0;
                    for (class, value) in row.iter_mut().enumerate() {
                        if class != label {
                            *value = weight * value.exp();
                            others += *value;
                        }
                    }
                    row[label] = -others;
                }
            };
            engine.input_gradient(theta, x, &mut loss, gradient.view_mut());
        }
        let networks = (thetas.len() as f64).ln();
        for (n, loss) in losses.iter_mut().enumerate() {
            *loss = networks - f64::from(peak[n]) - f64::from(sum[n]).ln();
            let inverse = 1.0 / sum[n];
            gradient.row_mut(n).mapv_inplace(|g| inverse * g);
        }
    }
}

#[cfg(test)]
mod tests;
