use std::sync::Arc;

use apd_nn::{Activation, Mlp, Network};
use ndarray::Array2;
use proptest::prelude::*;

use super::*;
use crate::data::Targets;
use crate::likelihood::{Categorical, Gaussian};
use crate::prior;

fn potential(network: &Network, data: Data, likelihood: impl Likelihood + 'static, precision: f64) -> NetworkPotential {
    let prior = Arc::new(prior::Gaussian::isotropic(precision));
    NetworkPotential::new(network, data, Arc::new(likelihood), prior).unwrap()
}

fn normals(seed: Seed, rows: usize, columns: usize) -> Array2<f32> {
    let mut out = Array2::zeros((rows, columns));
    seed.normals().fill(0, 0, out.as_slice_mut().unwrap());
    out
}

fn labels(seed: Seed, n: usize, classes: usize) -> Targets {
    let mut stream = seed.stream();
    Targets::Classes((0..n).map(|_| stream.below(classes as u32)).collect())
}

/// A network with its start, and random data for both likelihoods.
fn models(widths: &[usize], n: usize, seed: u64, prior: f64) -> (Vec<f32>, [NetworkPotential; 2]) {
    let network = Network::Mlp(Mlp { widths: widths.to_vec(), activation: Activation::Tanh, dropout: 0.0 });
    models_of(network, n, seed, prior)
}

fn models_of(network: Network, n: usize, seed: u64, prior: f64) -> (Vec<f32>, [NetworkPotential; 2]) {
    let seed = Seed::root(seed);
    let inputs = Arc::new(normals(seed.child("inputs"), n, network.inputs()));
    let values = Targets::Values(Arc::new(normals(seed.child("values"), n, network.outputs())));
    let data = |targets| Data { inputs: Arc::clone(&inputs), targets };
    let models = [
        potential(&network, data(labels(seed.child("labels"), n, network.outputs())), Categorical, prior),
        potential(&network, data(values), Gaussian { sd: 0.6 }, prior),
    ];
    (network.initialize(seed), models)
}

fn run(potential: &mut NetworkPotential, theta: &[f32], minibatch: Minibatch<'_>) -> (f64, Vec<f32>) {
    // What the buffer held must not matter.
    let mut gradient = vec![f32::NAN; theta.len()];
    let energy = potential.gradient(theta, minibatch, &mut gradient).unwrap();
    (energy, gradient)
}

/// Single precision: relative to the gradient's norm.
fn assert_close(found: &(f64, Vec<f32>), expected: &(f64, Vec<f64>)) {
    let error = error(found, expected);
    assert!(error <= 1e-5, "off by {error} of its size; energy {} and {}", found.0, expected.0);
}

/// The larger of the energy's relative error and the gradient's.
fn error(found: &(f64, Vec<f32>), expected: &(f64, Vec<f64>)) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let difference = norm(&mut found.1.iter().zip(&expected.1).map(|(a, b)| f64::from(*a) - b));
    let gradient = difference / (1.0 + norm(&mut expected.1.iter().copied()));
    gradient.max((found.0 - expected.0).abs() / (1.0 + expected.0.abs()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_gradient_is_autodiffs(
        widths in prop::collection::vec(1_usize..8, 2..5), n in 1_usize..30, seed: u64, prior in 0.0_f64..10.0,
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..12),
    ) {
        let (theta, models) = models(&widths, n, seed, prior);
        let indices: Vec<u32> = picks.iter().map(|pick| pick.index(n) as u32).collect();
        for mut model in models {
            for minibatch in [Minibatch::Full, Minibatch::Indices(&indices)] {
                let expected = model.reference_gradient(&theta, minibatch);
                assert_close(&run(&mut model, &theta, minibatch), &expected);
            }
        }
    }
}

