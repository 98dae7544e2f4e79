//! Models of tables.

use std::ffi::CString;
use std::path::PathBuf;

use apd::data::{Column, ColumnSchema, Feature, Role, Surprise, Table, TableSchema, Values};
use apd::{Answers, Architecture, Context, Effort, Prediction, Predictions, TableFit, TableModel, Task};
use ndarray::{ArrayView1, ArrayView2, Axis};
use numpy::{IntoPyArray, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::error::{raised, value_error};
use crate::predictive::Law;
use crate::work::{detached, watched};

/// The values of a column, as Python has them.
#[derive(FromPyObject)]
pub(crate) enum ColumnValues<'py> {
    /// Numbers; NaN where one is missing.
    Numbers(PyReadonlyArray1<'py, f64>),
    /// Strings; an empty one where it is missing.
    Strings(Vec<String>),
}

/// Columns by name, in order.
type Columns<'py> = Vec<(String, ColumnValues<'py>)>;

fn table(columns: Columns<'_>) -> PyResult<Table> {
    let column = |(name, values)| {
        let values = match values {
            ColumnValues::Numbers(numbers) => Values::Numbers(numbers.as_array().to_vec()),
            ColumnValues::Strings(strings) => Values::of_strings(strings),
        };
        Column { name, values }
    };
    Table::new(columns.into_iter().map(column).collect()).map_err(value_error)
}

/// A fit to the column `target` of a table, as that of `apd fit`.
#[pyclass(frozen, module = "apd._apd")]
pub(crate) struct Fit {
    settings: TableFit,
    schema: TableSchema,
    table: Table,
}

#[pymethods]
impl Fit {
    #[new]
    #[pyo3(signature = (columns, target, *, classification, network, effort, chains, steps, draws, seed))]
    #[expect(clippy::too_many_arguments, reason = "keywords, set by the estimators alone")]
    fn new(
        columns: Columns<'_>,
        target: &str,
        classification: bool,
        network: &str,
        effort: &str,
        chains: Option<u32>,
        steps: Option<u64>,
        draws: Option<u64>,
        seed: u64,
    ) -> PyResult<Self> {
        let table = table(columns)?;
        let settings = TableFit {
            task: Some(if classification { Task::Classification } else { Task::Regression }),
            architecture: network.parse::<Architecture>().map_err(value_error)?,
            effort: serde_json::from_value::<Effort>(effort.into())
                .map_err(|_| value_error(format!("effort is {effort:?}, expected 'quick', 'default' or 'thorough'")))?,
            chains,
            steps,
            draws,
            seed,
            ..TableFit::default()
        };
        let mut schema = settings.schema(&table, target).map_err(raised)?;
        use_all_numbers(&mut schema, &table);
        Ok(Self { settings, schema, table })
    }

    /// Its chains, jobs that need nothing of each other.
    fn chains(&self) -> u32 {
        self.settings.chains()
    }

    /// Samples a chain, from where its checkpoint in this folder is.
    fn sample_chain(&self, py: Python<'_>, chain: u32, checkpoints: PathBuf) -> PyResult<()> {
        let sampled = watched(py, Some(1), None, |watch| {
            let context = Context { progress: watch, checkpoints: Some(&checkpoints), ..Context::default() };
            self.settings.sample_chain(chain, &self.schema, &self.table, &context)
        })?;
        sampled.map_err(raised)
    }

