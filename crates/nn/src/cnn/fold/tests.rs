use apd_seed::Seed;
use ndarray::Array2;

use crate::Network;

fn row(network: &Network) -> (Vec<f64>, Array2<f64>) {
    let mut x = Array2::zeros((6, network.inputs()));
    Seed::root(1).normals().fill_f64(0, 0, x.as_slice_mut().unwrap());
    let mut theta: Vec<f64> = network.initialize(Seed::root(2)).into_iter().map(f64::from).collect();
    // Not the identity that a normalisation starts as.
    theta.iter_mut().enumerate().for_each(|(i, w)| *w += 0.05 * ((i % 7) as f64 - 3.0));
    let buffers = network.calibrate(&theta, x.view());
    ([theta, buffers].concat(), x)
}

#[test]
fn the_folded_network_computes_the_same() {
    for network in [Network::cnn_large(12, 12, 1, 5, true), Network::cnn_small(8, 8, 1, 3), Network::mlp(&[4, 5, 3])] {
        let (row, x) = row(&network);
        let (folded, theta) = (network.folded(), network.fold(&row));
        assert_eq!((folded.buffers(), folded.dim()), (0, theta.len()));
        let (expected, found) = (network.evaluate(&row, x.view()), folded.evaluate(&theta, x.view()));
        let largest = expected.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
        for (e, f) in expected.iter().zip(&found) {
            assert!((e - f).abs() < 1e-11 * largest.max(1.0), "{e} {f}");
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
    let set = |row: &mut Vec<f64>, value: f64| *row.last_mut().unwrap() = value;
    set(&mut row, 0.0);
    let none = network.evaluate(&row, x.view());
    set(&mut row, -0.3);
    assert_eq!(network.evaluate(&row, x.view()), none);
    set(&mut row, f64::NAN);
    assert!(network.evaluate(&row, x.view()).iter().all(|z| z.is_nan()));
}
