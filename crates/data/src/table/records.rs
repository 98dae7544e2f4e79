//! Tables that are read row by row, every value as text: one way from there to columns, whatever the file is.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ::csv::StringRecord;

use super::dialect::Known;
use super::inference::{Inference, Kind};
use super::{Column, MISSING, Table, Values};
use crate::Error;
use crate::error::Place;

/// Rows of a block of [`RecordBlocks`].
const BLOCK: usize = 16_384;

/// The rows of a table one after the other.
pub(super) trait Records: Send {
    /// The names of the columns.
    fn names(&self) -> &StringRecord;

    /// The next row, as many fields as there are names, and where it stands.
    fn next(&mut self) -> Result<Option<(Place, &StringRecord)>, Error>;
}

/// What each column holds, by all rows.
pub(super) fn kinds(path: &Path, dialect: &Known, mut records: Box<dyn Records>) -> Result<Vec<Kind>, Error> {
    let mut inference = Inference::new(records.names().iter(), dialect.clone());
    while let Some((place, record)) = records.next()? {
        inference.see(place, record);
    }
    inference.finish(path)
}

/// A table read block by block: memory does not grow with the file.
pub(super) struct RecordBlocks {
    path: PathBuf,
    dialect: Known,
    records: Box<dyn Records>,
    kinds: Vec<Kind>,
}

impl RecordBlocks {
    /// Of columns that hold these kinds.
    pub(super) fn new(path: &Path, dialect: Known, records: Box<dyn Records>, kinds: Vec<Kind>) -> Self {
        Self { path: path.to_owned(), dialect, records, kinds }
    }

    /// All rows that are left.
    pub(super) fn rest(mut self) -> Result<Table, Error> {
        self.read_up_to(usize::MAX)
    }

    /// The next rows, `None` at the end.
    pub(super) fn next_block(&mut self) -> Result<Option<Table>, Error> {
        let block = self.read_up_to(BLOCK)?;
        Ok((!block.is_empty()).then_some(block))
    }

    fn read_up_to(&mut self, count: usize) -> Result<Table, Error> {
        let Self { path, dialect, records, kinds } = self;
        let mut values: Vec<Values> = kinds.iter().map(Kind::empty).collect();
        let names: Vec<String> = records.names().iter().map(str::to_owned).collect();
        let mut read = 0;
        while read < count {
            let Some((place, record)) = records.next()? else { break };
            for ((field, values), name) in record.iter().zip(&mut values).zip(&names) {
                let field = field.trim();
                let is_missing = dialect.is_missing(field);
                match values {
                    Values::Numbers(numbers) => {
                        let number = if is_missing { Some(f64::NAN) } else { dialect.number(field) };
                        let number = number.filter(|number| !number.is_infinite());
                        numbers.push(number.ok_or_else(|| Error::cell(path, place, name, "a number", field))?);
                    }
                    Values::Categories { codes, levels } => {
                        let code = levels.binary_search_by(|level| level.as_str().cmp(field));
                        codes.push(if is_missing { MISSING } else { code.map_or(MISSING, |code| code as u32) });
                    }
                    Values::Text(text) => text.push(if is_missing { String::new() } else { field.to_owned() }),
                }
            }
            read += 1;
        }
        Table::new(names.into_iter().zip(values).map(|(name, values)| Column { name, values }).collect())
    }
}

/// **Errors**: no name, or one that stands twice.
pub(super) fn check_names(path: &Path, what: &'static str, names: &StringRecord) -> Result<(), Error> {
    if names.iter().all(str::is_empty) {
        return Err(Error::mismatch(path, what, "the names of the columns", "none"));
    }
    let mut places = HashMap::new();
    for (i, name) in names.iter().enumerate() {
        if let Some(first) = places.insert(name, i) {
            let found = format!("`{name}` in columns {} and {}", first + 1, i + 1);
            return Err(Error::mismatch(path, what, "each name once", found));
        }
    }
    Ok(())
}
