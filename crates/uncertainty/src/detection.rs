use crate::{MetricError, Real, checks};

#[cfg(test)]
mod tests;

/// How well a score separates positives from negatives; the class ratio is printed with it, as AUPR depends on it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Detection {
    /// P(positive scores above negative) + ½ P(tie): the area under the ROC curve.
    pub auroc: f64,
    /// Average precision with the positives (out of distribution) as the class to find.
    pub aupr_out: f64,
    /// Average precision with the negatives (in distribution) as the class to find, by the negated score.
    pub aupr_in: f64,
    /// The smallest false-positive rate of any threshold with a true-positive rate ≥ 0.95.
    pub fpr95: f64,
    /// Number of negatives.
    pub negatives: usize,
    /// Number of positives.
    pub positives: usize,
}

/// A point of the ROC curve: inputs with a score ≥ `threshold` are called positive.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RocPoint {
    /// Lowest score called positive; +∞ at the first point, where nothing is.
    pub threshold: f64,
    /// False positives / negatives.
    pub fpr: f64,
    /// True positives / positives.
    pub tpr: f64,
}

/// AUROC, AUPR both ways and FPR at 95 % TPR of a score that should be higher on `positives`.
///
/// Inputs with equal scores are taken together at every threshold, so the values do not depend on the order of the input.
/// AUROC is an integer count divided once (the Mann–Whitney statistic). AUPR is average precision
/// Σ_k (R_k − R_{k−1})·P_k over the distinct thresholds, without interpolation, as `sklearn.metrics.average_precision_score`.
/// FPR95 is the smallest FPR of a point of the full `roc_curve` with TPR ≥ .95, as scikit-learn has it.
///
/// ±∞ are ordinary scores here. O(n log n).
///
/// **Errors** if either class is empty or a score is NaN.
///
/// Reference: Davis & Goadrich, ICML 2006 (why precision is not interpolated linearly); Hendrycks & Gimpel, ICLR 2017.
pub fn detection<T: Real>(negatives: &[T], positives: &[T]) -> Result<Detection, MetricError> {
    let groups = groups(negatives, positives)?;
    let (n, p) = (negatives.len(), positives.len());

    let mut doubled_wins: u128 = 0; // 2·#(positive above negative) + #ties
    let (mut fp, mut tp) = (0, 0);
    let mut fpr95 = 1.0;
    let mut reached = false;
    for g in &groups {
        let below = n - fp - g.negatives;
        doubled_wins += g.positives as u128 * (2 * below as u128 + g.negatives as u128);
        fp += g.negatives;
        tp += g.positives;
        if !reached && tp as f64 / p as f64 >= 0.95 {
            reached = true;
            fpr95 = fp as f64 / n as f64;
        }
    }
    Ok(Detection {
        auroc: doubled_wins as f64 / (2 * n as u128 * p as u128) as f64,
        aupr_out: average_precision(groups.iter().map(|g| (g.positives, g.negatives)), p),
        aupr_in: average_precision(groups.iter().rev().map(|g| (g.negatives, g.positives)), n),
        fpr95,
        negatives: n,
        positives: p,
    })
}

/// The ROC curve: (0, 0) and one point per distinct score, from the highest threshold to the lowest.
///
/// **Errors** if either class is empty or a score is NaN.
pub fn roc_curve<T: Real>(negatives: &[T], positives: &[T]) -> Result<Vec<RocPoint>, MetricError> {
    let groups = groups(negatives, positives)?;
    let (n, p) = (negatives.len() as f64, positives.len() as f64);
    let mut points = vec![RocPoint { threshold: f64::INFINITY, fpr: 0.0, tpr: 0.0 }];
    let (mut fp, mut tp) = (0, 0);
    for g in &groups {
        fp += g.negatives;
        tp += g.positives;
        points.push(RocPoint { threshold: g.score, fpr: fp as f64 / n, tpr: tp as f64 / p });
    }
    Ok(points)
}

/// The corners of a ROC curve: drops points on the straight line between their neighbors, so that a plot is smaller and
/// looks the same.
///
/// Horizontal and vertical runs, which is what curves without ties consist of, are recognized exactly.
pub fn drop_collinear(points: &[RocPoint]) -> Vec<RocPoint> {
    let mut out: Vec<RocPoint> = Vec::new();
    for &c in points {
        if let [.., a, b] = out[..] {
            let straight = (a.fpr == b.fpr && b.fpr == c.fpr)
                || (a.tpr == b.tpr && b.tpr == c.tpr)
                || ((b.fpr - a.fpr) * (c.tpr - b.tpr) - (b.tpr - a.tpr) * (c.fpr - b.fpr)).abs() < 1e-15;
            if straight {
                out.pop();
            }
        }
        out.push(c);
    }
    out
}

/// All inputs with one score.
struct Group {
    score: f64,
    negatives: usize,
    positives: usize,
}

/// The distinct scores from high to low, with the inputs of each class that have them.
fn groups<T: Real>(negatives: &[T], positives: &[T]) -> Result<Vec<Group>, MetricError> {
    let negatives = checks::numbers("negatives", negatives)?.into_iter().map(|score| (score, false));
    let positives = checks::numbers("positives", positives)?.into_iter().map(|score| (score, true));
    let mut all: Vec<(f64, bool)> = negatives.chain(positives).collect();
    // Not by `total_cmp` alone: −0 and +0 would be distinguished, but the comparison `==` below puts them together again,
    // as they are neighbors in the total order.
    all.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let mut out: Vec<Group> = Vec::new();
    for (score, positive) in all {
        let count = (usize::from(!positive), usize::from(positive));
        match out.last_mut() {
            Some(g) if g.score == score => {
                g.negatives += count.0;
                g.positives += count.1;
            }
            _ => out.push(Group { score, negatives: count.0, positives: count.1 }),
        }
    }
    Ok(out)
}

/// Σ_k (R_k − R_{k−1})·P_k over groups of (wanted, unwanted) from the most to the least likely.
fn average_precision(groups: impl Iterator<Item = (usize, usize)>, wanted_total: usize) -> f64 {
    let (mut wanted, mut called, mut area) = (0, 0, 0.0);
    for (w, u) in groups {
        wanted += w;
        called += w + u;
        area += w as f64 * (wanted as f64 / called as f64);
    }
    area / wanted_total as f64
}
