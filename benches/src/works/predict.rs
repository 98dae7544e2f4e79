//! Prediction with many networks on 10 000 inputs, and drawing networks.

use std::hint::black_box;

use apd_bnn::{Categorical, PreparedNetworks, QuantizedNetworks, SharedBasis, predict_networks, predict_shared};
use apd_distill::{Format, Subsample, Subspace, SubspaceConfig};
use apd_nn::{Activation, Mlp, Model as _, Network};
use apd_points::LowRank as _;
use apd_points::Posterior;
use apd_seed::Seed;
use ndarray::{Array2, ArrayView1};

use super::wgan::trainer;
use crate::work::{Runner, Work};

pub(super) const FC1: &[usize] = &[784, 100, 10];
pub(super) const FC2: &[usize] = &[784, 400, 400, 10];
pub(super) const INPUTS: usize = 10_000;
const DRAWN: usize = 200;
/// The network that a table of the digits is fitted with.
const TABLE: &[usize] = &[64, 16, 16, 16, 16, 10];
/// Networks drawn from a subspace.
const SHARED: usize = 1000;

/// Weights of all layers, biases left out.
pub(super) fn weights(widths: &[usize]) -> usize {
    widths.windows(2).map(|pair| pair[0] * pair[1]).sum()
}

pub(super) fn works() -> Vec<Work> {
    vec![
        Work { unit: "mean of 200 networks' softmax rows", ..prediction("predict-fc1-200".into(), FC1, 200, INPUTS) },
        Work { unit: "mean of 100 networks' softmax rows", ..prediction("predict-fc2-100".into(), FC2, 100, INPUTS) },
        int8("predict-fc1-200-int8", "mean of 200 networks' softmax rows, in int8", FC1, 200),
        int8("predict-fc2-100-int8", "mean of 100 networks' softmax rows, in int8", FC2, 100),
        shared("predict-shared-fc1-1000".into(), FC1, SHARED, INPUTS),
        Work {
            name: "predict-one-200".into(),
            unit: "one image by 200 networks, on one core",
            flop: (2 * DRAWN * weights(TABLE)) as f64,
            make: Box::new(one),
            ..Work::default()
        },
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
    let (network, bank, inputs) = bank(widths, networks, rows);
    let mut mean = Array2::zeros((rows, widths[widths.len() - 1]));
    Box::new(move || {
        mean.fill(0.0);
        predict_networks(&network, &Categorical, &bank, inputs.view(), |_, rows| mean += &rows);
        mean /= networks as f32;
        black_box(&mut mean);
    })
}

/// As [`prediction`], in 8-bit numbers, of networks that are rounded once: not to be compared with anybody's single precision. Its rate "of peak" is
/// beside the peak of single precision.
fn int8(name: &str, unit: &'static str, widths: &'static [usize], networks: usize) -> Work {
    let make = move || -> Box<dyn Runner> {
        let (network, bank, inputs) = bank(widths, networks, INPUTS);
        let quantized = QuantizedNetworks::new(&network, &bank).expect("perceptrons");
        let mut mean = Array2::zeros((INPUTS, widths[widths.len() - 1]));
        Box::new(move || {
            mean.fill(0.0);
            quantized.predict(&Categorical, inputs.view(), |_, rows| mean += &rows);
            mean /= networks as f32;
            black_box(&mut mean);
        })
    };
    Work { unit, make: Box::new(make), ..prediction(name.into(), widths, networks, INPUTS) }
}

/// Networks, and inputs for them.
fn bank(widths: &[usize], networks: usize, rows: usize) -> (Network, Vec<Vec<f32>>, Array2<f32>) {
    let root = Seed::root(1);
    let network = Network::mlp(widths);
    let bank = (0..networks as u64).map(|i| network.initialize(root.index(i))).collect();
    let mut stream = root.child("inputs").stream();
    let inputs = Array2::from_shape_simple_fn((rows, widths[0]), || stream.uniform_f32() * 2.0 - 1.0);
    (network, bank, inputs)
}

/// What a server does for a request.
fn one() -> Box<dyn Runner> {
    let root = Seed::root(1);
    let network = Network::Mlp(Mlp { widths: TABLE.to_vec(), activation: Activation::Tanh, dropout: 0.0 });
    let bank: Vec<f32> = (0..DRAWN as u64).flat_map(|i| network.initialize(root.index(i))).collect();
    let bank = Array2::from_shape_vec((DRAWN, network.dim()), bank).expect("as many");
    let points = Subsample::new(bank.view(), None, Format::Int8);
    let ready = PreparedNetworks::new(&points, &network, &Categorical, DRAWN, root, usize::MAX);
    let ready = ready.expect("networks of this kind").expect("perceptrons");
    let image = Array2::from_elem((1, TABLE[0]), 0.5);
    Box::new(move || {
        black_box(ready.predict(&Categorical, image.view()));
    })
}

/// As [`prediction`], of networks drawn from a posterior distilled into a subspace of the default size, whose first layers count once.
/// Held are the directions, the inputs and the mean. Peers predict with a bank of as many networks.
fn shared(name: String, widths: &'static [usize], networks: usize, inputs: usize) -> Work {
    let (rank, classes) = (SubspaceConfig::default().rank, widths[widths.len() - 1]);
    let dim = weights(widths) + widths[1..].iter().sum::<usize>();
    let (all, first) = (weights(widths), widths[0] * widths[1]);
    Work {
        name,
        unit: "mean of 1000 distilled networks' softmax rows",
        flop: (2 * inputs * ((1 + rank) * first + networks * (rank * widths[1] + all - first))) as f64,
        held: (4 * ((1 + rank) * dim + inputs * (widths[0] + classes))) as f64,
        make: Box::new(move || shared_predictions(widths, networks, inputs)),
        ..Work::default()
    }
}

fn shared_predictions(widths: &[usize], networks: usize, rows: usize) -> Box<dyn Runner> {
    let root = Seed::root(1);
    let network = Network::mlp(widths);
    let config = SubspaceConfig::default();
    let mut bank = Array2::zeros((2 * config.rank, network.dim()));
    for (i, mut row) in bank.outer_iter_mut().enumerate() {
        row.assign(&ArrayView1::from(&network.initialize(root.index(i as u64))));
    }
    let subspace = Subspace::fit(&bank, &config, root.child("subspace")).expect("finite rows");
    let mut stream = root.child("inputs").stream();
    let inputs = Array2::from_shape_simple_fn((rows, widths[0]), || stream.uniform_f32() * 2.0 - 1.0);
    let (mut mean, mut call) = (Array2::zeros((rows, widths[widths.len() - 1])), 0);
    Box::new(move || {
        call += 1;
        mean.fill(0.0);
        let (origin, directions) = (subspace.mean(), subspace.directions());
        let basis = SharedBasis { mean: &origin, directions: directions.view() };
        let coefficients = subspace.coefficients(root.index(call), 0, networks);
        predict_shared(&network, &Categorical, basis, coefficients.view(), inputs.view(), |_, rows| mean += &rows);
        mean /= networks as f32;
        black_box(&mut mean);
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
