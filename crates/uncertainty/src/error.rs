/// Why a metric has no value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// The metric of nothing is undefined.
    #[error("{what} are empty: the metric is undefined")]
    Empty {
        /// Which argument.
        what: &'static str,
    },
    /// A NaN has no place in an order.
    #[error("{what}: value {index} is not a number (has a network diverged?)")]
    Nan {
        /// Which argument.
        what: &'static str,
        /// Position of the first NaN; the row, for matrices.
        index: usize,
    },
    /// A row that is no distribution over classes.
    #[error(
        "{what}: row {index} is not made of probabilities: its smallest value is {smallest}, its sum {sum} (logits? see `softmax` and `add_logits`)"
    )]
    NotProbabilities {
        /// Which argument.
        what: &'static str,
        /// Position of the first such row.
        index: usize,
        /// Least value of the row.
        smallest: f64,
        /// Sum of the row.
        sum: f64,
    },
    /// A label that names no class.
    #[error("label {label} of row {index} is out of range: there are {classes} classes")]
    Label {
        /// Row of the label.
        index: usize,
        /// The label.
        label: u32,
        /// Number of columns of the prediction.
        classes: usize,
    },
    /// A logit that leaves a label no probability, whatever the others are.
    #[error("{what}: row {index} is not finite where it has to be")]
    Infinite {
        /// Which argument.
        what: &'static str,
        /// Position of the first such row.
        index: usize,
    },
    /// A deviation that is 0 or less.
    #[error("{what}: row {index} is not positive")]
    NotPositive {
        /// Which argument.
        what: &'static str,
        /// Position of the first such row.
        index: usize,
    },
    /// Labels whose likelihood has no greatest value among temperatures.
    #[error("no temperature is the best: the labels become ever likelier as it goes to {limit}")]
    NoTemperature {
        /// 0, where every label has the largest logit of its row; ∞, where labels have no larger ones than the other classes.
        limit: f64,
    },
    /// No score has this name.
    #[error("unknown score `{0}`: expected maxprob, entropy, bald, variation-ratio or model-variance")]
    UnknownScore(String),
}
