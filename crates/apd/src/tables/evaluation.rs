use std::time::Instant;

use apd_data::{Table, Targets};
use apd_uncertainty::{
    Family, MetricError, Normal, ReliabilityBin, RiskPoint, accuracy, aurc, brier, detection, ece, nll, regression,
    reliability, risk_coverage,
};
use ndarray::{ArrayView2, aview1, s};

use super::{Answers, ClassMetrics, Metrics, NumberMetrics, Outcomes, Predictions, TableModel};
use crate::rows::ln_p_of_labels;
use crate::{Error, Prediction};

/// Coverages that an evaluation looks at.
const COVERAGES: [f64; 9] = [0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99];
/// Bins of the reliability diagram and of ECE.
const BINS: usize = 15;

/// How right a model is on rows whose target is known.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Evaluation {
    /// The numbers.
    pub metrics: Metrics,
    /// What was predicted, for the rows that have a target.
    pub predictions: Predictions,
    /// What was there.
    pub outcomes: Outcomes,
    /// Of each of these rows its number in the table, from 0.
    pub rows: Vec<usize>,
    /// Rows without a target, or of a class that the model does not know.
    pub without_target: usize,
    /// −ln p of what was there, in nats.
    pub nll: Vec<f64>,
    /// Mean −ln p of the best constant prediction that training rows give, in nats.
    pub nll_constant: f64,
}

impl TableModel {
    /// How right the model is on tables whose target is known, which are read one after the other: blocks of one, say.
    ///
    /// **Errors**: tables that cannot be read or lack columns; no row with a target.
    pub fn evaluate(
        &self,
        tables: impl IntoIterator<Item = Result<Table, apd_data::Error>>,
        networks: Option<usize>,
    ) -> Result<Evaluation, Error> {
        let started = Instant::now();
        let mut all: Option<Scored> = None;
        let (mut rows, mut read) = (Vec::new(), 0);
        for table in tables {
            let table = table?;
            let Some((targets, with_target)) = self.schema().targets(&table)? else {
                return Err(apd_data::Error::Column {
                    name: self.target().to_owned(),
                    problem: "is missing: it is what predictions are compared with".to_owned(),
                }
                .into());
            };
            rows.extend(with_target.iter().map(|row| read + row));
            read += table.len();
            if with_target.is_empty() {
                continue;
            }
            let scored = Scored::new(self, &table.select(&with_target), &targets, networks)?;
            match &mut all {
                None => all = Some(scored),
                Some(all) => all.append(scored),
            }
        }
        let Some(all) = all else {
            return Err(apd_data::Error::Column {
                name: self.target().to_owned(),
                problem: "has no value that the model knows in any row".to_owned(),
            }
            .into());
        };
        let mut metrics = all.metrics(networks.unwrap_or_else(|| self.networks()))?;
        metrics.set_seconds(started.elapsed().as_secs_f64());
        let nll_constant = self.nll_constant(&all.outcomes);
        let without_target = read - rows.len();
        Ok(Evaluation {
            metrics,
            predictions: all.predictions,
            outcomes: all.outcomes,
            rows,
            without_target,
            nll: all.nll,
            nll_constant,
        })
    }
}

/// Predictions, and scores that only their whole laws give.
struct Scored {
    predictions: Predictions,
    outcomes: Outcomes,
    nll: Vec<f64>,
    crps: Vec<f64>,
}

impl Scored {
    fn new(model: &TableModel, table: &Table, targets: &Targets, networks: Option<usize>) -> Result<Self, Error> {
        let (predictions, scores) =
            model.predict_with(table, &COVERAGES, networks, |rows, prediction| match (prediction, targets) {
                (Prediction::Classes(classes), Targets::Classes { labels, .. }) => {
                    let p = model.calibration().probabilities(classes);
                    let ln_p = ln_p_of_labels(p.view(), &labels[rows]);
                    (ln_p.into_iter().map(|ln_p| -ln_p).collect(), Vec::new())
                }
                (Prediction::Numbers(numbers), Targets::Numbers { values, .. }) => {
                    let y = values.slice(s![rows, ..]);
                    (
                        numbers.ln_density(y).iter().map(|density| -density).collect(),
                        numbers.crps(y).into_iter().collect(),
                    )
                }
                _ => unreachable!("a schema has targets of its model's kind"),
            })?;
        let (nll, crps): (Vec<Vec<f64>>, Vec<Vec<f64>>) = scores.into_iter().unzip();
        let (nll, crps) = (nll.concat(), crps.concat());
        let outcomes = match targets {
            Targets::Classes { labels, .. } => Outcomes::Classes(labels.clone()),
            Targets::Numbers { values, .. } => Outcomes::Numbers(values.column(0).to_vec()),
        };
        Ok(Self { predictions, outcomes, nll, crps })
    }

    fn append(&mut self, further: Self) {
        self.predictions.append(further.predictions);
        self.nll.extend(further.nll);
        self.crps.extend(further.crps);
        match (&mut self.outcomes, further.outcomes) {
            (Outcomes::Classes(labels), Outcomes::Classes(more)) => labels.extend(more),
            (Outcomes::Numbers(values), Outcomes::Numbers(more)) => values.extend(more),
            _ => unreachable!("outcomes of one model"),
        }
    }

