//! Laws of predicted numbers.

use apd::{NumberPredictive, Seed};
use ndarray::{Array2, ArrayView2, Axis};
use numpy::{AllowTypeChange, IntoPyArray, PyArrayLike1};
use pyo3::prelude::*;

use crate::arrays::{Matrix, Vector};
use crate::error::value_error;

/// The law of each row's number: a mixture over networks, in the target's own units.
#[pyclass(frozen, module = "apd._apd")]
pub(crate) struct Law(pub(crate) NumberPredictive);

/// Numbers in whatever numpy makes an array of.
type Numbers<'py> = PyArrayLike1<'py, f64, AllowTypeChange>;

/// Of one output.
fn first<'py>(py: Python<'py>, matrix: &Array2<f64>) -> Vector<'py> {
    matrix.column(0).to_vec().into_pyarray(py)
}

impl Law {
    fn outcomes<'a>(&self, y: &'a Numbers<'_>) -> PyResult<ArrayView2<'a, f64>> {
        let y = y.as_array();
        let (expected, found) = (self.0.len(), y.len());
        if expected != found {
            return Err(value_error(format!("y has {found} values, expected one for each of {expected} rows")));
        }
        Ok(y.insert_axis(Axis(1)))
    }
}

#[pymethods]
impl Law {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// The expected value.
    fn mean<'py>(&self, py: Python<'py>) -> Vector<'py> {
        first(py, &self.0.mean())
    }

    /// Standard deviation of a new observation.
    fn std<'py>(&self, py: Python<'py>) -> Vector<'py> {
        first(py, &self.0.deviation())
    }

    /// Its part that more data would not remove.
    fn aleatoric_std<'py>(&self, py: Python<'py>) -> Vector<'py> {
        first(py, &self.0.aleatoric_deviation())
    }

    /// Its part that the networks disagree about.
    fn epistemic_std<'py>(&self, py: Python<'py>) -> Vector<'py> {
        first(py, &self.0.epistemic_deviation())
    }

    /// The number below which a share `q` lies.
    fn quantile<'py>(&self, py: Python<'py>, q: f64) -> PyResult<Vector<'py>> {
        if !(q > 0.0 && q < 1.0) {
            return Err(value_error(format!("q is {q}, expected between 0 and 1")));
        }
        Ok(first(py, &self.0.quantile(q)))
    }

    /// Natural logarithm of the density at `y`.
    fn logpdf<'py>(&self, py: Python<'py>, y: Numbers<'_>) -> PyResult<Vector<'py>> {
        Ok(first(py, &self.0.ln_density(self.outcomes(&y)?)))
    }

    /// The probability of a number that is no larger than `y`.
    fn cdf<'py>(&self, py: Python<'py>, y: Numbers<'_>) -> PyResult<Vector<'py>> {
        Ok(first(py, &self.0.pit(self.outcomes(&y)?)))
    }

    /// Continuous ranked probability score of `y`, in its own units.
    fn crps<'py>(&self, py: Python<'py>, y: Numbers<'_>) -> PyResult<Vector<'py>> {
        Ok(first(py, &self.0.crps(self.outcomes(&y)?)))
    }

    /// `n` new observations of each row, rows × n, by the quantiles of numbers that are uniform between 0 and 1.
    #[pyo3(signature = (n, seed = 0))]
    fn sample<'py>(&self, py: Python<'py>, n: usize, seed: u64) -> Matrix<'py> {
        self.draw(n, seed).into_pyarray(py)
    }
}

impl Law {
    fn draw(&self, n: usize, seed: u64) -> Array2<f64> {
        let mut stream = Seed::root(seed).child("sample").stream();
        let mut draws = Array2::zeros((self.0.len(), n));
        for mut column in draws.columns_mut() {
            // The stream's numbers are those of [0, 1): 0 has no finite quantile.
            let p = Array2::from_shape_simple_fn((self.0.len(), 1), || stream.uniform().max(f64::EPSILON));
            column.assign(&self.0.quantiles(p.view()).column(0));
        }
        draws
    }
}
