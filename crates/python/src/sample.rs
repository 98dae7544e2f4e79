//! Samplers on anybody's log density: a function of Python, or one that was compiled.

use std::collections::BTreeMap;
use std::sync::Arc;

use apd::Seed;
use apd::sgmcmc::{
    Baoab, ChainConfig, ChainError, ChainSettings, Draws, GradientError, HamiltonianConfig, Metric,
    MicrocanonicalConfig, Minibatch, Potential, Potential64, PotentialError, Progress, Psgld, SamplerConfig, Schedule,
    Sghmc, Sgld, Sgnht, check_gradient, sample as sampling,
};
use numpy::{IntoPyArray, PyArray1, PyArray3, PyReadonlyArray1, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::compiled::Compiled;
use crate::error::value_error;
use crate::work::{Watch, watched};

/// U and ∇U as a function of Python has them.
#[derive(Clone)]
struct Called {
    function: Arc<Py<PyAny>>,
    dim: usize,
    num_data: usize,
}

impl Called {
    /// Calls it with θ, and the rows of a minibatch; writes ∇U and returns U.
    fn call(&self, position: &[f64], rows: Option<Vec<i64>>, gradient: &mut [f64]) -> Result<f64, PotentialError> {
        let call = |py: Python<'_>| {
            let theta = PyArray1::from_slice(py, position).into_any();
            let arguments = match rows {
                None => vec![theta],
                Some(rows) => vec![theta, rows.into_pyarray(py).into_any()],
            };
            let answer = self.function.call1(py, PyTuple::new(py, arguments)?)?;
            let (value, slope): (f64, PyReadonlyArray1<'_, f64>) = answer.extract(py)?;
            let slope = slope.as_array();
            if slope.len() != gradient.len() {
                let (found, expected) = (slope.len(), gradient.len());
                return Err(value_error(format!(
                    "potential returns a gradient of {found} numbers, expected {expected}"
                )));
            }
            gradient.iter_mut().zip(slope).for_each(|(to, &from)| *to = from);
            Ok(value)
        };
        Python::attach(call).map_err(PotentialError::fatal)
    }
}

impl Potential64 for Called {
    fn dim(&self) -> usize {
        self.dim
    }

    fn gradient(&mut self, position: &[f64], gradient: &mut [f64]) -> Result<f64, PotentialError> {
        self.call(position, None, gradient)
    }
}

impl Potential for Called {
    fn dim(&self) -> usize {
        self.dim
    }

    fn num_data(&self) -> usize {
        self.num_data
    }

    fn gradient(
        &mut self,
        position: &[f32],
        minibatch: Minibatch<'_>,
        gradient: &mut [f32],
    ) -> Result<f64, PotentialError> {
        let rows = minibatch.indices(self.num_data).map(|row| row as i64).collect();
        let position: Vec<f64> = position.iter().map(|&x| x.into()).collect();
        let mut double = vec![0.0; gradient.len()];
        let value = self.call(&position, Some(rows), &mut double)?;
        gradient.iter_mut().zip(double).for_each(|(to, from)| *to = from as f32);
        Ok(value)
    }
}

/// What is common to all samplers.
struct Run {
    chains: u32,
    first: u32,
    seed: u64,
    initial: Option<Vec<Vec<f64>>>,
    shapes: Vec<(String, Vec<usize>)>,
}

impl Run {
    fn draws<P: Clone + Send, S: ChainSettings<P>>(self, potential: P, settings: S, watch: &Watch) -> PyResult<Draws> {
        let Self { chains, first, seed, initial, shapes } = self;
        let told = |chains: &[Progress]| {
            let sum = |steps: fn(&Progress) -> u64| chains.iter().map(steps).sum();
            watch.sampled(sum(|it| it.step), sum(|it| it.steps));
        };
        let run = sampling(chains, potential).first(first).with(settings).seed(Seed::root(seed)).parameters(shapes);
        // Whether the gradient is checked, and where, is the caller's to say.
        let run = run.without_gradient_check().cancel(watch.stop()).progress(told);
        let draws = match initial {
            Some(initial) => run.init(move |chain| initial[(chain - first) as usize].clone()).run(),
            None => run.run(),
        };
        draws.map_err(raised)
    }

    fn exact<P: Potential64 + Clone>(
        self,
        mut potential: P,
        settings: Exact,
        check_at: Option<&[f64]>,
        watch: &Watch,
    ) -> PyResult<Draws> {
        if let Some(position) = check_at {
            check_gradient(&mut potential, position).map_err(|error| match error {
                GradientError::Potential(error) => raised(error.into()),
                differs => value_error(format!("potential: {differs}")),
            })?;
        }
        match settings {
            Exact::Hamiltonian(config) => self.draws(potential, config, watch),
            Exact::Microcanonical(config) => self.draws(potential, config, watch),
        }
    }
}

/// Samplers that want all of U.
enum Exact {
    Hamiltonian(HamiltonianConfig),
    Microcanonical(MicrocanonicalConfig),
}

/// A chain's error; that of the function of Python as it was raised.
fn raised(error: ChainError) -> PyErr {
    let cause = match &error {
        ChainError::Potential(PotentialError::Fatal(cause) | PotentialError::Recoverable(cause)) => {
            cause.downcast_ref::<PyErr>()
        }
        _ => None,
    };
    cause.map_or_else(|| value_error(&error), |cause| Python::attach(|py| cause.clone_ref(py)))
}

/// Draws of a density exp(−U): see `apd.sample`.
#[pyfunction]
#[pyo3(signature = (
    function, address, shapes, *, method, chains, first, draws, warmup, thinning, initial, metric, step_size, friction, batch, rows, seed, threads,
    check, progress
))]
#[expect(clippy::too_many_arguments, reason = "keywords, set by `apd.sample` alone")]
pub(crate) fn sample(
    py: Python<'_>,
    function: Py<PyAny>,
    address: Option<usize>,
    shapes: Vec<(String, Vec<usize>)>,
    method: &str,
    chains: u32,
    first: u32,
    draws: u64,
    warmup: u64,
    thinning: u64,
    initial: Option<PyReadonlyArray2<'_, f64>>,
    metric: &str,
    step_size: Option<f64>,
    friction: f64,
    batch: usize,
    rows: usize,
    seed: u64,
    threads: Option<usize>,
    check: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<Sampled> {
    let dim: usize = shapes.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
    let called = Called { function: Arc::new(function), dim, num_data: rows };
    let initial = initial.map(|rows| rows.as_array().outer_iter().map(|row| row.to_vec()).collect::<Vec<_>>());
    let at = initial.as_ref().map_or_else(|| vec![0.1; dim], |rows| rows[0].clone());
    let config = ChainConfig { steps: warmup + draws * thinning, burn_in: warmup, thinning, batch_size: batch };
    let exact = match method {
        "nuts" => {
            let metric = match metric {
                "identity" => Metric::Identity,
                "diagonal" => Metric::Diagonal,
                "dense" => Metric::Dense,
                other => {
                    return Err(value_error(format!(
                        "metric is {other:?}, expected 'diagonal', 'dense' or 'identity'"
                    )));
                }
            };
            Some(Exact::Hamiltonian(HamiltonianConfig { metric, ..HamiltonianConfig::nuts(warmup, draws) }))
        }
        "mclmc" => Some(Exact::Microcanonical(MicrocanonicalConfig::langevin(warmup, draws, thinning))),
        "adjusted-mclmc" => Some(Exact::Microcanonical(MicrocanonicalConfig::adjusted(warmup, draws))),
        _ => None,
    };
    let run = Run { chains, first, seed, initial, shapes };
    let draws = if let Some(settings) = exact {
        let check_at = check.then_some(&at[..]);
        watched(py, threads, progress.as_ref(), |watch| match address {
            None => run.exact(called, settings, check_at, watch),
            Some(address) => run.exact(Compiled::new(address, dim), settings, check_at, watch),
        })??
    } else {
        let schedule = Schedule::Constant(step_size.ok_or_else(|| value_error(format!("{method} needs a step_size")))?);
        let sampler: SamplerConfig = match method {
            "sgld" => Sgld::new(schedule, 1.0).into(),
            "psgld" => Psgld::new(schedule, 1.0, rows).into(),
            "sghmc" => Sghmc::new(schedule, 1.0, friction).into(),
            "sgnht" => Sgnht::new(schedule, 1.0, friction).into(),
            "baoab" => Baoab::new(schedule, 1.0, friction).into(),
            other => return Err(value_error(format!("method is {other:?}, which is no sampler"))),
        };
        watched(py, threads, progress.as_ref(), |watch| run.draws(called, (sampler, config), watch))??
    };
    Ok(Sampled { draws, first })
}

/// The draws of several chains.
#[pyclass(frozen, module = "apd._apd")]
pub(crate) struct Sampled {
    draws: Draws,
    /// The number of the first chain.
    first: u32,
}

#[pymethods]
impl Sampled {
    /// chains × draws × d; of chains that have more draws than the shortest, the last are left out.
    fn positions<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray3<f64>> {
        let (chains, dim) = (self.draws.chains(), self.draws.dim());
        let draws = (0..chains).map(|chain| self.draws.positions(chain).len()).min().unwrap_or(0);
        let numbers =
            (0..chains).flat_map(|chain| self.draws.positions(chain).take(draws)).flatten().copied().collect();
        ndarray::Array3::from_shape_vec((chains, draws, dim), numbers).expect("whole positions").into_pyarray(py)
    }

    /// Of each draw, chain by chain, what its trajectory was like; nothing of samplers that have none.
    fn statistics(&self) -> BTreeMap<&'static str, Vec<Vec<f64>>> {
        let number = |is: bool| f64::from(u8::from(is));
        let mut statistics: BTreeMap<&'static str, Vec<Vec<f64>>> = BTreeMap::new();
        for chain in 0..self.draws.chains() {
            let transitions = self.draws.transitions(chain);
            if transitions.is_empty() {
                continue;
            }
            let mut add = |name, values: Vec<f64>| statistics.entry(name).or_default().push(values);
            add("acceptance_rate", transitions.iter().map(|it| it.acceptance).collect());
            add("energy", transitions.iter().map(|it| it.energy).collect());
            add("n_steps", transitions.iter().map(|it| it.leapfrogs.into()).collect());
            add("tree_depth", transitions.iter().map(|it| it.depth.unwrap_or(0).into()).collect());
            add("diverging", transitions.iter().map(|it| number(it.divergent)).collect());
        }
        statistics
    }

    /// What the chains' own statistics say against them, a line each.
    fn warnings(&self) -> Vec<String> {
        let line = |(chain, warning)| format!("chain {}: {warning}", self.first as usize + chain);
        self.draws.warnings().into_iter().map(line).collect()
    }
}

/// The table of means, deviations, errors, R̂ and effective sizes of draws, chains × draws × d.
#[pyfunction]
pub(crate) fn summary(positions: PyReadonlyArray3<'_, f64>, shapes: Vec<(String, Vec<usize>)>) -> String {
    let chains = positions.as_array().outer_iter().map(|chain| chain.iter().copied().collect()).collect::<Vec<_>>();
    Draws::new(shapes, chains).summary().to_string()
}
