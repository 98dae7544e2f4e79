use crate::TensorLayout as _;
use apd_seed::Seed;
use apd_tensor::grad;
use ndarray::array;

use super::*;

fn leaky(widths: &[usize], dropout: f32) -> Network {
    Network::Mlp(Mlp { widths: widths.to_vec(), activation: Activation::LeakyRelu(0.5), dropout })
}

/// W₁ = [[1, 2], [3, −4]], b₁ = [0.5, −1], W₂ = [[1, −1], [2, 0.5], [0, 1]], b₂ = [0, 1, 2]; for x = [1, 2]: z₁ = [5.5, −6].
const THETA: [f64; 15] = [1.0, 2.0, 3.0, -4.0, 0.5, -1.0, 1.0, -1.0, 2.0, 0.5, 0.0, 1.0, 0.0, 1.0, 2.0];

fn forward(network: &Network, x: ndarray::Array2<f64>, dropout: Option<&mut Stream>) -> ndarray::ArrayD<f64> {
    let params = network.layout().tensors(&THETA);
    network.forward64(&params, &Tensor::constant(x.into_dyn()), dropout).value().clone()
}

#[test]
fn forward_is_what_one_computes_by_hand() {
    let x = array![[1.0, 2.0]];
    let relu = Network::mlp(&[2, 2, 3]);
    assert_eq!(forward(&relu, x.clone(), None), array![[5.5, 12.0, 2.0]].into_dyn());
    // a₁ = [5.5, −3].
    assert_eq!(forward(&leaky(&[2, 2, 3], 0.0), x.clone(), None), array![[8.5, 10.5, -1.0]].into_dyn());
    let tanh = Network::Mlp(Mlp { widths: vec![2, 2, 3], activation: Activation::Tanh, dropout: 0.0 });
    let (a, b) = (5.5_f64.tanh(), (-6.0_f64).tanh());
    assert_eq!(forward(&tanh, x, None), array![[a - b, 2.0 * a + 0.5 * b + 1.0, b + 2.0]].into_dyn());
}

#[test]
fn one_layer_is_an_affine_map() {
    let network = Network::mlp(&[2, 1]);
    let params = network.layout().tensors(&[2.0_f64, -1.0, 0.25]);
    let x = Tensor::constant(array![[1.0, 2.0], [3.0, 0.0]].into_dyn());
    assert_eq!(network.forward64(&params, &x, None).value(), &array![[0.25], [6.25]].into_dyn());
    assert_eq!((network.dim(), network.inputs(), network.outputs()), (3, 2, 1));
}

#[test]
fn forward_can_be_differentiated_twice() {
    // The gradient penalty of a critic: ‖∂y/∂x‖² for y = w₂ᵀ leaky(W₁x), differentiated with respect to W₁.
    let network = leaky(&[2, 2, 1], 0.0);
    let theta = [1.0, 2.0, 3.0, -4.0, 0.5, -1.0, 1.0, -1.0, 0.0];
    let params: Vec<_> = network.layout().tensors(&theta).into_iter().map(Tensor::into_variable).collect();
    let x = Tensor::variable(array![[1.0, 2.0]].into_dyn());
    let y = network.forward64(&params, &x, None).sum();
    let slope = &apd_tensor::grad_graph(&y, &[&x])[0];
    // Slopes of the units are 1 and 0.5: ∂y/∂x = 1·[1, 2] − 0.5·[3, −4].
    assert_eq!(slope.value(), &array![[-0.5, 4.0]].into_dyn());
    let penalty = grad(&slope.square().sum(), &[&params[0]]);
    assert_eq!(penalty[0].value(), &array![[-1.0, 8.0], [0.5, -4.0]].into_dyn());
}

#[test]
fn dropout_zeroes_its_share_and_scales_the_rest() {
    // The network copies its hidden units to the outputs: what comes out is the mask.
    let (units, rows) = (50, 400);
    let network = Network::Mlp(Mlp { widths: vec![1, units, units], activation: Activation::Relu, dropout: 0.2 });
    let mut theta = vec![0.0_f64; network.dim()];
    let layout = network.layout();
    theta[layout.entries[1].range()].fill(1.0);
    for unit in 0..units {
        theta[layout.entries[2].offset + unit * units + unit] = 1.0;
    }
    let params = layout.tensors(&theta);
    let mut stream = Seed::root(3).stream();
    let y = network.forward64(&params, &Tensor::zeros(&[rows, 1]), Some(&mut stream));
    assert_eq!(stream.position(), (units * rows) as u64);
    let dropped = y.as_slice().iter().filter(|&&a| a == 0.0).count() as f64;
    assert!(y.as_slice().iter().all(|&a| a == 0.0 || (a - 1.25).abs() < 1e-6));
    // Binomial(20 000, 0.2): sd 56.6; five of them (α ≈ 6·10⁻⁷).
    assert!((dropped - 4000.0).abs() < 283.0, "{dropped} of 20 000 dropped");

    // A row's mask does not depend on the rows before it being drawn in the same pass.
    let mut late = Seed::root(3).stream();
    late.seek(100 * units as u64);
    let tail = network.forward64(&params, &Tensor::zeros(&[rows - 100, 1]), Some(&mut late));
    assert_eq!(&y.as_slice()[100 * units..], tail.as_slice());
}

#[test]
fn descriptions_that_are_not_networks_are_told_apart() {
    let mlp =
        |widths: &[usize], activation, dropout| Network::Mlp(Mlp { widths: widths.to_vec(), activation, dropout });
    let check = |network: Network| network.check().map_err(|error| error.to_string());
    assert_eq!(check(mlp(&[2, 3], Activation::Relu, 0.5)), Ok(()));
    for (network, message) in [
        (mlp(&[2], Activation::Relu, 0.0), "at least 2 widths (inputs and outputs), found 1"),
        (mlp(&[2, 0, 1], Activation::Relu, 0.0), "width number 1 of the network is 0"),
        (mlp(&[usize::MAX, 2], Activation::Relu, 0.0), "more parameters than memory can address"),
        (mlp(&[1 << 31, 1 << 31], Activation::Relu, 0.0), "more parameters than memory can address"),
        (mlp(&[2, 1], Activation::Relu, 1.0), "dropout probability 1 is not in [0, 1)"),
        (mlp(&[2, 1], Activation::Relu, f32::NAN), "dropout probability NaN"),
        (mlp(&[2, 1], Activation::LeakyRelu(-0.1), 0.0), "slope -0.1 is not in [0, 1]"),
    ] {
        let error = check(network).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
#[should_panic(expected = "width number 0 of the network is 0")]
fn mlp_panics_on_an_empty_layer() {
    let _ = Network::mlp(&[0, 2]);
}
