//! Networks one by one, many at once.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use apd_nn::{FeatureMajor, Mlp, Model, Scratch};
use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

use crate::likelihood::Likelihood;

/// Input rows of one task.
pub(crate) const ROWS: usize = FeatureMajor::ROWS;
/// Networks of one task where there are few inputs, so that there are tasks for every thread; else a task takes all in flight.
const GROUP: usize = 8;
/// Chunks of inputs that are tasks enough.
const CHUNKS: usize = 64;
/// Most networks in flight at once.
const WAVE: usize = 64;
/// Most elements that the networks in flight may have, and as many for their predictions.
const ELEMENTS: usize = 1 << 22;

/// Predictions of many networks: `visit(s, p)` is called with p = the likelihood's [`inverse_link`](Likelihood::inverse_link) of
/// f(inputs, θ_s), for s = 0, 1, … in order: class probabilities, or means.
///
/// Perceptrons are evaluated on a chunk of inputs after the other, all networks in flight on one before the next. Other networks
/// are evaluated one after the other. Chunks of inputs run in parallel. The bits depend neither on the number of threads
/// nor on how fast `visit` is.
///
/// Memory: besides the inputs, less than a MiB per thread and about 32 MiB, or one network and its prediction where that is more;
/// it does not grow with the number of networks.
///
/// **Shapes**: `rows` yields S rows (of an array, of a memory-mapped file, or vectors made on the way), each θ followed by its
/// buffers, if the network has any: [`Model::row_len`] elements; inputs: N × inputs, p: N × outputs.
///
/// **Panics** if a row or the inputs have another length than the network's.
#[track_caller]
pub fn predict_networks(
    model: &dyn Model,
    likelihood: &dyn Likelihood,
    rows: impl IntoIterator<Item: AsRef<[f32]>>,
    inputs: ArrayView2<'_, f32>,
    mut visit: impl FnMut(usize, ArrayView2<'_, f32>),
) {
    let rows = rows.into_iter().inspect(|row| check(model, row.as_ref(), &inputs));
    match model.as_mlp() {
        Some(mlp) => chunk_by_chunk(&mlp, likelihood, rows, inputs, visit),
        None => {
            for (s, row) in rows.enumerate() {
                let mut outputs = model.evaluate(row.as_ref(), inputs);
                likelihood.inverse_link(outputs.view_mut());
                visit(s, outputs.view());
            }
        }
    }
}

fn chunk_by_chunk(
    mlp: &Mlp,
    likelihood: &dyn Likelihood,
    mut thetas: impl Iterator<Item: AsRef<[f32]>>,
    inputs: ArrayView2<'_, f32>,
    mut visit: impl FnMut(usize, ArrayView2<'_, f32>),
) {
    let (outputs, n) = (mlp.widths[mlp.widths.len() - 1], inputs.nrows());
    let wave = wave(outputs * n, mlp.dim());
    let group = group(n, wave);
    let pool = Pool::default();
    let mut predictions = Vec::new();
    for start in (0..).step_by(wave) {
        let thetas: Vec<_> = thetas.by_ref().take(wave).collect();
        if thetas.is_empty() {
            break;
        }
        let thetas: Vec<&[f32]> = thetas.iter().map(AsRef::as_ref).collect();
        predictions.resize(thetas.len() * n * outputs, 0.0);
        on_chunks(&mut predictions, [n, outputs], [group, ROWS], |networks, rows, out| {
            pool.with(|(chunk, scratch): &mut (FeatureMajor, Scratch)| {
                chunk.fill(inputs.slice_axis(Axis(0), rows.clone().into()));
                for (theta, out) in thetas[networks].iter().zip(out) {
                    mlp.logits(theta, chunk, out, scratch);
                    likelihood.inverse_link(matrix_mut(out, rows.len(), outputs));
                }
            });
        });
        for_each(&predictions, thetas.len(), n, outputs, |s, p| visit(start + s, p));
    }
}

/// Networks in flight at once, within the bounds of memory; a function of the shapes alone.
pub(crate) fn wave(prediction: usize, network: usize) -> usize {
    (ELEMENTS / prediction.max(network).max(1)).clamp(1, WAVE)
}

/// Networks of one task on a chunk of n rows, of so many in flight.
pub(crate) fn group(n: usize, wave: usize) -> usize {
    if n.div_ceil(ROWS) < CHUNKS { GROUP } else { wave }
}

/// Runs `task(networks, rows, out)` for every group of so many networks and chunk of so many rows, in parallel; `out` holds the
/// rows' part of each of the group's predictions.
pub(crate) fn on_chunks(
    predictions: &mut [f32],
    [n, outputs]: [usize; 2],
    [group, chunk]: [usize; 2],
    task: impl Fn(Range<usize>, Range<usize>, Vec<&mut [f32]>) + Sync,
) {
    if n == 0 {
        return;
    }
    let mut parts: Vec<_> = predictions.chunks_mut(n * outputs).map(|p| p.chunks_mut(chunk * outputs)).collect();
    let mut tasks = Vec::new();
    let mut first = 0;
    for group in parts.chunks_mut(group) {
        let networks = first..first + group.len();
        first = networks.end;
        for start in (0..n).step_by(chunk) {
            let out: Vec<_> = group.iter_mut().filter_map(Iterator::next).collect();
            tasks.push((networks.clone(), start..(start + chunk).min(n), out));
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
pub(crate) fn check(model: &dyn Model, row: &[f32], inputs: &ArrayView2<'_, f32>) {
    assert_eq!(row.len(), model.row_len(), "elements of θ and its buffers");
    assert_eq!(inputs.ncols(), model.inputs(), "elements of an input row");
}

pub(crate) fn matrix_mut(data: &mut [f32], rows: usize, columns: usize) -> ArrayViewMut2<'_, f32> {
    ArrayViewMut2::from_shape((rows, columns), &mut data[..rows * columns]).expect("the slice has this length")
}

/// Work space of tasks, handed from one to the next: as many as ever ran at once.
pub(crate) struct Pool<W>(Mutex<Vec<W>>);

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
