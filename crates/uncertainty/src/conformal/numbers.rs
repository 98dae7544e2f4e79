use ndarray::{Array2, ArrayView2, Zip, aview1};

use super::quantile::quantile;
use crate::checks::no_nan;
use crate::{MetricError, Real};

/// Lower and upper ends, N×M.
type Interval = (Array2<f64>, Array2<f64>);

/// Split conformal prediction: ŷ ± q, with q the [`quantile`] of \|y − ŷ\| over held-out rows, as wide for every row.
///
/// Reference: Lei et al., *Distribution-free predictive inference for regression*, JASA 113 (2018), algorithm 2.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Split {
    /// q of each of the M numbers of a row; +∞ where held-out rows are too few.
    pub radius: Vec<f64>,
}

impl Split {
    /// **Shapes** both N×M. **Errors** on no rows or a NaN. **Panics** if the shapes differ or `coverage` is not strictly between 0 and 1.
    #[track_caller]
    pub fn fit(
        predicted: ArrayView2<'_, impl Real>,
        y: ArrayView2<'_, impl Real>,
        coverage: f64,
    ) -> Result<Self, MetricError> {
        check("predictions", &predicted, &y)?;
        let residuals = Zip::from(predicted).and(y).map_collect(|&p, &y| (y.into() - p.into()).abs());
        Ok(Self { radius: quantiles(&residuals, coverage)? })
    }

    /// ŷ − q and ŷ + q.
    ///
    /// **Shapes** all N×M. **Errors** on a NaN. **Panics** if M differs.
    #[track_caller]
    pub fn interval(&self, predicted: ArrayView2<'_, impl Real>) -> Result<Interval, MetricError> {
        no_nan("predictions", &predicted)?;
        Ok(widened(predicted, predicted, &self.radius))
    }
}

/// Split conformal prediction in units of a deviation: ŷ ± q·σ, with q the [`quantile`] of \|y − ŷ\|/σ over held-out rows.
///
/// Intervals are as wide in proportion as the model says, such as by [`NumberPredictive::deviation`](crate::NumberPredictive::deviation).
///
/// Reference: Lei et al., *Distribution-free predictive inference for regression*, JASA 113 (2018), §5.2.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Normalized {
    /// q of each of the M numbers of a row; +∞ where held-out rows are too few.
    pub factor: Vec<f64>,
}

impl Normalized {
    /// **Shapes** all N×M. **Errors** on no rows, a NaN, a deviation that is not positive. **Panics** if the shapes differ or `coverage` is not
    /// strictly between 0 and 1.
    #[track_caller]
    pub fn fit(
        predicted: ArrayView2<'_, impl Real>,
        deviation: ArrayView2<'_, impl Real>,
        y: ArrayView2<'_, impl Real>,
        coverage: f64,
    ) -> Result<Self, MetricError> {
        check("predictions", &predicted, &y)?;
        check("deviations", &deviation, &y)?;
        positive(&deviation)?;
        let scores = Zip::from(predicted)
            .and(deviation)
            .and(y)
            .map_collect(|&p, &sd, &y| (y.into() - p.into()).abs() / sd.into());
        Ok(Self { factor: quantiles(&scores, coverage)? })
    }

    /// ŷ − q·σ and ŷ + q·σ.
    ///
    /// **Shapes** all N×M. **Errors** on a NaN or a deviation that is not positive. **Panics** if the shapes differ.
    #[track_caller]
    pub fn interval(
        &self,
        predicted: ArrayView2<'_, impl Real>,
        deviation: ArrayView2<'_, impl Real>,
    ) -> Result<Interval, MetricError> {
        assert_eq!(predicted.shape(), deviation.shape(), "one deviation for each prediction");
        no_nan("predictions", &predicted)?;
        no_nan("deviations", &deviation)?;
        positive(&deviation)?;
        let radius = deviation.mapv(|sd| sd.into()) * aview1(&self.factor);
        let predicted = predicted.mapv(|p| p.into());
        Ok((&predicted - &radius, predicted + radius))
    }
}

/// Conformalized quantile regression: [l − q, u + q], with q the [`quantile`] of max(l − y, y − u) over held-out rows.
///
/// q is below 0 where intervals were too wide: then they shrink, and nothing is in those whose ends cross.
///
/// Reference: Romano, Patterson & Candès, *Conformalized quantile regression*, NeurIPS 2019, eqs. (6) to (8).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Cqr {
    /// q of each of the M numbers of a row; +∞ where held-out rows are too few.
    pub margin: Vec<f64>,
}

impl Cqr {
    /// **Shapes** all N×M. **Errors** on no rows or a NaN. **Panics** if the shapes differ or `coverage` is not strictly between 0 and 1.
    #[track_caller]
    pub fn fit(
        lower: ArrayView2<'_, impl Real>,
        upper: ArrayView2<'_, impl Real>,
        y: ArrayView2<'_, impl Real>,
        coverage: f64,
    ) -> Result<Self, MetricError> {
        check("lower ends", &lower, &y)?;
        check("upper ends", &upper, &y)?;
        let scores = Zip::from(lower)
            .and(upper)
            .and(y)
            .map_collect(|&low, &high, &y| (low.into() - y.into()).max(y.into() - high.into()));
        Ok(Self { margin: quantiles(&scores, coverage)? })
    }

    /// l − q and u + q.
    ///
    /// **Shapes** all N×M. **Errors** on a NaN. **Panics** if the shapes differ.
    #[track_caller]
    pub fn interval(
        &self,
        lower: ArrayView2<'_, impl Real>,
        upper: ArrayView2<'_, impl Real>,
    ) -> Result<Interval, MetricError> {
        assert_eq!(lower.shape(), upper.shape(), "one upper end for each lower end");
        no_nan("lower ends", &lower)?;
        no_nan("upper ends", &upper)?;
        Ok(widened(lower, upper, &self.margin))
    }
}

/// Intervals that reach further on both sides.
#[track_caller]
fn widened(lower: ArrayView2<'_, impl Real>, upper: ArrayView2<'_, impl Real>, margin: &[f64]) -> Interval {
    let margin = aview1(margin);
    (lower.mapv(|x| x.into()) - margin, upper.mapv(|x| x.into()) + margin)
}

/// The quantile of each column: numbers of one row are not exchangeable with each other.
#[track_caller]
fn quantiles(scores: &Array2<f64>, coverage: f64) -> Result<Vec<f64>, MetricError> {
    scores.columns().into_iter().map(|column| quantile(&column.to_vec(), coverage)).collect()
}

#[track_caller]
fn check(
    what: &'static str,
    values: &ArrayView2<'_, impl Real>,
    y: &ArrayView2<'_, impl Real>,
) -> Result<(), MetricError> {
    assert_eq!(values.shape(), y.shape(), "{what} need the shape of the targets");
    if y.is_empty() {
        return Err(MetricError::Empty { what: "targets" });
    }
    no_nan(what, values)?;
    no_nan("targets", y)
}

fn positive(deviation: &ArrayView2<'_, impl Real>) -> Result<(), MetricError> {
    match deviation.outer_iter().position(|row| row.iter().any(|&sd| sd.into() <= 0.0)) {
        Some(index) => Err(MetricError::NotPositive { what: "deviations", index }),
        None => Ok(()),
    }
}
