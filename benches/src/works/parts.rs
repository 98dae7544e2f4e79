//! Where the time of the three loops goes: their parts, each alone and warm.
//!
//! A part is run as its whole runs it, one chain per thread or on all threads at once. What a fused pass saves by doing
//! two parts together shows as a rest that is small or negative.

use std::hint::black_box;

use apd_nn::optim::Adam;
use apd_nn::{Accumulate, Batch, Engine, FeatureMajor, Model as _, Network, Threads, cross_entropy};
use apd_seed::{Minibatches, Seed};
use apd_sgmcmc::{Minibatch, Potential, PotentialError};
use apd_tensor::kernel::gemm::unpacked::{Left, accumulate};
use apd_tensor::kernel::{Aligned, gather_rows, lanes, softmax_rows};
use ndarray::{Array2, ArrayViewMut2};
use rayon::prelude::*;

use super::predict::{FC1, FC2, INPUTS};
use super::sgld::{BATCH, EXAMPLES, data, sgld, steps};
use super::wgan::HIDDEN;
use crate::work::{Chains, Role, Runner, Work};

pub(super) fn works() -> Vec<Work> {
    let mut all = Vec::new();
    let mut part = |whole: &str, name: &str, make: Box<dyn Fn() -> Box<dyn Runner>>| {
        all.push(Work { name: format!("{whole}/{name}"), role: Role::Part, make, ..Work::default() });
    };
    for (whole, widths) in [("sgld-fc1", FC1), ("sgld-fc2", FC2)] {
        part(whole, "gather", Box::new(move || on_each_thread(|thread| gather(widths, thread))));
        part(
            whole,
            "gradient",
            Box::new(move || on_each_thread(|_| gradient(widths, |network| network.engine(Threads::Serial)))),
        );
        part(whole, "gradient/products", Box::new(move || on_each_thread(|_| products(widths))));
        part(whole, "prior+noise+update", Box::new(move || on_each_thread(|thread| moves(widths, thread))));
        part(whole, "prior+noise+update/noise", Box::new(move || on_each_thread(|thread| noise(widths, thread))));
    }
    for dim in [79_510, 478_410] {
        for (network, each) in [("critic", 3), ("generator", 1)] {
            let whole = format!("wgan-{network}-{dim}");
            part(&whole, "products", Box::new(move || Box::new(tiles(dim, each))));
            part(&whole, "adam", Box::new(move || Box::new(adam(dim))));
        }
    }
    for (whole, widths, networks) in [("predict-fc1-200", FC1, 200), ("predict-fc2-100", FC2, 100)] {
        part(whole, "first-layer", Box::new(move || Box::new(layers(&widths[..2], networks))));
        part(whole, "later-layers", Box::new(move || Box::new(layers(&widths[1..], networks))));
        part(whole, "softmax", Box::new(move || Box::new(softmax(networks))));
    }
    all
}

fn on_each_thread<F: FnMut() + Send + 'static>(make: impl Fn(u64) -> F) -> Box<dyn Runner> {
    Box::new(Chains((0..rayon::current_num_threads() as u64).map(make).collect()))
}

fn random(rows: usize, columns: usize) -> Array2<f32> {
    let mut matrix = Array2::zeros((rows, columns));
    Seed::root(1).normals().fill(0, 0, matrix.as_slice_mut().expect("standard layout"));
    matrix
}

fn numbers(rows: usize, columns: usize) -> Aligned<f32> {
    let mut numbers = Aligned::new();
    numbers.resize(rows * columns, 0.0);
    Seed::root(1).normals().fill(0, 0, &mut numbers);
    numbers
}

// An SGLD step.

fn gather(widths: &[usize], thread: u64) -> impl FnMut() + Send + use<> {
    let inputs = data(widths, EXAMPLES).inputs;
    let mut minibatches = Minibatches::new(Seed::root(1).index(thread), EXAMPLES, BATCH);
    let (mut rows, mut step) = (Aligned::new(), 0);
    move || {
        let all = inputs.as_slice().expect("standard layout");
        gather_rows(all, inputs.ncols(), minibatches.indices(step), &mut rows);
        black_box(&mut rows);
        step += 1;
    }
}

pub(super) fn gradient(widths: &[usize], engine: fn(&Network) -> Box<dyn Engine>) -> impl FnMut() + Send + use<> {
    let network = Network::mlp(widths);
    let (theta, x) = (network.initialize(Seed::root(1)), random(BATCH, widths[0]));
    let labels: Vec<u32> = (0..BATCH as u32).map(|i| i % 10).collect();
    let mut gradient = vec![0.0; theta.len()];
    let mut engine = engine(&network);
    move || {
        let (mut loss, mut add) = (cross_entropy(&labels), Accumulate::add(1e-3));
        black_box(engine.gradient(&theta, Batch::new(x.view()), &mut loss, &mut add, &mut gradient));
    }
}

/// Of each layer: outputs, the weights' gradient, and the inputs' where there are layers below.
fn products(widths: &[usize]) -> impl FnMut() + Send + use<> {
    let padded = BATCH.next_multiple_of(lanes::<f32>());
    let mut layers: Vec<_> = widths
        .windows(2)
        .map(|pair| {
            let (inputs, outputs) = (pair[0], pair[1]);
            let of_inputs = [numbers(BATCH, inputs), numbers(inputs, padded), numbers(inputs, padded)];
            (inputs, outputs, numbers(outputs, inputs), of_inputs, numbers(outputs, padded), numbers(outputs, inputs))
        })
        .collect();
    move || {
        for (i, (inputs, outputs, weight, [rows, units, slope], z, gradient)) in layers.iter_mut().enumerate() {
            let (m, n) = (*outputs, *inputs);
            z.fill(0.0);
            accumulate([m, padded, n], Left::rows(weight, n), units, padded, z, padded);
            accumulate([m, n, BATCH], Left::rows(z, padded), rows, n, gradient, n);
            if i > 0 {
                slope.fill(0.0);
                accumulate([n, padded, m], Left::transposed(weight, n), z, padded, slope, padded);
            }
        }
        black_box(&mut layers);
    }
}

