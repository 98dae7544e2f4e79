use apd_seed::Seed;
use ndarray::Array2;
use proptest::prelude::*;

use super::*;
use crate::Activation;

fn activation() -> impl Strategy<Value = Activation> {
    prop_oneof![Just(Activation::Relu), (0.0_f32..=1.0).prop_map(Activation::LeakyRelu), Just(Activation::Tanh)]
}

fn array(rows: usize, columns: usize, seed: Seed) -> Array2<f64> {
    let mut array = Array2::zeros((rows, columns));
    seed.normals().fill_f64(0, 0, array.as_slice_mut().unwrap());
    array
}

/// Loss Σ sin(z) of the logits z, and start + ∂loss/∂x, by the engine.
fn run(engine: Engine<f64>, network: &Network, theta: &[f64], x: &Array2<f64>, start: &Array2<f64>) -> Array2<f64> {
    let mut backprop = InputBackprop { network: network.clone(), engine };
    // Another batch before, so that the buffers hold something else.
    let other = Array2::ones((x.nrows() + 3, x.ncols()));
    backprop.forward(theta, other.view()).add_to(Array2::zeros(other.dim()).view_mut());
    let mut gradient = start.clone();
    let mut pass = backprop.forward(theta, x.view());
    pass.logits().mapv_inplace(f64::cos);
    pass.add_to(gradient.view_mut());
    gradient
}

proptest! {
    #[test]
    fn both_engines_give_autodiffs_gradient_of_any_loss(
        widths in prop::collection::vec(1_usize..12, 2..6), activation in activation(), rows in 0_usize..20, seed: u64,
    ) {
        let seed = Seed::root(seed);
        let mlp = Mlp { widths, activation, dropout: 0.3 };
        let network = Network::Mlp(mlp.clone());
        let theta: Vec<f64> = network.initialize(seed).into_iter().map(f64::from).collect();
        let x = array(rows, network.inputs(), seed.child("x"));
        let start = array(rows, network.inputs(), seed.child("start"));

        let variable = Tensor::constant(x.clone().into_dyn()).into_variable();
        let logits = network.forward(&network.layout().tensors(&theta), &variable, None);
        let cosines = Tensor::from_vec(logits.shape(), logits.as_slice().iter().map(|z| z.cos()).collect());
        let gradient = &grad(&logits.mul(&cosines).sum(), &[&variable])[0];

        for engine in [Engine::Fused(Fused::new(&mlp)), Engine::Recorded(Recorded { record: None, logits: Vec::new() })] {
            let found = run(engine, &network, &theta, &x, &start);
            for ((&found, &start), &expected) in found.iter().zip(&start).zip(gradient.as_slice()) {
                prop_assert!((found - start - expected).abs() <= 1e-12 * (1.0 + expected.abs()));
            }
        }
    }
}

#[test]
fn the_gradient_is_the_slope_of_the_loss() {
    let network = Network::Mlp(Mlp { widths: vec![5, 7, 6, 3], activation: Activation::Tanh, dropout: 0.0 });
    let seed = Seed::root(4);
    let theta: Vec<f64> = network.initialize(seed).into_iter().map(|w| 3.0 * f64::from(w)).collect();
    let x = array(2, 5, seed.child("x"));
    let mut backprop = InputBackprop::new(&network);
    let loss = |x: &Array2<f64>| network.evaluate(&theta, x.view()).mapv(f64::sin).sum();
    let mut gradient = Array2::zeros(x.dim());
    let mut pass = backprop.forward(&theta, x.view());
    pass.logits().mapv_inplace(f64::cos);
    pass.add_to(gradient.view_mut());
    const H: f64 = 1e-5;
    for (at, &slope) in gradient.indexed_iter() {
        let (mut above, mut below) = (x.clone(), x.clone());
        above[at] += H;
        below[at] -= H;
        let difference = (loss(&above) - loss(&below)) / (2.0 * H);
        // The third derivative's h²/6 and rounding's 1e-16/h are both about 1e-10.
        assert!((slope - difference).abs() < 1e-8, "{at:?}: {slope} is not {difference}");
        assert!(slope.abs() > 1e-4, "{at:?}: nothing to compare");
    }
}

#[test]
#[should_panic(expected = "shape of the gradient")]
fn a_gradient_of_another_shape_is_refused() {
    let network = Network::mlp(&[2, 3]);
    let (theta, x) = (vec![0.0_f32; 9], Array2::zeros((4, 2)));
    InputBackprop::new(&network).forward(&theta, x.view()).add_to(Array2::zeros((3, 2)).view_mut());
}
