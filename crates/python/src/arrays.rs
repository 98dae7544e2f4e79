//! Arrays that are given back.

use numpy::{PyArray1, PyArray2};
use pyo3::Bound;

/// An n-vector.
pub(crate) type Vector<'py> = Bound<'py, PyArray1<f64>>;
/// A matrix.
pub(crate) type Matrix<'py> = Bound<'py, PyArray2<f64>>;
