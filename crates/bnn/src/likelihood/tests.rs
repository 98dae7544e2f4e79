use apd_seed::Seed;
use ndarray::{Array2, array};

use super::*;
use crate::data::Targets;

fn normals(rows: usize, columns: usize, seed: u64) -> Array2<f32> {
    let mut out = Array2::zeros((rows, columns));
    Seed::root(seed).normals().fill(0, 0, out.as_slice_mut().unwrap());
    out
}

/// A likelihood, outputs of a network and targets that it can explain.
struct Case {
    likelihood: std::sync::Arc<dyn Likelihood>,
    outputs: Array2<f32>,
    targets: Targets,
}

fn cases() -> Vec<Case> {
    let values = |f: fn(f32) -> f32| Targets::Values(normals(7, 3, 2).mapv(f).into());
    let learned = LogScalePrior { mean: -0.5, sd: 0.8 };
    [
        (LikelihoodConfig::Categorical, Targets::Classes([0, 1, 2, 2, 1, 0, 1].into())),
        (LikelihoodConfig::Bernoulli, values(|x| f32::from(x > 0.0))),
        (LikelihoodConfig::Gaussian(Gaussian { sd: 0.7 }), values(|x| x)),
        (LikelihoodConfig::LearnedGaussian(LearnedGaussian { prior: learned }), values(|x| x)),
        (LikelihoodConfig::HeteroscedasticGaussian(HeteroscedasticGaussian::default()), values(|x| x)),
        (LikelihoodConfig::HeteroscedasticGaussian(HeteroscedasticGaussian { floor: 0.5 }), values(|x| x)),
        (LikelihoodConfig::StudentT(StudentT { dof: 3.0, prior: learned }), values(|x| 3.0 * x)),
        (LikelihoodConfig::Poisson, values(|x| (2.0 * x.abs()).floor())),
    ]
    .map(|(config, targets)| {
        let columns = if matches!(config, LikelihoodConfig::HeteroscedasticGaussian(_)) { 6 } else { 3 };
        Case { likelihood: config.build(), outputs: normals(7, columns, 1), targets }
    })
    .into()
}

impl Case {
    fn phi(&self) -> Vec<f32> {
        vec![0.4; self.likelihood.layout().len()]
    }

    /// nll and its gradients by the fast path: of the outputs, then of φ.
    fn fast(&self) -> (f64, Vec<f64>) {
        let (mut outputs, mut phi_gradient) = (self.outputs.clone(), vec![10.0; self.phi().len()]);
        let nll = self.likelihood.add_nll(&self.phi(), outputs.view_mut(), self.targets.rows(), &mut phi_gradient);
        let of_phi = phi_gradient.into_iter().map(|g| g - 10.0);
        (nll, outputs.iter().copied().map(f64::from).chain(of_phi).collect())
    }

    /// The same by automatic differentiation of the definition.
    fn reference(&self) -> (f64, Vec<f64>) {
        let phi = tensors(&self.likelihood.layout(), &self.phi());
        let f = Tensor::variable(self.outputs.mapv(f64::from).into_dyn());
        let nll = self.likelihood.nll(&phi, &f, self.targets.rows());
        let gradients = grad(&nll, &[&f].into_iter().chain(&phi).collect::<Vec<_>>());
        (nll.item(), gradients.iter().flat_map(|g| g.as_slice().to_vec()).collect())
    }

    fn add(&self, predictive: &mut Predictive, outputs: &Array2<f32>) {
        let mut outputs = outputs.clone();
        self.likelihood.inverse_link(outputs.view_mut());
        self.likelihood.predict(&self.phi(), outputs.view(), predictive);
    }
}

#[track_caller]
fn assert_close(found: &[f64], expected: &[f64], what: &dyn std::fmt::Debug) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= 2e-5 * (1.0 + b.abs()), "{what:?}: {a} is not {b}");
    }
}

#[test]
fn gradients_are_those_of_the_definition() {
    for case in cases() {
        case.likelihood.check(case.outputs.ncols(), case.targets.rows()).unwrap();
        let ((nll, gradient), (expected, slopes)) = (case.fast(), case.reference());
        assert_close(&[nll], &[expected], &case.likelihood);
        assert_close(&gradient, &slopes, &case.likelihood);
    }
}

