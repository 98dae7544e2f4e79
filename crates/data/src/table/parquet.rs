//! Tables as Parquet files.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use ::csv::StringRecord;
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::Field;
use ::parquet::record::reader::RowIter;

use super::records::{Records, check_names};
use crate::Error;
use crate::error::Place;

#[cfg(test)]
mod tests;

/// The rows of a Parquet file, counted from 1.
pub(super) struct Rows {
    path: PathBuf,
    rows: RowIter<'static>,
    names: StringRecord,
    record: StringRecord,
    row: u64,
}

impl Rows {
    /// **Errors**: a file that is none, or is damaged; a column that is no single value: a list, a record.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        let reader = guarded(path, || SerializedFileReader::new(file))?;
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let columns = schema.root_schema().get_fields();
        let names: StringRecord = columns.iter().map(|column| column.name().trim()).collect();
        check_names(path, "columns", &names)?;
        for column in columns {
            if !column.is_primitive() {
                let problem = format!("holds lists or records; leave it out before {} is written", path.display());
                return Err(Error::column(column.name(), problem));
            }
        }
        Ok(Self {
            path: path.to_owned(),
            rows: RowIter::from_file_into(Box::new(reader)),
            names,
            record: StringRecord::new(),
            row: 0,
        })
    }
}

impl Records for Rows {
    fn names(&self) -> &StringRecord {
        &self.names
    }

    fn next(&mut self) -> Result<Option<(Place, &StringRecord)>, Error> {
        let Self { path, rows, record, .. } = self;
        record.clear();
        let is_there = guarded(path, || {
            let Some(row) = rows.next().transpose()? else { return Ok(false) };
            row.get_column_iter().for_each(|(_, field)| record.push_field(&text(field)));
            Ok(true)
        })?;
        if !is_there {
            return Ok(None);
        }
        self.row += 1;
        Ok(Some((Place::Row(self.row), &self.record)))
    }
}

/// A value as text: nothing where it is missing, and numbers such that reading them gives the same ones.
fn text(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Float(value) if value.is_nan() => String::new(),
        Field::Double(value) if value.is_nan() => String::new(),
        Field::Float16(value) => text(&Field::Float(value.to_f32())),
        Field::Float(value) => value.to_string(),
        Field::Double(value) => value.to_string(),
        Field::Str(value) => value.clone(),
        Field::Bytes(value) => String::from_utf8_lossy(value.data()).into_owned(),
        other => other.to_string(),
    }
}

/// Of a file that is damaged, the library panics at some places instead of saying so; an error is made of that too.
fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(outcome) => outcome.map_err(|e| Error::corrupt(path, 0, e)),
        // What it has half done is dropped with the error.
        Err(_) => Err(Error::corrupt(path, 0, "Parquet that contradicts itself")),
    }
}
