use apd_nn::Network;
use apd_seed::Seed;
use apd_tensor::kernel;
use ndarray::Array2;
use proptest::prelude::*;

use super::*;
use crate::likelihood::{Categorical, Gaussian};

const IDENTITY: Gaussian = Gaussian { sd: 1.0 };

fn inputs(n: usize, columns: usize, seed: u64) -> Array2<f32> {
    let mut x = Array2::zeros((n, columns));
    Seed::root(seed).child("x").normals().fill(0, 0, x.as_slice_mut().unwrap());
    x
}

fn thetas(network: &Network, count: usize, seed: u64) -> Vec<Vec<f32>> {
    (0..count).map(|s| network.initialize(Seed::root(seed).index(s as u64))).collect()
}

/// Everything that is visited, and in the order of visits.
fn collect(run: impl FnOnce(&mut dyn FnMut(usize, ArrayView2<'_, f32>))) -> Vec<Array2<f32>> {
    let mut all = Vec::new();
    run(&mut |s, p| {
        assert_eq!(s, all.len());
        all.push(p.to_owned());
    });
    all
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn predictions_are_those_of_one_network_at_a_time(
        hidden in prop::collection::vec(1_usize..300, 0..3), count in 0_usize..12, n in prop_oneof![0_usize..30, 80_usize..220], seed: u64,
    ) {
        let widths: Vec<usize> = [4].into_iter().chain(hidden).chain([3]).collect();
        let network = Network::mlp(&widths);
        let (thetas, x) = (thetas(&network, count, seed), inputs(n, 4, seed));
        let outputs = collect(|visit| predict_networks(&network, &IDENTITY, &thetas, x.view(), visit));
        let probabilities = collect(|visit| predict_networks(&network, &Categorical, &thetas, x.view(), visit));
        prop_assert_eq!((outputs.len(), probabilities.len()), (count, count));
        for (theta, (outputs, p)) in thetas.iter().zip(outputs.iter().zip(&probabilities)) {
            let logits = network.evaluate(theta, x.view());
            assert_close(outputs, &logits);
            assert_close(p, &softmax(logits));
        }
    }
}

/// Rows with and without buffers.
#[test]
fn convolutional_networks_are_those_of_one_at_a_time() {
    for batch_norm in [false, true] {
        let network = Network::cnn_large(12, 12, 1, 3, batch_norm);
        let x = inputs(9, 144, 4);
        let row = |theta: Vec<f32>| [theta.clone(), network.calibrate(&theta, x.view())].concat();
        let rows: Vec<Vec<f32>> = thetas(&network, 3, 5).into_iter().map(row).collect();
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let (mut p, mut outputs) = (Vec::new(), Vec::new());
            pool.install(|| {
                predict_networks(&network, &Categorical, &rows, x.view(), |_, it| p.push(it.to_owned()));
                predict_networks(&network, &IDENTITY, &rows, x.view(), |_, it| outputs.push(it.to_owned()));
            });
            (p, outputs)
        };
        let (p, outputs) = on(1);
        assert!((p.clone(), outputs.clone()) == on(2) && outputs[0] != outputs[1]);
        for (row, (outputs, p)) in rows.iter().zip(outputs.iter().zip(&p)) {
            let logits = network.evaluate(row, x.view());
            assert_close(outputs, &logits);
            assert_close(p, &softmax(logits));
        }
    }
}

#[test]
#[should_panic(expected = "elements of θ and its buffers")]
fn a_row_without_its_buffers_panics() {
    let network = Network::cnn_large(12, 12, 1, 3, true);
    predict_networks(&network, &Categorical, thetas(&network, 1, 1), inputs(1, 144, 1).view(), |_, _| {});
}

/// Chunks enough that a task takes all networks in flight, the last one partial, and more networks than are.
fn large(visit: &mut dyn FnMut(usize, ArrayView2<'_, f32>)) {
    let network = Network::mlp(&[5, 90, 20, 4]);
    predict_networks(
        &network,
        &Categorical,
        thetas(&network, 3 * WAVE + 5, 1),
        inputs(CHUNKS * ROWS + 77, 5, 2).view(),
        visit,
    );
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        // The visitor need not be `Send`: it stays with the caller, who holds the pool.
        let mut all = Vec::new();
        pool.install(|| large(&mut |s, p| all.push((s, p.to_owned()))));
        all
    };
    let one = on(1);
    assert_eq!(one.len(), 3 * WAVE + 5);
    assert!(one == on(2) && one == on(7));
    assert!(one.iter().enumerate().all(|(i, (s, _))| i == *s));
    let network = Network::mlp(&[5, 90, 20, 4]);
    for s in [0, WAVE, 3 * WAVE + 4] {
        let theta = &thetas(&network, s + 1, 1)[s];
        assert_close(&one[s].1, &softmax(network.evaluate(theta, inputs(CHUNKS * ROWS + 77, 5, 2).view())));
    }
}

#[test]
fn rows_may_come_from_an_array_or_be_made_on_the_way() {
    let network = Network::mlp(&[3, 7, 2]);
    let (thetas, x) = (thetas(&network, 5, 3), inputs(6, 3, 3));
    let matrix = Array2::from_shape_vec((5, network.dim()), thetas.concat()).unwrap();
    let from_array = collect(|visit| {
        predict_networks(
            &network,
            &Categorical,
            matrix.rows().into_iter().filter_map(|row| row.to_slice()),
            x.view(),
            visit,
        );
    });
    let made =
        collect(|visit| predict_networks(&network, &Categorical, (0..5).map(|s| thetas[s].clone()), x.view(), visit));
    assert_eq!(from_array, made);
}

#[test]
fn memory_is_bounded_by_the_wave() {
    for (prediction, network) in [(100_000, 79_510), (100_000, 478_410), (1 << 30, 10), (10, 10), (0, 0)] {
        let wave = wave(prediction, network);
        assert!((1..=WAVE).contains(&wave));
        assert!(wave == 1 || wave * prediction.max(network) <= ELEMENTS, "{wave}");
    }
}

#[test]
#[should_panic(expected = "elements of θ")]
fn a_theta_of_another_length_panics() {
    predict_networks(&Network::mlp(&[2, 2]), &Categorical, [vec![0.0; 5]], Array2::zeros((1, 2)).view(), |_, _| {});
}
