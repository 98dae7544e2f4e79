//! MC-dropout: one network whose hidden units are left out at random.

use apd_bnn::Dropout;
use apd_nn::{Model as _, Network};
use apd_points::{Ensemble, Posterior};

/// What MC-dropout draws from: a network that was trained with the dropout it has. One that has no place for dropout is itself, always.
pub(crate) fn posterior(network: &Network, theta: Vec<f32>) -> Box<dyn Posterior> {
    match network.as_mlp() {
        Some(mlp) => Box::new(Dropout::new(&mlp, theta)),
        None => Box::new(Ensemble::of([theta])),
    }
}
