use std::collections::BTreeMap;
use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::Path;

use apd_data::{Table, TableSchema};
use ndarray::{ArrayView2, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Answers, Concern, Metrics, Outcomes, Predictions, TableFit, Verdict};
use crate::calibration::Calibration;
use crate::file::fault;
use crate::reference::Reference;
use crate::{Error, Fitted, Prediction, file, stored};

/// Under which the table's part of the description stands among the file's metadata.
const KEY: &str = "apd.table";
/// What a model that is no file is called in errors.
const IN_MEMORY: &str = "model";
/// Rows that are predicted at once, and chunks of them that are in flight.
const CHUNK: usize = 512;
const FLIGHT: usize = 32;

/// A model of a table: a distilled posterior, what it needs to read tables, and what held-out rows say of it.
///
/// ```
/// use apd::{Effort, TableFit, TableModel, data};
///
/// let fit = TableFit { effort: Effort::Quick, ..TableFit::default() };
/// let model = fit.run(&data::yacht(), "resistance")?;
/// let path = std::env::temp_dir().join("yacht-table.safetensors");
/// model.save(&path)?;
///
/// let model = TableModel::load(&path)?;
/// let predictions = model.predict(&data::yacht(), &[0.9], None)?.table()?;
/// assert_eq!((predictions.len(), predictions.columns()[4].name.as_str()), (308, "lower_90"));
/// # Ok::<(), apd::Error>(())
/// ```
#[derive(Debug)]
pub struct TableModel {
    fitted: Fitted,
    description: Description,
}

/// What a file holds of the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Description {
    pub(super) schema: TableSchema,
    pub(super) calibration: Calibration,
    pub(super) reference: Reference,
    pub(super) constant: Constant,
    pub(super) held_out: HeldOut,
    pub(super) verdicts: Vec<Verdict>,
    pub(super) provenance: Provenance,
}

/// What is predicted without looking at a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Constant {
    /// The classes' frequencies among training rows.
    Frequencies(Vec<f64>),
    /// Mean and deviation of training rows.
    Normal { mean: f64, sd: f64 },
}

/// What rows that were not fitted to said of the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HeldOut {
    /// The metrics there, intervals corrected by these same rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Metrics>,
    /// Of numbers: the share of the rows in their 90 % interval before the correction, and after one that was learned from the other half of
    /// the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<(f64, f64)>,
    /// Mean −ln p under the file less that under all samples, in nats.
    pub distilling_lost: f64,
    /// How near the file's predictions are to those of all samples; files of earlier versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distilled: Option<DistillationLoss>,
}

/// Averaged predictions of the networks that a file keeps beside those of all samples, before calibration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum DistillationLoss {
    /// Of classes.
    Classes {
        /// Mean total variation between the two.
        tv: f64,
        /// Mean BALD of the file over that of the samples.
        bald: f64,
    },
    /// Of numbers.
    Numbers {
        /// Mean CRPS of the file over that of the samples.
        crps: f64,
        /// Mean epistemic deviation of the file over that of the samples.
        epistemic: f64,
    },
}

impl fmt::Display for DistillationLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Classes { tv, bald } => write!(f, "TV {tv:.4}, mean BALD × {bald:.3}"),
            Self::Numbers { crps, epistemic } => write!(f, "CRPS × {crps:.4}, epistemic deviation × {epistemic:.3}"),
        }
    }
}

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Provenance {
    /// The version of the program that made it.
    pub program: String,
    /// The settings.
    pub settings: TableFit,
    /// The name of the data, if they have one, and their SHA-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<(String, String)>,
    /// Rows of the table.
    pub rows: usize,
    /// Rows without a target, which nothing was learned from.
    pub without_target: usize,
    /// Rows that were fitted to.
    pub fitted: usize,
    /// Rows that were held out.
    pub held_out: usize,
    /// Networks that were sampled, in all chains.
    pub samples: usize,
    /// Bytes of the samples.
    pub sampled_bytes: usize,
}

impl TableModel {
    /// The coverage of the intervals that every program shows, whatever others are asked for.
    pub const COVERAGE: f64 = Calibration::COVERAGE;

    pub(super) fn new(fitted: Fitted, description: Description) -> Self {
        Self { fitted, description }
    }

    pub(super) fn description_mut(&mut self) -> &mut Description {
        &mut self.description
    }

