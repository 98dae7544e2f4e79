use ndarray::ArrayView2;

use crate::checks::{no_nan, probabilities};
use crate::{MetricError, Real, argmax};

#[cfg(test)]
mod tests;

/// Share of the inputs on which two predictive distributions have the same most probable class.
///
/// **Shapes** both N×K. **Errors** on no rows or a NaN. **Panics** if the shapes differ.
#[track_caller]
pub fn agreement(p: ArrayView2<'_, impl Real>, q: ArrayView2<'_, impl Real>) -> Result<f64, MetricError> {
    check(&p, &q)?;
    let same = p.outer_iter().zip(q.outer_iter()).filter(|(a, b)| argmax(a.iter()) == argmax(b.iter())).count();
    Ok(same as f64 / p.nrows() as f64)
}

/// Mean total variation distance (1/N) Σ_n ½ Σ_c |p_nc − q_nc|, in [0, 1].
///
/// **Shapes** both N×K. **Errors** on no rows or one that is no distribution. **Panics** if the shapes differ.
///
/// Reference: Izmailov et al., ICML 2021, §3 (agreement and total variation between predictive distributions).
#[track_caller]
pub fn total_variation(p: ArrayView2<'_, impl Real>, q: ArrayView2<'_, impl Real>) -> Result<f64, MetricError> {
    check(&p, &q)?;
    probabilities("first predictions", &p)?;
    probabilities("second predictions", &q)?;
    let mut sum = 0.0;
    for (a, b) in p.outer_iter().zip(q.outer_iter()) {
        sum += 0.5 * a.iter().zip(b).map(|(&x, &y)| (x.into() - y.into()).abs()).sum::<f64>();
    }
    Ok(sum / p.nrows() as f64)
}

#[track_caller]
fn check(p: &ArrayView2<'_, impl Real>, q: &ArrayView2<'_, impl Real>) -> Result<(), MetricError> {
    assert_eq!(p.shape(), q.shape(), "the two predictions must have the same shape");
    if p.nrows() == 0 {
        return Err(MetricError::Empty { what: "predictions" });
    }
    no_nan("first predictions", p)?;
    no_nan("second predictions", q)
}
