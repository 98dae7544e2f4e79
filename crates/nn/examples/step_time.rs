//! Milliseconds of one minibatch gradient, and of evaluation: `cargo run --release -p apd-nn --example step_time`.

use std::time::Instant;

use apd_nn::{Accumulate, Batch, Model as _, Network, Threads, cross_entropy};
use apd_seed::Seed;
use ndarray::Array2;

const BATCH: usize = 100;

/// Median and least milliseconds of `work` in batches of `repeats`.
fn time(repeats: u32, mut work: impl FnMut()) -> (f64, f64) {
    work();
    let mut times: Vec<f64> = (0..15)
        .map(|_| {
            let start = Instant::now();
            (0..repeats).for_each(|_| work());
            start.elapsed().as_secs_f64() * 1e3 / f64::from(repeats)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[0])
}

/// Products of an input with a weight in one forward pass, without those of the first layer, and of the first layer.
fn products(network: &Network) -> (usize, usize) {
    let pixels = match network {
        Network::Mlp(_) => vec![1; 3],
        // Of each layer's output: three times three convolutions, or three, and a linear layer.
        Network::Cnn(cnn) if cnn.layers.len() > 7 => vec![784, 784, 784, 196, 196, 196, 25, 25, 25],
        Network::Cnn(_) => vec![784, 196, 49, 1],
        Network::Sequential(_) => unreachable!("none of the networks above"),
    };
    let layout = network.layout();
    let weights = layout.entries.iter().filter(|entry| entry.shape.len() > 1);
    let products: Vec<usize> = weights.zip(pixels).map(|(entry, pixels)| entry.len() * pixels).collect();
    (products[1..].iter().sum(), products[0])
}

fn main() {
    let networks = [
        ("784-100-10", Network::mlp(&[784, 100, 10]), 20),
        ("784-400-400-10", Network::mlp(&[784, 400, 400, 10]), 20),
        ("small cnn", Network::cnn_small(28, 28, 1, 10), 2),
        ("large cnn", Network::cnn_large(28, 28, 1, 10, false), 1),
        ("large cnn, batch norm", Network::cnn_large(28, 28, 1, 10, true), 1),
    ];
    for (name, network, repeats) in networks {
        let theta = network.initialize(Seed::root(1));
        let mut x = Array2::<f32>::zeros((BATCH, 784));
        Seed::root(2).normals().fill(0, 0, x.as_slice_mut().expect("row-major"));
        let labels: Vec<u32> = (0..BATCH as u32).map(|i| i % 10).collect();
        let mut gradient = vec![0.0; theta.len()];
        let (products, first) = products(&network);
        let forward = 2.0 * BATCH as f64 * (products + first) as f64;
        // Forward and weight gradient of each layer, and the gradient at its input but for the first.
        let backward = 2.0 * BATCH as f64 * (2 * products + first) as f64;
        for threads in [Threads::Serial, Threads::Rayon] {
            let mut engine = network.engine(threads);
            let (ms, least) = time(repeats, || {
                let (mut loss, mut add) = (cross_entropy(&labels), Accumulate::add(500.0));
                gradient.fill(0.0);
                engine.gradient(&theta, Batch::new(x.view()), &mut loss, &mut add, &mut gradient);
            });
            let rate = |ms: f64| (forward + backward) / ms / 1e6;
            println!("{name} {threads:?}: gradient {ms:.3} ms, {:.0} GFLOP/s (best {:.0})", rate(ms), rate(least));
        }
        let row = [theta.clone(), network.calibrate(&theta, x.view())].concat();
        let (ms, least) = time(repeats, || drop(network.evaluate(&row, x.view())));
        println!(
            "{name}: evaluation {ms:.3} ms, {:.0} GFLOP/s (best {:.0})",
            forward / ms / 1e6,
            forward / least / 1e6
        );
    }
}
