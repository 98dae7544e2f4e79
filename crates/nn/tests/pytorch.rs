//! Convolutional networks and `Sequential` against PyTorch: outputs, loss, gradients and statistics; pytorch.py made the values.

use std::collections::HashMap;

use apd_nn::{Model, Network, Sequential, TensorLayout as _};
use apd_points::{Entry, Layout};
use apd_tensor::{Tensor, grad};
use ndarray::Array2;
use serde::Deserialize;

#[derive(Deserialize)]
struct Goldens {
    networks: Vec<Golden>,
}

#[derive(Deserialize)]
struct Golden {
    name: String,
    labels: Vec<u32>,
    names: Vec<String>,
    logits: Vec<Vec<f64>>,
    loss: f64,
    gradients: HashMap<String, Gradient>,
    #[serde(default)]
    means: Vec<Vec<f64>>,
    #[serde(default)]
    variances: Vec<Vec<f64>>,
    evaluated: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Gradient {
    norm: f64,
    elements: Vec<f64>,
}

/// As in pytorch.py: numbers in [−1, 1).
fn uniform(salt: u64, count: usize) -> Vec<f64> {
    let number = |i: u64| {
        let mut z = ((salt << 32 | i) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    (0..count as u64).map(number).collect()
}

fn theta(network: &dyn Model) -> Vec<f64> {
    let entries = network.layout().entries;
    let fill = |(salt, entry): (u64, &Entry)| {
        let scale = match &entry.shape[1..] {
            [] => 0.1,
            rest => (6.0 / rest.iter().product::<usize>() as f64).sqrt(),
        };
        let center = if entry.shape.len() == 1 && entry.name.ends_with("weight") { 1.0 } else { 0.0 };
        uniform(salt, entry.len()).into_iter().map(move |x| scale * x + center)
    };
    (1..).zip(&entries).flat_map(fill).collect()
}

fn cases() -> Vec<(Golden, Network, Vec<f64>, Array2<f64>)> {
    let goldens: Goldens = serde_json::from_str(include_str!("pytorch.json")).unwrap();
    let x = Array2::from_shape_vec((4, 784), uniform(1000, 4 * 784)).unwrap();
    let case = |golden: Golden| {
        let network = match golden.name.as_str() {
            "small" => Network::cnn_small(28, 28, 1, 10),
            "large" => Network::cnn_large(28, 28, 1, 10, false),
            "large-batch-norm" => Network::cnn_large(28, 28, 1, 10, true),
            other => panic!("no network {other}"),
        };
        let theta = theta(&network);
        (golden, network, theta, x.clone())
    };
    goldens.networks.into_iter().map(case).collect()
}

/// Both sides compute in double precision and add up in their own order; nine layers amplify that a little.
fn assert_close<'a>(
    what: &str,
    found: impl IntoIterator<Item = &'a f64>,
    expected: impl IntoIterator<Item = &'a f64>,
    unit: f64,
) {
    let (found, expected): (Vec<_>, Vec<_>) = (found.into_iter().collect(), expected.into_iter().collect());
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (a, b)) in found.into_iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= 1e-10 * (unit + b.abs()), "{what}, number {i}: {a} is not {b}");
    }
}

fn assert_gradient(what: &str, g: &[f64], expected: &Gradient) {
    // Biases before a normalization have no effect: their gradient is rounding noise, in units of the others.
    let norm = g.iter().map(|g| g * g).sum::<f64>().sqrt();
    assert_close(what, &[norm], &[expected.norm], 1.0);
    let elements: Vec<f64> = (0..7).map(|i| g[i * (g.len() - 1) / 6]).collect();
    assert_close(what, &elements, &expected.elements, 1.0);
}

#[test]
fn names_and_order_are_pytorchs() {
    for (golden, network, ..) in cases() {
        let names: Vec<_> = network.layout().entries.into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, golden.names);
    }
}

#[test]
fn logits_loss_and_gradients_in_training_are_pytorchs() {
    for (golden, network, theta, x) in cases() {
        let params: Vec<_> = network.layout().tensors(&theta).into_iter().map(Tensor::into_variable).collect();
        let logits = network.forward64(&params, &Tensor::constant(x.clone().into_dyn()), None);
        assert_close(&golden.name, logits.as_slice(), golden.logits.iter().flatten(), 1.0);
        let loss = logits.cross_entropy(&golden.labels);
        assert_close(&golden.name, &[loss.item()], &[golden.loss], 1.0);
        let gradients = grad(&loss, &params.iter().collect::<Vec<_>>());
        for (entry, gradient) in network.layout().entries.iter().zip(&gradients) {
            assert_gradient(
                &format!("{} {}", golden.name, entry.name),
                gradient.as_slice(),
                &golden.gradients[&entry.name],
            );
        }
    }
}