#[test]
fn noise_is_no_smaller_than_what_rounding_took() {
    let floor = |targets: &[f64]| HeteroscedasticGaussian::rounded(targets).floor;
    assert_eq!(floor(&[5.0, 3.0, 8.0, 5.0, 6.0]), 1.0 / 12_f64.sqrt());
    assert!((floor(&[0.1 + 0.2, 0.3, 0.45, 0.7]) - 0.15 / 12_f64.sqrt()).abs() < 1e-12, "binary dust is no distance");
    assert_eq!((floor(&[2.0, 2.0]), floor(&[]), floor(&[f64::NAN, 1.0])), (0.0, 0.0, 0.0));
    // A network that says −∞ for s, and is exactly right, or wrong.
    let likelihood = HeteroscedasticGaussian { floor: 0.25 };
    for (y, expected) in [(1.0, 0.25_f64.ln()), (1.5, 0.25_f64.ln() + 2.0)] {
        let (mut outputs, targets) = (array![[1.0_f32, -1000.0]], Targets::Values(array![[y]].into()));
        let nll = likelihood.add_nll(&[], outputs.view_mut(), targets.rows(), &mut []);
        assert!((nll - expected).abs() < 1e-4, "{nll} is not {expected}");
        assert!(outputs.iter().all(|slope| slope.is_finite()), "{outputs}");
    }
}

#[test]
fn rows_that_are_weighed_are_those_of_the_sum() {
    for case in cases() {
        let (expected, slopes) = case.reference();
        let (mut outputs, mut sum, mut order) = (case.outputs.clone(), 0.0, Vec::new());
        let mut weigh = |n: usize, nll: f32| {
            sum += f64::from(nll);
            order.push(n);
            (1 + n) as f32
        };
        case.likelihood.weighted_gradients(&case.phi(), outputs.view_mut(), case.targets.rows(), &mut weigh);
        assert_eq!(order, (0..7).collect::<Vec<_>>());
        assert_close(&[sum], &[expected], &case.likelihood);
        let slopes = &slopes[..outputs.len()];
        let columns = outputs.ncols();
        let weighed: Vec<f64> = slopes.iter().enumerate().map(|(i, g)| (1 + i / columns) as f64 * g).collect();
        assert_close(&outputs.iter().copied().map(f64::from).collect::<Vec<_>>(), &weighed, &case.likelihood);
    }
}

/// The definitions leave constants out: differences between two predictions are those of the densities in `apd-uncertainty`, which know
/// nothing of this crate.
#[test]
fn the_definition_is_the_density_that_is_predicted() {
    for case in cases() {
        let other = normals(7, case.outputs.ncols(), 3);
        let ln_density = |outputs: &Array2<f32>| {
            let mut predictive = case.likelihood.predictive(7, outputs.ncols());
            case.add(&mut predictive, outputs);
            match (&predictive, &case.targets) {
                (Predictive::Numbers(numbers), Targets::Values(y)) => {
                    numbers.ln_density(y.mapv(f64::from).view()).sum()
                }
                (Predictive::Classes(classes), Targets::Classes(labels)) => {
                    labels.iter().zip(classes.mean().rows()).map(|(&y, p)| p[y as usize].ln()).sum()
                }
                (Predictive::Classes(classes), Targets::Values(y)) => {
                    y.iter().zip(classes.mean().rows()).map(|(&y, p)| p[y as usize].ln()).sum::<f64>()
                }
                (Predictive::Numbers(_), Targets::Classes(_)) => panic!("numbers for classes"),
            }
        };
        let nll = |outputs: &Array2<f32>| {
            let case =
                Case { likelihood: case.likelihood.clone(), outputs: outputs.clone(), targets: case.targets.clone() };
            case.reference().0
        };
        let (found, expected) = (nll(&other) - nll(&case.outputs), ln_density(&case.outputs) - ln_density(&other));
        assert_close(&[found], &[expected], &case.likelihood);
    }
}

#[test]
fn parameters_have_the_slope_of_their_prior() {
    let likelihood = LearnedGaussian { prior: LogScalePrior { mean: -0.5, sd: 0.8 } };
    let phi = [Tensor::scalar(0.3).into_variable()];
    let nlp = likelihood.nlp(&phi);
    assert!((nlp.item() - 0.5 * (0.8_f64 / 0.8).powi(2)).abs() < 1e-12);
    assert!((grad(&nlp, &[&phi[0]])[0].item() - 0.8 / 0.64).abs() < 1e-12);
}

