use crate::{MetricError, Real, checks};

/// The ⌈(n + 1)·coverage⌉-th smallest of n scores; +∞ where that is more than n.
///
/// A new score that is exchangeable with them is not above it with probability at least `coverage` = 1 − α. With n < coverage/(1 − coverage)
/// no finite number has that property: nine scores are the fewest for .9, and 99 for .99.
///
/// **Errors** on no scores or a NaN. **Panics** if `coverage` is not strictly between 0 and 1.
///
/// Reference: Lei et al., *Distribution-free predictive inference for regression*, JASA 113 (2018), algorithm 2.
#[track_caller]
pub fn quantile(scores: &[impl Real], coverage: f64) -> Result<f64, MetricError> {
    assert!(coverage > 0.0 && coverage < 1.0, "a coverage is between 0 and 1, not {coverage}");
    let mut scores = checks::numbers("scores", scores)?;
    // 100·.55 is a little above 55: two roundings are not to become a place.
    let place = ((scores.len() + 1) as f64 * coverage * (1.0 - 2.0 * f64::EPSILON)).ceil() as usize;
    if place > scores.len() {
        return Ok(f64::INFINITY);
    }
    Ok(*scores.select_nth_unstable_by(place - 1, f64::total_cmp).1)
}