    fn metrics(&self, networks: usize) -> Result<Metrics, MetricError> {
        match (&self.predictions.answers, &self.outcomes) {
            (Answers::Classes { p, .. }, Outcomes::Classes(labels)) => {
                let (uncertainty, loss) = doubts(p.view(), labels, &self.predictions.answers.classes());
                let second = |wanted: u32| {
                    p.outer_iter().zip(labels).filter(move |(_, label)| **label == wanted).map(|(p, _)| p[1])
                };
                let both = p.ncols() == 2 && labels.contains(&0) && labels.contains(&1);
                let auroc = || detection(&second(0).collect::<Vec<_>>(), &second(1).collect::<Vec<_>>());
                Ok(Metrics::Classes(ClassMetrics {
                    accuracy: accuracy(p.view(), labels)?,
                    nll: nll(p.view(), labels)?,
                    brier: brier(p.view(), labels)?,
                    ece: ece(&reliability(p.view(), labels, BINS)?),
                    auroc: if both { Some(auroc()?.auroc) } else { None },
                    aurc: aurc(&uncertainty, &loss)?,
                    n: labels.len(),
                    networks,
                    seconds: 0.0,
                }))
            }
            (Answers::Numbers { mean, sd, .. }, Outcomes::Numbers(y)) => {
                let column = |values| column(values);
                let interval = |mass: f64| self.predictions.answers.interval(mass).expect("one of the coverages");
                let covered = |mass| {
                    let (lower, upper) = interval(mass);
                    regression::coverage(column(lower), column(upper), column(y))
                };
                let (lower, upper) = interval(0.9);
                let average = |values: &[f64]| match values.iter().position(|x| x.is_nan()) {
                    Some(index) => Err(MetricError::Nan { what: "predictions", index }),
                    None => Ok(aview1(values).mean().expect("some rows")),
                };
                let normal = mean.iter().zip(sd).zip(y).map(|((&mean, &sd), &y)| -Normal.ln_density(mean, sd, y));
                Ok(Metrics::Numbers(NumberMetrics {
                    rmse: regression::rmse(column(mean), column(y))?,
                    mae: regression::mae(column(mean), column(y))?,
                    nll: average(&self.nll)?,
                    nll_normal: average(&normal.collect::<Vec<_>>())?,
                    crps: average(&self.crps)?,
                    coverage_50: covered(0.5)?,
                    coverage_90: covered(0.9)?,
                    coverage_95: covered(0.95)?,
                    mean_width_90: regression::width(column(lower), column(upper))?,
                    n: y.len(),
                    networks,
                    seconds: 0.0,
                }))
            }
            _ => unreachable!("outcomes of the model's kind"),
        }
    }
}

impl Answers {
    /// The intervals of a coverage that was asked for, of numbers.
    pub(crate) fn interval(&self, mass: f64) -> Option<(&[f64], &[f64])> {
        let Self::Numbers { intervals, .. } = self else { return None };
        intervals.iter().find(|(other, ..)| *other == mass).map(|(_, lower, upper)| (&lower[..], &upper[..]))
    }
}

impl Evaluation {
    /// Coverage as it was, beside what was asked for; of numbers.
    pub fn coverage(&self) -> Vec<(f64, f64)> {
        let (Answers::Numbers { intervals, .. }, Outcomes::Numbers(y)) = (&self.predictions.answers, &self.outcomes)
        else {
            return Vec::new();
        };
        let share = |lower: &[f64], upper: &[f64]| {
            let inside = (0..y.len()).filter(|&row| lower[row] <= y[row] && y[row] <= upper[row]).count();
            inside as f64 / y.len() as f64
        };
        intervals.iter().map(|(mass, lower, upper)| (*mass, share(lower, upper))).collect()
    }

    /// Accuracy beside the probability that it was predicted with, in 15 bins; of classes.
    ///
    /// **Errors**: probabilities that are none.
    pub fn reliability(&self) -> Result<Vec<ReliabilityBin>, MetricError> {
        match (&self.predictions.answers, &self.outcomes) {
            (Answers::Classes { p, .. }, Outcomes::Classes(labels)) => reliability(p.view(), labels, BINS),
            _ => Ok(Vec::new()),
        }
    }

    /// How uncertain each row was said to be (1 − largest probability, or the deviation), and its loss (0 or 1, or the absolute error).
    pub fn uncertainty_and_loss(&self) -> (Vec<f64>, Vec<f64>) {
        match (&self.predictions.answers, &self.outcomes) {
            (answers @ Answers::Classes { p, .. }, Outcomes::Classes(labels)) => {
                doubts(p.view(), labels, &answers.classes())
            }
            (Answers::Numbers { mean, sd, .. }, Outcomes::Numbers(y)) => {
                (sd.clone(), mean.iter().zip(y).map(|(mean, y)| (mean - y).abs()).collect())
            }
            _ => unreachable!("outcomes of the model's kind"),
        }
    }

    /// The mean loss of the rows that are answered, when only the most certain ones are.
    ///
    /// **Errors**: predictions that are no numbers.
    pub fn risk_coverage(&self) -> Result<Vec<RiskPoint>, MetricError> {
        let (uncertainty, loss) = self.uncertainty_and_loss();
        risk_coverage(&uncertainty, &loss)
    }
}

/// 1 − the largest probability, and 1 where that class is not the right one.
fn doubts(p: ArrayView2<'_, f64>, labels: &[u32], classes: &[u32]) -> (Vec<f64>, Vec<f64>) {
    let doubt = p.outer_iter().map(|p| 1.0 - p.iter().copied().fold(0.0, f64::max)).collect();
    (doubt, classes.iter().zip(labels).map(|(class, label)| f64::from(class != label)).collect())
}

fn column(values: &[f64]) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((values.len(), 1), values).expect("one column")
}
