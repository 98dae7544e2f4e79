use apd_seed::Seed;
use ndarray::Array2;

use super::*;
use crate::{Activation, Cnn, CnnLayer, LayerFault, Network, Padding, TensorLayout as _, conformance};

const RELU: Layer = Layer::Relu;

fn linear(outputs: usize) -> Layer {
    Layer::Linear { outputs }
}

fn conv(outputs: usize, kernel: usize, stride: usize, padding: usize) -> Layer {
    Layer::Conv { outputs, kernel, stride, padding }
}

fn sequential(input: &[usize], layers: &[Layer]) -> Sequential {
    Sequential { input: input.to_vec(), layers: layers.to_vec() }
}

fn dropout(p: f32) -> Layer {
    Layer::Dropout { p }
}

/// Chains that run on automatic differentiation.
fn plain() -> Vec<Sequential> {
    let each =
        [Layer::Sigmoid, Layer::Silu, Layer::Gelu, Layer::Softplus, Layer::Tanh, Layer::LeakyRelu { slope: 0.3 }];
    let smooth: Vec<Layer> = each.into_iter().flat_map(|layer| [linear(5), layer]).chain([linear(2)]).collect();
    let block = |outputs| Layer::Residual {
        layers: vec![conv(outputs, 3, 2, 1), Layer::BatchNorm, Layer::Silu, conv(outputs, 3, 1, 1), Layer::BatchNorm],
        shortcut: vec![conv(outputs, 1, 2, 0), Layer::BatchNorm],
    };
    let images = [conv(4, 3, 1, 1), Layer::FilterResponseNorm, dropout(0.2), block(6), Layer::AveragePool { size: 2 }];
    let images =
        [&images[..], &[Layer::Flatten, linear(7), Layer::BatchNorm, dropout(0.5), Layer::Gelu, linear(3)]].concat();
    let residual = |layers: &[Layer]| Layer::Residual { layers: layers.to_vec(), shortcut: Vec::new() };
    let norm = residual(&[Layer::LayerNorm, linear(8), Layer::Softplus, dropout(0.3), linear(8)]);
    vec![
        sequential(&[3], &smooth),
        sequential(&[2, 9, 8], &images),
        sequential(&[6], &[linear(8), norm.clone(), norm, linear(3)]),
        sequential(&[1, 6, 6], &[conv(3, 2, 2, 1), RELU, Layer::MaxPool { size: 2 }, Layer::GlobalAveragePool]),
    ]
}

/// Chains that fused engines cover.
fn covered() -> Vec<Sequential> {
    let perceptron = [linear(9), RELU, dropout(0.3), linear(8), RELU, dropout(0.3), linear(3)];
    let slope = Layer::LeakyRelu { slope: 0.2 };
    let pool = Layer::MaxPool { size: 2 };
    let normalized =
        [conv(5, 3, 1, 1), Layer::BatchNorm, slope.clone(), pool, conv(4, 2, 1, 0), Layer::BatchNorm, slope];
    vec![
        sequential(&[5], &perceptron),
        sequential(&[4], &[linear(2)]),
        sequential(&[2, 9, 7], &[&normalized[..], &[Layer::Flatten, linear(3)]].concat()),
        sequential(&[1, 5, 5], &[conv(3, 3, 1, 1), Layer::Tanh, conv(2, 1, 1, 0), Layer::GlobalAveragePool]),
    ]
}

#[test]
fn every_chain_conforms_whatever_runs_it() {
    for (networks, is_fused) in [(plain(), false), (covered(), true)] {
        for network in networks {
            assert_eq!(network.fused().is_some(), is_fused, "{network:?}");
            assert_eq!(conformance::check(&Network::Sequential(network.clone())), Ok(()), "{network:?}");
        }
    }
}