#[test]
fn the_gradient_is_the_slope_of_the_energy() {
    let (theta, models) = models(&[3, 5, 2], 20, 1, 2.0);
    for model in models {
        let (_, gradient) = model.reference_gradient(&theta, Minibatch::Full);
        for i in (0..theta.len()).step_by(3) {
            // A power of two moves the element exactly; the energy is computed in double.
            let step = 2.0_f32.powi(-11);
            let energy = |by: f32| {
                let mut moved = theta.clone();
                moved[i] += by;
                (model.reference_gradient(&moved, Minibatch::Full).0, f64::from(moved[i]))
            };
            let ((up, above), (down, below)) = (energy(step), energy(-step));
            let slope = (up - down) / (above - below);
            assert!((slope - gradient[i]).abs() < 1e-4 * (1.0 + slope.abs()), "element {i}: {slope}, {}", gradient[i]);
        }
    }
}

#[test]
fn energies_are_what_the_definition_says() {
    // f(x) = 2x + 1, y = 4 at x = 1: residual −1; precision 4, τ = 2, ‖θ‖² = 5.
    let data = Data::values(ndarray::array![[1.0]], ndarray::array![[4.0]]);
    let mut model = potential(&Network::mlp(&[1, 1]), data, Gaussian { sd: 0.5 }, 2.0);
    assert_eq!(run(&mut model, &[2.0, 1.0], Minibatch::Full), (2.0 + 5.0, vec![-4.0 + 4.0, -4.0 + 2.0]));

    // Equal logits: ln 2 for each of 3 observations.
    let mut model =
        potential(&Network::mlp(&[1, 2]), Data::classes(Array2::zeros((3, 1)), [0, 1, 1]), Categorical, 5.0);
    let (energy, gradient) = run(&mut model, &[0.0; 4], Minibatch::Full);
    assert!((energy - 3.0 * std::f64::consts::LN_2).abs() < 1e-6);
    assert_eq!(gradient, [0.0, 0.0, 0.5, -0.5]);
    assert_eq!((model.dim(), model.num_data(), model.prior_precision()), (4, 3, Some(5.0)));
}

#[test]
fn minibatches_average_to_the_full_gradient() {
    let (theta, models) = models(&[4, 6, 3], 60, 7, 1.5);
    let order = Seed::root(3).stream().permutation(60);
    for mut model in models {
        let full = run(&mut model, &theta, Minibatch::Full);
        let (mut energy, mut gradient) = (0.0, vec![0.0; theta.len()]);
        for batch in order.chunks(12) {
            let (e, g) = run(&mut model, &theta, Minibatch::Indices(batch));
            energy += e / 5.0;
            gradient.iter_mut().zip(&g).for_each(|(sum, &g)| *sum += f64::from(g) / 5.0);
        }
        assert_close(&full, &(energy, gradient));
    }
}

/// N/B: a minibatch counts as if it were repeated until there are N.
#[test]
fn a_minibatch_is_scaled_to_the_full_data() {
    let (theta, models) = models(&[2, 4, 3], 12, 5, 0.0);
    for mut model in models {
        let three = run(&mut model, &theta, Minibatch::Indices(&[1, 5, 7]));
        let repeated = run(&mut model, &theta, Minibatch::Indices(&[1, 5, 7].repeat(4)));
        assert_close(&three, &(repeated.0, repeated.1.iter().copied().map(f64::from).collect()));
    }
    // …and the prior does not take part in it.
    let data = Data { inputs: Arc::new(Array2::zeros((10, 1))), targets: labels(Seed::root(1), 10, 2) };
    let at = |prior, minibatch| {
        let mut model = potential(&Network::mlp(&[1, 2]), data.clone(), Categorical, prior);
        run(&mut model, &[0.5, -1.0, 0.25, 0.0], minibatch)
    };
    for minibatch in [Minibatch::Full, Minibatch::Indices(&[4])] {
        let (with, without) = (at(4.0, minibatch), at(0.0, minibatch));
        assert!((with.0 - without.0 - 2.0 * 1.3125).abs() < 1e-6);
        assert_eq!(with.1[1] - without.1[1], -4.0);
    }
}

