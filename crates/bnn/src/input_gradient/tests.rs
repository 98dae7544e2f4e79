use apd_nn::{Activation, Mlp, Network, TensorLayout as _};
use apd_seed::Seed;
use apd_tensor::{Tensor, grad};
use proptest::prelude::*;

use super::*;
use crate::likelihood::{Categorical, LearnedGaussian, tensors};

fn normals(rows: usize, columns: usize, seed: Seed) -> Array2<f32> {
    let mut array = Array2::zeros((rows, columns));
    seed.normals().fill(0, 0, array.as_slice_mut().unwrap());
    array
}

/// Networks with weights `scale` times those of an initialization.
fn thetas(network: &Network, count: usize, scale: f32, seed: Seed) -> Vec<Vec<f32>> {
    let theta = |s: usize| network.initialize(seed.index(s as u64)).into_iter().map(|w| scale * w).collect();
    (0..count).map(theta).collect()
}

fn labels(count: usize, classes: usize, seed: Seed) -> Vec<u32> {
    let mut stream = seed.child("labels").stream();
    (0..count).map(|_| stream.below(classes as u32)).collect()
}

/// The definition, as it is written, through the tensor engine.
fn definition(network: &Network, thetas: &[Vec<f32>], x: &Array2<f32>, labels: &[u32]) -> (Vec<f64>, Vec<f64>) {
    let variable = Tensor::constant(x.mapv(f64::from).into_dyn()).into_variable();
    let mut mean: Option<Tensor<f64>> = None;
    for theta in thetas {
        let theta: Vec<f64> = theta.iter().copied().map(f64::from).collect();
        let p = network.forward64(&network.layout().tensors(&theta), &variable, None).softmax();
        let p = p.scale(1.0 / thetas.len() as f64);
        mean = Some(mean.map_or(p.clone(), |mean| mean.add(&p)));
    }
    let mut one_hot = Array2::zeros((x.nrows(), network.outputs()));
    labels.iter().enumerate().for_each(|(n, &label)| one_hot[[n, label as usize]] = 1.0);
    let p = mean.unwrap().mul(&Tensor::constant(one_hot.into_dyn())).sum_axis(1);
    let losses = p.ln().neg();
    let gradient = &grad(&losses.sum(), &[&variable])[0];
    (losses.as_slice().to_vec(), gradient.as_slice().to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn loss_and_gradient_are_those_of_the_definition(
        hidden in prop::collection::vec(1_usize..12, 0..3), count in 1_usize..6, rows in 0_usize..20,
        scale in 0.3_f32..6.0, tanh: bool, seed: u64,
    ) {
        let widths = [5].into_iter().chain(hidden).chain([4]).collect();
        let activation = if tanh { Activation::Tanh } else { Activation::Relu };
        let network = Network::Mlp(Mlp { widths, activation, dropout: 0.0 });
        let seed = Seed::root(seed);
        let thetas = thetas(&network, count, scale, seed);
        let (x, labels) = (normals(rows, 5, seed), labels(rows, 4, seed));
        let (losses, gradient) = input_gradient(&network, &Categorical, &thetas, x.view(), TargetRows::Classes(&labels));
        let expected = definition(&network, &thetas, &x, &labels);
        // Single precision, relative to the largest.
        let largest = |values: &[f64]| values.iter().fold(1.0_f64, |max, value| max.max(value.abs()));
        for (found, &expected_loss) in losses.iter().zip(&expected.0) {
            prop_assert!((found - expected_loss).abs() <= 1e-4 * largest(&expected.0), "{found} is not {expected_loss}");
        }
        for (&found, &expected_slope) in gradient.iter().zip(&expected.1) {
            let error = (f64::from(found) - expected_slope).abs();
            prop_assert!(error <= 1e-4 * largest(&expected.1), "{found} is not {expected_slope}");
        }
    }
}

#[test]
fn networks_that_give_the_label_no_chance_still_say_where_it_lies() {
    // Weights so large that p(y) underflows in the definition: the loss is that of the least sure one's lead.
    let network = Network::mlp(&[2, 2]);
    let thetas = [vec![-900.0, 0.0, 0.0, 0.0, 0.0, 0.0], vec![-1000.0, 100.0, 0.0, 0.0, 0.0, 0.0]];
    let x = ndarray::array![[1.0, 0.0]];
    let (losses, gradient) = input_gradient(&network, &Categorical, &thetas, x.view(), TargetRows::Classes(&[0]));
    // −ln ½(e⁻⁹⁰⁰ + e⁻¹⁰⁰⁰)
    assert!((losses[0] - 900.0 - 2_f64.ln()).abs() < 1e-3, "{}", losses[0]);
    assert!((gradient[[0, 0]] - 900.0).abs() < 1e-3 && gradient[[0, 1]].abs() < 1e-30, "{gradient}");
}

#[test]
fn a_network_that_is_sure_still_has_a_direction_in_single_precision() {
    // p(y) = 1 − e⁻²⁰ is 1 in f32.
    let network = Network::mlp(&[1, 2]);
    let (losses, gradient) = input_gradient(
        &network,
        &Categorical,
        &[[20.0_f32, 0.0, 0.0, 0.0]],
        ndarray::array![[1.0]].view(),
        TargetRows::Classes(&[0]),
    );
    assert!(losses[0].abs() < 1e-6);
    let expected = -20.0 * (-20.0_f32).exp();
    assert!((gradient[[0, 0]] / expected - 1.0).abs() < 1e-4, "{} is not {expected}", gradient[[0, 0]]);
}

#[test]
fn bits_do_not_depend_on_threads_or_on_the_rows_beside() {
    let network = Network::mlp(&[6, 16, 4]);
    let seed = Seed::root(8);
    let rows = 2 * ROWS + 17;
    let thetas = thetas(&network, 3, 2.0, seed);
    let (x, labels) = (normals(rows, 6, seed), labels(rows, 4, seed));
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| input_gradient(&network, &Categorical, &thetas, x.view(), TargetRows::Classes(&labels)))
    };
    let (losses, gradient) = with(1);
    assert_eq!((losses.clone(), gradient.clone()), with(7));
    let part = x.slice(ndarray::s![..ROWS, ..]);
    let alone = input_gradient(&network, &Categorical, &thetas, part, TargetRows::Classes(&labels[..ROWS]));
    assert_eq!((losses[..ROWS].to_vec(), gradient.slice(ndarray::s![..ROWS, ..]).to_owned()), alone);
}

