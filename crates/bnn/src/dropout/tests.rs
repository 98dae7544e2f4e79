use apd_nn::{Activation, Network};
use apd_tensor::kernel;
use ndarray::Array2;

use super::*;
use crate::likelihood::Categorical;
use crate::predict_networks;

fn inputs(n: usize, columns: usize, seed: u64) -> Array2<f32> {
    let mut x = Array2::zeros((n, columns));
    Seed::root(seed).child("x").normals().fill(0, 0, x.as_slice_mut().unwrap());
    x
}

fn assert_close(found: &Array2<f32>, expected: &Array2<f32>) {
    assert_eq!(found.dim(), expected.dim());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= 1e-5 * (1.0 + b.abs()), "{a} is not {b}");
    }
}

fn softmax(mut logits: Array2<f32>) -> Array2<f32> {
    kernel::softmax_rows(logits.view_mut());
    logits
}

#[test]
fn dropout_passes_are_forward_passes_with_their_streams() {
    let network = Network::Mlp(Mlp { widths: vec![3, 30, 20, 2], activation: Activation::Relu, dropout: 0.4 });
    let (theta, seed) = (network.initialize(Seed::root(1)), Seed::root(2).child("dropout"));
    let x = inputs(ROWS + 9, 3, 4);
    let passes = 67;
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut all = Vec::new();
        pool.install(|| {
            predict_dropout(&network, &Categorical, &theta, passes, seed, x.view(), |_, p| all.push(p.to_owned()));
        });
        all
    };
    let all = on(1);
    assert_eq!(all.len(), passes);
    assert!(all == on(7));
    assert_ne!(all[0], all[1]);
    let params = network.layout().tensors(&theta);
    for s in [0, 1, passes - 1] {
        let mut stream = seed.index(s as u64).stream();
        let logits = network.forward32(&params, &Tensor::constant(x.clone().into_dyn()), Some(&mut stream));
        let logits = logits.value().clone().into_dimensionality().unwrap();
        assert_close(&all[s], &softmax(logits));
    }
}

#[test]
fn passes_without_dropout_are_all_the_same() {
    let network = Network::cnn_large(12, 12, 1, 3, true);
    let (theta, x) = (network.initialize(Seed::root(1)), inputs(5, 144, 4));
    let row = [theta.clone(), network.calibrate(&theta, x.view())].concat();
    let mut all = Vec::new();
    predict_dropout(&network, &Categorical, &row, 2, Seed::root(1), x.view(), |_, p| all.push(p.to_owned()));
    predict_networks(&network, &Categorical, [&row], x.view(), |_, p| all.push(p.to_owned()));
    assert_eq!(all[0], all[1]);
    assert_close(&all[0], &all[2]);
}

#[test]
fn a_draw_leaves_units_out_for_all_inputs() {
    let mlp = Mlp { widths: vec![3, 200, 2], activation: Activation::Relu, dropout: 0.25 };
    let theta = mlp.initialize(Seed::root(1));
    let dropout = Dropout::new(&mlp, theta.clone());
    let networks = dropout.draw(Seed::root(2), 3);
    let mut second = networks.slice(ndarray::s![1..2, ..]).to_owned();
    dropout.draw_into(Seed::root(2), 1, second.view_mut());
    assert_eq!(second.row(0), networks.row(1));
    assert_ne!(networks.row(0), networks.row(1));
    // Both outputs miss the same hidden units; the first layer and the biases are as they were.
    let linears = mlp.linears();
    let last = &linears[1];
    for row in networks.outer_iter() {
        let row = row.to_vec();
        assert_eq!(row[..last.weight.start], theta[..last.weight.start]);
        assert_eq!(row[last.bias.clone()], theta[last.bias.clone()]);
        let (weights, before) = (&row[last.weight.clone()], &theta[last.weight.clone()]);
        let mut left_out = 0;
        for unit in 0..200 {
            let factor = if weights[unit] == 0.0 { 0.0 } else { 1.0 / 0.75 };
            left_out += usize::from(factor == 0.0);
            for output in 0..2 {
                let expected = factor * before[output * 200 + unit];
                assert!((weights[output * 200 + unit] - expected).abs() <= 1e-6);
            }
        }
        // Binomial(200, ¼), mean 50 and deviation 6.1: 4.5 of them, α = 7·10⁻⁶ for each of three draws.
        assert!((22..=78).contains(&left_out), "{left_out}");
    }
}
