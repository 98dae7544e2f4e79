use ndarray::array;

use super::*;
use crate::NetworkPotential;

const GAUSSIAN: Likelihood = Likelihood::Gaussian { precision: 2.0 };

fn build(inputs: Array2<f32>, targets: Targets, likelihood: Likelihood, prior: f64) -> Result<(), String> {
    let data = Data { inputs: Arc::new(inputs), targets };
    let potential = NetworkPotential::new(&Network::mlp(&[2, 3]), data, likelihood, prior);
    potential.map(|_| ()).map_err(|error| error.to_string())
}

fn classes(labels: &[u32]) -> Targets {
    Targets::Classes(labels.into())
}

fn values(values: Array2<f32>) -> Targets {
    Targets::Values(Arc::new(values))
}

#[test]
fn what_cannot_be_a_posterior_is_told_apart_with_its_facts() {
    use Likelihood::Categorical;
    let x = || array![[1.0, 2.0], [3.0, 4.0]];
    assert_eq!(build(x(), classes(&[2, 0]), Categorical, 1.0), Ok(()));
    assert_eq!(build(x(), values(Array2::zeros((2, 3))), GAUSSIAN, 0.0), Ok(()));
    for (found, message) in [
        (build(Array2::zeros((0, 2)), classes(&[]), Categorical, 1.0), "there are no observations"),
        (
            build(array![[1.0], [2.0]], classes(&[0, 0]), Categorical, 1.0),
            "the inputs have 1 columns, the network takes 2",
        ),
        (build(x(), classes(&[0]), Categorical, 1.0), "there are 2 input rows but 1 targets"),
        (
            build(x(), classes(&[0, 3]), Categorical, 1.0),
            "label 3 of observation 1 is out of range: the network has 3 outputs",
        ),
        (
            build(x(), values(Array2::zeros((2, 4))), GAUSSIAN, 1.0),
            "the targets have 4 columns, the network has 3 outputs",
        ),
        (build(x(), classes(&[0, 0]), GAUSSIAN, 1.0), "a Gaussian likelihood cannot explain targets that are classes"),
        (
            build(x(), values(Array2::zeros((2, 3))), Categorical, 1.0),
            "a categorical likelihood cannot explain targets that are real values",
        ),
        (
            build(array![[0.0, 1.0], [f32::NAN, 0.0]], classes(&[0, 0]), Categorical, 1.0),
            "the inputs of observation 1 hold a value that is not finite",
        ),
        (
            build(x(), values(Array2::from_elem((2, 3), f32::INFINITY)), GAUSSIAN, 1.0),
            "the targets of observation 0 hold a value that is not finite",
        ),
        (build(x(), classes(&[0, 0]), Categorical, -1.0), "-1 is not a precision of the prior"),
        (build(x(), classes(&[0, 0]), Categorical, f64::NAN), "NaN is not a precision of the prior"),
        (
            build(x(), values(Array2::zeros((2, 3))), Likelihood::Gaussian { precision: 0.0 }, 1.0),
            "0 is not a precision of the likelihood",
        ),
    ] {
        assert_eq!(found, Err(message.to_owned()));
    }
}

#[test]
fn a_description_that_is_no_network_is_an_error() {
    let network = Network::Mlp(apd_nn::Mlp { widths: vec![2], activation: apd_nn::Activation::Relu, dropout: 0.0 });
    let data = Data { inputs: Arc::new(array![[1.0, 2.0]]), targets: classes(&[0]) };
    let error = NetworkPotential::new(&network, data, Likelihood::Categorical, 1.0).err();
    assert_eq!(error, Some(ModelError::Network(NetworkError::NoLayer { widths: 1 })));
}
