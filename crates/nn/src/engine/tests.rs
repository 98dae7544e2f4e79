use apd_seed::Seed;
use ndarray::{Array2, array};
use proptest::prelude::*;

use super::*;
use crate::{Activation, Mlp, Model as _, Network, conformance};

fn activation() -> impl Strategy<Value = Activation> {
    prop_oneof![Just(Activation::Relu), (0.0_f32..=1.0).prop_map(Activation::LeakyRelu), Just(Activation::Tanh)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_perceptrons_engine_conforms(
        widths in prop::collection::vec(1_usize..12, 2..6), activation in activation(),
        dropout in prop_oneof![Just(0.0_f32), 0.1_f32..0.9],
    ) {
        prop_assert_eq!(conformance::check(&Mlp { widths, activation, dropout }), Ok(()));
    }
}

#[test]
fn a_perceptron_row_by_row_conforms() {
    for (widths, dropout) in [(vec![3, 16, 16, 2], 0.0), (vec![3, 16, 16, 2], 0.3), (vec![16, 32, 5], 0.5)] {
        for activation in [Activation::Tanh, Activation::LeakyRelu(0.1)] {
            assert_eq!(conformance::check(&Mlp { widths: widths.clone(), activation, dropout }), Ok(()));
        }
    }
}

fn entropy(
    engine: &mut dyn Engine,
    theta: &[f32],
    x: ArrayView2<'_, f32>,
    labels: &[u32],
    gradient: &mut [f32],
) -> f64 {
    engine.gradient(theta, Batch::new(x), &mut cross_entropy(labels), &mut Accumulate::overwrite(1.0), gradient)
}

#[test]
fn large_logits_neither_overflow_nor_lose_the_gradient() {
    let mut engine = Network::mlp(&[1, 2]).engine(Threads::Serial);
    let mut gradient = [0.0_f32; 4];
    let x = array![[1.0_f32]];
    let mut run = |theta: &[f32]| (entropy(engine.as_mut(), theta, x.view(), &[0], &mut gradient), gradient);
    assert_eq!(run(&[1000.0, -1000.0, 0.0, 0.0]), (0.0, [0.0; 4]));
    assert_eq!(run(&[-1000.0, 1000.0, 0.0, 0.0]), (2000.0, [-1.0, 1.0, -1.0, 1.0]));
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let dropped = Network::Mlp(Mlp { widths: vec![784, 100, 10], activation: Activation::Relu, dropout: 0.5 });
    for network in [dropped, Network::cnn_small(8, 8, 1, 10), Network::cnn_large(12, 12, 1, 10, true)] {
        let seed = Seed::root(9);
        let theta = network.initialize(seed);
        let mut x = Array2::zeros((100, network.inputs()));
        seed.normals().fill(0, 0, x.as_slice_mut().unwrap());
        let labels: Vec<u32> = (0..100).map(|row| row % 10).collect();
        let on = |count, threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build().unwrap();
            pool.install(|| {
                let mut gradient = vec![0.0; theta.len()];
                let batch = Batch { x: x.view(), dropout: Some(&mut seed.stream()) };
                let (mut loss, mut target) = (cross_entropy(&labels), Accumulate::overwrite(1.0));
                let loss = network.engine(threads).gradient(&theta, batch, &mut loss, &mut target, &mut gradient);
                (loss, gradient)
            })
        };
        let one = on(1, Threads::Rayon);
        assert!(one == on(2, Threads::Rayon) && one == on(7, Threads::Rayon) && one == on(7, Threads::Serial));
    }
}

#[test]
fn no_rows_have_no_gradient() {
    for network in
        [Network::mlp(&[144, 3]), Network::cnn_large(12, 12, 1, 3, false), Network::cnn_large(12, 12, 1, 3, true)]
    {
        let theta = network.initialize(Seed::root(1));
        let mut gradient = vec![2.0; theta.len()];
        let (x, mut target) = (Array2::zeros((0, 144)), Accumulate::add(1.0));
        let batch = Batch::new(x.view());
        let loss = network.engine(Threads::Serial).gradient(
            &theta,
            batch,
            &mut cross_entropy(&[]),
            &mut target,
            &mut gradient,
        );
        assert_eq!(loss, 0.0);
        assert!(gradient.iter().all(|&g| g == 2.0));
    }
}

#[test]
#[should_panic(expected = "label 2 of 2 classes")]
fn a_label_out_of_range_panics() {
    let mut engine = Network::mlp(&[1, 2]).engine(Threads::Serial);
    entropy(engine.as_mut(), &[0.0; 4], array![[1.0]].view(), &[2], &mut [0.0; 4]);
}

#[test]
#[should_panic(expected = "shape of the gradient")]
fn a_gradient_of_another_shape_is_refused() {
    let mut engine = Network::mlp(&[2, 3]).engine(Threads::Serial);
    let (x, mut gradient) = (Array2::zeros((4, 2)), Array2::zeros((3, 2)));
    engine.input_gradient(&[0.0; 9], x.view(), &mut |_, _| {}, gradient.view_mut());
}
