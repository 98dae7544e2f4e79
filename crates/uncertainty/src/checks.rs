//! What is checked before anything is computed.

use ndarray::{ArrayView1, ArrayView2};

use crate::{MetricError, Real};

/// How far from 1 the sum of a row may be: rows that were rounded to three digits are fine, percentages and logits are not.
///
/// A softmax of K classes in f32 is off by at most about K·2⁻²⁴, which is .0006 for ten thousand of them.
const SUM_TOLERANCE: f64 = 1e-3;

/// **Errors** on no rows, a label ≥ K, and the first row that is no distribution over classes. **Panics** if the lengths differ.
#[track_caller]
pub(crate) fn predictions(p: &ArrayView2<'_, impl Real>, labels: &[u32]) -> Result<(), MetricError> {
    labels_of("predictions", p, labels)?;
    probabilities("predictions", p)
}

/// **Errors** on no rows and a label ≥ K. **Panics** if the lengths differ.
#[track_caller]
pub(crate) fn labels_of<T>(what: &'static str, rows: &ArrayView2<'_, T>, labels: &[u32]) -> Result<(), MetricError> {
    assert_eq!(rows.nrows(), labels.len(), "one label per row of {what}");
    if labels.is_empty() {
        return Err(MetricError::Empty { what });
    }
    match labels.iter().position(|&label| label as usize >= rows.ncols()) {
        Some(index) => Err(MetricError::Label { index, label: labels[index], classes: rows.ncols() }),
        None => Ok(()),
    }
}

/// **Errors** on the first row that is no distribution over classes.
pub(crate) fn probabilities(what: &'static str, p: &ArrayView2<'_, impl Real>) -> Result<(), MetricError> {
    p.outer_iter().enumerate().try_for_each(|(index, row)| distribution(what, index, row))
}

/// **Errors** if this row is no distribution over classes.
pub(crate) fn distribution(
    what: &'static str,
    index: usize,
    row: ArrayView1<'_, impl Real>,
) -> Result<(), MetricError> {
    let (mut smallest, mut sum) = (f64::INFINITY, 0.0);
    for &x in row {
        let x: f64 = x.into();
        smallest = smallest.min(x);
        sum += x;
    }
    // With nothing below 0 the sum bounds each of them.
    if smallest >= 0.0 && (sum - 1.0).abs() <= SUM_TOLERANCE {
        Ok(())
    } else if row.iter().any(|&x| x.into().is_nan()) {
        Err(MetricError::Nan { what, index })
    } else {
        Err(MetricError::NotProbabilities { what, index, smallest, sum })
    }
}

/// **Errors** on the first row with a NaN.
pub(crate) fn no_nan(what: &'static str, rows: &ArrayView2<'_, impl Real>) -> Result<(), MetricError> {
    match rows.outer_iter().position(|row| row.iter().any(|&x| x.into().is_nan())) {
        Some(index) => Err(MetricError::Nan { what, index }),
        None => Ok(()),
    }
}

/// In `f64`. **Errors** on none, and on the first NaN.
pub(crate) fn numbers(what: &'static str, values: &[impl Real]) -> Result<Vec<f64>, MetricError> {
    if values.is_empty() {
        return Err(MetricError::Empty { what });
    }
    let values: Vec<f64> = values.iter().map(|&x| x.into()).collect();
    match values.iter().position(|x| x.is_nan()) {
        Some(index) => Err(MetricError::Nan { what, index }),
        None => Ok(values),
    }
}
