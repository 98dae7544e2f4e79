use apd_seed::Seed;
use ndarray::Array2;

use super::*;
use crate::{Activation, Model as _, Network};

fn mlp(widths: &[usize]) -> Mlp {
    Mlp { widths: widths.to_vec(), activation: Activation::Relu, dropout: 0.0 }
}

/// The hidden units of every layer in a random order.
fn shuffled(mlp: &Mlp, theta: &[f32], seed: Seed) -> Vec<f32> {
    let (mut theta, linears) = (theta.to_vec(), mlp.linears());
    for (l, pair) in linears.windows(2).enumerate() {
        let order: Vec<usize> =
            seed.index(l as u64).stream().permutation(pair[0].outputs).into_iter().map(|i| i as usize).collect();
        permute(&pair[0], &pair[1], &order, &mut theta);
    }
    theta
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
}

#[test]
fn a_shuffled_network_is_found_again_and_computes_the_same() {
    for widths in [&[5, 7, 3][..], &[4, 6, 9, 2], &[3, 1, 2], &[4, 3]] {
        let (mlp, network, seed) = (mlp(widths), Network::mlp(widths), Seed::root(3));
        let reference = network.initialize(seed);
        let other = shuffled(&mlp, &reference, seed);
        assert_eq!(mlp.aligned(&other, &reference), reference, "{widths:?}");

        // A little noise does not hide it, and whatever comes out computes what went in.
        let noise = network.initialize(seed.child("noise"));
        let noisy: Vec<f32> = other.iter().zip(&noise).map(|(x, e)| x + 0.05 * e).collect();
        let aligned = mlp.aligned(&noisy, &reference);
        assert!(distance(&aligned, &reference) < 0.051 * distance(&noise, &vec![0.0; noise.len()]), "{widths:?}");
        let inputs = Array2::from_shape_fn((8, widths[0]), |(i, j)| ((3 * i + 5 * j) % 7) as f32 - 3.0);
        let (a, b) = (network.evaluate(&noisy, inputs.view()), network.evaluate(&aligned, inputs.view()));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5), "{widths:?}");
    }
}

#[test]
fn one_hidden_layer_comes_as_near_as_any_order_does() {
    let (mlp, network, seed) = (mlp(&[3, 4, 2]), Network::mlp(&[3, 4, 2]), Seed::root(5));
    let (theta, reference) = (network.initialize(seed.index(0)), network.initialize(seed.index(1)));
    let linears = mlp.linears();
    let found = distance(&mlp.aligned(&theta, &reference), &reference);
    let mut orders = vec![vec![]];
    for _ in 0..4 {
        orders = orders
            .iter()
            .flat_map(|order| {
                (0..4).filter(|i| !order.contains(i)).map(|i| [order.clone(), vec![i]].concat()).collect::<Vec<_>>()
            })
            .collect();
    }
    assert_eq!(orders.len(), 24);
    let of = |order: &Vec<usize>| {
        let mut other = theta.clone();
        permute(&linears[0], &linears[1], order, &mut other);
        distance(&other, &reference)
    };
    let least = orders.iter().map(of).fold(f32::INFINITY, f32::min);
    assert!((found - least).abs() < 1e-6, "{found} {least}");
    assert!(distance(&theta, &reference) > 1.01 * least, "nothing to find");
}