    /// Samples the chains whose checkpoints are not there, and all that follows.
    #[pyo3(signature = (*, threads, checkpoints, progress))]
    fn run(
        &self,
        py: Python<'_>,
        threads: Option<usize>,
        checkpoints: Option<PathBuf>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Model> {
        let model = watched(py, threads, progress.as_ref(), |watch| {
            let context = Context { progress: watch, checkpoints: checkpoints.as_deref(), ..Context::default() };
            self.settings.run_as(&self.schema, &self.table, None, &context)
        })?;
        Ok(Model(model.map_err(raised)?))
    }
}

/// A column of numbers that count the rows is no identifier where somebody has put it among the features, unless these are images.
fn use_all_numbers(schema: &mut TableSchema, table: &Table) {
    if schema.image.is_some() {
        return;
    }
    for ColumnSchema { name, role, remark } in &mut schema.columns {
        let values = table.column(name).map(|column| &column.values);
        if let (Role::Identifier, Some(Values::Numbers(numbers))) = (&role, values) {
            *role = Role::Feature(Feature::of_numbers(numbers));
            *remark = None;
        }
    }
}

/// Numbers as numpy has them, in any order.
#[derive(FromPyObject)]
pub(crate) enum Matrix<'py> {
    /// float32.
    Single(PyReadonlyArray2<'py, f32>),
    /// float64.
    Double(PyReadonlyArray2<'py, f64>),
}

/// Rows of a matrix that are a table at a time.
const BLOCK: usize = 8_192;

/// What is predicted of a matrix whose columns have these names.
fn in_blocks<T: Copy + Into<f64> + Sync>(
    py: Python<'_>,
    threads: Option<usize>,
    names: &[String],
    matrix: ArrayView2<'_, T>,
    predict: impl Fn(Table) -> PyResult<Predictions> + Sync,
) -> PyResult<Predictions> {
    let block = |rows: ArrayView2<'_, T>| {
        let column = |(name, values): (&String, ArrayView1<'_, T>)| Column {
            name: name.clone(),
            values: Values::Numbers(values.iter().map(|&x| x.into()).collect()),
        };
        Table::new(names.iter().zip(rows.columns()).map(column).collect()).map_err(value_error)
    };
    detached(py, threads, || {
        let mut blocks = matrix.axis_chunks_iter(Axis(0), BLOCK).map(block);
        // Of no rows too there is an answer: none.
        let first = blocks.next().unwrap_or_else(|| block(matrix))?;
        blocks.try_fold(predict(first)?, |mut before, block| {
            before.append(predict(block?)?);
            Ok(before)
        })
    })?
}

/// Predictions as Python has them; it is warned of what surprised.
fn told(py: Python<'_>, predictions: Predictions) -> PyResult<Bound<'_, PyDict>> {
    for Surprise { column, rows, first } in &predictions.surprises {
        let words = format!(
            "column {column:?}: {rows} rows hold what training rows did not (unseen, or missing), the first is row {first}"
        );
        let words = CString::new(words.replace('\0', " ")).expect("no end in it");
        PyErr::warn(py, &py.get_type::<PyUserWarning>(), &words, 1)?;
    }
    let dict = PyDict::new(py);
    let set = |name: &str, values: Vec<f64>| dict.set_item(name, values.into_pyarray(py));
    set("ood", predictions.ood)?;
    match predictions.answers {
        Answers::Classes { p, entropy, bald, abstain, .. } => {
            set("entropy", entropy)?;
            set("bald", bald)?;
            dict.set_item("p", p.into_pyarray(py))?;
            dict.set_item("abstain", abstain.into_pyarray(py))?;
        }
        Answers::Numbers { mean, sd, aleatoric_sd, epistemic_sd, intervals } => {
            set("mean", mean)?;
            set("sd", sd)?;
            set("aleatoric_sd", aleatoric_sd)?;
            set("epistemic_sd", epistemic_sd)?;
            let (lower, upper): (Vec<_>, Vec<_>) =
                intervals.into_iter().map(|(_, lower, upper)| (lower.into_pyarray(py), upper.into_pyarray(py))).unzip();
            dict.set_item("lower", lower)?;
            dict.set_item("upper", upper)?;
        }
    }
    Ok(dict)
}

/// A model of a table: what the estimators keep, and the file of `apd fit`.
#[pyclass(frozen, module = "apd._apd")]
pub(crate) struct Model(TableModel);

#[pymethods]
impl Model {
    /// What is predicted, by the names that the columns of `apd predict` have: arrays of n, and for classes `p`, n × classes.
    #[pyo3(signature = (columns, *, coverage = vec![0.9], networks = None, threads = None))]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        columns: Columns<'_>,
        coverage: Vec<f64>,
        networks: Option<usize>,
        threads: Option<usize>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let table = table(columns)?;
        let predictions = detached(py, threads, || self.0.predict(&table, &coverage, networks))?.map_err(raised)?;
        told(py, predictions)
    }

    /// The same of a matrix of numbers whose columns are the features in order. It is read where it lies, some rows at a time.
    #[pyo3(signature = (matrix, *, coverage = vec![0.9], networks = None, threads = None))]
    fn predict_matrix<'py>(
        &self,
        py: Python<'py>,
        matrix: Matrix<'_>,
        coverage: Vec<f64>,
        networks: Option<usize>,
        threads: Option<usize>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let names: Vec<String> = self.features().into_iter().map(|(name, _)| name).collect();
        let predict = |block: Table| self.0.predict(&block, &coverage, networks).map_err(raised);
        let predictions = match &matrix {
            Matrix::Single(matrix) => in_blocks(py, threads, &names, matrix.as_array(), predict),
            Matrix::Double(matrix) => in_blocks(py, threads, &names, matrix.as_array(), predict),
        };
        told(py, predictions?)
    }
    /// The laws of the numbers that are predicted, before intervals are corrected.
    #[pyo3(signature = (columns, *, networks = None, threads = None))]
    fn law(
        &self,
        py: Python<'_>,
        columns: Columns<'_>,
        networks: Option<usize>,
        threads: Option<usize>,
    ) -> PyResult<Law> {
        let table = table(columns)?;
        let prediction = detached(py, threads, || self.0.laws(&table, networks))?.map_err(raised)?;
        match prediction {
            Prediction::Numbers(numbers) => Ok(Law(numbers)),
            Prediction::Classes(_) => Err(value_error("classes are predicted, not numbers")),
        }
    }

