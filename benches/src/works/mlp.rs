//! Full-batch gradients of small perceptrons: what a step of a chain on a table is made of.

use std::sync::Arc;

use apd_bnn::likelihood::HeteroscedasticGaussian;
use apd_bnn::{Data, NetworkPotential, prior};
use apd_nn::{Activation, Mlp, Model as _, Network};
use apd_seed::Seed;
use apd_sgmcmc::{Minibatch, Potential};
use ndarray::Array2;

use super::predict::weights;
use crate::work::{Chains, Work};

/// Rows of airfoil's training part.
const ROWS: usize = 1_022;
const WIDTHS: [usize; 6] = [5, 16, 16, 16, 16, 2];

pub(super) fn works() -> Vec<Work> {
    vec![Work {
        name: "mlp-16x4-full".into(),
        unit: "gradient of the whole machine",
        // Forward and the weights' gradient cost 2 per row and weight each; so does the inputs' gradient, except below the first layer.
        flop: (2 * ROWS * (3 * weights(&WIDTHS) - WIDTHS[0] * WIDTHS[1])) as f64,
        make: Box::new(|| Box::new(Chains((0..rayon::current_num_threads() as u64).map(gradients).collect()))),
        ..Work::default()
    }]
}

/// Gradients of a network with heads of mean and scale, with its prior.
fn gradients(thread: u64) -> impl FnMut() + Send {
    let normals = Seed::root(1).child("data").normals();
    let random = |row, columns| {
        let mut matrix = Array2::zeros((ROWS, columns));
        normals.fill(row, 0, matrix.as_slice_mut().expect("standard layout"));
        matrix
    };
    let data = Data::values(random(0, WIDTHS[0]), random(1, 1));
    let network = Network::Mlp(Mlp { widths: WIDTHS.to_vec(), activation: Activation::Tanh, dropout: 0.0 });
    let likelihood = Arc::new(HeteroscedasticGaussian::default());
    let mut potential = NetworkPotential::new(&network, data, likelihood, Arc::new(prior::Gaussian::isotropic(1.0)))
        .expect("the network fits its data");
    let theta = network.initialize(Seed::root(1).child("initial").index(thread));
    let mut gradient = vec![0.0; theta.len()];
    move || {
        potential.gradient(&theta, Minibatch::Full, &mut gradient).expect("the network is finite");
    }
}
