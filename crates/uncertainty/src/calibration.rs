use ndarray::{ArrayView1, ArrayView2};

use crate::{MetricError, Real, argmax, checks};

#[cfg(test)]
mod tests;

/// Share of the rows whose largest probability is that of the label (the first of equals wins).
///
/// **Shapes** `p`: N×K, `labels`: N. **Errors** on no rows, a row that is no distribution, a label ≥ K. **Panics** if the lengths differ.
#[track_caller]
pub fn accuracy(p: ArrayView2<'_, impl Real>, labels: &[u32]) -> Result<f64, MetricError> {
    checks::predictions(&p, labels)?;
    let right = labels.iter().zip(p.outer_iter()).filter(|(y, row)| top(row).0 == **y as usize).count();
    Ok(right as f64 / labels.len() as f64)
}

/// Negative log likelihood −(1/N) Σ_n ln p_{n,yₙ}, in nats per input.
///
/// Probabilities below 2⁻¹²⁶ count as 2⁻¹²⁶ (87.3 nats): a f32 softmax underflows there, and one such row would make the
/// mean infinite and every comparison with it void.
///
/// **Shapes** `p`: N×K, `labels`: N. **Errors** on no rows, a row that is no distribution, a label ≥ K. **Panics** if the lengths differ.
#[track_caller]
pub fn nll(p: ArrayView2<'_, impl Real>, labels: &[u32]) -> Result<f64, MetricError> {
    checks::predictions(&p, labels)?;
    let floor = f64::from(f32::MIN_POSITIVE);
    let sum: f64 = labels.iter().enumerate().map(|(n, &y)| -p[[n, y as usize]].into().max(floor).ln()).sum();
    Ok(sum / labels.len() as f64)
}

/// Brier score (1/N) Σ_n Σ_c (p_nc − 1\[c = yₙ\])², in [0, 2]: the sum over classes, not halved.
///
/// **Shapes** `p`: N×K, `labels`: N. **Errors** on no rows, a row that is no distribution, a label ≥ K. **Panics** if the lengths differ.
///
/// Reference: Brier, Monthly Weather Review 78 (1950), eq. (2).
#[track_caller]
pub fn brier(p: ArrayView2<'_, impl Real>, labels: &[u32]) -> Result<f64, MetricError> {
    checks::predictions(&p, labels)?;
    let mut sum = 0.0;
    for (row, &y) in p.outer_iter().zip(labels) {
        sum += row.iter().enumerate().map(|(c, &x)| (x.into() - f64::from(c == y as usize)).powi(2)).sum::<f64>();
    }
    Ok(sum / labels.len() as f64)
}

/// One bin of a reliability diagram: the inputs with max_c p̄_c in (`lower`, `upper`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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

impl ReliabilityBin {
    fn empty(lower: f64, upper: f64) -> Self {
        Self { lower, upper, count: 0, accuracy: 0.0, confidence: 0.0 }
    }

    fn add(&mut self, confidence: f64, right: bool) {
        self.count += 1;
        self.confidence += confidence;
        self.accuracy += f64::from(right);
    }

    /// Sums become means.
    fn divide(&mut self) {
        let n = self.count.max(1) as f64;
        self.accuracy /= n;
        self.confidence /= n;
    }
}

/// Reliability diagram with `bins` equal-width bins of max_c p̄_c on [0, 1].
///
/// **Shapes** `p`: N×K, `labels`: N. **Errors** on no rows, a row that is no distribution, a label ≥ K. **Panics** if the lengths differ or
/// `bins` is 0.
#[track_caller]
pub fn reliability(
    p: ArrayView2<'_, impl Real>,
    labels: &[u32],
    bins: usize,
) -> Result<Vec<ReliabilityBin>, MetricError> {
    check(&p, labels, bins)?;
    Ok(diagram(tops(&p, labels), bins))
}

