use std::fmt;
use std::str::FromStr;

use ndarray::{Array2, ArrayView2, Zip};

use crate::{MetricError, Real, argmax, checks, softmax};

#[cfg(test)]
mod tests;

/// A number per input that grows with the uncertainty of S networks with softmax rows p₁ … p_S and mean p̄.
///
/// Displayed, parsed and serialized as `maxprob`, `entropy`, `bald`, `variation-ratio`, `model-variance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Score {
    /// 1 − max_c p̄_c, in [0, 1 − 1/K]. Reference: Hendrycks & Gimpel, ICLR 2017.
    #[cfg_attr(feature = "serde", serde(rename = "maxprob"))]
    MaxProbability,
    /// H[p̄] = −Σ_c p̄_c ln p̄_c, in [0, ln K] nats: all uncertainty, that of the data and that of the model.
    Entropy,
    /// H\[p̄\] − (1/S) Σ_s H\[p_s\], in [0, min(ln S, ln K)] nats: mutual information between prediction and network, the
    /// part that more data would remove. Reference: Houlsby et al., arXiv:1112.5745, eq. (2).
    Bald,
    /// 1 − (share of the networks that vote for the modal class), in [0, 1 − 1/K]. Reference: Gal, PhD thesis 2016, §3.3.1.
    VariationRatio,
    /// (1/S) Σ_s Σ_c p_sc² − Σ_c p̄_c²: the variance over networks, summed over classes, in [0, 1).
    ModelVariance,
}

impl Score {
    /// Every score, in the order of the tables.
    pub const ALL: [Score; 5] =
        [Score::MaxProbability, Score::Entropy, Score::Bald, Score::VariationRatio, Score::ModelVariance];

    /// The name used on command lines and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Score::MaxProbability => "maxprob",
            Score::Entropy => "entropy",
            Score::Bald => "bald",
            Score::VariationRatio => "variation-ratio",
            Score::ModelVariance => "model-variance",
        }
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Score {
    type Err = MetricError;

    fn from_str(s: &str) -> Result<Self, MetricError> {
        Score::ALL.into_iter().find(|x| x.name() == s).ok_or_else(|| MetricError::UnknownScore(s.to_owned()))
    }
}

/// Streaming sufficient statistics of the predictions of many networks on N inputs with K classes.
///
/// Keeps Σ p, Σ H\[p\], Σ p² and the votes in f64: enough for the mean prediction and every [`Score`], without keeping
/// S×N×K probabilities. The result depends on the order of [`add`](Self::add) only by f64 rounding.
///
/// A NaN in a network's row makes that input's mean and scores NaN, which [`nll`](crate::nll) and [`detection`](crate::detection) then report
/// as an error value: a network that diverged is no mistake of the program, and never becomes a plausible number.
///
/// ```
/// use apd_uncertainty::{ClassPredictive, Score};
/// use ndarray::array;
///
/// let mut predictive = ClassPredictive::new(1, 3);
/// predictive.add(array![[0.2_f32, 0.5, 0.3]].view());
/// predictive.add(array![[0.6_f32, 0.2, 0.2]].view());
/// assert_eq!(predictive.networks(), 2);
/// assert_eq!(predictive.score(Score::VariationRatio), [0.5]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ClassPredictive {
    networks: u64,
    sum: Array2<f64>,
    votes: Array2<u32>,
    sum_entropy: Vec<f64>,
    sum_squares: Vec<f64>,
}

impl ClassPredictive {
    /// No networks yet; `n` inputs, `k` classes.
    ///
    /// **Panics** if `k` is 0.
    #[track_caller]
    pub fn new(n: usize, k: usize) -> Self {
        assert!(k > 0, "a prediction needs at least one class");
        Self {
            networks: 0,
            sum: Array2::zeros((n, k)),
            votes: Array2::zeros((n, k)),
            sum_entropy: vec![0.0; n],
            sum_squares: vec![0.0; n],
        }
    }

