use serde::{Deserialize, Serialize};

/// The numbers of an evaluation, by the names that they have in files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Metrics {
    /// Of classes.
    Classes(ClassMetrics),
    /// Of numbers.
    Numbers(NumberMetrics),
}

/// How right predicted classes are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassMetrics {
    /// Share of the rows whose most probable class is the right one.
    pub accuracy: f64,
    /// Mean −ln p of the right class, in nats.
    pub nll: f64,
    /// Mean Σ (p − 1\[right\])² over classes.
    pub brier: f64,
    /// Expected calibration error, of 15 bins.
    pub ece: f64,
    /// Of two classes, the probability that a row of the second has a larger p than one of the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auroc: Option<f64>,
    /// Area under the risk–coverage curve by the largest probability.
    pub aurc: f64,
    /// Rows.
    pub n: usize,
    /// Networks averaged.
    pub networks: usize,
    /// Time that it took.
    pub seconds: f64,
}

/// How right predicted numbers are, in the target's own units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberMetrics {
    /// Root mean square error of the mean.
    pub rmse: f64,
    /// Mean absolute error of the mean.
    pub mae: f64,
    /// Mean −ln p of the mixture, in nats.
    pub nll: f64,
    /// The same of a normal with the predictive mean and deviation.
    pub nll_normal: f64,
    /// Continuous ranked probability score.
    pub crps: f64,
    /// Share of the rows in their 50 % interval.
    pub coverage_50: f64,
    /// In their 90 % interval.
    pub coverage_90: f64,
    /// In their 95 % interval.
    pub coverage_95: f64,
    /// Mean width of the 90 % intervals.
    pub mean_width_90: f64,
    /// Rows.
    pub n: usize,
    /// Networks averaged.
    pub networks: usize,
    /// Time that it took.
    pub seconds: f64,
}
