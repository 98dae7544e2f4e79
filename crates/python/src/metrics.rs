//! Metrics of predictions and diagnostics of chains, on arrays.

use apd::uncertainty::{self, Score};
use apd::{ClassPredictive, diagnostics};
use ndarray::ArrayView2;
use numpy::{IntoPyArray, PyReadonlyArray1, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::prelude::*;

use crate::arrays::Vector;
use crate::error::value_error;

type Probabilities<'py> = PyReadonlyArray2<'py, f64>;
type Labels<'py> = PyReadonlyArray1<'py, u32>;
type Scores<'py> = PyReadonlyArray1<'py, f64>;

/// A function of probabilities and labels.
fn judged(
    p: &Probabilities<'_>,
    labels: &Labels<'_>,
    metric: impl Fn(ArrayView2<'_, f64>, &[u32]) -> Result<f64, uncertainty::MetricError>,
) -> PyResult<f64> {
    metric(p.as_array(), &labels.as_array().to_vec()).map_err(value_error)
}

/// Share of rows whose most probable class is the label.
#[pyfunction]
pub(crate) fn accuracy(p: Probabilities<'_>, labels: Labels<'_>) -> PyResult<f64> {
    judged(&p, &labels, uncertainty::accuracy)
}

/// Mean −ln p of the labels, in nats.
#[pyfunction]
pub(crate) fn nll(p: Probabilities<'_>, labels: Labels<'_>) -> PyResult<f64> {
    judged(&p, &labels, uncertainty::nll)
}

/// Mean squared distance of the probabilities from the labels, from 0 to 2.
#[pyfunction]
pub(crate) fn brier(p: Probabilities<'_>, labels: Labels<'_>) -> PyResult<f64> {
    judged(&p, &labels, uncertainty::brier)
}

/// Expected calibration error of the most probable class, over bins of equal width.
#[pyfunction]
#[pyo3(signature = (p, labels, bins = 15))]
pub(crate) fn ece(p: Probabilities<'_>, labels: Labels<'_>, bins: usize) -> PyResult<f64> {
    judged(&p, &labels, |p, labels| Ok(uncertainty::ece(&uncertainty::reliability(p, labels, bins)?)))
}

/// Scores of the averaged predictions of several networks: networks × n × classes.
fn scored<'py>(py: Python<'py>, p: &PyReadonlyArray3<'_, f64>, score: Score) -> PyResult<Vector<'py>> {
    let p = p.as_array();
    let (networks, n, classes) = p.dim();
    if networks == 0 || classes == 0 {
        return Err(value_error(format!("p is {networks} × {n} × {classes}: no probabilities")));
    }
    let mut predictive = ClassPredictive::new(n, classes);
    for (network, p) in p.outer_iter().enumerate() {
        for (row, p) in p.outer_iter().enumerate() {
            let sum: f64 = p.sum();
            if p.iter().any(|&p| p < 0.0 || p.is_nan()) || (sum - 1.0).abs() > 1e-4 {
                return Err(value_error(format!("p[{network}, {row}] is no distribution: it sums to {sum}")));
            }
        }
        predictive.add(p.mapv(|p| p as f32).view());
    }
    Ok(predictive.score(score).into_pyarray(py))
}

/// Entropy of the averaged prediction, in nats.
#[pyfunction]
pub(crate) fn entropy<'py>(py: Python<'py>, p: PyReadonlyArray3<'_, f64>) -> PyResult<Vector<'py>> {
    scored(py, &p, Score::Entropy)
}

/// The part of the entropy that the networks disagree about, in nats.
#[pyfunction]
pub(crate) fn bald<'py>(py: Python<'py>, p: PyReadonlyArray3<'_, f64>) -> PyResult<Vector<'py>> {
    scored(py, &p, Score::Bald)
}

/// How well a score tells `positives` from `negatives`: area under the ROC curve, under the precision-recall curve, and the share of false
/// positives where 95 % of the positives are found.
#[pyfunction]
pub(crate) fn detection(negatives: Scores<'_>, positives: Scores<'_>) -> PyResult<(f64, f64, f64)> {
    let found = uncertainty::detection(&negatives.as_array().to_vec(), &positives.as_array().to_vec());
    let found = found.map_err(value_error)?;
    Ok((found.auroc, found.aupr_out, found.fpr95))
}

/// Area under the ROC curve.
#[pyfunction]
pub(crate) fn auroc(negatives: Scores<'_>, positives: Scores<'_>) -> PyResult<f64> {
    detection(negatives, positives).map(|(auroc, ..)| auroc)
}

/// Area under the risk-coverage curve: mean loss of the surest rows, averaged over how many are answered.
#[pyfunction]
pub(crate) fn aurc(uncertainty: Scores<'_>, loss: Scores<'_>) -> PyResult<f64> {
    uncertainty::aurc(&uncertainty.as_array().to_vec(), &loss.as_array().to_vec()).map_err(value_error)
}

/// Continuous ranked probability score of normals, by row.
#[pyfunction]
pub(crate) fn crps<'py>(py: Python<'py>, mean: Scores<'_>, sd: Scores<'_>, y: Scores<'_>) -> PyResult<Vector<'py>> {
    let (mean, sd, y) = (mean.as_array(), sd.as_array(), y.as_array());
    if mean.len() != sd.len() || mean.len() != y.len() {
        return Err(value_error(format!("mean, sd and y have {}, {} and {} values", mean.len(), sd.len(), y.len())));
    }
    if let Some((row, sd)) = sd.iter().enumerate().find(|(_, sd)| !(**sd > 0.0 && sd.is_finite())) {
        return Err(value_error(format!("sd[{row}] is {sd}, expected a positive number")));
    }
    let mut predictive = apd::NumberPredictive::new(mean.len(), 1, uncertainty::Normal);
    predictive.add(|row, _| (mean[row], sd[row]));
    let y = y.insert_axis(ndarray::Axis(1));
    Ok(predictive.crps(y).column(0).to_vec().into_pyarray(py))
}

/// A diagnostic of chains × draws.
fn diagnosed(
    chains: &PyReadonlyArray2<'_, f64>,
    diagnostic: impl Fn(&[Vec<f64>]) -> Result<f64, diagnostics::DiagnosticError>,
) -> PyResult<f64> {
    let chains: Vec<Vec<f64>> = chains.as_array().outer_iter().map(|chain| chain.to_vec()).collect();
    diagnostic(&chains).map_err(value_error)
}

/// Rank-normalized split-R̂: near 1 where chains agree.
#[pyfunction]
pub(crate) fn rhat(chains: PyReadonlyArray2<'_, f64>) -> PyResult<f64> {
    diagnosed(&chains, diagnostics::rhat)
}

/// Effective sample size of the bulk.
#[pyfunction]
pub(crate) fn ess_bulk(chains: PyReadonlyArray2<'_, f64>) -> PyResult<f64> {
    diagnosed(&chains, diagnostics::ess_bulk)
}

/// Effective sample size of the tails: the smaller one of those of the 5 % and 95 % quantiles.
#[pyfunction]
pub(crate) fn ess_tail(chains: PyReadonlyArray2<'_, f64>) -> PyResult<f64> {
    diagnosed(&chains, diagnostics::ess_tail)
}

/// Monte Carlo standard error of the mean.
#[pyfunction]
pub(crate) fn mcse_mean(chains: PyReadonlyArray2<'_, f64>) -> PyResult<f64> {
    diagnosed(&chains, diagnostics::mcse_mean)
}

/// Kernel Stein discrepancy of samples, n × d, by the gradients of the log density there.
#[pyfunction]
#[pyo3(signature = (samples, scores, scale = 1.0))]
pub(crate) fn ksd(samples: PyReadonlyArray2<'_, f64>, scores: PyReadonlyArray2<'_, f64>, scale: f64) -> PyResult<f64> {
    diagnostics::ksd(samples.as_array(), scores.as_array(), scale).map_err(value_error)
}
