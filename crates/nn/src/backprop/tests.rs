use apd_seed::Seed;
use apd_tensor::{Tensor, grad};
use ndarray::Array2;
use proptest::prelude::*;

use super::*;
use crate::TensorLayout as _;
use crate::{Activation, Mlp};

struct Case {
    network: Network,
    theta: Vec<f64>,
    x: Array2<f64>,
    labels: Vec<u32>,
    start: Vec<f64>,
    seed: Seed,
}

impl Case {
    fn new(widths: Vec<usize>, activation: Activation, dropout: f32, rows: usize, seed: u64) -> Self {
        let seed = Seed::root(seed);
        let network = Network::Mlp(Mlp { widths, activation, dropout });
        let theta: Vec<f64> = network.initialize(seed).into_iter().map(f64::from).collect();
        let mut x = Array2::zeros((rows, network.inputs()));
        seed.normals().fill_f64(0, 0, x.as_slice_mut().unwrap());
        let mut start = vec![0.0; theta.len()];
        seed.normals().fill_f64(1, 0, &mut start);
        let mut stream = seed.child("labels").stream();
        let labels = (0..rows).map(|_| stream.below(network.outputs() as u32)).collect();
        Self { network, theta, x, labels, start, seed }
    }

    /// (loss, beta·start + scale·gradient) by the tensor engine.
    fn reference(
        &self,
        loss: impl FnOnce(&Tensor<f64>) -> Tensor<f64>,
        Accumulate { scale, beta }: Accumulate,
    ) -> (f64, Vec<f64>) {
        let layout = self.network.layout();
        let params: Vec<_> = layout.tensors(&self.theta).into_iter().map(Tensor::into_variable).collect();
        let x = Tensor::constant(self.x.clone().into_dyn());
        let loss = loss(&self.network.forward(&params, &x, Some(&mut self.seed.stream())));
        let gradient = layout.flatten(&grad(&loss, &params.iter().collect::<Vec<_>>()));
        (loss.item(), gradient.iter().zip(&self.start).map(|(g, s)| beta * s + scale * g).collect())
    }
}

fn assert_close(found: &(f64, Vec<f64>), expected: &(f64, Vec<f64>)) {
    assert!((found.0 - expected.0).abs() <= 1e-10 * (1.0 + expected.0.abs()), "loss {} is not {}", found.0, expected.0);
    for (i, (a, b)) in found.1.iter().zip(&expected.1).enumerate() {
        assert!((a - b).abs() <= 1e-10 * (1.0 + b.abs()), "element {i}: {a} is not {b}");
    }
}

fn activation() -> impl Strategy<Value = Activation> {
    prop_oneof![Just(Activation::Relu), (0.0_f32..=1.0).prop_map(Activation::LeakyRelu), Just(Activation::Tanh)]
}

proptest! {
    #[test]
    fn the_fused_pass_is_autodiff(
        widths in prop::collection::vec(1_usize..12, 2..6), activation in activation(),
        dropout in prop_oneof![Just(0.0_f32), 0.1_f32..0.9], rows in 1_usize..20, seed: u64,
        scale in -3.0_f64..100.0, beta in prop_oneof![Just(0.0), Just(1.0), -2.0_f64..2.0],
    ) {
        let case = Case::new(widths, activation, dropout, rows, seed);
        let accumulate = Accumulate { scale, beta };
        let expected = case.reference(|z| z.cross_entropy(&case.labels), accumulate);
        for threads in [Threads::Serial, Threads::Rayon] {
            let mut backprop = Backprop::new(&case.network, threads);
            // A larger batch before, so that the buffers hold something else.
            let larger = Array2::ones((rows + 3, case.network.inputs()));
            backprop.run(&case.theta, larger.view(), None, |_| 0.0, accumulate, &mut vec![0.0; case.theta.len()]);
            // Zero times what is not a number must still be zero.
            let mut gradient = if beta == 0.0 { vec![f64::NAN; case.theta.len()] } else { case.start.clone() };
            let (x, stream) = (case.x.view(), &mut case.seed.stream());
            let loss = backprop.cross_entropy(&case.theta, x, &case.labels, Some(stream), accumulate, &mut gradient);
            assert_close(&(loss, gradient), &expected);
            let words = if dropout > 0.0 { rows * case.network.dropout_units() } else { 0 };
            prop_assert_eq!(stream.position(), words as u64);
        }
    }

    #[test]
    fn any_loss_will_do(widths in prop::collection::vec(1_usize..9, 2..4), rows in 1_usize..9, seed: u64) {
        let case = Case::new(widths, Activation::Tanh, 0.0, rows, seed);
        let accumulate = Accumulate::add(0.5);
        let expected = case.reference(|z| z.square().sum(), accumulate);
        let mut gradient = case.start.clone();
        let squares = |mut z: ArrayViewMut2<'_, f64>| {
            let loss = z.iter().map(|z| z * z).sum();
            z *= 2.0;
            loss
        };
        let mut backprop = Backprop::new(&case.network, Threads::Serial);
        let loss = backprop.run(&case.theta, case.x.view(), None, squares, accumulate, &mut gradient);
        assert_close(&(loss, gradient), &expected);
    }
}

