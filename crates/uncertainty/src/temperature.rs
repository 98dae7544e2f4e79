use ndarray::{Array2, ArrayView2};

use crate::{MetricError, Real, checks};

#[cfg(test)]
mod tests;

/// Probabilities ∝ exp z of each row of logits z, without overflow.
///
/// A logit of −∞ is a probability of 0. A row that holds NaN or +∞, or −∞ only, becomes NaN.
///
/// **Shapes** N×K, and so is the result.
pub fn softmax(logits: ArrayView2<'_, impl Real>) -> Array2<f64> {
    Temperature(1.0).softmax(logits)
}

/// Temperature scaling: probabilities ∝ exp(z/T) in place of exp z, with one T for all inputs.
///
/// The most probable class stays the same; above 1 probabilities are less sure, below they are surer. Logits may be log-probabilities, such as
/// those of an averaged prediction: then probabilities become ∝ p^(1/T).
///
/// ```
/// use apd_uncertainty::Temperature;
/// use ndarray::array;
///
/// // Sure of the first class, which is right three times in four.
/// let logits = array![[4.0_f32, 0.0], [4.0, 0.0], [4.0, 0.0], [4.0, 0.0]];
/// let temperature = Temperature::fit(logits.view(), &[0, 0, 0, 1])?;
/// let p = temperature.softmax(logits.view());
/// assert!((p[[0, 0]] - 0.75).abs() < 1e-9);
/// # Ok::<(), apd_uncertainty::MetricError>(())
/// ```
///
/// Reference: Guo, Pleiss, Sun & Weinberger, *On calibration of modern neural networks*, ICML 2017, eq. (9).
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Temperature(pub f64);

impl Temperature {
    /// The T that makes labels of held-out rows most probable, the minimum of (1/N) Σ_n (ln Σ_c exp(z_nc/T) − z_{n,yₙ}/T).
    ///
    /// The sum is convex in 1/T; the zero of its derivative is found by Newton's steps within a bracket, to 10⁻¹² of T.
    ///
    /// **Shapes** `logits`: N×K, `labels`: N. **Errors** on no rows, a NaN, +∞, −∞ at a label, a label ≥ K; and where no temperature is the best:
    /// every label has the largest logit of its row (T → 0), or labels have on average no larger ones than all classes (T → ∞). **Panics** if the
    /// lengths differ.
    #[track_caller]
    pub fn fit(logits: ArrayView2<'_, impl Real>, labels: &[u32]) -> Result<Self, MetricError> {
        checks::labels_of("logits", &logits, labels)?;
        checks::no_nan("logits", &logits)?;
        // Less the largest of its row no logit's exponential overflows, and in units of their range none of the squares does.
        let mut below = logits.mapv(|z| z.into());
        for (index, (mut row, &y)) in below.outer_iter_mut().zip(labels).enumerate() {
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row -= largest;
            if !row[y as usize].is_finite() {
                return Err(MetricError::Infinite { what: "logits", index });
            }
        }
        let range = below.iter().filter(|d| d.is_finite()).fold(0.0, |range: f64, d| range.max(-d));
        below /= range;
        let derivatives = |inverse: f64| derivatives(&below, labels, inverse);
        // Where all logits are the same the units are 0.
        if range == 0.0 || derivatives(0.0).0 >= 0.0 {
            return Err(MetricError::NoTemperature { limit: f64::INFINITY });
        }
        if below.outer_iter().zip(labels).all(|(row, &y)| row[y as usize] == 0.0) {
            return Err(MetricError::NoTemperature { limit: 0.0 });
        }
        let (mut low, mut high) = (0.0, 1.0);
        while derivatives(high).0 < 0.0 {
            (low, high) = (high, 2.0 * high);
            if high > 1.0 / f64::EPSILON {
                return Err(MetricError::NoTemperature { limit: 0.0 });
            }
        }
        let (mut inverse, mut before) = (0.5 * (low + high), high - low);
        loop {
            let (first, second) = derivatives(inverse);
            (low, high) = if first < 0.0 { (inverse, high) } else { (low, inverse) };
            let newton = inverse - first / second;
            // Steps that do not halve would not end: then the bracket is halved.
            let shrinks = (newton - inverse).abs() < 0.5 * before;
            let next = if (low..=high).contains(&newton) && shrinks { newton } else { 0.5 * (low + high) };
            before = (next - inverse).abs();
            inverse = next;
            if before <= 1e-12 * inverse {
                return Ok(Self(range / inverse));
            }
        }
    }

    /// Probabilities ∝ exp(z/T) of each row of logits z; NaN as in [`softmax`].
    ///
    /// **Shapes** N×K, and so is the result. **Panics** if T is not positive and finite.
    #[track_caller]
    pub fn softmax(self, logits: ArrayView2<'_, impl Real>) -> Array2<f64> {
        assert!(self.0 > 0.0 && self.0.is_finite(), "a temperature is positive, not {}", self.0);
        let mut p = logits.mapv(|z| z.into());
        for mut row in p.outer_iter_mut() {
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.mapv_inplace(|z| ((z - largest) / self.0).exp());
            let sum = row.sum();
            row /= sum;
        }
        p
    }
}

/// First and second derivative of Σ_n (ln Σ_c exp(β·z_nc) − β·z_{n,yₙ}) by β = 1/T, for logits that are at most 0.
fn derivatives(logits: &Array2<f64>, labels: &[u32], inverse: f64) -> (f64, f64) {
    let (mut first, mut second) = (0.0, 0.0);
    for (row, &y) in logits.outer_iter().zip(labels) {
        let (mut sum, mut moment, mut square) = (0.0, 0.0, 0.0);
        for &z in row.iter().filter(|z| z.is_finite()) {
            let weight = (inverse * z).exp();
            sum += weight;
            moment += weight * z;
            square += weight * z * z;
        }
        let mean = moment / sum;
        first += mean - row[y as usize];
        second += square / sum - mean * mean;
    }
    (first, second)
}
