//! Anybody's posterior, distilled.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use apd::Seed;
use apd::distill::{Distilled, Subsample, Subspace, SubspaceConfig};
use apd::points::{Layout, Posterior as _, write_atomic};
use numpy::{IntoPyArray, PyArray2, PyReadonlyArray2};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::value_error;
use crate::work::detached;

/// Networks that are kept at least: with fewer, their average is too rough.
const FEWEST: usize = 32;

/// Names and shapes of the parameters, in order.
type Shapes = Vec<(String, Vec<usize>)>;

/// Distils rows, n × d of float32, into about `share` of their bytes.
#[pyfunction]
#[pyo3(signature = (rows, shapes, *, method, share, metadata, seed, threads))]
#[expect(clippy::too_many_arguments, reason = "keywords, set by `apd.distill` alone")]
pub(crate) fn distill(
    py: Python<'_>,
    rows: PyReadonlyArray2<'_, f32>,
    shapes: Shapes,
    method: &str,
    share: f64,
    metadata: BTreeMap<String, String>,
    seed: u64,
    threads: Option<usize>,
) -> PyResult<Posterior> {
    let rows = rows.as_array();
    let layout = Layout::checked(shapes).map_err(value_error)?;
    let (n, d) = rows.dim();
    if layout.len() != d {
        return Err(value_error(format!("rows have {d} numbers, the shapes name {}", layout.len())));
    }
    if n == 0 || d == 0 {
        return Err(value_error(format!("rows are {n} × {d}: nothing to distil")));
    }
    if let Some(((row, column), value)) = rows.indexed_iter().find(|(_, value)| !value.is_finite()) {
        return Err(value_error(format!("rows[{row}, {column}] is {value}")));
    }
    if !(share > 0.0 && share <= 1.0) {
        return Err(value_error(format!("share is {share}, expected more than 0 and at most 1")));
    }
    let bytes = ((share * (4 * n * d) as f64) as usize).max(FEWEST.min(n) * (d + 4) + 8 * d);
    let distilled = match method {
        "rows" => detached(py, threads, || Distilled::Subsample(Subsample::within(rows, bytes)))?,
        "subspace" => {
            let config = SubspaceConfig { noise: 0.0, ..SubspaceConfig::default() }.within(bytes, d, n);
            let config =
                config.ok_or_else(|| value_error(format!("a share of {share} holds no subspace: use rows")))?;
            let fit = || Subspace::fit(&rows.to_owned(), &config, Seed::root(seed).child("distill"));
            Distilled::Subspace(detached(py, threads, fit)?.map_err(value_error)?)
        }
        other => return Err(value_error(format!("method is {other:?}, expected 'rows' or 'subspace'"))),
    };
    Ok(Posterior { distilled, layout, metadata })
}

/// A distilled posterior, and which of its numbers is which parameter.
#[pyclass(frozen, module = "apd._apd")]
pub(crate) struct Posterior {
    distilled: Distilled,
    layout: Layout,
    metadata: BTreeMap<String, String>,
}

#[pymethods]
impl Posterior {
    /// `n` points, n × d of float32: number `first` onwards of those of `seed`.
    #[pyo3(signature = (n, *, seed = 0, first = 0, threads = None))]
    fn draw<'py>(
        &self,
        py: Python<'py>,
        n: usize,
        seed: u64,
        first: u64,
        threads: Option<usize>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let dim = self.distilled.dim();
        let mut points = zeros(n, dim)?;
        detached(py, threads, || {
            self.distilled.draw_into(Seed::root(seed).child("draw"), first, points.view_mut());
        })?;
        Ok(points.into_pyarray(py))
    }

    /// Names and shapes of the parameters, in order.
    #[getter]
    fn shapes(&self) -> Shapes {
        self.layout.entries.iter().map(|entry| (entry.name.clone(), entry.shape.clone())).collect()
    }

    /// What was stored beside the numbers.
    #[getter]
    fn metadata(&self) -> BTreeMap<String, String> {
        self.metadata.clone()
    }

    /// Bytes that points are drawn from.
    #[getter]
    fn nbytes(&self) -> usize {
        self.distilled.bytes()
    }

    /// The bytes of a file of it.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.distilled.to_safetensors(&self.layout, &self.metadata).map_err(value_error)?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Reads the bytes of a file.
    #[staticmethod]
    fn from_bytes(bytes: &[u8]) -> PyResult<Self> {
        let file = Distilled::from_safetensors(bytes).map_err(value_error)?;
        Ok(Self { distilled: file.generator, layout: file.layout, metadata: file.metadata })
    }

    /// Writes a file of it.
    fn save(&self, path: PathBuf) -> PyResult<()> {
        let bytes = self.distilled.to_safetensors(&self.layout, &self.metadata).map_err(value_error)?;
        write_atomic(path, &bytes).map_err(|e| PyOSError::new_err(e.to_string()))
    }

    /// Reads a file.
    #[staticmethod]
    fn load(path: PathBuf) -> PyResult<Self> {
        let fault = |e: &dyn std::fmt::Display| PyOSError::new_err(format!("{}: {e}", path.display()));
        let bytes = fs::read(&path).map_err(|e| fault(&e))?;
        let file = Distilled::from_safetensors(&bytes).map_err(|e| fault(&e))?;
        Ok(Self { distilled: file.generator, layout: file.layout, metadata: file.metadata })
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let constructor = py.get_type::<Self>().getattr("from_bytes")?;
        Ok((constructor, (self.to_bytes(py)?,)))
    }
}

/// **Errors**: more numbers than memory holds.
fn zeros(n: usize, dim: usize) -> PyResult<ndarray::Array2<f32>> {
    let mut numbers = Vec::new();
    let len = n.checked_mul(dim).filter(|len| numbers.try_reserve_exact(*len).is_ok());
    let len = len.ok_or_else(|| value_error(format!("n is {n}: {n} × {dim} numbers do not fit into memory")))?;
    numbers.resize(len, 0.0);
    Ok(ndarray::Array2::from_shape_vec((n, dim), numbers).expect("as many as there are"))
}
