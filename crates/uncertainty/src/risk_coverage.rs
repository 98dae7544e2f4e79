use crate::{MetricError, Real, checks};

#[cfg(test)]
mod tests;

/// The mean loss of the rows that are answered, when only the most certain ones are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RiskPoint {
    /// Share of the rows that are answered.
    pub coverage: f64,
    /// Their mean loss.
    pub risk: f64,
}

/// Risk against coverage, for 1, 2, …, n answered rows, the least uncertain first.
///
/// Rows of equal uncertainty are answered in a random order: the risk is the expected one, whatever the order of the rows.
///
/// **Errors** if there are no rows or a number is NaN. **Panics** if the lengths differ.
///
/// Reference: El-Yaniv & Wiener, *On the foundations of noise-free selective classification*, JMLR 11 (2010).
#[track_caller]
pub fn risk_coverage(uncertainty: &[impl Real], loss: &[impl Real]) -> Result<Vec<RiskPoint>, MetricError> {
    assert_eq!(uncertainty.len(), loss.len(), "one loss for each uncertainty");
    let loss = checks::numbers("losses", loss)?;
    let uncertainty = checks::numbers("uncertainties", uncertainty)?;
    let n = loss.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| uncertainty[a].total_cmp(&uncertainty[b]));
    let (mut points, mut sum) = (Vec::with_capacity(n), 0.0);
    for equals in order.chunk_by(|&a, &b| uncertainty[a] == uncertainty[b]) {
        let mean = equals.iter().map(|&row| loss[row]).sum::<f64>() / equals.len() as f64;
        for _ in equals {
            sum += mean;
            let answered = (points.len() + 1) as f64;
            points.push(RiskPoint { coverage: answered / n as f64, risk: sum / answered });
        }
    }
    Ok(points)
}

/// The area under the risk–coverage curve, (1/n) Σ_k risk of the k least uncertain rows: small where losses come last.
///
/// **Errors** and **panics** as [`risk_coverage`].
///
/// Reference: Geifman, Uziel & El-Yaniv, *Bias-reduced uncertainty estimation for deep neural classifiers*, ICLR 2019.
#[track_caller]
pub fn aurc(uncertainty: &[impl Real], loss: &[impl Real]) -> Result<f64, MetricError> {
    let points = risk_coverage(uncertainty, loss)?;
    Ok(points.iter().map(|point| point.risk).sum::<f64>() / points.len() as f64)
}

/// The area under the generalized risk–coverage curve, (1/n) Σ_k k/n · (risk of the k least uncertain rows), the last of them by half: the mean loss
/// that is not held back.
///
/// With losses of 0 and 1 it is (1 − AUROC)·a·(1 − a) + ½(1 − a)², where a is the share of losses of 0 and the AUROC that of the uncertainty as a
/// detector of the others. A loss weighs by the share of rows that are answered after it, where [`aurc`] weighs the first few far more.
///
/// **Errors** and **panics** as [`risk_coverage`].
///
/// Reference: Traub et al., *Overcoming common flaws in the evaluation of selective classification systems*, NeurIPS 2024, §3.
#[track_caller]
pub fn augrc(uncertainty: &[impl Real], loss: &[impl Real]) -> Result<f64, MetricError> {
    let points = risk_coverage(uncertainty, loss)?;
    let all = points.last().map_or(0.0, |point| point.risk);
    let sum: f64 = points.iter().map(|point| point.coverage * point.risk).sum();
    Ok((sum - 0.5 * all) / points.len() as f64)
}
