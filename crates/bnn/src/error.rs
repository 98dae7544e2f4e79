use apd_nn::NetworkError;

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
        /// Inputs of the network.
        expected: usize,
        /// Columns of the data.
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
    /// The network does not have one output for each target column.
    #[error(
        "the targets have {columns} columns, but the network {outputs} outputs; a {likelihood} likelihood has one for each"
    )]
    Outputs {
        /// The likelihood's name.
        likelihood: &'static str,
        /// Columns of the targets.
        columns: usize,
        /// Outputs of the network.
        outputs: usize,
    },
    /// The network does not have a mean and a scale for each target column.
    #[error(
        "the targets have {columns} columns, but the network {outputs} outputs; a {likelihood} likelihood has two for each"
    )]
    Heads {
        /// The likelihood's name.
        likelihood: &'static str,
        /// Columns of the targets.
        columns: usize,
        /// Outputs of the network.
        outputs: usize,
    },
    /// Classes under a likelihood of numbers, or numbers under one of classes.
    #[error("a {likelihood} likelihood cannot explain targets that are {targets}")]
    Targets {
        /// The likelihood's name.
        likelihood: &'static str,
        /// What the targets are.
        targets: &'static str,
    },
    /// A target that cannot be under its likelihood.
    #[error("target {value} of observation {index} is not {expected}")]
    Target {
        /// Row of the observation.
        index: usize,
        /// The target.
        value: f32,
        /// What it should be.
        expected: &'static str,
    },
    /// An input or target that is NaN or infinite.
    #[error("the {part} of observation {index} hold a value that is not finite")]
    NotFinite {
        /// Inputs or targets.
        part: &'static str,
        /// Row of the observation.
        index: usize,
    },
    /// A setting of a likelihood or prior.
    #[error("{name} is {value}; expected {expected}")]
    Setting {
        /// Which one.
        name: &'static str,
        /// The offending value.
        value: f64,
        /// What it should be.
        expected: &'static str,
    },
}

/// **Errors** unless a setting is finite and positive.
pub(crate) fn positive(name: &'static str, value: f64) -> Result<(), ModelError> {
    let sound = value.is_finite() && value > 0.0;
    if sound { Ok(()) } else { Err(ModelError::Setting { name, value, expected: "a finite number above 0" }) }
}

#[cfg(test)]
mod tests;
