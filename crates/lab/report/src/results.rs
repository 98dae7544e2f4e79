use std::path::Path;

use apd_points::{FileError, write_atomic};
use serde::{Deserialize, Serialize};

use crate::Error;

#[cfg(test)]
mod tests;

/// The schema of `results.json` that this version writes, and the only one it reads.
pub const SCHEMA: u32 = 1;

/// Every number that a run measured, and how long its stages took: the content of `results.json`.
///
/// **Units**: fractions (not per cent) for accuracy, ECE, AUROC and the like; nats per example for NLL; seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Version of the project that made the numbers.
    pub project_version: String,
    /// The run's validated configuration.
    pub config: serde_json::Value,
    /// One measured number each.
    pub rows: Vec<Row>,
    /// One stage each.
    pub timings: Vec<Timing>,
}

/// One measured number and what it is a measurement of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// `classify`, `ood`, `fidelity`, …
    pub task: String,
    /// In-distribution data set: `digits`, `mnist`, …
    pub dataset: String,
    /// `fc1`, `fc2`, `cnn`, …
    pub net: String,
    /// `sgd`, `mc-dropout`, `sgld`, `apd`, …
    pub method: String,
    /// `accuracy`, `nll`, `ece`, `brier`, `auroc`, …
    pub metric: String,
    /// Uncertainty score that a detection metric is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<String>,
    /// Out-of-distribution set that a detection metric is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ood: Option<String>,
    /// Factor on the intensities of the out-of-distribution images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// Attack that made the images: `pgd-average`, ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attack: Option<String>,
    /// Method whose networks the attack was made on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What the number is a function of, where a task has a curve: networks drawn, labels acquired, step size, attack strength.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<f64>,
    /// The number: a mean where `n` > 1. Not-finite values are written as `null` and read back as NaN.
    #[serde(with = "crate::nullable")]
    pub value: f64,
    /// Standard deviation over the `n` draws; `null` where there was one.
    pub sd: Option<f64>,
    /// Number of independent draws behind `value`; `null` where the notion does not apply.
    pub n: Option<u64>,
}

/// Wall-clock time of one stage of the pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// Name of the stage.
    pub stage: String,
    /// Wall-clock seconds.
    #[serde(with = "crate::nullable")]
    pub seconds: f64,
    /// Steps done in that time; `null` where the stage has none.
    pub steps: Option<u64>,
}

impl Row {
    /// A row without score, OOD set, scale or spread.
    pub fn new(task: &str, dataset: &str, net: &str, method: &str, metric: &str, value: f64) -> Self {
        Self {
            task: task.into(),
            dataset: dataset.into(),
            net: net.into(),
            method: method.into(),
            metric: metric.into(),
            score: None,
            ood: None,
            scale: None,
            attack: None,
            source: None,
            at: None,
            value,
            sd: None,
            n: None,
        }
    }

    /// Names the uncertainty score.
    pub fn score(mut self, score: &str) -> Self {
        self.score = Some(score.into());
        self
    }

    /// Names the out-of-distribution set.
    pub fn ood(mut self, ood: &str) -> Self {
        self.ood = Some(ood.into());
        self
    }

    /// Gives the factor on the intensities.
    pub fn scale(mut self, scale: f64) -> Self {
        self.scale = Some(scale);
        self
    }

    /// Names the attack, and the method whose networks it was made on.
    pub fn attack(mut self, attack: &str, source: &str) -> Self {
        (self.attack, self.source) = (Some(attack.into()), Some(source.into()));
        self
    }

    /// Gives the point of a curve.
    pub fn at(mut self, at: f64) -> Self {
        self.at = Some(at);
        self
    }

    /// Gives the standard deviation over `n` draws.
    pub fn spread(mut self, sd: f64, n: u64) -> Self {
        self.sd = Some(sd).filter(|sd| sd.is_finite());
        self.n = Some(n);
        self
    }

    /// Whether `other` measures the same quantity.
    fn same_quantity(&self, other: &Self) -> bool {
        let numbers = |r: &Self| (r.scale.map(f64::to_bits), r.at.map(f64::to_bits));
        self.task == other.task
            && self.dataset == other.dataset
            && self.net == other.net
            && self.method == other.method
            && self.metric == other.metric
            && self.score == other.score
            && self.ood == other.ood
            && self.attack == other.attack
            && self.source == other.source
            && numbers(self) == numbers(other)
    }
}

impl Results {
    /// No rows yet.
    pub fn new(project_version: &str, config: serde_json::Value) -> Self {
        Self { schema: SCHEMA, project_version: project_version.into(), config, rows: vec![], timings: vec![] }
    }

    /// Adds a row, or replaces the one that measures the same quantity, so that a resumed run does not list it twice.
    pub fn insert(&mut self, row: Row) {
        match self.rows.iter_mut().find(|old| old.same_quantity(&row)) {
            Some(old) => *old = row,
            None => self.rows.push(row),
        }
    }