impl Network {
    fn dropout_units(&self) -> usize {
        match self {
            Self::Mlp(mlp) => mlp.hidden().iter().sum(),
            Self::Cnn(_) => 0,
        }
    }
}

#[test]
fn work_precision_is_close_to_double() {
    let case = Case::new(vec![30, 20, 10], Activation::Relu, 0.0, 50, 4);
    let expected = case.reference(|z| z.cross_entropy(&case.labels), Accumulate::overwrite(1.0));
    let theta: Vec<f32> = case.theta.iter().map(|&t| t as f32).collect();
    let mut gradient = vec![0.0; theta.len()];
    let mut backprop = Backprop::new(&case.network, Threads::Serial);
    let x = case.x.mapv(|x| x as f32);
    let loss = backprop.cross_entropy(&theta, x.view(), &case.labels, None, Accumulate::overwrite(1.0), &mut gradient);
    assert!((loss / expected.0 - 1.0).abs() < 1e-5);
    let error = gradient.iter().zip(&expected.1).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum::<f64>().sqrt();
    let norm = expected.1.iter().map(|b| b * b).sum::<f64>().sqrt();
    assert!(error < 1e-5 * norm, "relative error {}", error / norm);
}

#[test]
fn large_logits_neither_overflow_nor_lose_the_gradient() {
    let network = Network::mlp(&[1, 2]);
    let mut backprop = Backprop::new(&network, Threads::Serial);
    let mut gradient = [0.0_f32; 4];
    let x = ndarray::array![[1.0_f32]];
    let mut run = |theta| {
        let loss = backprop.cross_entropy(theta, x.view(), &[0], None, Accumulate::overwrite(1.0), &mut gradient);
        (loss, gradient)
    };
    assert_eq!(run(&[1000.0, -1000.0, 0.0, 0.0]), (0.0, [0.0; 4]));
    assert_eq!(run(&[-1000.0, 1000.0, 0.0, 0.0]), (2000.0, [-1.0, 1.0, -1.0, 1.0]));
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let case = Case::new(vec![784, 100, 10], Activation::Relu, 0.5, 100, 9);
    let theta: Vec<f32> = case.theta.iter().map(|&t| t as f32).collect();
    let x = case.x.mapv(|x| x as f32);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut gradient = vec![0.0; theta.len()];
            let (stream, overwrite) = (&mut case.seed.stream(), Accumulate::overwrite(1.0));
            let mut backprop = Backprop::new(&case.network, Threads::Rayon);
            let loss = backprop.cross_entropy(&theta, x.view(), &case.labels, Some(stream), overwrite, &mut gradient);
            (loss, gradient)
        })
    };
    let one = on(1);
    assert!(one == on(2) && one == on(7));
}

#[test]
#[should_panic(expected = "label 2 of 2 classes")]
fn a_label_out_of_range_panics() {
    let network = Network::mlp(&[1, 2]);
    let x = ndarray::array![[1.0_f32]];
    let mut gradient = [0.0; 4];
    let overwrite = Accumulate::overwrite(1.0);
    Backprop::new(&network, Threads::Serial).cross_entropy(&[0.0; 4], x.view(), &[2], None, overwrite, &mut gradient);
}
