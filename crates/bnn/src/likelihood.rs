//! p(y|x, θ): how observations arise from a network's outputs.

mod bernoulli;
mod categorical;
mod config;
mod gaussian;
mod heteroscedastic;
mod learned;
mod poisson;
mod student_t;

use std::fmt::Debug;

use apd_points::Layout;
use apd_tensor::{Tensor, grad};
use apd_uncertainty::{ClassPredictive, NumberPredictive};
use ndarray::{ArrayView2, ArrayViewMut2, Axis};

pub use bernoulli::Bernoulli;
pub use categorical::Categorical;
pub use config::LikelihoodConfig;
pub use gaussian::Gaussian;
pub use heteroscedastic::HeteroscedasticGaussian;
pub use learned::{LearnedGaussian, LogScalePrior};
pub use poisson::Poisson;
pub use student_t::StudentT;

use crate::data::TargetRows;
use crate::error::ModelError;

#[cfg(test)]
mod tests;

/// p(y|f, φ), the law of an observation given a network's outputs f = f(x, θ) and parameters φ of its own.
///
/// Four methods say what the law is: [`check`](Self::check), [`nll`](Self::nll), [`predictive`](Self::predictive) and
/// [`predict`](Self::predict). All others have defaults; [`add_nll`](Self::add_nll) is the one to override for speed.
///
/// ```
/// use apd_bnn::likelihood::{Likelihood, Predictive, numbers};
/// use apd_bnn::{ModelError, TargetRows};
/// use apd_tensor::Tensor;
/// use apd_uncertainty::{Normal, NumberPredictive};
/// use ndarray::ArrayView2;
///
/// /// y ~ N(f, 1) in the logarithm: −ln p = ½·(ln y − f)² + const.
/// #[derive(Clone, Debug)]
/// struct LogNormal;
///
/// impl Likelihood for LogNormal {
///     fn check(&self, outputs: usize, targets: TargetRows<'_>) -> Result<(), ModelError> {
///         numbers("log-normal", outputs, targets, |y| (y <= 0.0).then_some("a positive number"))
///     }
///     fn nll(&self, _: &[Tensor<f64>], outputs: &Tensor<f64>, targets: TargetRows<'_>) -> Tensor<f64> {
///         outputs.sub(&targets.tensor().ln()).square().sum().scale(0.5)
///     }
///     fn predictive(&self, n: usize, outputs: usize) -> Predictive {
///         Predictive::Numbers(NumberPredictive::new(n, outputs, Normal)) // of ln y
///     }
///     fn predict(&self, _: &[f32], outputs: ArrayView2<'_, f32>, predictive: &mut Predictive) {
///         predictive.numbers_mut().add(|n, m| (f64::from(outputs[[n, m]]), 1.0));
///     }
/// }
/// ```
pub trait Likelihood: Debug + Send + Sync {
    /// Whether it can explain these targets by so many outputs of a network, and its own settings make sense.
    ///
    /// **Errors**: what does not fit, with the row.
    fn check(&self, outputs: usize, targets: TargetRows<'_>) -> Result<(), ModelError>;

    /// Parameters φ that are sampled with the weights and follow them in the position; none by default.
    ///
    /// Names begin with `likelihood.`.
    fn layout(&self) -> Layout {
        Layout::new([])
    }

    /// Where a chain starts: φ of the length of [`layout`](Self::layout), by default 0.
    fn initialize(&self) -> Vec<f32> {
        vec![0.0; self.layout().len()]
    }

    /// −Σₙ ln p(yₙ|fₙ, φ) in differentiable operations of double precision: the definition that everything else is held to.
    ///
    /// Terms that depend neither on f nor on φ may be left out.
    ///
    /// **Shapes**: phi: the entries of [`layout`](Self::layout), outputs: N × outputs, targets: N. **Units**: nats, summed.
    fn nll(&self, phi: &[Tensor<f64>], outputs: &Tensor<f64>, targets: TargetRows<'_>) -> Tensor<f64>;

    /// Returns [`nll`](Self::nll), leaves ∂nll/∂f in place of the outputs f, and adds ∂nll/∂φ to `phi_gradient`.
    ///
    /// The default differentiates automatically in double precision, which is slow for small networks.
    fn add_nll(
        &self,
        phi: &[f32],
        mut outputs: ArrayViewMut2<'_, f32>,
        targets: TargetRows<'_>,
        phi_gradient: &mut [f64],
    ) -> f64 {
        let phi = tensors(&self.layout(), phi);
        let f = Tensor::variable(outputs.mapv(f64::from).into_dyn());
        let nll = self.nll(&phi, &f, targets);
        let variables: Vec<_> = [&f].into_iter().chain(&phi).collect();
        let gradients = grad(&nll, &variables);
        outputs.iter_mut().zip(gradients[0].value()).for_each(|(f, &g)| *f = g as f32);
        let of_phi = gradients[1..].iter().flat_map(|gradient| gradient.value());
        phi_gradient.iter_mut().zip(of_phi).for_each(|(sum, g)| *sum += g);
        nll.item()
    }

    /// Replaces each row n of the outputs by wₙ·∂nllₙ/∂fₙ with the weight wₙ = `weigh`(n, nllₙ), as the loss of an averaged
    /// prediction needs it. The default calls [`add_nll`](Self::add_nll) row by row.
    fn weighted_gradients(
        &self,
        phi: &[f32],
        mut outputs: ArrayViewMut2<'_, f32>,
        targets: TargetRows<'_>,
        weigh: &mut dyn FnMut(usize, f32) -> f32,
    ) {
        let mut unused = vec![0.0; phi.len()];
        for n in 0..outputs.nrows() {
            let mut row = outputs.slice_axis_mut(Axis(0), (n..n + 1).into());
            let nll = self.add_nll(phi, row.view_mut(), targets.slice(n..n + 1), &mut unused);
            let weight = weigh(n, nll as f32);
            row.mapv_inplace(|slope| weight * slope);
        }
    }

    /// −ln p(φ), the prior of its own parameters, in nats up to a constant; by default 0, a flat one.
    fn nlp(&self, phi: &[Tensor<f64>]) -> Tensor<f64> {
        let _ = phi;
        Tensor::scalar(0.0)
    }

    /// What [`predict`](Self::predict) is handed in place of the outputs, row by row: class probabilities, for instance.
    ///
    /// It is called for blocks of rows in parallel. The default leaves the outputs as they are.
    fn inverse_link(&self, outputs: ArrayViewMut2<'_, f32>) {
        let _ = outputs;
    }

    /// The prediction of n inputs by no network yet.
    fn predictive(&self, n: usize, outputs: usize) -> Predictive;

    /// Adds one network's prediction, of which [`inverse_link`](Self::inverse_link) has made `outputs`.
    ///
    /// **Shapes**: outputs: N × outputs. **Panics** on a predictive that [`predictive`](Self::predictive) did not make.
    fn predict(&self, phi: &[f32], outputs: ArrayView2<'_, f32>, predictive: &mut Predictive);
}

/// The averaged prediction of many networks, as the likelihood has it.
#[derive(Clone, Debug)]
pub enum Predictive {
    /// Probabilities of classes. Several labels are rows of two classes each, those of the first input first.
    Classes(ClassPredictive),
    /// Laws of numbers.
    Numbers(NumberPredictive),
}

impl Predictive {
    /// The classes' probabilities. **Panics** where numbers are predicted.
    #[track_caller]
    pub fn into_classes(self) -> ClassPredictive {
        match self {
            Self::Classes(classes) => classes,
            Self::Numbers(_) => panic!("numbers are predicted, not classes"),
        }
    }

    /// The numbers' laws. **Panics** where classes are predicted.
    #[track_caller]
    pub fn into_numbers(self) -> NumberPredictive {
        match self {
            Self::Numbers(numbers) => numbers,
            Self::Classes(_) => panic!("classes are predicted, not numbers"),
        }
    }

    /// The probabilities, to add to. **Panics** where numbers are predicted.
    #[track_caller]
    pub fn classes_mut(&mut self) -> &mut ClassPredictive {
        match self {
            Self::Classes(classes) => classes,
            Self::Numbers(_) => panic!("numbers are predicted, not classes"),
        }
    }

    /// The laws, to add to. **Panics** where classes are predicted.
    #[track_caller]
    pub fn numbers_mut(&mut self) -> &mut NumberPredictive {
        match self {
            Self::Numbers(numbers) => numbers,
            Self::Classes(_) => panic!("classes are predicted, not numbers"),
        }
    }

    /// The mean over rows of KL(p ‖ q), in nats: how far `other` is from this prediction. +∞ where it is none, and beside one of another kind.
    ///
    /// Of the classes' probabilities; of numbers, that of normals with the same means and deviations.
    pub fn divergence(&self, other: &Self) -> f64 {
        let rows: Vec<f64> = match (self, other) {
            (Self::Classes(p), Self::Classes(q)) => {
                let (p, q) = (p.mean(), q.mean());
                let of_class =
                    |(&p, &q): (&f64, &f64)| if p > 0.0 { p * (p / q.max(f64::MIN_POSITIVE)).ln() } else { 0.0 };
                p.outer_iter().zip(q.outer_iter()).map(|(p, q)| p.iter().zip(q).map(of_class).sum()).collect()
            }
            (Self::Numbers(p), Self::Numbers(q)) => {
                let (means, deviations) = ((p.mean(), q.mean()), (p.deviation(), q.deviation()));
                let normals = means.0.iter().zip(&means.1).zip(deviations.0.iter().zip(&deviations.1));
                let of_number = |((m, n), (s, t)): ((&f64, &f64), (&f64, &f64))| {
                    let (s, t) = (s.max(f64::MIN_POSITIVE), t.max(f64::MIN_POSITIVE));
                    (t / s).ln() + (s * s + (m - n) * (m - n)) / (2.0 * t * t) - 0.5
                };
                normals.map(of_number).collect()
            }
            _ => return f64::INFINITY,
        };
        let mean = rows.iter().sum::<f64>() / rows.len().max(1) as f64;
        if mean.is_nan() { f64::INFINITY } else { mean }
    }
}

/// The check of a likelihood of numbers, one for each output: `unfit` says what it expects in place of a value.
///
/// **Errors**: classes, another number of columns than `outputs`, a value that is not finite or unfit.
pub fn numbers(
    likelihood: &'static str,
    outputs: usize,
    targets: TargetRows<'_>,
    unfit: impl Fn(f32) -> Option<&'static str>,
) -> Result<(), ModelError> {
    let TargetRows::Values(values) = targets else {
        return Err(ModelError::Targets { likelihood, targets: "classes" });
    };
    if values.ncols() != outputs {
        return Err(ModelError::Outputs { likelihood, columns: values.ncols(), outputs });
    }
    for (index, row) in values.rows().into_iter().enumerate() {
        for &value in row {
            if !value.is_finite() {
                return Err(ModelError::NotFinite { part: "targets", index });
            }
            if let Some(expected) = unfit(value) {
                return Err(ModelError::Target { index, value, expected });
            }
        }
    }
    Ok(())
}

/// φ as variables.
pub(crate) fn tensors(layout: &Layout, phi: &[f32]) -> Vec<Tensor<f64>> {
    layout.views(phi).into_iter().map(|part| Tensor::variable(part.mapv(f64::from))).collect()
}
