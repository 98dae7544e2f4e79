//! Prediction with many networks on 10 000 inputs, and drawing networks.

use std::hint::black_box;

use apd_bnn::{SharedBasis, predict, predict_shared};
use apd_distill::Posterior;
use apd_nn::Network;
use apd_seed::Seed;
use ndarray::Array2;

use super::wgan::trainer;
use super::{Runner, Work};

pub(super) const FC1: &[usize] = &[784, 100, 10];
pub(super) const FC2: &[usize] = &[784, 400, 400, 10];
pub(super) const INPUTS: usize = 10_000;
const DRAWN: usize = 200;
/// Networks of a subspace, and its directions.
const SHARED: usize = 1000;
const DIRECTIONS: usize = 56;

/// Weights of all layers, biases left out.
pub(super) fn weights(widths: &[usize]) -> usize {
    widths.windows(2).map(|pair| pair[0] * pair[1]).sum()
}

pub(super) fn works() -> Vec<Work> {
    vec![
        Work { unit: "mean of 200 networks' softmax rows", ..prediction("predict-fc1-200".into(), FC1, 200, INPUTS) },
        Work { unit: "mean of 100 networks' softmax rows", ..prediction("predict-fc2-100".into(), FC2, 100, INPUTS) },
        shared("predict-shared-fc1-1000".into(), FC1, SHARED, DIRECTIONS, INPUTS),
        Work {
            name: "draw-fc1-200".into(),
            unit: "200 networks drawn",
            flop: (2 * DRAWN * (100 * 79_510 + 2 * 100 * 100 + 32 * 100)) as f64,
            bytes: ((100 + DRAWN) * 79_510 * 4) as f64,
            make: Box::new(draw),
            ..Work::default()
        },
    ]
}

/// Held are networks, inputs and the mean.
pub(super) fn prediction(name: String, widths: &'static [usize], networks: usize, inputs: usize) -> Work {
    let dim = weights(widths) + widths[1..].iter().sum::<usize>();
    let classes = widths[widths.len() - 1];
    Work {
        name,
        flop: (2 * networks * inputs * weights(widths)) as f64,
        held: (4 * (networks * dim + inputs * (widths[0] + classes))) as f64,
        make: Box::new(move || predictions(widths, networks, inputs)),
        ..Work::default()
    }
}

fn predictions(widths: &[usize], networks: usize, rows: usize) -> Box<dyn Runner> {
    let root = Seed::root(1);
    let network = Network::mlp(widths);
    let bank: Vec<Vec<f32>> = (0..networks as u64).map(|i| network.initialize(root.index(i))).collect();
    let mut stream = root.child("inputs").stream();
    let inputs = Array2::from_shape_simple_fn((rows, widths[0]), || stream.uniform_f32() * 2.0 - 1.0);
    let mut mean = Array2::zeros((rows, widths[widths.len() - 1]));
    Box::new(move || {
        mean.fill(0.0);
        predict(&network, &bank, inputs.view(), |_, rows| mean += &rows);
        mean /= networks as f32;
        black_box(&mut mean);
    })
}

/// As [`prediction`], of networks that are combinations of a few, whose first layers count once. Held are those, inputs and the
/// mean.
fn shared(name: String, widths: &'static [usize], networks: usize, directions: usize, inputs: usize) -> Work {
    let (few, classes) = (1 + directions, widths[widths.len() - 1]);
    let dim = weights(widths) + widths[1..].iter().sum::<usize>();
    let (all, first) = (weights(widths), widths[0] * widths[1]);
    Work {
        name,
        unit: "mean of 1000 combined networks' softmax rows",
        flop: (2 * inputs * (few * first + networks * (directions * widths[1] + all - first))) as f64,
        held: (4 * (few * dim + inputs * (widths[0] + classes))) as f64,
        make: Box::new(move || shared_predictions(widths, networks, directions, inputs)),
        ..Work::default()
    }
}

fn shared_predictions(widths: &[usize], networks: usize, directions: usize, rows: usize) -> Box<dyn Runner> {
    let root = Seed::root(1);
    let network = Network::mlp(widths);
    let mean = network.initialize(root);
    let mut stream = root.child("numbers").stream();
    let mut uniform = |rows, columns, scale: f32| {
        Array2::from_shape_simple_fn((rows, columns), || (stream.uniform_f32() * 2.0 - 1.0) * scale)
    };
    let basis = uniform(directions, mean.len(), 0.01);
    let coefficients = uniform(networks, directions, 1.0);
    let inputs = uniform(rows, widths[0], 1.0);
    let mut average = Array2::zeros((rows, widths[widths.len() - 1]));
    Box::new(move || {
        average.fill(0.0);
        let basis = SharedBasis { mean: &mean, directions: basis.view() };
        predict_shared(&network, basis, coefficients.view(), inputs.view(), |_, rows| average += &rows);
        average /= networks as f32;
        black_box(&mut average);
    })
}

fn draw() -> Box<dyn Runner> {
    let generator = trainer(79_510, 1).generator();
    let (mut networks, mut call) = (Array2::zeros((DRAWN, generator.dim())), 0);
    Box::new(move || {
        call += 1;
        generator.draw_into(Seed::root(1).index(call), 0, networks.view_mut());
        black_box(&mut networks);
    })
}