    /// The names of the classes; none where numbers are predicted.
    #[getter]
    fn classes(&self) -> Option<Vec<String>> {
        self.0.fitted().classes().map(<[String]>::to_vec)
    }

    /// The features in order: of each its name, and the categories that it may have (none for numbers).
    #[getter]
    fn features(&self) -> Vec<(String, Option<Vec<String>>)> {
        let feature = |column: &apd::data::ColumnSchema| match &column.role {
            Role::Feature(Feature::Category { levels }) => Some((column.name.clone(), Some(levels.clone()))),
            Role::Target { .. } => None,
            _ => Some((column.name.clone(), None)),
        };
        self.0.schema().columns.iter().filter_map(feature).collect()
    }

    /// Networks that a prediction averages.
    #[getter]
    fn networks(&self) -> usize {
        self.0.networks()
    }

    /// The name of what is predicted.
    #[getter]
    fn target(&self) -> &str {
        self.0.target()
    }

    /// Verdicts on held-out rows: of each whether it is met, and what it says.
    #[getter]
    fn verdicts(&self) -> Vec<(bool, String)> {
        self.0.verdicts().iter().map(|verdict| (verdict.met, verdict.to_string())).collect()
    }

    /// What is not met, a line each.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.0.warnings().map(ToString::to_string).collect()
    }

    /// Where the model comes from, and what held-out rows said of it, as JSON.
    #[getter]
    fn provenance(&self) -> PyResult<String> {
        serde_json::to_string(&(self.0.provenance(), self.0.held_out())).map_err(value_error)
    }

    /// Writes the model's file.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| self.0.save(path)).map_err(raised)
    }

    /// Reads a model's file.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        py.detach(|| TableModel::load(path)).map(Self).map_err(raised)
    }

    /// The bytes of the model's file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.0.to_bytes().map_err(raised)?))
    }

    /// Reads the bytes of a model's file.
    #[staticmethod]
    fn from_bytes(bytes: &[u8]) -> PyResult<Self> {
        TableModel::from_bytes(bytes).map(Self).map_err(raised)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let constructor = py.get_type::<Self>().getattr("from_bytes")?;
        Ok((constructor, (self.to_bytes(py)?,)))
    }
}