#[test]
fn without_information_only_the_prior_is_left() {
    // A likelihood as wide as it can be.
    let (_, [_, mut model]) = models(&[3, 4, 1], 10, 2, 7.0);
    model.likelihood = Arc::new(Gaussian { sd: 1e150 });
    let theta: Vec<f32> = (0..model.dim()).map(|i| i as f32 / 8.0 - 1.0).collect();
    let (energy, gradient) = run(&mut model, &theta, Minibatch::Full);
    let squares: f32 = theta.iter().map(|t| t * t).sum();
    assert_eq!(energy, 3.5 * f64::from(squares));
    assert_eq!(gradient, theta.iter().map(|t| 7.0 * t).collect::<Vec<_>>());
}

#[test]
fn the_full_data_may_span_many_blocks() {
    let (theta, models) = models(&[2, 3, 2], 2 * 512 + 5, 11, 1.0);
    for mut model in models {
        let expected = model.reference_gradient(&theta, Minibatch::Full);
        assert_close(&run(&mut model, &theta, Minibatch::Full), &expected);
        // Another layout of the inputs, as a transposed file would have.
        let columns = model.data.inputs.t().as_standard_layout().into_owned();
        model.data.inputs = Arc::new(columns.reversed_axes());
        assert_close(&run(&mut model, &theta, Minibatch::Full), &expected);
        let picks = [0, 512, 2 * 512 + 4];
        let expected = model.reference_gradient(&theta, Minibatch::Indices(&picks));
        assert_close(&run(&mut model, &theta, Minibatch::Indices(&picks)), &expected);
    }
}

#[test]
fn convolutional_networks_have_autodiffs_gradient() {
    const MINIBATCHES: [Minibatch<'_>; 2] = [Minibatch::Full, Minibatch::Indices(&[3, 1, 19, 4, 7, 7, 12, 0])];
    let errors = |network: Network, seed| -> Vec<f64> {
        let (theta, models) = models_of(network, 20, seed, 1.5);
        let of_model = |mut model: NetworkPotential| {
            MINIBATCHES.map(|batch| error(&run(&mut model, &theta, batch), &model.reference_gradient(&theta, batch)))
        };
        models.into_iter().flat_map(of_model).collect()
    };
    assert!(errors(Network::cnn_small(8, 8, 1, 4), 3).iter().all(|&error| error <= 1e-5));
    // One of the large network's hundred thousand units may lie on the other side of its kink in single precision, which moves the
    // gradient by a step. So the error is mostly that of rounding; a mistake in one kind of minibatch would leave it so half of the time at most.
    let errors: Vec<f64> = (3..7).flat_map(|seed| errors(Network::cnn_large(12, 12, 1, 4, true), seed)).collect();
    let rounding = errors.iter().filter(|&&error| error <= 1e-5).count();
    assert!(rounding > errors.len() / 2 && errors.iter().all(|&error| error <= 1e-2), "{errors:?}");
}

#[test]
fn a_convolutional_networks_full_data_may_span_many_blocks() {
    let (theta, [mut model, _]) = models_of(Network::cnn_small(8, 8, 1, 3), 2 * 128 + 5, 3, 1.0);
    let expected = model.reference_gradient(&theta, Minibatch::Full);
    assert_close(&run(&mut model, &theta, Minibatch::Full), &expected);
}

#[test]
fn bits_depend_neither_on_threads_nor_on_the_call_before() {
    let indices: Vec<u32> = (0..100).collect();
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (theta, [model, _]) = models(&[300, 100, 10], 600, 4, 1.0);
        let mut model = model.with_threads(Threads::Rayon);
        pool.install(|| {
            let first = run(&mut model, &theta, Minibatch::Indices(&indices));
            let full = run(&mut model, &theta, Minibatch::Full);
            assert!(first == run(&mut model, &theta, Minibatch::Indices(&indices)));
            (first, full)
        })
    };
    let one = on(1);
    assert!(one == on(2) && one == on(7));
}

