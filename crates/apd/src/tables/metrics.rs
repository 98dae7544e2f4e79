use std::fmt;

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
#[non_exhaustive]
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
#[non_exhaustive]
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

impl Metrics {
    pub(super) fn set_seconds(&mut self, time: f64) {
        let (Self::Classes(ClassMetrics { seconds, .. }) | Self::Numbers(NumberMetrics { seconds, .. })) = self;
        *seconds = time;
    }
}

impl fmt::Display for Metrics {
    /// Two or three lines of at most 80 columns.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Classes(ClassMetrics { accuracy, nll, brier, ece, auroc, aurc, n, networks, seconds }) => {
                let auroc = auroc.map_or(String::new(), |auroc| format!("   auroc {auroc:.4}"));
                writeln!(f, "  accuracy {accuracy:.4}   nll {nll:.4}   brier {brier:.4}   ece {ece:.4}")?;
                write!(f, "  aurc {aurc:.4}{auroc}   ({n} rows, {networks} networks, {seconds:.1} s)")
            }
            Self::Numbers(numbers) => {
                let NumberMetrics { rmse, mae, nll, nll_normal, crps, n, networks, seconds, .. } = numbers;
                let NumberMetrics { coverage_50, coverage_90, coverage_95, mean_width_90, .. } = numbers;
                writeln!(
                    f,
                    "  rmse {rmse:.4}   mae {mae:.4}   crps {crps:.4}   nll {nll:.4} (normal {nll_normal:.4})"
                )?;
                writeln!(
                    f,
                    "  intervals of 50, 90, 95 % cover {:.1}, {:.1}, {:.1} %; mean width at 90 %: {mean_width_90:.4}",
                    100.0 * coverage_50,
                    100.0 * coverage_90,
                    100.0 * coverage_95
                )?;
                write!(f, "  ({n} rows, {networks} networks, {seconds:.1} s)")
            }
        }
    }
}
