use apd_seed::Seed;
use apd_tensor::Tensor;
use ndarray::Array2;
use proptest::prelude::*;

use super::*;
use crate::{Activation, Model as _, Network, TensorLayout as _};

const ROWS: usize = FeatureMajor::ROWS;

fn inputs(rows: usize, cols: usize, seed: u64) -> Array2<f32> {
    let mut x = Array2::zeros((rows, cols));
    Seed::root(seed).child("x").normals().fill(0, 0, x.as_slice_mut().unwrap());
    x
}

/// In single precision against double, of logits of size 1.
fn assert_close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (&a, b) in found.iter().zip(expected) {
        assert!((f64::from(a) - b).abs() <= 1e-5 * (1.0 + b.abs()), "{a} is not {b}");
    }
}

fn activation() -> impl Strategy<Value = Activation> {
    prop_oneof![Just(Activation::Relu), (0.0_f32..=1.0).prop_map(Activation::LeakyRelu), Just(Activation::Tanh)]
}

proptest! {
    /// Of no row, one, and more than a vector has; with buffers that other networks have used.
    #[test]
    fn logits_are_forward(
        hidden in prop::collection::vec(1_usize..8, 0..4), activation in activation(), rows in 0_usize..20, seed: u64,
    ) {
        let widths: Vec<usize> = [3].into_iter().chain(hidden).chain([2]).collect();
        let mlp = Mlp { widths, activation, dropout: 0.3 };
        let (mut features, mut scratch) = (FeatureMajor::default(), Scratch::default());
        for (seed, rows) in [(seed, rows), (seed ^ 1, 5)] {
            let (theta, x) = (mlp.initialize(Seed::root(seed)), inputs(rows, 3, seed));
            let params = mlp.layout().tensors(&theta.iter().copied().map(f64::from).collect::<Vec<_>>());
            let expected = mlp.forward64(&params, &Tensor::constant(x.mapv(f64::from).into_dyn()), None);
            let mut logits = vec![f32::NAN; rows * 2];
            features.fill(x.view());
            mlp.logits(&theta, &features, &mut logits, &mut scratch);
            assert_close(&logits, expected.as_slice());
        }
    }
}

#[test]
fn many_blocks_agree_with_one_row_at_a_time_in_any_number_of_threads() {
    let network = Network::mlp(&[7, 30, 20, 3]);
    let theta = network.initialize(Seed::root(1));
    let x = inputs(3 * ROWS + 17, 7, 2);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| network.evaluate(&theta, x.view()))
    };
    let all = on(1);
    assert_eq!(all, on(2));
    assert_eq!(all, on(7));
    for row in [0, ROWS - 1, ROWS, 3 * ROWS + 16] {
        let one = network.evaluate(&theta, x.slice(ndarray::s![row..=row, ..]));
        for (a, b) in one.iter().zip(all.row(row)) {
            assert!((a - b).abs() < 1e-5, "row {row}: {a} is not {b}");
        }
    }
}

#[test]
fn what_is_not_a_number_shows_in_the_logits() {
    for activation in [Activation::Relu, Activation::LeakyRelu(0.1), Activation::Tanh] {
        let network = Network::Mlp(Mlp { widths: vec![2, 3, 2], activation, dropout: 0.0 });
        let mut theta = network.initialize(Seed::root(1));
        theta[0] = f32::NAN;
        let logits = network.evaluate(&theta, Array2::ones((1, 2)).view());
        assert!(logits.iter().all(|z| z.is_nan()), "{activation:?}: {logits}");
    }
}
