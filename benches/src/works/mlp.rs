//! Gradients of small perceptrons: what a step of a chain on a table is made of.

use std::sync::Arc;

use apd_bnn::likelihood::HeteroscedasticGaussian;
use apd_bnn::{Data, NetworkPotential, prior};
use apd_nn::{Activation, Mlp, Model as _, Network};
use apd_seed::{Minibatches, Seed};
use apd_sgmcmc::{Minibatch, Potential};
use ndarray::Array2;

use super::predict::weights;
use crate::work::{Chains, Work};

/// A network with heads of mean and scale, and what a gradient of it is taken of.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    widths: &'static [usize],
    activation: Activation,
    rows: usize,
    /// Fewer than the rows for minibatches.
    batch: usize,
}

const CASES: [Case; 2] = [
    // All rows of airfoil's training part, by a network as BDE's.
    Case {
        name: "mlp-16x4-full",
        widths: &[5, 16, 16, 16, 16, 2],
        activation: Activation::Tanh,
        rows: 1_022,
        batch: 1_022,
    },
    Case { name: "mlp-64x2-batch", widths: &[16, 64, 64, 2], activation: Activation::Relu, rows: 10_000, batch: 100 },
];

pub(super) fn works() -> Vec<Work> {
    CASES
        .map(|case| Work {
            name: case.name.into(),
            unit: "gradient of the whole machine",
            // Forward and the weights' gradient cost 2 per row and weight each; so does the inputs' gradient, except below the first layer.
            flop: (2 * case.batch * (3 * weights(case.widths) - case.widths[0] * case.widths[1])) as f64,
            make: Box::new(move || {
                Box::new(Chains(
                    (0..rayon::current_num_threads() as u64).map(|thread| gradients(case, thread)).collect(),
                ))
            }),
            ..Work::default()
        })
        .into()
}

/// Gradients with the prior's.
fn gradients(case: Case, thread: u64) -> impl FnMut() + Send {
    let Case { widths, activation, rows, batch, .. } = case;
    let seed = Seed::root(1);
    let normals = seed.child("data").normals();
    let random = |row, columns| {
        let mut matrix = Array2::zeros((rows, columns));
        normals.fill(row, 0, matrix.as_slice_mut().expect("standard layout"));
        matrix
    };
    let data = Data::values(random(0, widths[0]), random(1, 1));
    let network = Network::Mlp(Mlp { widths: widths.to_vec(), activation, dropout: 0.0 });
    let likelihood = Arc::new(HeteroscedasticGaussian::default());
    let mut potential = NetworkPotential::new(&network, data, likelihood, Arc::new(prior::Gaussian::isotropic(1.0)))
        .expect("the network fits its data");
    let theta = network.initialize(seed.child("initial").index(thread));
    let mut minibatches = Minibatches::new(seed.child("minibatches").index(thread), rows, batch);
    let (mut gradient, mut step) = (vec![0.0; theta.len()], 0);
    move || {
        let which = if batch < rows { Minibatch::Indices(minibatches.indices(step)) } else { Minibatch::Full };
        potential.gradient(&theta, which, &mut gradient).expect("the network is finite");
        step += 1;
    }
}
