use apd_seed::Seed;
use apd_tensor::{Tensor, grad};
use ndarray::Array2;
use proptest::prelude::*;
use rayon::prelude::*;

use super::Split;
use crate::TensorLayout as _;
use crate::cnn::tests::networks;
use crate::{Accumulate, Backprop, Network, Threads};

struct Case {
    network: Network,
    theta: Vec<f64>,
    x: Array2<f64>,
    labels: Vec<u32>,
    start: Vec<f64>,
}

impl Case {
    fn new(network: Network, rows: usize, seed: u64) -> Self {
        let seed = Seed::root(seed);
        let mut theta = vec![0.0; network.dim()];
        seed.normals().fill_f64(2, 0, &mut theta);
        let initial = network.initialize(seed);
        theta.iter_mut().zip(initial).for_each(|(theta, initial)| *theta = 0.1 * *theta + f64::from(initial));
        let mut x = Array2::zeros((rows, network.inputs()));
        seed.normals().fill_f64(0, 0, x.as_slice_mut().unwrap());
        let mut start = vec![0.0; theta.len()];
        seed.normals().fill_f64(1, 0, &mut start);
        let mut stream = seed.child("labels").stream();
        let labels = (0..rows).map(|_| stream.below(network.outputs() as u32)).collect();
        Self { network, theta, x, labels, start }
    }

    /// (loss, beta·start + scale·gradient) by the tensor engine.
    fn reference(&self, Accumulate { scale, beta }: Accumulate) -> (f64, Vec<f64>) {
        let layout = self.network.layout();
        let params: Vec<_> = layout.tensors(&self.theta).into_iter().map(Tensor::into_variable).collect();
        let x = Tensor::constant(self.x.clone().into_dyn());
        let loss = self.network.forward(&params, &x, None).cross_entropy(&self.labels);
        let gradient = layout.flatten(&grad(&loss, &params.iter().collect::<Vec<_>>()));
        (loss.item(), gradient.iter().zip(&self.start).map(|(g, s)| beta * s + scale * g).collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_fused_pass_is_autodiff(
        network in networks(), rows in 1usize..9, seed: u64, scale in -3.0_f64..100.0, beta in prop_oneof![Just(0.0), Just(1.0), -2.0_f64..2.0],
    ) {
        // With one value per channel, or equal ones, a normalisation divides by √ε: the gradient is 0 up to rounding times 1/√ε and more.
        let normalised = network.buffers() > 0;
        let rows = if normalised { rows + 3 } else { rows };
        let case = Case::new(network, rows, seed);
        let accumulate = Accumulate { scale, beta };
        let (loss, gradient) = case.reference(accumulate);
        let largest = gradient.iter().fold(1.0_f64, |max, g| max.max(g.abs()));
        for threads in [Threads::Serial, Threads::Rayon] {
            let mut backprop = Backprop::new(&case.network, threads);
            // A larger batch before, so that the buffers hold something else.
            let larger = Array2::ones((rows + 23, case.network.inputs()));
            backprop.run(&case.theta, larger.view(), None, |_| 0.0, accumulate, &mut vec![0.0; case.theta.len()]);
            // Zero times what is not a number must still be zero.
            let mut found = if beta == 0.0 { vec![f64::NAN; case.theta.len()] } else { case.start.clone() };
            let found_loss = backprop.cross_entropy(&case.theta, case.x.view(), &case.labels, None, accumulate, &mut found);
            prop_assert!((found_loss - loss).abs() <= 1e-10 * (1.0 + loss.abs()), "loss {} is not {}", found_loss, loss);
            for (i, (a, b)) in found.iter().zip(&gradient).enumerate() {
                let scale = if normalised { largest } else { 1.0 + b.abs() };
                prop_assert!((a - b).abs() <= 1e-10 * scale, "element {}: {} is not {}", i, a, b);
            }
        }
    }
}

#[test]
fn work_precision_is_close_to_double() {
    for batch_norm in [false, true] {
        let case = Case::new(Network::cnn_large(12, 12, 1, 10, batch_norm), 11, 4);
        let (expected_loss, expected) = case.reference(Accumulate::overwrite(1.0));
        let theta: Vec<f32> = case.theta.iter().map(|&t| t as f32).collect();
        let mut gradient = vec![0.0; theta.len()];
        let x = case.x.mapv(|x| x as f32);
        let mut backprop = Backprop::new(&case.network, Threads::Rayon);
        let overwrite = Accumulate::overwrite(1.0);
        let loss = backprop.cross_entropy(&theta, x.view(), &case.labels, None, overwrite, &mut gradient);
        assert!((loss / expected_loss - 1.0).abs() < 1e-5, "{loss} is not {expected_loss}");
        let error = gradient.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum::<f64>().sqrt();
        let norm = expected.iter().map(|b| b * b).sum::<f64>().sqrt();
        assert!(error < 2e-5 * norm, "batch norm {batch_norm}: relative error {}", error / norm);
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    for network in [Network::cnn_small(8, 8, 1, 10), Network::cnn_large(12, 12, 1, 10, true)] {
        let case = Case::new(network, 57, 9);
        let theta: Vec<f32> = case.theta.iter().map(|&t| t as f32).collect();
        let x = case.x.mapv(|x| x as f32);
        let on = |count, threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build().unwrap();
            pool.install(|| {
                let mut gradient = vec![0.0; theta.len()];
                let mut backprop = Backprop::new(&case.network, threads);
                let overwrite = Accumulate::overwrite(1.0);
                let loss = backprop.cross_entropy(&theta, x.view(), &case.labels, None, overwrite, &mut gradient);
                (loss, gradient)
            })
        };
        let one = on(1, Threads::Rayon);
        assert!(one == on(2, Threads::Rayon) && one == on(7, Threads::Rayon) && one == on(7, Threads::Serial));
    }
}

/// Serial passes stay on the calling thread: chains have one each. (The control: parallel ones do not.)
#[test]
fn serial_pieces_use_no_other_thread() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    let others = |threads: Threads| {
        pool.install(|| {
            let caller = std::thread::current().id();
            let piece = |_| {
                std::thread::sleep(std::time::Duration::from_millis(2));
                usize::from(std::thread::current().id() != caller)
            };
            (0..64).into_par_iter().with_min_len(Split::new(64, threads).min_len).map(piece).sum::<usize>()
        })
    };
    assert_eq!(others(Threads::Serial), 0);
    assert!(others(Threads::Rayon) > 0);
}

#[test]
fn no_rows_have_no_gradient() {
    for batch_norm in [false, true] {
        let network = Network::cnn_large(12, 12, 1, 3, batch_norm);
        let theta = network.initialize(Seed::root(1));
        let mut gradient = vec![2.0; theta.len()];
        let mut backprop = Backprop::new(&network, Threads::Serial);
        let x = Array2::zeros((0, 144));
        let loss = backprop.cross_entropy(&theta, x.view(), &[], None, Accumulate::add(1.0), &mut gradient);
        assert_eq!(loss, 0.0);
        assert!(gradient.iter().all(|&g| g == 2.0));
    }
}
