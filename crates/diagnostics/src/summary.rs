/// The middle value, or the mean of the middle two; `None` without values.
///
/// **Units**: those of the values.
///
/// **Where it fails**: a NaN counts as beyond all numbers, on the side of its sign (`f64::total_cmp`).
///
/// ```
/// assert_eq!(apd_diagnostics::median([3.0, 1.0, 2.0, 10.0]), Some(2.5));
/// ```
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len();
    (n > 0).then(|| 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2]))
}

/// Mean and standard deviation of independent values, such as a metric of repeated draws; the deviation of one value is `None`.
///
/// x̄ = Σx/n and √(Σ(x − x̄)²/(n − 1)).
///
/// **Units**: those of the values.
///
/// **Where it fails**: the mean of no values is NaN. The draws of a chain are not independent: see [`diagnose`](crate::diagnose).
///
/// ```
/// assert_eq!(apd_diagnostics::mean_sd(&[1.0, 2.0, 3.0]), (2.0, Some(1.0)));
/// assert_eq!(apd_diagnostics::mean_sd(&[2.0]), (2.0, None));
/// ```
pub fn mean_sd(values: &[f64]) -> (f64, Option<f64>) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let sd = (values.len() > 1).then(|| (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt());
    (mean, sd)
}

#[cfg(test)]
mod tests;
