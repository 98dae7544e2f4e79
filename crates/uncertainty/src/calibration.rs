use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::{MetricError, argmax};

#[cfg(test)]
mod tests;

/// Share of the rows whose largest probability is that of the label (the first of equals wins).
///
/// **Shapes** `p`: N×K, `labels`: N. **Errors** on no rows, a NaN, a label ≥ K. **Panics** if the lengths differ.
#[track_caller]
pub fn accuracy(p: ArrayView2<'_, f64>, labels: &[u32]) -> Result<f64, MetricError> {
    check_labels(&p, labels)?;
    no_nan("predictions", &p)?;
    let right = labels.iter().zip(p.outer_iter()).filter(|(y, row)| argmax(row.iter()) == Some(**y as usize)).count();
    Ok(right as f64 / labels.len() as f64)
}

/// Negative log likelihood −(1/N) Σ_n ln p_{n,yₙ}, in nats per input.
///
/// Probabilities below 2⁻¹²⁶ count as 2⁻¹²⁶ (87.3 nats): a f32 softmax underflows there, and one such row would make the
/// mean infinite and every comparison with it void.
///
/// **Shapes** `p`: N×K, `labels`: N. **Errors** on no rows, a row that is no distribution, a label ≥ K. **Panics** if the lengths differ.
#[track_caller]
pub fn nll(p: ArrayView2<'_, f64>, labels: &[u32]) -> Result<f64, MetricError> {
    check(&p, labels)?;
    let floor = f64::from(f32::MIN_POSITIVE);
    let sum: f64 = labels.iter().enumerate().map(|(n, &y)| -p[[n, y as usize]].max(floor).ln()).sum();
    Ok(sum / labels.len() as f64)
}

/// Brier score (1/N) Σ_n Σ_c (p_nc − 1\[c = yₙ\])², in [0, 2]: the sum over classes, not halved.
///
/// **Shapes** `p`: N×K, `labels`: N. **Errors** on no rows, a row that is no distribution, a label ≥ K. **Panics** if the lengths differ.
///
/// Reference: Brier, Monthly Weather Review 78 (1950), eq. (2).
#[track_caller]
pub fn brier(p: ArrayView2<'_, f64>, labels: &[u32]) -> Result<f64, MetricError> {
    check(&p, labels)?;
    let mut sum = 0.0;
    for (row, &y) in p.outer_iter().zip(labels) {
        sum += row.iter().enumerate().map(|(c, x)| (x - f64::from(c == y as usize)).powi(2)).sum::<f64>();
    }
    Ok(sum / labels.len() as f64)
}

/// One bin of a reliability diagram: the inputs with max_c p̄_c in (`lower`, `upper`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Lower edge, exclusive (inclusive in the first bin).
    pub lower: f64,
    /// Upper edge, inclusive.
    pub upper: f64,
    /// Inputs in the bin.
    pub count: usize,
    /// Share of them predicted right; 0 if the bin is empty.
    pub accuracy: f64,
    /// Their mean max_c p̄_c; 0 if the bin is empty.
    pub confidence: f64,
}

/// Reliability diagram with `bins` equal-width bins of max_c p̄_c on [0, 1].
///
/// **Shapes** `p`: N×K, `labels`: N. **Errors** on no rows, a row that is no distribution, a label ≥ K. **Panics** if the lengths differ or
/// `bins` is 0.
#[track_caller]
pub fn reliability(p: ArrayView2<'_, f64>, labels: &[u32], bins: usize) -> Result<Vec<ReliabilityBin>, MetricError> {
    assert!(bins > 0, "a reliability diagram needs at least one bin");
    check(&p, labels)?;
    let edge = |b: usize| b as f64 / bins as f64;
    let mut out: Vec<ReliabilityBin> = (0..bins)
        .map(|b| ReliabilityBin { lower: edge(b), upper: edge(b + 1), count: 0, accuracy: 0.0, confidence: 0.0 })
        .collect();
    for (row, &y) in p.outer_iter().zip(labels) {
        let Some(c) = argmax(row.iter()) else { continue };
        let confidence = row[c];
        // By comparison with the edges themselves: ⌈c·bins⌉ would round c·bins across one.
        let bin = &mut out[(0..bins - 1).find(|&b| confidence <= edge(b + 1)).unwrap_or(bins - 1)];
        bin.count += 1;
        bin.confidence += confidence;
        bin.accuracy += f64::from(c == y as usize);
    }
    for bin in &mut out {
        let n = bin.count.max(1) as f64;
        bin.accuracy /= n;
        bin.confidence /= n;
    }
    Ok(out)
}

/// Expected calibration error Σ_b (n_b/N)·|accuracy_b − confidence_b| of a reliability diagram, in [0, 1].
///
/// The customary figure has 15 bins. It is biased upwards when bins hold few inputs. An empty diagram has error 0.
///
/// Reference: Guo et al., ICML 2017, eq. (3).
pub fn ece(bins: &[ReliabilityBin]) -> f64 {
    let n: usize = bins.iter().map(|b| b.count).sum();
    bins.iter().map(|b| b.count as f64 / n.max(1) as f64 * (b.accuracy - b.confidence).abs()).sum()
}

#[track_caller]
fn check(p: &ArrayView2<'_, f64>, labels: &[u32]) -> Result<(), MetricError> {
    check_labels(p, labels)?;
    probabilities("predictions", p)
}

#[track_caller]
fn check_labels(p: &ArrayView2<'_, f64>, labels: &[u32]) -> Result<(), MetricError> {
    assert_eq!(p.nrows(), labels.len(), "one label per row of predictions");
    if labels.is_empty() {
        return Err(MetricError::Empty { what: "predictions" });
    }
    if let Some((index, &label)) = labels.iter().enumerate().find(|(_, y)| **y as usize >= p.ncols()) {
        return Err(MetricError::Label { index, label, classes: p.ncols() });
    }
    Ok(())
}

/// How far from 1 the sum of a row may be: rows that were rounded to three digits are fine, percentages and logits are not.
const SUM_TOLERANCE: f64 = 1e-3;

/// **Errors** on a NaN, and on the first row that is no distribution over classes.
pub(crate) fn probabilities(what: &'static str, p: &ArrayView2<'_, f64>) -> Result<(), MetricError> {
    no_nan(what, p)?;
    for (index, row) in p.outer_iter().enumerate() {
        let (smallest, sum) = (row.iter().copied().fold(f64::INFINITY, f64::min), row.sum());
        if smallest < 0.0 || (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(MetricError::NotProbabilities { what, index, smallest, sum });
        }
    }
    Ok(())
}

pub(crate) fn no_nan(what: &'static str, p: &ArrayView2<'_, f64>) -> Result<(), MetricError> {
    match p.outer_iter().position(|row| row.iter().any(|x| x.is_nan())) {
        Some(index) => Err(MetricError::Nan { what, index }),
        None => Ok(()),
    }
}
