//! Many networks on many inputs.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use apd_nn::{Mlp, Model as _, Network, Panel, Scratch};
use apd_seed::Seed;
use apd_tensor::kernel;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

/// Input rows of one task.
pub(crate) const ROWS: usize = Panel::<f32>::ROWS;
/// Networks of one task where there are few inputs, so that there are tasks for every thread; else a task takes all in flight.
const GROUP: usize = 8;
/// Panels of inputs that are tasks enough.
const PANELS: usize = 64;
/// Most networks in flight at once.
const WAVE: usize = 64;
/// Most elements that the networks in flight may have, and as many for their predictions.
const ELEMENTS: usize = 1 << 22;

/// Class probabilities of many networks: `visit(s, p)` is called with p = softmax(f(inputs, θ_s)), for s = 0, 1, … in order.
///
/// Perceptrons are evaluated on a panel of inputs after the other, all networks in flight on one before the next. Convolutional
/// networks are evaluated one after the other. Panels of inputs run in parallel. The bits depend neither on the number of threads
/// nor on how fast `visit` is.
///
/// Memory: besides the inputs, less than a MiB per thread and about 32 MiB, or one network and its prediction where that is more;
/// it does not grow with the number of networks.
///
/// **Shapes**: `thetas` yields S rows (of an array, of a memory-mapped file, or vectors made on the way), each θ followed by its
/// buffers, if the network has any: [`Model::row_len`](apd_nn::Model::row_len) elements; inputs: N × inputs, p: N × outputs.
///
/// **Panics** if a row or the inputs have another length than the network's.
#[track_caller]
pub fn predict(
    network: &Network,
    thetas: impl IntoIterator<Item: AsRef<[f32]>>,
    inputs: ArrayView2<'_, f32>,
    visit: impl FnMut(usize, ArrayView2<'_, f32>),
) {
    each_network(network, thetas, inputs, true, visit);
}

/// As [`predict`], for the outputs themselves: means of a regression, or logits.
#[track_caller]
pub fn predict_outputs(
    network: &Network,
    thetas: impl IntoIterator<Item: AsRef<[f32]>>,
    inputs: ArrayView2<'_, f32>,
    visit: impl FnMut(usize, ArrayView2<'_, f32>),
) {
    each_network(network, thetas, inputs, false, visit);
}

/// Class probabilities of `passes` stochastic passes of one network with its dropout (MC-dropout): `visit(s, p)` in order.
///
/// Pass s takes its masks from the stream of `seed.index(s)`, row by row, so it is the [`forward32`](apd_nn::Model::forward32) with that
/// stream. Memory as [`predict`], and N × the first hidden width. Without dropout, as in convolutional networks, all passes are the same.
///
/// **Panics** if θ (with its buffers, if there are any) or the inputs have another length than the network's.
///
/// Reference: Gal & Ghahramani, *Dropout as a Bayesian Approximation*, ICML 2016, equation (6).
#[track_caller]
pub fn predict_dropout(
    network: &Network,
    theta: &[f32],
    passes: usize,
    seed: Seed,
    inputs: ArrayView2<'_, f32>,
    mut visit: impl FnMut(usize, ArrayView2<'_, f32>),
) {
    check(network, theta, &inputs);
    let Network::Mlp(mlp) = network else {
        let p = evaluate(network, theta, inputs, true);
        return (0..passes).for_each(|s| visit(s, p.view()));
    };
    let (outputs, n) = (network.outputs(), inputs.nrows());

    // All passes share the first layer's product.
    let mut firsts = vec![Panel::default(); n.div_ceil(ROWS)];
    firsts.par_iter_mut().enumerate().for_each_init(Panel::default, |panel, (i, first)| {
        panel.fill(inputs.slice_axis(Axis(0), (i * ROWS..((i + 1) * ROWS).min(n)).into()));
        mlp.first(theta, panel, first);
    });

    let (wave, pool) = (wave(outputs * n, 0), Pool::default());
    let mut predictions = Vec::new();
    for start in (0..passes).step_by(wave) {
        let count = wave.min(passes - start);
        predictions.resize(count * n * outputs, 0.0);
        on_panels(&mut predictions, [n, outputs], [1, ROWS], |pass, rows, mut out| {
            let mut stream = seed.index((start + pass.start) as u64).stream();
            stream.seek(rows.start as u64 * mlp.dropout_words());
            pool.with(|Work { first, scratch, .. }| {
                first.assign(&firsts[rows.start / ROWS]);
                mlp.finish(theta, first, Some(&mut stream), out[0], scratch);
            });
            kernel::softmax_rows(matrix_mut(out[0], rows.len(), outputs));
        });
        for_each(&predictions, count, n, outputs, |s, p| visit(start + s, p));
    }
}

fn each_network(
    network: &Network,
    thetas: impl IntoIterator<Item: AsRef<[f32]>>,
    inputs: ArrayView2<'_, f32>,
    softmax: bool,
    mut visit: impl FnMut(usize, ArrayView2<'_, f32>),
) {
    let thetas = thetas.into_iter().inspect(|theta| check(network, theta.as_ref(), &inputs));
    match network {
        Network::Mlp(mlp) => panel_by_panel(mlp, network.dim(), thetas, inputs, softmax, visit),
        Network::Cnn(_) => {
            thetas
                .enumerate()
                .for_each(|(s, theta)| visit(s, evaluate(network, theta.as_ref(), inputs, softmax).view()));
        }
    }
}

/// One network's predictions.
fn evaluate(network: &Network, row: &[f32], inputs: ArrayView2<'_, f32>, softmax: bool) -> Array2<f32> {
    let mut outputs = network.evaluate(row, inputs);
    if softmax {
        kernel::softmax_rows(outputs.view_mut());
    }
    outputs
}

fn panel_by_panel(
    mlp: &Mlp,
    dim: usize,
    mut thetas: impl Iterator<Item: AsRef<[f32]>>,
    inputs: ArrayView2<'_, f32>,
    softmax: bool,
    mut visit: impl FnMut(usize, ArrayView2<'_, f32>),
) {
    let (outputs, n) = (mlp.widths[mlp.widths.len() - 1], inputs.nrows());
    let wave = wave(outputs * n, dim);
    let group = if n.div_ceil(ROWS) < PANELS { GROUP } else { wave };
    let pool = Pool::default();
    let mut predictions = Vec::new();
    for start in (0..).step_by(wave) {
        let thetas: Vec<_> = thetas.by_ref().take(wave).collect();
        if thetas.is_empty() {
            break;
        }
        let thetas: Vec<&[f32]> = thetas.iter().map(AsRef::as_ref).collect();
        predictions.resize(thetas.len() * n * outputs, 0.0);
        on_panels(&mut predictions, [n, outputs], [group, ROWS], |networks, rows, out| {
            pool.with(|Work { inputs: panel, first, scratch }| {
                panel.fill(inputs.slice_axis(Axis(0), rows.clone().into()));
                for (theta, out) in thetas[networks].iter().zip(out) {
                    mlp.first(theta, panel, first);
                    mlp.finish(theta, first, None, out, scratch);
                    if softmax {
                        kernel::softmax_rows(matrix_mut(out, rows.len(), outputs));
                    }
                }
            });
        });
        for_each(&predictions, thetas.len(), n, outputs, |s, p| visit(start + s, p));
    }
}

/// Networks in flight at once, within the bounds of memory; a function of the shapes alone.
fn wave(prediction: usize, network: usize) -> usize {
    (ELEMENTS / prediction.max(network).max(1)).clamp(1, WAVE)
}

/// Runs `task(networks, rows, out)` for every group of so many networks and panel of so many rows, in parallel; `out` holds the
/// rows' part of each of the group's predictions.
pub(crate) fn on_panels(
    predictions: &mut [f32],
    [n, outputs]: [usize; 2],
    [group, panel]: [usize; 2],
    task: impl Fn(Range<usize>, Range<usize>, Vec<&mut [f32]>) + Sync,
) {
    if n == 0 {
        return;
    }
    let mut parts: Vec<_> = predictions.chunks_mut(n * outputs).map(|p| p.chunks_mut(panel * outputs)).collect();
    let mut tasks = Vec::new();
    let mut first = 0;
    for group in parts.chunks_mut(group) {
        let networks = first..first + group.len();
        first = networks.end;
        for start in (0..n).step_by(panel) {
            let out: Vec<_> = group.iter_mut().filter_map(Iterator::next).collect();
            tasks.push((networks.clone(), start..(start + panel).min(n), out));
        }
    }
    tasks.into_par_iter().with_max_len(1).for_each(|(networks, rows, out)| task(networks, rows, out));
}

pub(crate) fn for_each(
    predictions: &[f32],
    count: usize,
    n: usize,
    outputs: usize,
    mut visit: impl FnMut(usize, ArrayView2<'_, f32>),
) {
    for s in 0..count {
        let p = &predictions[s * n * outputs..(s + 1) * n * outputs];
        visit(s, ArrayView2::from_shape((n, outputs), p).expect("one network's predictions"));
    }
}

#[track_caller]
pub(crate) fn check(network: &Network, theta: &[f32], inputs: &ArrayView2<'_, f32>) {
    assert_eq!(theta.len(), network.row_len(), "elements of θ and its buffers");
    assert_eq!(inputs.ncols(), network.inputs(), "elements of an input row");
}

pub(crate) fn matrix_mut(data: &mut [f32], rows: usize, columns: usize) -> ArrayViewMut2<'_, f32> {
    ArrayViewMut2::from_shape((rows, columns), &mut data[..rows * columns]).expect("the slice has this length")
}

/// Work space of tasks, handed from one to the next: as many as ever ran at once.
pub(crate) struct Pool<W>(Mutex<Vec<W>>);

#[derive(Default)]
pub(crate) struct Work {
    inputs: Panel,
    first: Panel,
    scratch: Scratch,
}

impl<W> Default for Pool<W> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<W: Default> Pool<W> {
    pub(crate) fn with(&self, task: impl FnOnce(&mut W)) {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut work = lock().pop().unwrap_or_default();
        task(&mut work);
        lock().push(work);
    }
}

#[cfg(test)]
mod tests;
