//! Rate of prediction over many networks: `cargo run --release -p apd-bnn --example prediction_rate`.

use std::time::Instant;

use apd_bnn::{Categorical, predict_networks};
use apd_nn::{Model, Network};
use apd_seed::Seed;
use ndarray::Array2;

fn main() {
    let n = 10_000;
    let mut x = Array2::<f32>::zeros((n, 784));
    Seed::root(2).normals().fill(0, 0, x.as_slice_mut().expect("row-major"));
    for (widths, count) in [(&[784, 100, 10][..], 200), (&[784, 400, 400, 10], 25)] {
        let network = Network::mlp(widths);
        let mut thetas = Array2::<f32>::zeros((count, network.dim()));
        Seed::root(3).normals().fill(0, 0, thetas.as_slice_mut().expect("row-major"));
        thetas *= 0.05;
        let products: usize = widths.windows(2).map(|pair| pair[0] * pair[1]).sum();
        let flops = 2.0 * (n * count * products) as f64;
        for _ in 0..3 {
            let start = Instant::now();
            let mut sum = 0.0;
            predict_networks(
                &network,
                &Categorical,
                thetas.rows().into_iter().filter_map(|row| row.to_slice()),
                x.view(),
                |_, p| {
                    sum += p[[0, 0]];
                },
            );
            let seconds = start.elapsed().as_secs_f64();
            println!("{count} × {widths:?} × {n}: {seconds:.3} s, {:.0} GFLOP/s ({sum:.3})", flops / seconds / 1e9);
        }
    }
}