#[test]
#[should_panic(expected = "label 4 of observation 0 is out of range: the network has 4 outputs")]
fn a_label_without_an_output_is_refused() {
    let network = Network::mlp(&[2, 4]);
    input_gradient(
        &network,
        &Categorical,
        &[vec![0.0_f32; 12]],
        Array2::zeros((1, 2)).view(),
        TargetRows::Classes(&[4]),
    );
}

/// Every likelihood but the categorical goes row by row: here one with a parameter of its own, which weighs networks too.
#[test]
fn numbers_have_the_gradient_of_the_definition() {
    let network = Network::mlp(&[3, 6, 1]);
    let seed = Seed::root(12);
    let mut points = thetas(&network, 3, 1.0, seed);
    points.iter_mut().enumerate().for_each(|(s, point)| point.push(-0.5 + 0.4 * s as f32));
    let (x, y) = (normals(9, 3, seed.child("x")), normals(9, 1, seed.child("y")));
    let (likelihood, targets) = (LearnedGaussian::default(), TargetRows::Values(y.view()));
    let (losses, gradient) = input_gradient(&network, &likelihood, &points, x.view(), targets);
    for n in 0..9 {
        let row = Tensor::variable(x.slice(ndarray::s![n..=n, ..]).mapv(f64::from).into_dyn());
        let densities = points.iter().map(|point| {
            let (theta, phi) = point.split_at(network.dim());
            let theta: Vec<f64> = theta.iter().copied().map(f64::from).collect();
            let outputs = network.forward64(&network.layout().tensors(&theta), &row, None);
            likelihood.nll(&tensors(&likelihood.layout(), phi), &outputs, targets.slice(n..n + 1)).neg().exp()
        });
        let loss = densities.reduce(|a, b| a.add(&b)).unwrap().scale(1.0 / 3.0).ln().neg();
        let slope = &grad(&loss, &[&row])[0];
        assert!((losses[n] - loss.item()).abs() < 1e-5 * (1.0 + loss.item().abs()), "{} {}", losses[n], loss.item());
        for (found, expected) in gradient.row(n).iter().zip(slope.as_slice()) {
            assert!((f64::from(*found) - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{found} is not {expected}");
        }
    }
}
