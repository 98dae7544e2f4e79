use apd_seed::Seed;
use apd_tensor::Tensor;
use ndarray::{Array2, s};

use crate::{Model as _, Network, TensorLayout as _};

fn inputs(network: &Network, rows: usize, seed: u64) -> Array2<f32> {
    let mut x = Array2::zeros((rows, network.inputs()));
    Seed::root(seed).child("x").normals().fill(0, 0, x.as_slice_mut().unwrap());
    x
}

/// A random θ; also where the initialization is a constant.
fn theta(network: &Network, seed: u64) -> Vec<f32> {
    let mut noise = vec![0.0; network.dim()];
    Seed::root(seed).child("theta").normals().fill(0, 0, &mut noise);
    let start = network.initialize(Seed::root(seed));
    start.iter().zip(noise).map(|(&start, noise)| start + 0.1 * noise).collect()
}

#[test]
fn many_blocks_in_any_number_of_threads() {
    let network = Network::cnn_small(8, 8, 1, 10);
    let theta = network.initialize(Seed::root(1));
    // In another memory order as well.
    let x = inputs(&network, 600, 2);
    let columns = x.t().as_standard_layout().into_owned();
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| [network.evaluate(&theta, x.view()), network.evaluate(&theta, columns.t())])
    };
    let one = on(1);
    assert!(one == on(2) && one == on(7));
    assert_eq!(one[0], one[1]);
    let expected = network.evaluate(&theta, x.slice(s![300..301, ..]));
    assert!(one[0].row(300).iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn buffers_are_means_and_variances_of_what_is_normalized() {
    let network = Network::cnn_large(12, 12, 1, 10, true);
    let theta = theta(&network, 3);
    let x = inputs(&network, 7, 3);
    let buffers = network.calibrate(&theta, x.view());
    // The first convolution by the definition.
    let layout = network.layout();
    let params = layout.tensors(&theta);
    let images = Tensor::constant(x.clone().into_dyn()).reshape(&[7, 12, 12, 1]);
    let z = images.conv2d(&params[0], 1, [1, 1]).add(&params[1]).reshape(&[7 * 144, 48]);
    let mean = z.mean_axis(0);
    let variance = z.sub(&mean).square().mean_axis(0);
    for c in 0..48 {
        assert!((buffers[c] - mean.as_slice()[c]).abs() < 1e-5);
        assert!((buffers[48 + c] - variance.as_slice()[c]).abs() < 1e-5);
    }
    let bits = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| network.calibrate(&theta, x.view()))
    };
    assert!(buffers == bits(1) && buffers == bits(2) && buffers == bits(7));
}

#[test]
fn what_is_not_a_number_shows_in_the_logits() {
    for network in [Network::cnn_small(8, 8, 1, 3), Network::cnn_large(12, 12, 1, 3, false)] {
        let mut theta = network.initialize(Seed::root(1));
        theta[4] = f32::NAN; // the center of the first kernel
        let logits = network.evaluate(&theta, Array2::ones((1, network.inputs())).view());
        assert!(logits.iter().all(|z| z.is_nan()), "{logits}");
    }
}

#[test]
#[should_panic(expected = "elements of θ and its buffers")]
fn a_row_without_its_buffers_panics() {
    let network = Network::cnn_large(12, 12, 1, 3, true);
    let theta = network.initialize(Seed::root(1));
    let _ = network.evaluate(&theta, Array2::zeros((1, 144)).view());
}
