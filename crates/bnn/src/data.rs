//! What is observed, how it is thought to arise, and what can be wrong with it.

use std::sync::Arc;

use apd_nn::{Model as _, Network, NetworkError};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// Observations, shared between chains without a copy.
#[derive(Clone, Debug)]
pub struct Data {
    /// N × inputs.
    pub inputs: Arc<Array2<f32>>,
    /// N targets.
    pub targets: Targets,
}

/// What a network is to predict.
#[derive(Clone, Debug)]
pub enum Targets {
    /// A class per row, below the network's outputs.
    Classes(Arc<[u32]>),
    /// N × outputs real values.
    Values(Arc<Array2<f32>>),
}

/// p(y|x, θ), where f(x, θ) are the network's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Likelihood {
    /// Classification: p(y = c) = softmax(f)_c, so that −log p is the cross-entropy in nats.
    Categorical,
    /// Regression: y ~ N(f, I/precision), so that −log p = (precision/2)·‖y − f‖² + const.
    Gaussian {
        /// Inverse variance of the noise, known.
        precision: f64,
    },
}

/// Why network, data, likelihood and prior do not make a posterior.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The network is not one.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// No observations.
    #[error("there are no observations")]
    Empty,
    /// More observations than 32-bit indices can address.
    #[error("{0} observations are more than 2³² − 1")]
    TooMany(usize),
    /// Input rows have another length than the network's.
    #[error("the inputs have {found} columns, the network takes {expected}")]
    Inputs {
        /// Of the network.
        expected: usize,
        /// Of the data.
        found: usize,
    },
    /// Not one target per input row.
    #[error("there are {inputs} input rows but {targets} targets")]
    Rows {
        /// Input rows.
        inputs: usize,
        /// Targets.
        targets: usize,
    },
    /// A class the network has no output for.
    #[error("label {label} of observation {index} is out of range: the network has {classes} outputs")]
    Label {
        /// Row of the observation.
        index: usize,
        /// Its label.
        label: u32,
        /// Outputs of the network.
        classes: usize,
    },
    /// Target rows have another length than the network's outputs.
    #[error("the targets have {found} columns, the network has {expected} outputs")]
    Outputs {
        /// Of the network.
        expected: usize,
        /// Of the data.
        found: usize,
    },
    /// Classes under a Gaussian likelihood, or values under a categorical one.
    #[error("a {likelihood} likelihood cannot explain targets that are {targets}")]
    Targets {
        /// The likelihood's name.
        likelihood: &'static str,
        /// What the targets are.
        targets: &'static str,
    },
    /// An input or target that is NaN or infinite.
    #[error("the {part} of observation {index} hold a value that is not finite")]
    NotFinite {
        /// Inputs or targets.
        part: &'static str,
        /// Row of the observation.
        index: usize,
    },
    /// A precision that is negative or not finite (of a likelihood: or 0).
    #[error("{value} is not a precision of the {of}")]
    Precision {
        /// Prior or likelihood.
        of: &'static str,
        /// The offending value.
        value: f64,
    },
}

impl Data {
    /// Number of observations N.
    pub fn len(&self) -> usize {
        self.inputs.nrows()
    }

    /// Whether there are no observations.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether this network under this likelihood can be asked to explain these data.
    ///
    /// **Errors**: every [`ModelError`] but that of the prior.
    pub fn check(&self, network: &Network, likelihood: Likelihood) -> Result<(), ModelError> {
        network.check()?;
        if let Likelihood::Gaussian { precision: value } = likelihood
            && !(value.is_finite() && value > 0.0)
        {
            return Err(ModelError::Precision { of: "likelihood", value });
        }
        let n = self.len();
        if n == 0 {
            return Err(ModelError::Empty);
        }
        if u32::try_from(n).is_err() {
            return Err(ModelError::TooMany(n));
        }
        if self.inputs.ncols() != network.inputs() {
            return Err(ModelError::Inputs { expected: network.inputs(), found: self.inputs.ncols() });
        }
        let targets = match &self.targets {
            Targets::Classes(labels) => labels.len(),
            Targets::Values(values) => values.nrows(),
        };
        if targets != n {
            return Err(ModelError::Rows { inputs: n, targets });
        }
        match (&self.targets, likelihood) {
            (Targets::Classes(labels), Likelihood::Categorical) => {
                let classes = network.outputs();
                if let Some(index) = labels.iter().position(|&label| label as usize >= classes) {
                    return Err(ModelError::Label { index, label: labels[index], classes });
                }
            }
            (Targets::Values(values), Likelihood::Gaussian { .. }) => {
                if values.ncols() != network.outputs() {
                    return Err(ModelError::Outputs { expected: network.outputs(), found: values.ncols() });
                }
                finite("targets", values)?;
            }
            (Targets::Classes(_), Likelihood::Gaussian { .. }) => {
                return Err(ModelError::Targets { likelihood: "Gaussian", targets: "classes" });
            }
            (Targets::Values(_), Likelihood::Categorical) => {
                return Err(ModelError::Targets { likelihood: "categorical", targets: "real values" });
            }
        }
        finite("inputs", &self.inputs)
    }
}

fn finite(part: &'static str, rows: &Array2<f32>) -> Result<(), ModelError> {
    match rows.rows().into_iter().position(|row| row.iter().any(|x| !x.is_finite())) {
        Some(index) => Err(ModelError::NotFinite { part, index }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
