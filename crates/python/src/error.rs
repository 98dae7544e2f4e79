//! Our errors as Python's.

use apd::Error;
use pyo3::PyErr;
use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError, PyValueError};

/// Of a fit, a prediction, a file.
pub(crate) fn raised(error: Error) -> PyErr {
    match error {
        Error::File { .. } | Error::Checkpoint(_) => PyOSError::new_err(error.to_string()),
        Error::Stopped => PyKeyboardInterrupt::new_err("stopped"),
        other => PyValueError::new_err(other.to_string()),
    }
}

/// Of everything whose arguments are at fault.
pub(crate) fn value_error(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}