#[test]
fn dropout_is_a_function_of_position_and_minibatch() {
    let network = Network::Mlp(Mlp { widths: vec![3, 40, 2], activation: Activation::Relu, dropout: 0.5 });
    let seed = Seed::root(9);
    let data = Data { inputs: Arc::new(normals(seed, 20, 3)), targets: labels(seed, 20, 2) };
    let theta = network.initialize(seed);
    let plain = potential(&network, data, Categorical, 1.0);
    let dropout = seed.child("dropout");
    let mut model = plain.clone().with_dropout(dropout);
    let full = run(&mut model, &theta, Minibatch::Full);

    // The masks are those of the differentiable forward pass.
    let params: Vec<Tensor<f32>> = network.layout().tensors(&theta).into_iter().map(Tensor::into_variable).collect();
    let x = Tensor::constant(plain.data.inputs.as_ref().clone().into_dyn());
    let Targets::Classes(labels) = &plain.data.targets else { panic!("built with classes") };
    let mut stream = dropout.index(fingerprint(&theta, Minibatch::Full)).stream();
    let nll = network.forward32(&params, &x, Some(&mut stream)).cross_entropy(labels);
    let gradient = network.layout().flatten(&grad(&nll, &params.iter().collect::<Vec<_>>()));
    let squares: f32 = theta.iter().map(|t| t * t).sum();
    let gradient = gradient.iter().zip(&theta).map(|(g, t)| f64::from(g + t)).collect();
    assert_close(&full, &(f64::from(nll.item() + 0.5 * squares), gradient));

    // Any change makes other masks; nothing else does.
    let order: Vec<u32> = (0..20).collect();
    let energy = |model: &mut NetworkPotential, theta: &[f32], minibatch| run(model, theta, minibatch).0;
    let indexed = energy(&mut model, &theta, Minibatch::Indices(&order));
    assert!((indexed - full.0).abs() > 1e-3, "{indexed}");
    for element in [0, theta.len() - 1] {
        let mut moved = theta.clone();
        moved[element] = moved[element].next_up();
        assert!((energy(&mut model, &moved, Minibatch::Full) - full.0).abs() > 1e-3);
    }
    assert_eq!(energy(&mut plain.clone().with_dropout(dropout), &theta, Minibatch::Indices(&order)), indexed);
    assert_eq!(run(&mut model, &theta, Minibatch::Full), full);

    // Without being asked for, there is none.
    let expected = plain.reference_gradient(&theta, Minibatch::Full);
    assert_close(&run(&mut plain.clone(), &theta, Minibatch::Full), &expected);
}

#[test]
#[should_panic(expected = "a minibatch needs at least one observation")]
fn an_empty_minibatch_panics() {
    let (theta, [mut model, _]) = models(&[2, 2], 3, 1, 1.0);
    run(&mut model, &theta, Minibatch::Indices(&[]));
}

/// Parameters of a likelihood follow the weights, and everything is scaled as the rest.
#[test]
fn a_likelihoods_parameters_are_sampled_with_the_weights() {
    use crate::likelihood::{LearnedGaussian, StudentT};
    let network = Network::mlp(&[3, 5, 2]);
    let (x, y) = (normals(Seed::root(1), 20, 3), normals(Seed::root(2), 20, 2));
    let data = Data::values(x, y);
    let learned: [Arc<dyn Likelihood>; 2] =
        [Arc::new(LearnedGaussian::default()), Arc::new(StudentT { dof: 4.0, prior: Default::default() })];
    for likelihood in learned {
        let prior = Arc::new(prior::Laplace { scale: 0.5, scaling: prior::Scaling::FanIn });
        let mut model = NetworkPotential::new(&network, data.clone(), likelihood, prior).unwrap();
        let layout = model.layout();
        assert_eq!(layout.entries.last().unwrap().name, "likelihood.log_scale");
        let mut theta = model.initialize(Seed::root(3));
        assert_eq!((theta.len(), layout.len(), theta[theta.len() - 1]), (model.dim(), network.dim() + 1, -1.0));
        *theta.last_mut().unwrap() = 0.3;
        for minibatch in [Minibatch::Full, Minibatch::Indices(&[3, 7, 11])] {
            let expected = model.reference_gradient(&theta, minibatch);
            assert_close(&run(&mut model, &theta, minibatch), &expected);
        }
        assert_eq!(model.prior_precision(), None);
    }
}