/// In the example of [`Likelihood`], but with a parameter: the default gradient serves whoever writes the definition alone.
#[test]
fn a_likelihood_of_four_methods_has_a_gradient() {
    #[derive(Debug)]
    struct Cauchy;
    impl Likelihood for Cauchy {
        fn check(&self, outputs: usize, targets: TargetRows<'_>) -> Result<(), ModelError> {
            numbers("Cauchy", outputs, targets, |_| None)
        }
        fn layout(&self) -> Layout {
            LogScalePrior::layout()
        }
        fn nll(&self, phi: &[Tensor<f64>], outputs: &Tensor<f64>, targets: TargetRows<'_>) -> Tensor<f64> {
            let square = outputs.sub(&targets.tensor()).square().mul(&phi[0].scale(-2.0).exp());
            square.add_scalar(1.0).ln().sum().add(&phi[0].scale(outputs.len() as f64))
        }
        fn predictive(&self, n: usize, outputs: usize) -> Predictive {
            Predictive::Numbers(NumberPredictive::new(n, outputs, apd_uncertainty::StudentT { dof: 1.0 }))
        }
        fn predict(&self, phi: &[f32], outputs: ArrayView2<'_, f32>, predictive: &mut Predictive) {
            predictive.numbers_mut().add(|n, m| (f64::from(outputs[[n, m]]), f64::from(phi[0]).exp()));
        }
    }
    let targets = Targets::Values(normals(7, 3, 2).into());
    // A Student-t with one degree of freedom.
    let known = StudentT { dof: 1.0, prior: LogScalePrior::default() };
    let case = |likelihood| Case { likelihood, outputs: normals(7, 3, 1), targets: targets.clone() };
    let (own, known) = (case(std::sync::Arc::new(Cauchy)).fast(), case(std::sync::Arc::new(known)).fast());
    assert_close(&[own.0], &[known.0], &"Cauchy");
    assert_close(&own.1, &known.1, &"Cauchy");
}

#[test]
fn several_labels_are_rows_of_two_classes() {
    let mut predictive = Bernoulli.predictive(1, 2);
    let mut outputs = array![[0.0_f32, 3f32.ln()]];
    Bernoulli.inverse_link(outputs.view_mut());
    Bernoulli.predict(&[], outputs.view(), &mut predictive);
    let mean = predictive.into_classes().mean();
    assert!((mean - array![[0.5, 0.5], [0.25, 0.75]]).iter().all(|x| x.abs() < 1e-7));
}

#[test]
fn extreme_outputs_have_finite_gradients() {
    let targets = Targets::Values(array![[0.0_f32, 1.0]].into());
    let mut outputs = array![[-200.0_f32, 200.0]];
    let nll = Bernoulli.add_nll(&[], outputs.view_mut(), targets.rows(), &mut []);
    assert_eq!((nll, outputs), (0.0, array![[0.0, 0.0]]));
    let mut outputs = array![[200.0_f32, -200.0]];
    let nll = Bernoulli.add_nll(&[], outputs.view_mut(), targets.rows(), &mut []);
    assert_eq!((nll, outputs), (400.0, array![[1.0, -1.0]]));
}

#[test]
fn settings_round_trip() {
    for (config, text) in [
        (LikelihoodConfig::Categorical, r#"{"kind":"categorical"}"#),
        (LikelihoodConfig::Gaussian(Gaussian { sd: 0.5 }), r#"{"kind":"gaussian","sd":0.5}"#),
        (
            LikelihoodConfig::StudentT(StudentT { dof: 4.0, prior: LogScalePrior::default() }),
            r#"{"kind":"student-t","dof":4.0,"prior":{"mean":-1.0,"sd":1.0}}"#,
        ),
    ] {
        assert_eq!(serde_json::to_string(&config).unwrap(), text);
        assert_eq!(serde_json::from_str::<LikelihoodConfig>(text).unwrap(), config);
    }
    let short: LikelihoodConfig = serde_json::from_str(r#"{"kind":"learned-gaussian"}"#).unwrap();
    assert_eq!(short, LikelihoodConfig::LearnedGaussian(LearnedGaussian::default()));
    assert!(serde_json::from_str::<LikelihoodConfig>(r#"{"kind":"gaussian","sd":1,"mean":0}"#).is_err());
}

/// KL of (½, ½) from (¼, ¾) is ½·ln 2 + ½·ln ⅔; of N(0, 1) from N(1, 4) it is ln 2 + 2/8 − ½.
#[test]
fn divergences_are_those_by_hand() {
    let classes = |p: [f64; 2]| {
        let mut classes = apd_uncertainty::ClassPredictive::new(1, 2);
        classes.add(ndarray::ArrayView2::from_shape((1, 2), &p).unwrap());
        Predictive::Classes(classes)
    };
    let (even, other) = (classes([0.5, 0.5]), classes([0.25, 0.75]));
    let expected = 0.5 * 2.0_f64.ln() + 0.5 * (2.0_f64 / 3.0).ln();
    assert!((even.divergence(&other) - expected).abs() < 1e-12);
    assert_eq!(even.divergence(&even), 0.0);
    let normal = |mean: f64, sd: f64| {
        let mut numbers = apd_uncertainty::NumberPredictive::new(1, 1, apd_uncertainty::Normal);
        numbers.add(|_, _| (mean, sd));
        Predictive::Numbers(numbers)
    };
    let found = normal(0.0, 1.0).divergence(&normal(1.0, 2.0));
    assert!((found - (2.0_f64.ln() + 0.25 - 0.5)).abs() < 1e-12, "{found}");
    assert_eq!(even.divergence(&normal(0.0, 1.0)), f64::INFINITY);
}