    /// Writes the model to one file.
    ///
    /// **Errors**: a file that cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.fitted.save_with(path.as_ref(), self.metadata())
    }

    /// The bytes of the file that [`save`](Self::save) writes.
    ///
    /// **Errors**: none that is known; the format could refuse them.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        self.fitted.bytes(Path::new(IN_MEMORY), self.metadata())
    }

    fn metadata(&self) -> BTreeMap<String, String> {
        let description = serde_json::to_string(&self.description).expect("a description is JSON");
        BTreeMap::from([(KEY.to_owned(), description)])
    }

    /// Reads what [`save`](Self::save) has written.
    ///
    /// **Errors**: a file that cannot be read, is another, or whose parts do not fit together.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::read(path, &fs::read(path).map_err(fault(path))?)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) gave.
    ///
    /// **Errors**: as [`load`](Self::load).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::read(Path::new(IN_MEMORY), bytes)
    }

    fn read(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let (fitted, metadata) = file::read_fitted(path, bytes)?;
        let text = metadata.get(KEY).ok_or_else(|| {
            fault(path)("a fitted model, but not one of a table: it has no columns (load it with the library)")
        })?;
        let description: Description = serde_json::from_str(text).map_err(fault(path))?;
        let model = Self { fitted, description };
        model.validate().map_err(fault(path))?;
        Ok(model)
    }

    /// Whether the parts of a file, each of which can be read, fit together.
    fn validate(&self) -> Result<(), String> {
        let Description { schema, calibration, reference, constant, .. } = &self.description;
        schema.check().map_err(|e| e.to_string())?;
        let (inputs, takes) = (schema.inputs(), self.fitted.model.inputs());
        if inputs != takes {
            return Err(format!("its columns make {inputs} inputs, its network takes {takes}"));
        }
        let classes = schema.target().and_then(|(_, classes)| classes);
        if classes != self.fitted.classes() {
            return Err("its target and its network have other classes".to_owned());
        }
        let constant = match (constant, classes) {
            (Constant::Frequencies(shares), Some(names)) => {
                shares.len() == names.len() && shares.iter().all(|&share| share > 0.0 && share <= 1.0)
            }
            (Constant::Normal { mean, sd }, None) => mean.is_finite() && sd.is_finite() && *sd > 0.0,
            _ => false,
        };
        if !(constant && calibration.is_valid(classes.is_some()) && reference.is_valid(inputs)) {
            return Err("its calibration, reference or constant is not that of its network".to_owned());
        }
        Ok(())
    }

    /// What is predicted for the rows of a table: its columns may stand in any order, the target is not looked at.
    ///
    /// `coverage` is that of the intervals wanted, of numbers; `networks` are averaged, all that the file keeps unless told otherwise.
    ///
    /// **Errors**: columns that lack or hold something else than when the model was fitted; a coverage that is not between 0 and 1; no
    /// networks.
    pub fn predict(&self, table: &Table, coverage: &[f64], networks: Option<usize>) -> Result<Predictions, Error> {
        Ok(self.predict_with(table, coverage, networks, |_, _| ())?.0)
    }

    /// As [`predict`](Self::predict); `look` sees the laws of every few rows.
    pub(super) fn predict_with<T: Send>(
        &self,
        table: &Table,
        coverage: &[f64],
        networks: Option<usize>,
        look: impl Fn(Range<usize>, &Prediction) -> T + Sync,
    ) -> Result<(Predictions, Vec<T>), Error> {
        if let Some(share) = coverage.iter().find(|share| !(**share > 0.0 && **share < 1.0)) {
            return Err(Error::Setting { name: "coverage", value: share.to_string(), expected: "between 0 and 1" });
        }
        let Description { schema, calibration, reference, .. } = &self.description;
        let networks = networks.unwrap_or_else(|| self.networks());
        let encoding = schema.encode(table)?;
        let ood = reference.strangeness(encoding.inputs.view());
        let starts: Vec<usize> = (0..table.len().max(1)).step_by(CHUNK).collect();
        let (mut answers, mut looks): (Option<Answers>, _) = (None, Vec::with_capacity(starts.len()));
        for flight in starts.chunks(FLIGHT) {
            let chunk = |&start: &usize| {
                let rows = start..(start + CHUNK).min(table.len());
                let prediction = self.calibrated(encoding.inputs.slice(s![rows.clone(), ..]), networks)?;
                let answers = match &prediction {
                    Prediction::Classes(classes) => {
                        let names = self.fitted.classes().unwrap_or_default();
                        Answers::of_classes(names, classes, calibration, &ood[rows.clone()])
                    }
                    Prediction::Numbers(numbers) => Answers::of_numbers(numbers, calibration, coverage),
                };
                Ok((answers, look(rows, &prediction)))
            };
            for (further, seen) in flight.par_iter().map(chunk).collect::<Result<Vec<_>, Error>>()? {
                looks.push(seen);
                match &mut answers {
                    None => answers = Some(further),
                    Some(answers) => answers.append(further),
                }
            }
        }
        let identifiers = schema.identifiers().filter_map(|name| table.column(name).cloned()).collect();
        let answers = answers.expect("at least one chunk");
        Ok((Predictions { identifiers, answers, ood, surprises: encoding.surprises }, looks))
    }

    /// The laws of what is predicted for the rows of a table: of numbers as they are calibrated, before intervals are corrected, of classes as the
    /// networks have them.
    ///
    /// **Errors**: as [`predict`](Self::predict).
    pub fn laws(&self, table: &Table, networks: Option<usize>) -> Result<Prediction, Error> {
        let inputs = self.description.schema.encode(table)?.inputs;
        self.calibrated(inputs.view(), networks.unwrap_or_else(|| self.networks()))
    }

    fn calibrated(&self, inputs: ArrayView2<'_, f32>, networks: usize) -> Result<Prediction, Error> {
        Ok(match self.fitted.predict(inputs, networks)? {
            Prediction::Numbers(numbers) => Prediction::Numbers(self.description.calibration.numbers(numbers, None)),
            classes @ Prediction::Classes(_) => classes,
        })
    }

    /// The networks that a prediction averages unless it is told otherwise.
    pub fn networks(&self) -> usize {
        stored::networks(self.fitted.posterior())
    }

    /// The model without its table.
    pub fn fitted(&self) -> &Fitted {
        &self.fitted
    }

    /// What each column is.
    pub fn schema(&self) -> &TableSchema {
        &self.description.schema
    }

    /// The name of what is predicted.
    pub fn target(&self) -> &str {
        self.schema().target().map_or("", |(name, _)| name)
    }

    pub(crate) fn calibration(&self) -> &Calibration {
        &self.description.calibration
    }

    /// What held-out rows said.
    pub fn held_out(&self) -> &HeldOut {
        &self.description.held_out
    }

    /// Whether the model can be believed, by its held-out rows.
    pub fn verdicts(&self) -> &[Verdict] {
        &self.description.verdicts
    }

    /// Where it comes from.
    pub fn provenance(&self) -> &Provenance {
        &self.description.provenance
    }

    /// What of the verdicts a person has to know first: those that are not met.
    pub fn warnings(&self) -> impl Iterator<Item = &Verdict> {
        // Held-out rows are not those at hand: whether these are strange is seen when they come.
        self.verdicts().iter().filter(|verdict| !verdict.met && verdict.concern != Concern::Strangeness)
    }

    /// Columns of a table that the model does not know.
    pub fn unknown_columns<'a>(&'a self, table: &'a Table) -> impl Iterator<Item = &'a str> {
        let known: HashSet<&str> = self.schema().columns.iter().map(|column| column.name.as_str()).collect();
        table.columns().iter().map(|column| column.name.as_str()).filter(move |name| !known.contains(name))
    }

    /// Mean −ln p of these under the best constant prediction that training rows give.
    pub(super) fn nll_constant(&self, outcomes: &Outcomes) -> f64 {
        match (&self.description.constant, outcomes) {
            (Constant::Frequencies(p), Outcomes::Classes(labels)) => {
                labels.iter().map(|&label| -p[label as usize].ln()).sum::<f64>() / labels.len() as f64
            }
            (Constant::Normal { mean, sd }, Outcomes::Numbers(y)) => {
                let nll = |y: &f64| 0.5 * ((y - mean) / sd).powi(2) + sd.ln() + 0.5 * (2.0 * std::f64::consts::PI).ln();
                y.iter().map(nll).sum::<f64>() / y.len() as f64
            }
            _ => f64::NAN,
        }
    }
}