/// Steps on the prior alone.
fn moves(widths: &[usize], thread: u64) -> impl FnMut() + Send + use<> {
    struct Prior(usize);

    impl Potential for Prior {
        fn dim(&self) -> usize {
            self.0
        }

        fn num_data(&self) -> usize {
            EXAMPLES
        }

        fn gradient(
            &mut self,
            position: &[f32],
            _: Minibatch<'_>,
            gradient: &mut [f32],
        ) -> Result<f64, PotentialError> {
            gradient.iter_mut().zip(position).for_each(|(gradient, theta)| *gradient = 50.0 * theta);
            Ok(0.0)
        }
    }

    let dim = Network::mlp(widths).dim();
    steps(Prior(dim), sgld(EXAMPLES), vec![0.0; dim], thread)
}

fn noise(widths: &[usize], thread: u64) -> impl FnMut() + Send + use<> {
    let normals = Seed::root(1).index(thread).normals();
    let (mut out, mut step) = (vec![0.0; Network::mlp(widths).dim()], 0);
    move || {
        normals.fill(step, 0, &mut out);
        black_box(&mut out);
        step += 1;
    }
}

// A WGAN-GP update.

/// Columns of a tile: few enough that all of it stays in cache.
const TILE: usize = 192;

/// The products of all tiles, on one tile per thread that never leaves the cache: `each` that sum over d, as many that spread
/// over it.
fn tiles(dim: usize, each: usize) -> impl FnMut() {
    let threads = rayon::current_num_threads();
    let tiles = dim.div_ceil(TILE * threads);
    let state = || (numbers(TILE, HIDDEN), numbers(HIDDEN, HIDDEN), numbers(HIDDEN, HIDDEN), numbers(TILE, HIDDEN));
    let mut states: Vec<_> = (0..threads).map(|_| state()).collect();
    move || {
        states.par_iter_mut().for_each(|(value, sum, slope, gradient)| {
            for _ in 0..tiles * each {
                accumulate([HIDDEN, HIDDEN, TILE], Left::transposed(value, HIDDEN), value, HIDDEN, sum, HIDDEN);
                gradient.fill(0.0);
                accumulate([TILE, HIDDEN, HIDDEN], Left::rows(value, HIDDEN), slope, HIDDEN, gradient, HIDDEN);
            }
            sum.fill(0.0);
        });
        black_box(&mut states);
    }
}

/// One pass over a long layer and its moments; the gradient's tile is in cache.
fn adam(dim: usize) -> impl FnMut() {
    let adam = Adam { lr: 1e-4, beta1: 0.5, beta2: 0.9, ..Adam::default() };
    let gradient = random(HIDDEN, TILE).into_raw_vec_and_offset().0;
    let [mut theta, mut m, mut v] = std::array::from_fn(|_| vec![0.0_f32; HIDDEN * dim]);
    let mut t = 0;
    move || {
        t += 1;
        let size = gradient.len();
        let moments = m.par_chunks_mut(size).zip(v.par_chunks_mut(size));
        theta.par_chunks_mut(size).zip(moments).for_each(|(theta, (m, v))| {
            adam.apply(t, theta, &gradient[..theta.len()], m, v);
        });
    }
}

// Prediction.

/// The products of these layers for all networks on all chunks of inputs; a few networks' weights stand for all.
fn layers(widths: &[usize], networks: usize) -> impl FnMut() + use<> {
    const ROWS: usize = FeatureMajor::ROWS;
    const FEW: usize = 8;
    let layers: Vec<_> = widths
        .windows(2)
        .map(|pair| (pair[0], pair[1], numbers(FEW * pair[1], pair[0]), numbers(pair[0], ROWS)))
        .collect();
    on_chunks(move |out: &mut Aligned<f32>| {
        for s in 0..networks {
            for (inputs, outputs, weight, units) in &layers {
                out.resize(outputs * ROWS, 0.0);
                let left = Left::rows(weight, *inputs).from(s % FEW * outputs, 0);
                accumulate([*outputs, ROWS, *inputs], left, units, ROWS, out, ROWS);
            }
        }
    })
}

fn softmax(networks: usize) -> impl FnMut() {
    let logits = numbers(FeatureMajor::ROWS, 10);
    on_chunks(move |out: &mut Aligned<f32>| {
        out.resize(logits.len(), 0.0);
        for _ in 0..networks {
            out.copy_from_slice(&logits);
            let rows = ArrayViewMut2::from_shape((FeatureMajor::ROWS, 10), out).expect("ten logits in each row");
            softmax_rows(rows);
        }
    })
}

/// Once for every chunk of the inputs, in parallel, each with a buffer.
fn on_chunks(work: impl Fn(&mut Aligned<f32>) + Sync) -> impl FnMut() {
    let chunks = INPUTS.div_ceil(FeatureMajor::ROWS);
    move || {
        (0..chunks).into_par_iter().for_each_init(Aligned::new, |out, _| {
            work(out);
            black_box(out);
        });
    }
}