    /// Adds a stage's time, or replaces that of the stage of the same name.
    pub fn time(&mut self, stage: &str, seconds: f64, steps: Option<u64>) {
        let timing = Timing { stage: stage.into(), seconds, steps };
        match self.timings.iter_mut().find(|old| old.stage == stage) {
            Some(old) => *old = timing,
            None => self.timings.push(timing),
        }
    }

    /// Starts a look-up over all rows.
    pub fn select(&self) -> Select<'_> {
        Select { rows: self.rows.iter().collect() }
    }

    /// The JSON text of `results.json`, indented, with a final newline.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("strings, numbers and JSON values always serialize");
        text.push('\n');
        text
    }

    /// Writes `results.json` atomically: a reader sees the old file or the new one, never half of one.
    ///
    /// **Errors**: [`Error::File`].
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        Ok(write_atomic(path, self.to_json().as_bytes())?)
    }

    /// Reads a `results.json`.
    ///
    /// **Errors**: [`Error::File`]; [`Error::Json`] for text that is not JSON, and for missing or unknown fields;
    /// [`Error::Schema`] where `schema` is missing or not [`SCHEMA`], whatever the other fields are.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let json = |cause| Error::Json { path: path.into(), cause };
        let text = std::fs::read_to_string(path).map_err(FileError::io(path))?;
        // The schema is looked at first, so that a newer file is not taken for a broken one.
        let value: serde_json::Value = serde_json::from_str(&text).map_err(json)?;
        let schema = value.get("schema");
        if schema.and_then(serde_json::Value::as_u64) != Some(u64::from(SCHEMA)) {
            let found = schema.map_or_else(|| "missing".into(), ToString::to_string);
            return Err(Error::Schema { path: path.into(), found, expected: SCHEMA });
        }
        // From the text again, not from `value`: errors then carry line and column.
        serde_json::from_str(&text).map_err(json)
    }
}

/// Rows narrowed down step by step: `results.select().task("ood").method("apd").metric("auroc").iter()`.
#[derive(Clone, Debug)]
pub struct Select<'a> {
    rows: Vec<&'a Row>,
}

impl<'a> Select<'a> {
    /// Keeps the rows for which `keep` is true.
    pub fn filter(mut self, mut keep: impl FnMut(&Row) -> bool) -> Self {
        self.rows.retain(|row| keep(row));
        self
    }

    /// Keeps one task.
    pub fn task(self, task: &str) -> Self {
        self.filter(|row| row.task == task)
    }

    /// Keeps one data set.
    pub fn dataset(self, dataset: &str) -> Self {
        self.filter(|row| row.dataset == dataset)
    }

    /// Keeps one network.
    pub fn net(self, net: &str) -> Self {
        self.filter(|row| row.net == net)
    }

    /// Keeps one method.
    pub fn method(self, method: &str) -> Self {
        self.filter(|row| row.method == method)
    }

    /// Keeps one metric.
    pub fn metric(self, metric: &str) -> Self {
        self.filter(|row| row.metric == metric)
    }

    /// Keeps one uncertainty score.
    pub fn score(self, score: &str) -> Self {
        self.filter(|row| row.score.as_deref() == Some(score))
    }

    /// Keeps one out-of-distribution set.
    pub fn ood(self, ood: &str) -> Self {
        self.filter(|row| row.ood.as_deref() == Some(ood))
    }

    /// Keeps one factor on the intensities.
    pub fn scale(self, scale: f64) -> Self {
        self.filter(|row| row.scale == Some(scale))
    }

    /// Keeps one attack.
    pub fn attack(self, attack: &str) -> Self {
        self.filter(|row| row.attack.as_deref() == Some(attack))
    }

    /// Keeps the attacks made on one method's networks.
    pub fn source(self, source: &str) -> Self {
        self.filter(|row| row.source.as_deref() == Some(source))
    }

    /// Keeps one point of a curve.
    pub fn at(self, at: f64) -> Self {
        self.filter(|row| row.at == Some(at))
    }

    /// The rows left, in the order they were inserted.
    pub fn iter(&self) -> impl Iterator<Item = &'a Row> + '_ {
        self.rows.iter().copied()
    }

    /// The first row left.
    pub fn row(&self) -> Option<&'a Row> {
        self.rows.first().copied()
    }

    /// The first row's value.
    pub fn value(&self) -> Option<f64> {
        self.row().map(|row| row.value)
    }

    /// The different values of `key`, in order of first appearance: the row or column headings of a table.
    pub fn distinct<K: PartialEq>(&self, key: impl Fn(&'a Row) -> K) -> Vec<K> {
        let mut seen = vec![];
        for row in self.iter() {
            let k = key(row);
            if !seen.contains(&k) {
                seen.push(k);
            }
        }
        seen
    }
}
