//! How good predictions of numbers are: errors, intervals and proper scores, averaged over all numbers.
//!
//! ```
//! use apd_uncertainty::{Normal, NumberPredictive, regression};
//! use ndarray::array;
//!
//! let mut predictive = NumberPredictive::new(2, 1, Normal);
//! predictive.add(|i, _| (i as f64, 1.0)); // one network: N(0, 1) and N(1, 1)
//! let y = array![[0.0], [3.0]];
//! assert_eq!(regression::mae(predictive.mean().view(), y.view())?, 1.0);
//! let (lower, upper) = predictive.interval(0.9);
//! assert_eq!(regression::coverage(lower.view(), upper.view(), y.view())?, 0.5);
//! # Ok::<(), apd_uncertainty::MetricError>(())
//! ```

use ndarray::{Array2, ArrayView2, Zip};

use crate::checks::no_nan;
use crate::{Family as _, MetricError, Normal, NumberPredictive, Real};

#[cfg(test)]
mod tests;

/// Root mean square error √((1/n) Σ (ŷ − y)²).
///
/// **Shapes** both N × M. **Errors** on no rows or a NaN. **Panics** if the shapes differ.
#[track_caller]
pub fn rmse(predicted: ArrayView2<'_, impl Real>, y: ArrayView2<'_, impl Real>) -> Result<f64, MetricError> {
    let squares = checked("predictions", predicted, y, |p, y| (p - y).powi(2))?;
    Ok(mean(&squares).sqrt())
}

/// Mean absolute error (1/n) Σ |ŷ − y|.
///
/// **Shapes** both N × M. **Errors** on no rows or a NaN. **Panics** if the shapes differ.
#[track_caller]
pub fn mae(predicted: ArrayView2<'_, impl Real>, y: ArrayView2<'_, impl Real>) -> Result<f64, MetricError> {
    Ok(mean(&checked("predictions", predicted, y, |p, y| (p - y).abs())?))
}

/// Share of the numbers that lie in their interval, its ends included: to be compared with the mass that it was made for.
///
/// **Shapes** all N × M. **Errors** on no rows or a NaN. **Panics** if the shapes differ.
#[track_caller]
pub fn coverage(
    lower: ArrayView2<'_, impl Real>,
    upper: ArrayView2<'_, impl Real>,
    y: ArrayView2<'_, impl Real>,
) -> Result<f64, MetricError> {
    let above = checked("lower ends", lower, y, |low, y| f64::from(low <= y))?;
    let below = checked("upper ends", upper, y, |high, y| f64::from(y <= high))?;
    Ok(mean(&(above * below)))
}

/// Mean width of the intervals: of two with the right coverage the narrower is the better.
///
/// **Shapes** both N × M. **Errors** on no rows or a NaN. **Panics** if the shapes differ.
#[track_caller]
pub fn width(lower: ArrayView2<'_, impl Real>, upper: ArrayView2<'_, impl Real>) -> Result<f64, MetricError> {
    no_nan("upper ends", &upper)?;
    Ok(mean(&checked("lower ends", lower, upper, |low, high| high - low)?))
}

/// Mean [CRPS](NumberPredictive::crps).
///
/// **Shapes** `y`: N × M. **Units**: those of the numbers. **Errors** on no rows or a NaN. **Panics** on another shape.
#[track_caller]
pub fn crps(predictive: &NumberPredictive, y: ArrayView2<'_, impl Real>) -> Result<f64, MetricError> {
    score(y, || predictive.crps(y))
}

/// Negative log likelihood −(1/n) Σ ln p̄(y) of the mixture.
///
/// **Shapes** `y`: N × M. **Units**: nats for each number. **Errors** on no rows or a NaN. **Panics** on another shape.
#[track_caller]
pub fn nll(predictive: &NumberPredictive, y: ArrayView2<'_, impl Real>) -> Result<f64, MetricError> {
    score(y, || -predictive.ln_density(y))
}

/// Negative log likelihood of the normal law with the mixture's mean and deviation, which many papers report.
///
/// **Shapes** `y`: N × M. **Units**: nats for each number. **Errors** on no rows or a NaN. **Panics** on another shape.
#[track_caller]
pub fn nll_normal(predictive: &NumberPredictive, y: ArrayView2<'_, impl Real>) -> Result<f64, MetricError> {
    score(y, || {
        let (mean, deviation) = (predictive.mean(), predictive.deviation());
        Zip::from(&mean).and(&deviation).and(y).map_collect(|&mean, &sd, &y| -Normal.ln_density(mean, sd, y.into()))
    })
}

/// The mean of `scores`, once it is known that there are some of numbers.
#[track_caller]
fn score(y: ArrayView2<'_, impl Real>, scores: impl FnOnce() -> Array2<f64>) -> Result<f64, MetricError> {
    if y.is_empty() {
        return Err(MetricError::Empty { what: "targets" });
    }
    no_nan("targets", &y)?;
    let scores = scores();
    no_nan("predictions", &scores.view())?;
    Ok(mean(&scores))
}

/// `f` of predictions and targets, where all are numbers.
#[track_caller]
fn checked(
    what: &'static str,
    predicted: ArrayView2<'_, impl Real>,
    y: ArrayView2<'_, impl Real>,
    f: impl Fn(f64, f64) -> f64,
) -> Result<Array2<f64>, MetricError> {
    assert_eq!(predicted.shape(), y.shape(), "one prediction for each target");
    if y.is_empty() {
        return Err(MetricError::Empty { what });
    }
    no_nan(what, &predicted)?;
    no_nan("targets", &y)?;
    Ok(Zip::from(predicted).and(y).map_collect(|&p, &y| f(p.into(), y.into())))
}

fn mean(values: &Array2<f64>) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
