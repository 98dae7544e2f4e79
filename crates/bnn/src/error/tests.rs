use std::sync::Arc;

use apd_nn::Network;
use ndarray::{Array2, array};

use super::*;
use crate::likelihood::{Bernoulli, Categorical, Gaussian, HeteroscedasticGaussian, LearnedGaussian, LogScalePrior};
use crate::likelihood::{Likelihood, Poisson, StudentT};
use crate::{Data, NetworkPotential, prior};

const GAUSSIAN: Gaussian = Gaussian { sd: 0.5 };

/// What is said of a network of two inputs and three outputs.
fn build(data: Data, likelihood: impl Likelihood + 'static, precision: f64) -> Result<(), String> {
    let prior = Arc::new(prior::Gaussian::isotropic(precision));
    let potential = NetworkPotential::new(&Network::mlp(&[2, 3]), data, Arc::new(likelihood), prior);
    potential.map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn what_cannot_be_a_posterior_is_distinguished_with_its_facts() {
    let classes = |inputs: Array2<f32>, labels: &[u32]| Data::classes(inputs, labels);
    let x = || array![[1.0, 2.0], [3.0, 4.0]];
    let values = |values: Array2<f32>| Data::values(x(), values);
    let zeros = || values(Array2::zeros((2, 3)));
    assert_eq!(build(classes(x(), &[2, 0]), Categorical, 1.0), Ok(()));
    assert_eq!(build(zeros(), GAUSSIAN, 0.0), Ok(()));
    for (found, message) in [
        (build(classes(Array2::zeros((0, 2)), &[]), Categorical, 1.0), "there are no observations"),
        (
            build(classes(array![[1.0], [2.0]], &[0, 0]), Categorical, 1.0),
            "the inputs have 1 columns, the network takes 2",
        ),
        (build(classes(x(), &[0]), Categorical, 1.0), "there are 2 input rows but 1 targets"),
        (
            build(classes(x(), &[0, 3]), Categorical, 1.0),
            "label 3 of observation 1 is out of range: the network has 3 outputs",
        ),
        (
            build(values(Array2::zeros((2, 4))), GAUSSIAN, 1.0),
            "the targets have 4 columns, but the network 3 outputs; a Gaussian likelihood has one for each",
        ),
        (
            build(values(Array2::zeros((2, 1))), HeteroscedasticGaussian::default(), 1.0),
            "the targets have 1 columns, but the network 3 outputs; a heteroscedastic Gaussian likelihood has two for each",
        ),
        (build(classes(x(), &[0, 0]), GAUSSIAN, 1.0), "a Gaussian likelihood cannot explain targets that are classes"),
        (build(zeros(), Categorical, 1.0), "a categorical likelihood cannot explain targets that are real values"),
        (
            build(classes(array![[0.0, 1.0], [f32::NAN, 0.0]], &[0, 0]), Categorical, 1.0),
            "the inputs of observation 1 hold a value that is not finite",
        ),
        (
            build(values(Array2::from_elem((2, 3), f32::INFINITY)), GAUSSIAN, 1.0),
            "the targets of observation 0 hold a value that is not finite",
        ),
        (
            build(values(array![[0.0, 1.0, 1.0], [0.0, 0.5, 0.0]]), Bernoulli, 1.0),
            "target 0.5 of observation 1 is not 0 or 1",
        ),
        (
            build(values(array![[0.0, 3.0, 1.0], [0.0, -1.0, 0.0]]), Poisson, 1.0),
            "target -1 of observation 1 is not a count",
        ),
        (
            build(classes(x(), &[0, 0]), Categorical, -1.0),
            "the precision of the prior is -1; expected a finite number, at least 0",
        ),
        (
            build(classes(x(), &[0, 0]), Categorical, f64::NAN),
            "the precision of the prior is NaN; expected a finite number, at least 0",
        ),
        (
            build(zeros(), Gaussian { sd: 0.0 }, 1.0),
            "the standard deviation of a Gaussian likelihood is 0; expected a finite number above 0",
        ),
        (
            build(zeros(), LearnedGaussian { prior: LogScalePrior { mean: f64::NAN, sd: 1.0 } }, 1.0),
            "the mean of a log scale is NaN; expected a finite number",
        ),
        (
            build(zeros(), StudentT { dof: -2.0, prior: LogScalePrior::default() }, 1.0),
            "the degrees of freedom of a Student-t likelihood is -2; expected a finite number above 0",
        ),
    ] {
        assert_eq!(found, Err(message.to_owned()));
    }
}

#[test]
fn a_description_that_is_no_network_is_an_error() {
    let network = Network::Mlp(apd_nn::Mlp { widths: vec![2], activation: apd_nn::Activation::Relu, dropout: 0.0 });
    let data = Data::classes(array![[1.0, 2.0]], [0]);
    let prior = Arc::new(prior::Gaussian::isotropic(1.0));
    let error = NetworkPotential::new(&network, data, Arc::new(Categorical), prior).err();
    assert_eq!(error, Some(ModelError::Network(NetworkError::NoLayer { widths: 1 })));
}
