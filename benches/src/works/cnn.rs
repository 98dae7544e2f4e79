//! Gradient steps of the convolutional networks: forward and backward of 100 images on all threads, and their widest convolution alone.

use std::hint::black_box;

use apd_nn::{Accumulate, Batch, Model as _, Network, Threads, cross_entropy};
use apd_seed::Seed;
use apd_tensor::kernel::Convolution;
use ndarray::Array2;

use crate::work::{Runner, Work};

const BATCH: usize = 100;
const PIXELS: usize = 784;
/// Products of a weight with an input per image, layer by layer.
const SMALL: &[usize] = &[784 * 9 * 16, 196 * 9 * 16 * 32, 49 * 9 * 32 * 32, 288 * 10];
const LARGE: &[usize] = &[
    784 * 9 * 48,
    784 * 9 * 48 * 48,
    784 * 9 * 48 * 48,
    196 * 9 * 48 * 96,
    196 * 9 * 96 * 96,
    196 * 9 * 96 * 96,
    25 * 9 * 96 * 96,
    25 * 96 * 96,
    25 * 96 * 10,
];
const WIDEST: Convolution =
    Convolution { height: 14, width: 14, inputs: 96, outputs: 96, kernel: [3, 3], padding: [1, 1] };

/// Forward, the weights' gradient and the inputs', which the first layer does not need.
fn flop(products: &[usize]) -> f64 {
    (2 * BATCH * (3 * products.iter().sum::<usize>() - products[0])) as f64
}

pub(super) fn works() -> Vec<Work> {
    let step = |name: &str, products, make: fn() -> Box<dyn Runner>| Work {
        name: name.into(),
        unit: "gradient of 100 images",
        flop: flop(products),
        make: Box::new(make),
        ..Work::default()
    };
    vec![
        step("cnn-small-step", SMALL, || gradient(Network::cnn_small(28, 28, 1, 10))),
        step("cnn-large-step", LARGE, || gradient(Network::cnn_large(28, 28, 1, 10, false))),
        step("cnn-large-bn-step", LARGE, || gradient(Network::cnn_large(28, 28, 1, 10, true))),
        Work {
            name: "conv-14x14x96".into(),
            unit: "3×3 convolution to 96 channels, one thread",
            flop: 2.0 * (14 * 14 * WIDEST.weights()) as f64,
            make: Box::new(convolution),
            ..Work::default()
        },
    ]
}

fn random(len: usize, index: u64) -> Vec<f32> {
    let mut numbers = vec![0.0; len];
    Seed::root(1).normals().fill(index, 0, &mut numbers);
    numbers
}

fn gradient(network: Network) -> Box<dyn Runner> {
    let theta = network.initialize(Seed::root(1));
    let x = Array2::from_shape_vec((BATCH, PIXELS), random(BATCH * PIXELS, 0)).expect("as many as places");
    let labels: Vec<u32> = (0..BATCH as u32).map(|i| i % 10).collect();
    let mut gradient = vec![0.0; theta.len()];
    let mut engine = network.engine(Threads::Rayon);
    Box::new(move || {
        let (mut loss, mut overwrite) = (cross_entropy(&labels), Accumulate::overwrite(500.0));
        black_box(engine.gradient(&theta, Batch::new(x.view()), &mut loss, &mut overwrite, &mut gradient));
    })
}

fn convolution() -> Box<dyn Runner> {
    let (padded, mut product) = (WIDEST.input(), Vec::new());
    let (mut image, packed) = (random(padded.len(), 0), random(WIDEST.weights(), 1));
    padded.clear_padding(&mut image);
    Box::new(move || {
        WIDEST.correlate(&image, &packed, &mut product, |_, _, row| {
            black_box(row);
        });
    })
}
