//! Losses, input gradients and adversarial examples against those of an independent implementation; attacks.py made them.

use std::collections::HashMap;

use apd_bnn::{Attack, TargetRows, input_gradient, likelihood::Categorical};
use apd_nn::Network;
use ndarray::Array2;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    widths: Vec<usize>,
    epsilon: f32,
    step: f32,
    steps: usize,
    thetas: Vec<Vec<f32>>,
    inputs: Vec<Vec<f32>>,
    labels: Vec<u32>,
    losses: HashMap<String, Vec<f64>>,
    gradients: HashMap<String, Vec<Vec<f64>>>,
    examples: HashMap<String, Vec<Vec<f64>>>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("attacks.json")).unwrap()
}

impl Golden {
    fn network(&self) -> Network {
        Network::mlp(&self.widths)
    }

    fn inputs(&self) -> Array2<f32> {
        let flat = self.inputs.concat();
        Array2::from_shape_vec((self.inputs.len(), self.widths[0]), flat).unwrap()
    }

    /// The networks of a case: `one`, or `all`.
    fn networks(&self, of: &str) -> &[Vec<f32>] {
        if of == "one" { &self.thetas[..1] } else { &self.thetas }
    }
}

#[test]
fn losses_and_gradients_are_pytorchs() {
    let golden = golden();
    for of in ["one", "all"] {
        let (losses, gradient) = input_gradient(
            &golden.network(),
            &Categorical,
            golden.networks(of),
            golden.inputs().view(),
            TargetRows::Classes(&golden.labels),
        );
        let expected = golden.losses[of].iter().chain(golden.gradients[of].iter().flatten());
        // Single precision against double: products of 24 sums of magnitude 1 to 10, each rounded to 6e-8 of it.
        for (found, expected) in losses.into_iter().chain(gradient.iter().map(|&g| f64::from(g))).zip(expected) {
            assert!((found - expected).abs() < 2e-5 * (1.0 + expected.abs()), "{of}: {found} is not {expected}");
        }
    }
}

#[test]
fn adversarial_examples_are_pytorchs() {
    let golden = golden();
    let attacks =
        [("fgsm", Attack::fgsm(golden.epsilon)), ("pgd", Attack::pgd(golden.epsilon, golden.step, golden.steps))];
    for (name, attack) in attacks {
        for of in ["one", "all"] {
            let found = attack.run(
                &golden.network(),
                &Categorical,
                golden.networks(of),
                golden.inputs().view(),
                TargetRows::Classes(&golden.labels),
            );
            let expected = &golden.examples[&format!("{name}-{of}")];
            assert_eq!(found.len(), expected.concat().len());
            // A step taken the other way would be off by 0.04 at least; forty sums of single precision are by 40·6e-8.
            for (found, expected) in found.iter().zip(expected.iter().flatten()) {
                assert!((f64::from(*found) - expected).abs() < 3e-6, "{name}-{of}: {found} is not {expected}");
            }
        }
    }
}
