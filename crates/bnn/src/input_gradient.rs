//! The gradient of an averaged prediction's loss with respect to the inputs.

use apd_nn::{Engine, Model, Threads};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

use crate::data::TargetRows;
use crate::likelihood::Likelihood;
use crate::predict::Row;

/// Input rows of one task: the activations of a block stay in cache.
pub(crate) const ROWS: usize = 256;

/// The loss of the averaged prediction of S networks at each input, and its gradient with respect to that input:
///
/// ℓ(x, y) = −ln p̄(y|x), where p̄ = (1/S)·Σₛ pₛ and pₛ is the likelihood of y given f(x, θₛ),
///
/// ∇ₓℓ = −Σₛ wₛ·∇ₓ ln pₛ(y|x), where wₛ = pₛ(y|x) / Σₜ pₜ(y|x).
///
/// The loss of one network is the ordinary negative log likelihood, the cross-entropy for instance. The networks are passed once, one after the
/// other: what the sums hold so far is rescaled whenever a network is surer of y than all before it, so that a y of which none is sure does no
/// harm and memory does not grow with S. Blocks of inputs run in parallel; the bits do not depend on the number of threads.
///
/// **Where it fails**: a network whose logit of y leads by more than 87 has a gradient of exactly 0.
///
/// **Shapes**: each point: θ, the likelihood's parameters, the network's buffers; inputs: N × inputs, N targets ↦ N losses, N × inputs.
///
/// **Units**: nats, each input's own loss (no mean, no sum over inputs), up to the constants that the likelihood leaves out.
///
/// **Panics** if there is no network, the shapes do not fit, or the likelihood cannot explain the targets.
#[track_caller]
pub fn input_gradient<R: AsRef<[f32]>>(
    model: &dyn Model,
    likelihood: &dyn Likelihood,
    points: &[R],
    inputs: ArrayView2<'_, f32>,
    targets: TargetRows<'_>,
) -> (Vec<f64>, Array2<f32>) {
    let points = check(model, likelihood, points, &inputs, targets);
    let (n, columns) = inputs.dim();
    let (mut losses, mut gradient) = (vec![0.0; n], Array2::zeros((n, columns)));
    let rows = gradient.as_slice_mut().expect("a new array is in row-major order");
    rows.par_chunks_mut(ROWS * columns).zip(losses.par_chunks_mut(ROWS)).enumerate().for_each_init(
        || AveragedLoss::new(model, likelihood),
        |averaged, (block, (gradient, losses))| {
            let rows = block * ROWS..block * ROWS + losses.len();
            let x = inputs.slice_axis(Axis(0), rows.clone().into());
            let gradient = ArrayViewMut2::from_shape((losses.len(), columns), gradient).expect("whole rows");
            averaged.gradient(&points, x, targets.slice(rows), losses, gradient);
        },
    );
    (losses, gradient)
}

/// Points as slices, after a look at all shapes.
#[track_caller]
pub(crate) fn check<'a, R: AsRef<[f32]>>(
    model: &dyn Model,
    likelihood: &dyn Likelihood,
    points: &'a [R],
    inputs: &ArrayView2<'_, f32>,
    targets: TargetRows<'_>,
) -> Vec<&'a [f32]> {
    assert!(!points.is_empty(), "there is no network to average over");
    let row = Row::new(model, likelihood);
    for point in points {
        assert_eq!(point.as_ref().len(), row.len(), "elements of a point");
    }
    assert_eq!(inputs.ncols(), model.inputs(), "elements of an input row");
    assert_eq!(targets.len(), inputs.nrows(), "targets, one for each input");
    if let Err(error) = likelihood.check(model.outputs(), targets) {
        panic!("{error}");
    }
    points.iter().map(AsRef::as_ref).collect()
}

/// Work space for one block of inputs at a time, on the calling thread.
pub(crate) struct AveragedLoss<'a> {
    likelihood: &'a dyn Likelihood,
    row: Row,
    engine: Box<dyn Engine>,
    /// The largest ln pₛ(y) of each input so far, and Σₛ pₛ(y) in units of it.
    peak: Vec<f32>,
    sum: Vec<f32>,
}

impl<'a> AveragedLoss<'a> {
    pub(crate) fn new(model: &dyn Model, likelihood: &'a dyn Likelihood) -> Self {
        let (row, engine) = (Row::new(model, likelihood), model.engine(Threads::Serial));
        Self { likelihood, row, engine, peak: Vec::new(), sum: Vec::new() }
    }

    /// losses ← ℓ, gradient ← ∇ₓℓ of [`input_gradient`].
    pub(crate) fn gradient(
        &mut self,
        points: &[&[f32]],
        x: ArrayView2<'_, f32>,
        targets: TargetRows<'_>,
        losses: &mut [f64],
        mut gradient: ArrayViewMut2<'_, f32>,
    ) {
        let Self { likelihood, row, engine, peak, sum } = self;
        for (values, start) in [(&mut *peak, f32::NEG_INFINITY), (&mut *sum, 0.0)] {
            values.clear();
            values.resize(losses.len(), start);
        }
        gradient.fill(0.0);
        for point in points {
            let mut loss = |outputs: ArrayViewMut2<'_, f32>, mut gradient: ArrayViewMut2<'_, f32>| {
                likelihood.weighted_gradients(row.phi(point), outputs, targets, &mut |n, nll| {
                    let log_p = -nll;
                    if log_p > peak[n] {
                        // Of the first network it is exp(−∞) = 0, and what it multiplies is 0.
                        let shrink = (peak[n] - log_p).exp();
                        sum[n] *= shrink;
                        gradient.row_mut(n).mapv_inplace(|g| shrink * g);
                        peak[n] = log_p;
                    }
                    let weight = (log_p - peak[n]).exp();
                    sum[n] += weight;
                    weight
                });
            };
            engine.input_gradient(&row.network(point), x, &mut loss, gradient.view_mut());
        }
        let networks = (points.len() as f64).ln();
        for (n, loss) in losses.iter_mut().enumerate() {
            *loss = networks - f64::from(peak[n]) - f64::from(sum[n]).ln();
            let inverse = 1.0 / sum[n];
            gradient.row_mut(n).mapv_inplace(|g| inverse * g);
        }
    }
}

#[cfg(test)]
mod tests;
