//! The prediction of a posterior.

use std::borrow::Cow;

use apd_nn::Model;
use apd_points::{LowRank, Posterior};
use apd_seed::Seed;
use ndarray::{Array2, ArrayView2, Axis, concatenate, s};

use crate::likelihood::{Likelihood, Predictive};
use crate::networks::predict_networks;
use crate::shared::{SharedBasis, predict_shared};

/// Networks that are drawn at a time: memory does not grow with their number.
const WAVE: usize = 32;

/// Why a posterior makes no prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PredictError {
    /// Its points are no networks of this kind.
    #[error(
        "the posterior's points have {found} numbers, and network and likelihood {expected}: \
         {weights} weights, {phi} parameters of the likelihood and {buffers} buffers"
    )]
    Length {
        /// Length of a row: weights, the likelihood's parameters, buffers.
        expected: usize,
        /// Weights of the network.
        weights: usize,
        /// Parameters of the likelihood.
        phi: usize,
        /// Buffers of the network.
        buffers: usize,
        /// Length of the posterior's points.
        found: usize,
    },
    /// There is no network to average over.
    #[error("there are no networks to average over")]
    Empty,
}

/// The averaged prediction of `networks` networks of a posterior, for each input.
///
/// Points are read where they lie if the posterior [stores](Posterior::stored) them; those of an affine subspace
/// ([`low_rank`](Posterior::low_rank)) share their first layer's work, see [`predict_shared`]; all others are drawn 32 at a time. Memory
/// does not grow with the number of networks. The bits do not depend on the number of threads.
///
/// **Shapes**: inputs: N × inputs. A point is θ, followed by the likelihood's parameters φ, followed by the network's buffers.
///
/// **Errors**: points of another length, no networks. **Panics** if the inputs have another number of columns than the network takes.
///
/// ```
/// use apd_bnn::{likelihood::Gaussian, predict};
/// use apd_nn::Network;
/// use apd_points::Posterior;
/// use apd_seed::Seed;
/// use ndarray::{ArrayViewMut2, array};
///
/// /// Lines through the origin with the slope 1 or 3.
/// struct Slopes;
///
/// impl Posterior for Slopes {
///     fn dim(&self) -> usize { 2 }
///     fn bytes(&self) -> usize { 0 }
///     fn draw_into(&self, _: Seed, first: u64, mut out: ArrayViewMut2<'_, f32>) {
///         for (i, mut row) in out.outer_iter_mut().enumerate() {
///             row[0] = if (first as usize + i) % 2 == 0 { 1.0 } else { 3.0 };
///         }
///     }
/// }
///
/// let line = Network::mlp(&[1, 1]);
/// let numbers = predict(&Slopes, &line, &Gaussian { sd: 0.5 }, array![[2.0]].view(), 100, Seed::root(1))?.into_numbers();
/// assert_eq!(numbers.mean()[[0, 0]], 4.0);
/// assert_eq!(numbers.epistemic_deviation()[[0, 0]], 2.0);
/// # Ok::<(), apd_bnn::PredictError>(())
/// ```
#[track_caller]
pub fn predict(
    posterior: &dyn Posterior,
    model: &dyn Model,
    likelihood: &dyn Likelihood,
    inputs: ArrayView2<'_, f32>,
    networks: usize,
    seed: Seed,
) -> Result<Predictive, PredictError> {
    let mut prediction = Prediction {
        model,
        likelihood,
        row: Row::new(model, likelihood),
        inputs,
        predictive: likelihood.predictive(inputs.nrows(), model.outputs()),
    };
    prediction.row.check(posterior.dim())?;
    if networks == 0 || posterior.available() == Some(0) {
        return Err(PredictError::Empty);
    }
    if let Some(rows) = posterior.stored(seed, networks) {
        prediction.add_rows(&rows);
    } else if let Some(subspace) = posterior.low_rank() {
        prediction.add_low_rank(subspace, seed, networks);
    } else {
        let mut wave = Array2::zeros((networks.min(WAVE), posterior.dim()));
        for first in (0..networks).step_by(WAVE) {
            let mut wave = wave.slice_axis_mut(Axis(0), (0..WAVE.min(networks - first)).into());
            posterior.draw_into(seed, first as u64, wave.view_mut());
            let rows: Vec<&[f32]> = wave.outer_iter().map(|row| row.to_slice().expect("rows are contiguous")).collect();
            prediction.add_rows(&rows);
        }
    }
    Ok(prediction.predictive)
}