    /// Adds one network's softmax rows.
    ///
    /// **Shapes** `p`: N×K. **Panics** on another shape, and on a row without a NaN that is no distribution: of numbers below 0, or of another
    /// sum than 1 (by more than .001).
    #[track_caller]
    pub fn add(&mut self, p: ArrayView2<'_, impl Real>) {
        assert_eq!(p.shape(), self.sum.shape(), "predictions must have the shape the accumulator was made with");
        for (i, row) in p.outer_iter().enumerate() {
            if let Err(error @ MetricError::NotProbabilities { .. }) = checks::distribution("predictions", i, row) {
                panic!("{error}");
            }
        }
        self.networks += 1;
        for (i, row) in p.outer_iter().enumerate() {
            let mut sum = self.sum.row_mut(i);
            let (mut entropy, mut squares) = (0.0, 0.0);
            for (s, &x) in sum.iter_mut().zip(row) {
                let x: f64 = x.into();
                *s += x;
                entropy += minus_x_ln_x(x);
                squares += x * x;
            }
            self.sum_entropy[i] += entropy;
            self.sum_squares[i] += squares;
            if let Some(winner) = argmax(row.iter().copied()) {
                self.votes[[i, winner]] += 1;
            }
        }
    }

    /// Adds the [`softmax`] of one network's rows of logits.
    ///
    /// **Shapes** `logits`: N×K. **Panics** on another shape.
    #[track_caller]
    pub fn add_logits(&mut self, logits: ArrayView2<'_, impl Real>) {
        self.add(softmax(logits).view());
    }

    /// Adds the networks of another accumulator over the same inputs, for those who split networks between threads: merge
    /// in a fixed order and the bits do not depend on their timing.
    ///
    /// **Panics** on another shape.
    #[track_caller]
    pub fn merge(&mut self, other: &ClassPredictive) {
        assert_eq!(other.sum.shape(), self.sum.shape(), "accumulators must have the same shape");
        self.networks += other.networks;
        self.sum += &other.sum;
        self.votes += &other.votes;
        Zip::from(&mut self.sum_entropy).and(&other.sum_entropy).for_each(|a, b| *a += b);
        Zip::from(&mut self.sum_squares).and(&other.sum_squares).for_each(|a, b| *a += b);
    }

    /// S, the networks added so far.
    pub fn networks(&self) -> u64 {
        self.networks
    }

    /// N, the inputs.
    pub fn len(&self) -> usize {
        self.sum.nrows()
    }

    /// Whether there are no inputs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// K, the classes.
    pub fn classes(&self) -> usize {
        self.sum.ncols()
    }

    /// p̄ = (1/S) Σ_s p_s, N×K.
    ///
    /// **Panics** if no network was added.
    #[track_caller]
    pub fn mean(&self) -> Array2<f64> {
        &self.sum / self.divisor()
    }

    /// One number per input; higher is more uncertain. Units and bounds are those of [`Score`].
    ///
    /// Values that are 0 in exact arithmetic but −1e-17 after rounding are returned as 0.
    ///
    /// **Panics** if no network was added.
    #[track_caller]
    pub fn score(&self, score: Score) -> Vec<f64> {
        let s = self.divisor();
        let value = |i: usize| -> f64 {
            let mean = self.sum.row(i).mapv(|x| x / s);
            // `f64::max` ignores a NaN, and would turn it into a confident number.
            if mean.iter().any(|x| !x.is_finite()) {
                return f64::NAN;
            }
            let x = match score {
                Score::MaxProbability => 1.0 - mean.iter().copied().fold(0.0, f64::max),
                Score::Entropy => entropy(mean.iter()),
                Score::Bald => entropy(mean.iter()) - self.sum_entropy[i] / s,
                Score::VariationRatio => 1.0 - f64::from(self.votes.row(i).iter().copied().max().unwrap_or(0)) / s,
                Score::ModelVariance => self.sum_squares[i] / s - mean.iter().map(|x| x * x).sum::<f64>(),
            };
            if x < 0.0 { 0.0 } else { x }
        };
        (0..self.len()).map(value).collect()
    }

    #[track_caller]
    fn divisor(&self) -> f64 {
        assert!(self.networks > 0, "no network was added: the predictive distribution is undefined");
        self.networks as f64
    }
}

/// −x ln x, continued by 0 at 0.
fn minus_x_ln_x(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { -x * x.ln() }
}

/// −Σ x ln x.
pub(crate) fn entropy<'a>(p: impl Iterator<Item = &'a f64>) -> f64 {
    p.map(|&x| minus_x_ln_x(x)).sum()
}
