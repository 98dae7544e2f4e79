use apd_seed::Seed;
use apd_tensor::Tensor;
use ndarray::Array2;

use crate::{Model as _, Network, TensorLayout as _};

fn row(network: &Network) -> (Vec<f32>, Array2<f32>) {
    let mut x = Array2::zeros((6, network.inputs()));
    Seed::root(1).normals().fill(0, 0, x.as_slice_mut().unwrap());
    let mut theta = network.initialize(Seed::root(2));
    // Not the identity that a normalization starts as.
    theta.iter_mut().enumerate().for_each(|(i, w)| *w += 0.05 * ((i % 7) as f32 - 3.0));
    let buffers = network.calibrate(&theta, x.view());
    ([theta, buffers].concat(), x)
}

#[test]
fn the_folded_network_computes_the_same() {
    for network in [Network::cnn_large(12, 12, 1, 5, true), Network::cnn_small(8, 8, 1, 3), Network::mlp(&[4, 5, 3])] {
        let (row, x) = row(&network);
        let double = |row: &[f32]| row.iter().copied().map(f64::from).collect::<Vec<_>>();
        let (folded, theta) = (network.folded(), network.fold(&row));
        assert_eq!((folded.buffers(), folded.dim()), (0, theta.len()));
        let x = Tensor::constant(x.mapv(f64::from).into_dyn());
        let expected = network.forward64(&network.row_layout().tensors(&double(&row)), &x, None);
        let found = folded.forward64(&folded.layout().tensors(&double(&theta)), &x, None);
        let largest = expected.as_slice().iter().fold(0.0_f64, |a, b| a.max(b.abs()));
        for (e, f) in expected.as_slice().iter().zip(found.as_slice()) {
            assert!((e - f).abs() < 1e-5 * largest.max(1.0), "{e} {f}");
        }
        // Other buffers are noticed.
        if network.buffers() > 0 {
            let mut other = row.clone();
            *other.last_mut().unwrap() *= 1.1;
            assert_ne!(network.fold(&other), theta);
        }
    }
}

#[test]
fn a_negative_variance_counts_as_none() {
    let network = Network::cnn_large(12, 12, 1, 5, true);
    let (mut row, x) = row(&network);
    let set = |row: &mut Vec<f32>, value: f32| *row.last_mut().unwrap() = value;
    set(&mut row, 0.0);
    let none = network.evaluate(&row, x.view());
    set(&mut row, -0.3);
    assert_eq!(network.evaluate(&row, x.view()), none);
    set(&mut row, f32::NAN);
    assert!(network.evaluate(&row, x.view()).iter().all(|z| z.is_nan()));
}