/// A prediction in the making.
struct Prediction<'a> {
    model: &'a dyn Model,
    likelihood: &'a dyn Likelihood,
    row: Row,
    inputs: ArrayView2<'a, f32>,
    predictive: Predictive,
}

impl Prediction<'_> {
    fn add_rows(&mut self, rows: &[&[f32]]) {
        let Self { model, likelihood, row, inputs, predictive } = self;
        let networks = rows.iter().map(|point| row.network(point));
        predict_networks(*model, *likelihood, networks, *inputs, |s, outputs| {
            likelihood.predict(row.phi(rows[s]), outputs, predictive);
        });
    }

    fn add_low_rank(&mut self, subspace: &dyn LowRank, seed: Seed, networks: usize) {
        let Self { model, likelihood, row, inputs, predictive } = self;
        let (mean, directions) = (subspace.mean(), subspace.directions());
        let coefficients = subspace.coefficients(seed, 0, networks);
        // The likelihood's parameters lie in the subspace, too: c·v of their columns.
        let phi_of_mean = ArrayView2::from_shape((1, row.phi), row.phi(&mean)).expect("one row");
        let phi = coefficients.dot(&directions.slice(s![.., row.weights..row.weights + row.phi])) + phi_of_mean;
        let (mean, directions) = (row.network(&mean), row.networks(directions));
        let basis = SharedBasis { mean: &mean, directions: directions.view() };
        predict_shared(*model, *likelihood, basis, coefficients.view(), *inputs, |s, outputs| {
            likelihood.predict(&phi.row(s).to_vec(), outputs, predictive);
        });
    }
}

/// Where a point has its weights, the likelihood's parameters φ, and its buffers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    weights: usize,
    phi: usize,
    buffers: usize,
}

impl Row {
    pub(crate) fn new(model: &dyn Model, likelihood: &dyn Likelihood) -> Self {
        Self { weights: model.dim(), phi: likelihood.layout().len(), buffers: model.buffers() }
    }

    pub(crate) fn check(self, found: usize) -> Result<(), PredictError> {
        let Self { weights, phi, buffers } = self;
        let expected = self.len();
        if found == expected { Ok(()) } else { Err(PredictError::Length { expected, weights, phi, buffers, found }) }
    }

    pub(crate) fn len(self) -> usize {
        self.weights + self.phi + self.buffers
    }

    /// φ.
    pub(crate) fn phi(self, point: &[f32]) -> &[f32] {
        &point[self.weights..self.weights + self.phi]
    }

    /// The weights and the buffers, which lie beside each other but for a φ between them.
    pub(crate) fn network(self, point: &[f32]) -> Cow<'_, [f32]> {
        let (weights, buffers) = (&point[..self.weights], &point[self.weights + self.phi..]);
        match (self.phi, self.buffers) {
            (0, _) => Cow::Borrowed(point),
            (_, 0) => Cow::Borrowed(weights),
            _ => Cow::Owned([weights, buffers].concat()),
        }
    }

    /// The weights and the buffers of many points.
    fn networks(self, points: Array2<f32>) -> Array2<f32> {
        if self.phi == 0 {
            return points;
        }
        let parts = [points.slice(s![.., ..self.weights]), points.slice(s![.., self.weights + self.phi..])];
        concatenate(Axis(1), &parts).expect("as many rows")
    }
}

#[cfg(test)]
mod tests;