#[test]
fn statistics_and_logits_in_evaluation_are_pytorchs() {
    for (golden, network, theta, x) in cases() {
        let channels = [48, 48, 48, 96, 96, 96, 96, 96].iter().take(golden.means.len());
        let single: Vec<f32> = theta.iter().map(|&t| t as f32).collect();
        let calibrated: Vec<f64> =
            network.calibrate(&single, x.mapv(|x| x as f32).view()).into_iter().map(f64::from).collect();
        let (mut row, mut start) = (theta.clone(), 0);
        for (layer, &channels) in channels.enumerate() {
            // In single precision: 10⁻⁵ in units of 10⁻¹⁰.
            assert_close("means", &calibrated[start..start + 3], &golden.means[layer], 1e5);
            let variances = start + channels;
            assert_close("variances", &calibrated[variances..variances + 3], &golden.variances[layer], 1e5);
            let numbers = uniform(2000 + layer as u64, 2 * channels);
            row.extend_from_slice(&numbers[..channels]);
            row.extend(numbers[channels..].iter().map(|x| 1.0 + 0.5 * x));
            start += 2 * channels;
        }
        let params = network.row_layout().tensors(&row);
        let logits = network.forward64(&params, &Tensor::constant(x.clone().into_dyn()), None);
        assert_close(&golden.name, logits.as_slice(), golden.evaluated.iter().flatten(), 1.0);
    }
}

#[derive(Deserialize)]
struct SequentialGolden {
    name: String,
    network: Sequential,
    names: Vec<String>,
    buffers: Vec<String>,
    outputs: Vec<Vec<f64>>,
    input_gradient: Gradient,
    gradients: HashMap<String, Gradient>,
    evaluated: Vec<Vec<f64>>,
    evaluated_input_gradient: Gradient,
}

fn sequentials() -> Vec<SequentialGolden> {
    serde_json::from_str(include_str!("pytorch_sequential.json")).unwrap()
}

/// Outputs for five rows, and the gradients of Σ w·z + z²/2 with respect to the parameters and to the inputs.
fn run(network: &Sequential, params: &[Tensor<f64>]) -> (Tensor<f64>, Vec<Tensor<f64>>) {
    let x = Tensor::from_vec(&[5, network.inputs()], uniform(1000, 5 * network.inputs())).into_variable();
    let params: Vec<_> = params.iter().cloned().map(Tensor::into_variable).collect();
    let outputs = network.forward64(&params, &x, None);
    let weights = Tensor::from_vec(outputs.shape(), uniform(3000, outputs.len()));
    let loss = outputs.mul(&weights).add(&outputs.square().scale(0.5)).sum();
    let gradients = grad(&loss, &params.iter().chain([&x]).collect::<Vec<_>>());
    (outputs, gradients)
}

/// Every kind of layer, with strides, padding, windows that leave rows out, and blocks inside blocks.
#[test]
fn sequentials_in_training_are_pytorchs() {
    for golden in sequentials() {
        let SequentialGolden { name, network, .. } = &golden;
        let names = |layout: Layout| layout.entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>();
        assert_eq!(names(network.layout()), golden.names, "{name}");
        assert_eq!(names(network.buffer_layout()), golden.buffers, "{name}");
        let (outputs, gradients) = run(network, &network.layout().tensors(&theta(network)));
        assert_close(name, outputs.as_slice(), golden.outputs.iter().flatten(), 1.0);
        for (entry, gradient) in network.layout().entries.iter().zip(&gradients) {
            assert_gradient(&format!("{name} {}", entry.name), gradient.as_slice(), &golden.gradients[&entry.name]);
        }
        assert_gradient(&format!("{name} x"), gradients.last().unwrap().as_slice(), &golden.input_gradient);
    }
}

/// Normalizations divide by their buffers, and dropout does nothing.
#[test]
fn sequentials_in_evaluation_are_pytorchs() {
    for golden in sequentials() {
        let SequentialGolden { name, network, .. } = &golden;
        let mut row = theta(network);
        for (salt, entry) in (2000..).zip(&network.buffer_layout().entries) {
            let mean = entry.name.ends_with("mean");
            row.extend(uniform(salt, entry.len()).iter().map(|x| if mean { *x } else { 1.0 + 0.5 * x }));
        }
        let (outputs, gradients) = run(network, &network.row_layout().tensors(&row));
        assert_close(name, outputs.as_slice(), golden.evaluated.iter().flatten(), 1.0);
        assert_gradient(&format!("{name} x"), gradients.last().unwrap().as_slice(), &golden.evaluated_input_gradient);
    }
}
