use apd_nn::optim::{Adam, AdamState};
use apd_nn::{Accumulate, Batch, Network, Threads, cross_entropy};
use apd_seed::Seed;
use ndarray::Array2;

use super::*;
use crate::{Categorical, predict_networks};

/// Images of so many pixels of 8 bits.
fn images(n: usize) -> Array2<f32> {
    let mut stream = Seed::root(1).child("images").stream();
    Array2::from_shape_simple_fn((n, 64), || (stream.uniform_f32() * 256.0).floor() / 127.5 - 1.0)
}

fn bank(network: &Network, count: u64) -> Vec<Vec<f32>> {
    (0..count).map(|s| network.initialize(Seed::root(2).index(s))).collect()
}

fn all(networks: &QuantizedNetworks, inputs: ArrayView2<'_, f32>) -> Vec<Array2<f32>> {
    let mut all = Vec::new();
    networks.predict(&Categorical, inputs, |s, p| {
        assert_eq!(s, all.len());
        all.push(p.to_owned());
    });
    all
}

#[test]
fn bits_depend_neither_on_threads_nor_on_other_rows() {
    let network = Network::mlp(&[64, 20, 11, 3]);
    let networks = QuantizedNetworks::new(&network, &bank(&network, 70)).unwrap();
    let x = images(200);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| QuantizedNetworks::new(&network, &bank(&network, 70)).unwrap());
        let mut found = Vec::new();
        // The visitor need not be `Send`: it stays with the caller.
        pool.install(|| found = all(&networks, x.view()));
        found
    };
    let one = on(1);
    assert_eq!((one.len(), networks.len()), (70, 70));
    assert!(one == on(2) && one == on(7));
    for row in [0, 95, 96, 199] {
        let alone = all(&networks, x.slice_axis(Axis(0), (row..row + 1).into()));
        for (alone, together) in alone.iter().zip(&one) {
            assert_eq!(alone.row(0), together.row(row));
        }
    }
    assert!(all(&networks, images(0).view()).iter().all(Array2::is_empty));
}

#[test]
fn only_perceptrons_of_not_too_many_inputs() {
    let bank = |network: &Network| QuantizedNetworks::new(network, &bank(network, 0));
    assert!(bank(&Network::mlp(&[65_792, 1, 2])).is_some_and(|networks| networks.is_empty()));
    assert!(bank(&Network::mlp(&[65_793, 1, 2])).is_none());
    assert!(bank(&Network::cnn_large(12, 12, 1, 3, false)).is_none());
}

/// Noisy pictures of ten figures, and networks around one that has learned them: averages of a hundred, of which some are undecided.
#[test]
fn averages_are_those_of_single_precision() {
    let network = Network::mlp(&[64, 32, 24, 10]);
    let (figures, noise) = (images(10), images(1000));
    let x = Array2::from_shape_fn((1000, 64), |(i, j)| {
        let mixed = 0.4 * figures[[i % 10, j]] + 0.6 * noise[[i, j]];
        ((mixed + 1.0) * 127.5).round() / 127.5 - 1.0
    });
    let labels: Vec<u32> = (0..1000).map(|i| i % 10).collect();
    let (mut theta, mut engine) = (network.initialize(Seed::root(3)), network.engine(Threads::Serial));
    let (adam, mut state) = (Adam { lr: 0.003, ..Adam::default() }, AdamState::new(theta.len()));
    let mut gradient = vec![0.0; theta.len()];
    for _ in 0..60 {
        let (mut loss, mut target) = (cross_entropy(&labels), Accumulate::overwrite(1e-3));
        engine.gradient(&theta, Batch::new(x.view()), &mut loss, &mut target, &mut gradient);
        adam.step(&mut state, &mut theta, &gradient);
    }
    let mut bank = vec![vec![0.0; theta.len()]; 100];
    for (s, point) in bank.iter_mut().enumerate() {
        Seed::root(4).normals().fill(s as u64, 0, point);
        point.iter_mut().zip(&theta).for_each(|(p, &theta)| *p = theta + 0.05 * *p);
    }
    let mut difference = Array2::<f32>::zeros((1000, 10));
    let mut confident = 0.0;
    predict_networks(&network, &Categorical, &bank, x.view(), |_, p| {
        difference += &p;
        confident += p.iter().filter(|&&p| p > 0.9).count() as f32 / 1e5;
    });
    assert!((0.2..0.97).contains(&confident), "{confident} of all predictions are confident");
    QuantizedNetworks::new(&network, &bank).unwrap().predict(&Categorical, x.view(), |_, p| difference -= &p);
    let most = difference.iter().fold(0.0_f32, |most, d| most.max(d.abs() / 100.0));
    let mean = difference.iter().map(|d| d.abs() / 100.0).sum::<f32>() / difference.len() as f32;
    assert!(mean < 4e-5 && most < 1e-3, "off by {mean} in the mean and by at most {most}");
}