#[test]
fn a_fused_chain_is_the_network_that_it_describes() {
    let [perceptron, _, images, _] = &covered()[..] else { panic!("four chains") };
    let mlp = perceptron.as_mlp().unwrap();
    assert_eq!((mlp.widths, mlp.activation, mlp.dropout), (vec![5, 9, 8, 3], Activation::Relu, 0.3));
    let conv = |outputs, kernel, padding| CnnLayer::Conv { outputs, kernel, padding, batch_norm: true };
    let (same, valid) = (conv(5, 3, Padding::Same), conv(4, 2, Padding::Valid));
    let layers = vec![same, CnnLayer::MaxPool { size: 2 }, valid, CnnLayer::Linear { outputs: 3 }];
    let cnn = Cnn { height: 9, width: 7, channels: 2, layers, activation: Activation::LeakyRelu(0.2) };
    assert_eq!(images.row_layout(), cnn.row_layout(), "names included");
    let theta = cnn.initialize(Seed::root(1));
    assert_eq!(theta, images.initialize(Seed::root(1)));
    let x = Array2::from_shape_fn((6, cnn.inputs()), |(i, j)| ((7 * i + 3 * j) % 11) as f32 - 5.0);
    let row = [theta.clone(), cnn.calibrate(&theta, x.view())].concat();
    assert_eq!(images.evaluate(&row, x.view()), Model::evaluate(&cnn, &row, x.view()));
    // Each parameter of 9×7, of 3×2 and of one pixel, once for each of them.
    let uses = (5 * (2 * 9 + 1) + 10) * 63 + (4 * (5 * 4 + 1) + 8) * 6 + 3 * (4 * 6 + 1);
    assert_eq!([images.multiplications(), cnn.multiplications()], [uses; 2]);
    assert_eq!(perceptron.multiplications(), perceptron.dim());
    let other = sequential(&[5], &[linear(9), RELU, dropout(0.3), linear(8), RELU, dropout(0.2), linear(3)]);
    assert!(other.as_mlp().is_none(), "two probabilities");
}

#[test]
fn names_are_pytorchs() {
    let [_, images, residual, _] = &plain()[..] else { panic!("four chains") };
    let names = |layout: Layout| layout.entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>();
    assert_eq!(
        names(images.layout())[..5],
        ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias", "layers.1.tau"]
    );
    assert_eq!(
        names(images.layout())[5..8],
        ["layers.3.layers.0.weight", "layers.3.layers.0.bias", "layers.3.layers.1.weight"]
    );
    assert_eq!(
        names(images.buffer_layout())[4..6],
        ["layers.3.shortcut.1.running_mean", "layers.3.shortcut.1.running_var"]
    );
    assert_eq!(names(residual.layout())[4..6], ["layers.1.layers.1.weight", "layers.1.layers.1.bias"]);
}

#[test]
fn normalizations_do_what_they_say() {
    let x = [1.0_f64, 2.0, 3.0, 6.0, -4.0, 0.0, 8.0, 2.0];
    let run = |network: &Sequential, shape: &[usize], theta: &[f64]| {
        let x = Tensor::from_vec(shape, x.to_vec());
        network.forward64(&network.layout().tensors(theta), &x, None).as_slice().to_vec()
    };
    // Rows (1, 2, 3, 6) and (−4, 0, 8, 2): means 3 and 1.5, variances 3.5 and 18.75.
    let found = run(&sequential(&[4], &[Layer::LayerNorm]), &[2, 4], &[2.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 7.0]);
    let deviations = [3.5_f64 + 1e-5, 18.75 + 1e-5].map(f64::sqrt);
    assert!(
        (found[0] - 2.0 * -2.0 / deviations[0]).abs() < 1e-12 && (found[7] - 0.5 / deviations[1] - 7.0).abs() < 1e-12
    );
    // Two channels of two pixels: (1, 2) and (3, 6), (−4, 0) and (8, 2); then the mean over them.
    let response = sequential(&[2, 1, 2], &[Layer::FilterResponseNorm, Layer::GlobalAveragePool]);
    let found = run(&response, &[2, 4], &[1.0, 2.0, 0.0, 0.5, 0.0, 3.0]);
    let unit = |a: f64, b: f64| (0.5 * (a * a + b * b) + 1e-6).sqrt();
    let y = |x: f64, unit: f64| (2.0 * x / unit + 0.5).max(3.0);
    assert!((found[0] - 1.5 / unit(1.0, 2.0)).abs() < 1e-12 && found[2] == 0.0);
    assert!((found[1] - 0.5 * (y(3.0, unit(3.0, 6.0)) + y(6.0, unit(3.0, 6.0)))).abs() < 1e-12);
}