/// One scale for the weights and biases of a layer, behind the likelihood's parameters.
#[test]
fn a_layers_scale_is_sampled_with_the_weights() {
    use crate::likelihood::{LearnedGaussian, LogScalePrior};
    use crate::prior::{LearnedGaussian as LearnedPrior, Scaling};
    let network = Network::mlp(&[3, 5, 2]);
    let data = Data::values(normals(Seed::root(1), 20, 3), normals(Seed::root(2), 20, 2));
    let log_scale = LogScalePrior { mean: -0.5, sd: 0.7 };
    for scaling in [Scaling::Same, Scaling::FanIn] {
        let (likelihood, prior) = (Arc::new(LearnedGaussian::default()), Arc::new(LearnedPrior { scaling, log_scale }));
        let mut model = NetworkPotential::new(&network, data.clone(), likelihood, prior).unwrap();
        let layout = model.layout();
        let names: Vec<&str> = layout.entries[4..].iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["likelihood.log_scale", "prior.layers.0.log_scale", "prior.layers.1.log_scale"]);
        assert_eq!((model.dim(), layout.len(), model.predictive_dim()), (35, 35, 33));
        let mut theta = model.initialize(Seed::root(3));
        assert_eq!(theta[33..], [-0.5, -0.5]);
        theta[33..].copy_from_slice(&[0.25, -1.0]);
        for minibatch in [Minibatch::Full, Minibatch::Indices(&[3, 7, 11])] {
            let (energy, gradient) = model.reference_gradient(&theta, minibatch);
            assert_close(&run(&mut model, &theta, minibatch), &(energy, gradient.clone()));
            // Differences of the energy in double precision; a power of two moves an element exactly.
            for i in 0..35 {
                let step = 2.0_f32.powi(-11);
                let energy = |by: f32| {
                    let mut moved = theta.clone();
                    moved[i] += by;
                    (model.reference_gradient(&moved, minibatch).0, f64::from(moved[i]))
                };
                let ((up, above), (down, below)) = (energy(step), energy(-step));
                let slope = (up - down) / (above - below);
                assert!((slope - gradient[i]).abs() < 1e-4 * (1.0 + slope.abs()), "{i}: {slope}, {}", gradient[i]);
            }
        }
        assert_eq!(model.prior_precision(), None);
    }
}

/// One input, one weight and one bias under σ = 2: −ln p = (w² + b²)/(2·4) + 2·ln 2, and that of ln σ.
#[test]
fn the_energy_of_a_scale_is_what_the_definition_says() {
    use crate::prior::LearnedGaussian as LearnedPrior;
    let data = Data::values(ndarray::array![[1.0]], ndarray::array![[4.0]]);
    let (likelihood, prior) = (Arc::new(Gaussian { sd: 0.5 }), Arc::new(LearnedPrior::default()));
    let mut model = NetworkPotential::new(&Network::mlp(&[1, 1]), data, likelihood, prior).unwrap();
    let log_sigma = std::f32::consts::LN_2;
    let (energy, gradient) = run(&mut model, &[2.0, 1.0, log_sigma], Minibatch::Full);
    let log_sigma = f64::from(log_sigma);
    let expected = 2.0 + 5.0 / 8.0 + 2.0 * log_sigma + 0.5 * log_sigma.powi(2);
    assert!((energy - expected).abs() < 1e-6, "{energy}, {expected}");
    for (found, expected) in gradient.iter().zip([-4.0 + 0.5, -4.0 + 0.25, 2.0 - 5.0 / 4.0 + log_sigma]) {
        assert!((f64::from(*found) - expected).abs() < 1e-6, "{gradient:?}");
    }
}
