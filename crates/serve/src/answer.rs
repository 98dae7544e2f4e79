//! What a model says of rows, and how it is written down.

use apd::data::{CsvWriter, MISSING, Surprise, Table, Values};
use apd::{Answers, Predictions, TableModel};
use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};

use crate::failure::Failure;
use crate::rows::Rows;

/// Most coverages of a request.
const COVERAGES: usize = 32;

/// How rows are to be predicted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    /// Coverages of the intervals of numbers, beside 0.9.
    pub(crate) coverage: Vec<f64>,
    /// Networks averaged, all that the file keeps if nothing is said.
    pub(crate) networks: Option<usize>,
}

/// Predictions as a table, and what a person should know of the rows.
pub(crate) struct Answer {
    pub(crate) table: Table,
    pub(crate) classes: Option<Vec<String>>,
    pub(crate) notes: Vec<String>,
}

impl Answer {
    pub(crate) fn new(model: &TableModel, rows: Rows, query: &Query) -> Result<Self, Failure> {
        let Rows { blocks, mut notes } = rows;
        let mut coverage = query.coverage.clone();
        if !coverage.contains(&TableModel::COVERAGE) {
            coverage.insert(0, TableModel::COVERAGE);
        }
        if coverage.len() > COVERAGES {
            return Err(Failure::field(
                "coverage",
                format_args!("{}, and at most {COVERAGES} are taken", coverage.len()),
            ));
        }
        let networks = query.networks.map(|networks| networks.min(model.networks()));
        let mut all: Option<Predictions> = None;
        for block in &blocks {
            let further = model.predict(block, &coverage, networks)?;
            match &mut all {
                None => all = Some(further),
                Some(predictions) => predictions.append(further),
            }
        }
        let predictions = all.ok_or_else(|| Failure::field("rows", "there are none"))?;
        notes.extend(predictions.surprises.iter().map(|Surprise { column, rows, first }| {
            format!("column `{column}`: {rows} rows with what training rows did not have (unseen, or missing), the first is row {first}")
        }));
        let classes = match &predictions.answers {
            Answers::Classes { names, .. } => Some(names.clone()),
            Answers::Numbers { .. } => None,
        };
        Ok(Self { table: predictions.table()?, classes, notes })
    }

    pub(crate) fn json(&self, model: &str) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            model: &'a str,
            rows: Objects<'a>,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            notes: &'a [String],
        }
        let body = Body { model, rows: Objects(self), notes: &self.notes };
        serde_json::to_vec(&body).expect("strings and numbers are JSON")
    }

    pub(crate) fn csv(&self) -> Vec<u8> {
        let mut writer = CsvWriter::new(Vec::new());
        writer.write(&self.table).and_then(|()| writer.finish()).expect("memory can be written to")
    }
}

/// An object for each row, its members in the order of the columns.
struct Objects<'a>(&'a Answer);

impl Serialize for Objects<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.0.table.len()))?;
        for row in 0..self.0.table.len() {
            rows.serialize_element(&Object(self.0, row))?;
        }
        rows.end()
    }
}

struct Object<'a>(&'a Answer, usize);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(answer, row) = *self;
        let mut object = serializer.serialize_map(None)?;
        for column in answer.table.columns() {
            let name = &column.name;
            match &column.values {
                Values::Numbers(numbers) if name == "abstain" => {
                    object.serialize_entry(name, &(numbers[row] != 0.0))?;
                }
                Values::Numbers(numbers) => object.serialize_entry(name, &numbers[row])?, // NaN is null
                Values::Categories { codes, levels } => {
                    let level = (codes[row] != MISSING).then(|| &levels[codes[row] as usize]);
                    object.serialize_entry(name, &level)?;
                }
                Values::Text(text) => object.serialize_entry(name, &text[row])?,
            }
        }
        object.end()
    }
}