#[test]
fn descriptions_survive_a_file() {
    for network in plain().into_iter().chain(covered()).map(Network::Sequential) {
        let text = serde_json::to_string(&network).unwrap();
        assert_eq!(serde_json::from_str::<Network>(&text).unwrap(), network);
    }
    let unknown = r#"{"input": [2], "layers": [{"linear": {"outputs": 2, "bias": true}}]}"#;
    assert!(serde_json::from_str::<Sequential>(unknown).is_err());
}

#[test]
fn descriptions_that_are_not_networks_are_distinguished() {
    let check = |input: &[usize], layers: &[Layer]| sequential(input, layers).check();
    let fault = |index, fault| Err(NetworkError::Layer { index, fault });
    assert_eq!(check(&[2], &[linear(3), RELU]), Ok(()));
    assert_eq!(check(&[2], &[RELU]), Err(NetworkError::NoWeights));
    assert_eq!(check(&[2, 0, 2], &[linear(3)]), Err(NetworkError::EmptyImage));
    assert_eq!(check(&[2, 2], &[linear(3)]), Err(NetworkError::Input { axes: 2 }));
    assert_eq!(check(&[2], &[linear(0)]), fault(0, LayerFault::Empty));
    assert_eq!(check(&[2], &[linear(1), conv(2, 1, 1, 0)]), fault(1, LayerFault::NeedsImage));
    assert_eq!(check(&[1, 4, 4], &[linear(1)]), fault(0, LayerFault::NeedsVector));
    assert_eq!(check(&[1, 4, 4], &[conv(1, 1, 0, 0)]), fault(0, LayerFault::Empty));
    let window = |window, height, width| LayerFault::Window { window, height, width };
    assert_eq!(check(&[1, 4, 5], &[conv(1, 7, 1, 1)]), fault(0, window(7, 4, 5)));
    assert_eq!(check(&[1, 4, 5], &[conv(1, 2, 1, 2)]), fault(0, window(2, 4, 5)));
    assert_eq!(check(&[1, 4, 5], &[Layer::AveragePool { size: 5 }]), fault(0, window(5, 4, 5)));
    assert_eq!(check(&[1, 40, 40], &[Layer::MaxPool { size: 17 }]), fault(0, LayerFault::LargePool(17)));
    assert_eq!(check(&[1, 4, 5], &[conv(1, 1, 1, 0)]), Err(NetworkError::Pixels { height: 4, width: 5 }));
    assert_eq!(check(&[2], &[linear(2), dropout(1.0)]), Err(NetworkError::Dropout(1.0)));
    assert_eq!(check(&[2], &[Layer::LeakyRelu { slope: 2.0 }]), Err(NetworkError::Slope(2.0)));
    let branches = Layer::Residual { layers: vec![linear(3)], shortcut: Vec::new() };
    assert_eq!(check(&[2], &[linear(2), branches]), fault(1, LayerFault::Branches));
    for outputs in [usize::MAX, 1 << 60, 1 << 21] {
        assert_eq!(check(&[2], &[linear(outputs)]), Err(NetworkError::TooLarge));
        assert_eq!(check(&[1, 4, 4], &[conv(outputs, 3, 1, 1)]), Err(NetworkError::TooLarge));
        assert!(check(&[1, 4, 4], &[conv(1, outputs, 1, 0)]).is_err());
        assert!(check(&[1, 4, 4], &[conv(1, 3, 1, outputs)]).is_err());
        assert!(check(&[outputs, 4, 4], &[Layer::Flatten, linear(1)]).is_err());
    }
}