/// Reliability diagram whose `bins` bins of max_c p̄_c hold equally many inputs, N/bins rounded down or up: its [`ece`] is the adaptive one.
///
/// Inputs of equal confidence share a bin, so that their order does not matter: then bins hold more, and are fewer, as they are for N < `bins`.
///
/// **Shapes** `p`: N×K, `labels`: N. **Errors** on no rows, a row that is no distribution, a label ≥ K. **Panics** if the lengths differ or
/// `bins` is 0.
///
/// References: Nguyen & O'Connor, *Posterior calibration and exploratory analysis for natural language processing models*, EMNLP 2015; Nixon et
/// al., *Measuring calibration in deep learning*, CVPR workshops 2019.
#[track_caller]
pub fn adaptive_reliability(
    p: ArrayView2<'_, impl Real>,
    labels: &[u32],
    bins: usize,
) -> Result<Vec<ReliabilityBin>, MetricError> {
    check(&p, labels, bins)?;
    let mut tops: Vec<(f64, bool)> = tops(&p, labels).collect();
    tops.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut out, mut seen, mut last) = (Vec::<ReliabilityBin>::new(), 0, None);
    for equals in tops.chunk_by(|a, b| a.0 == b.0) {
        let place = seen * bins / tops.len();
        if last != Some(place) {
            out.push(ReliabilityBin::empty(out.last().map_or(0.0, |bin| bin.upper), equals[0].0));
            last = Some(place);
        }
        let bin = out.last_mut().expect("one was pushed");
        equals.iter().for_each(|&(confidence, right)| bin.add(confidence, right));
        bin.upper = equals[0].0;
        seen += equals.len();
    }
    out.iter_mut().for_each(ReliabilityBin::divide);
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

/// Maximum calibration error max_b |accuracy_b − confidence_b| over the bins that are not empty, in [0, 1].
///
/// The noise of the smallest bin decides it where bins hold few inputs. An empty diagram has error 0.
///
/// Reference: Guo et al., ICML 2017, eq. (5).
pub fn mce(bins: &[ReliabilityBin]) -> f64 {
    bins.iter().map(|b| (b.accuracy - b.confidence).abs()).fold(0.0, f64::max)
}

/// Classwise calibration error (1/K) Σ_c Σ_b (n_bc/N)·|share of class c − mean p̄_c| over equal-width bins of each class's p̄_c, in [0, 1].
///
/// All probabilities are judged, not only the largest of a row; with many classes most of them are near 0, and so is the error.
///
/// **Shapes** `p`: N×K, `labels`: N. **Errors** on no rows, a row that is no distribution, a label ≥ K. **Panics** if the lengths differ or
/// `bins` is 0.
///
/// References: Kull et al., *Beyond temperature scaling*, NeurIPS 2019, §2; the static calibration error of Nixon et al., *Measuring calibration
/// in deep learning*, CVPR workshops 2019.
#[track_caller]
pub fn classwise_ece(p: ArrayView2<'_, impl Real>, labels: &[u32], bins: usize) -> Result<f64, MetricError> {
    check(&p, labels, bins)?;
    let mut sum = 0.0;
    for (class, column) in p.columns().into_iter().enumerate() {
        let pairs = column.into_iter().zip(labels).map(|(x, &y)| ((*x).into(), y as usize == class));
        sum += ece(&diagram(pairs, bins));
    }
    Ok(sum / p.ncols() as f64)
}

#[track_caller]
fn check(p: &ArrayView2<'_, impl Real>, labels: &[u32], bins: usize) -> Result<(), MetricError> {
    assert!(bins > 0, "a reliability diagram needs at least one bin");
    checks::predictions(p, labels)
}

/// The class of the largest probability (the first of equals wins), and that probability; the row is a distribution.
fn top(row: &ArrayView1<'_, impl Real>) -> (usize, f64) {
    let class = argmax(row.iter()).expect("a distribution has a largest probability");
    (class, row[class].into())
}

/// Each input's largest probability, and whether its class is the label.
fn tops<'a>(p: &'a ArrayView2<'_, impl Real>, labels: &'a [u32]) -> impl Iterator<Item = (f64, bool)> + 'a {
    p.outer_iter().zip(labels).map(|(row, &y)| {
        let (class, confidence) = top(&row);
        (confidence, class == y as usize)
    })
}

/// Pairs of a probability and whether it came true, in bins of equal width.
fn diagram(pairs: impl Iterator<Item = (f64, bool)>, bins: usize) -> Vec<ReliabilityBin> {
    let edge = |b: usize| b as f64 / bins as f64;
    let mut out: Vec<ReliabilityBin> = (0..bins).map(|b| ReliabilityBin::empty(edge(b), edge(b + 1))).collect();
    for (confidence, right) in pairs {
        // By comparison with the edges themselves: ⌈c·bins⌉ would round c·bins across one.
        out[(0..bins - 1).find(|&b| confidence <= edge(b + 1)).unwrap_or(bins - 1)].add(confidence, right);
    }
    out.iter_mut().for_each(ReliabilityBin::divide);
    out
}
