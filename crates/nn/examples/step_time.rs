//! Milliseconds of one minibatch gradient on one thread, and of evaluation: `cargo run --release -p apd-nn --example step_time`.

use std::time::Instant;

use apd_nn::{Accumulate, Backprop, Network, Threads};
use apd_seed::Seed;
use ndarray::Array2;

/// Median milliseconds of `work` in batches of `repeats`.
fn time(repeats: u32, mut work: impl FnMut()) -> f64 {
    work();
    let mut times: Vec<f64> = (0..15)
        .map(|_| {
            let start = Instant::now();
            (0..repeats).for_each(|_| work());
            start.elapsed().as_secs_f64() * 1e3 / f64::from(repeats)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    for widths in [&[784, 100, 10][..], &[784, 400, 400, 10]] {
        let network = Network::mlp(widths);
        let theta = network.initialize(Seed::root(1));
        let mut x = Array2::<f32>::zeros((100, 784));
        Seed::root(2).normals().fill(0, 0, x.as_slice_mut().expect("row-major"));
        let labels: Vec<u32> = (0..100).map(|i| i % 10).collect();
        let mut gradient = vec![0.0; theta.len()];
        let products: usize = widths.windows(2).map(|pair| pair[0] * pair[1]).sum();
        // Forward and weight gradient of each layer, and the gradient at its input but for the first.
        let flops = 2.0 * 100.0 * (3 * products - widths[0] * widths[1]) as f64;
        for threads in [Threads::Serial, Threads::Rayon] {
            let mut backprop = Backprop::new(&network, threads);
            let ms = time(20, || {
                let add = Accumulate::add(500.0);
                gradient.fill(0.0);
                backprop.cross_entropy(&theta, x.view(), &labels, None, add, &mut gradient);
            });
            println!("{widths:?} {threads:?}: gradient {ms:.3} ms, {:.0} GFLOP/s", flops / ms / 1e6);
        }
    }
}
