//! Tables as text: comma-separated values and their relatives.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::csv::{Reader, ReaderBuilder, StringRecord};

use super::dialect::{Dialect, Known, SNIFFED};
use super::records::{Records, check_names};
use crate::Error;
use crate::error::Place;

/// The text of a table: a file, or in memory.
#[derive(Clone)]
pub(super) struct Text {
    path: PathBuf,
    /// The text itself, if it is in memory.
    held: Option<Arc<[u8]>>,
    dialect: Dialect,
}

impl Text {
    pub(super) fn file(path: &Path, dialect: Dialect) -> Self {
        Self { path: path.to_owned(), held: None, dialect }
    }

    /// A text in memory, under a name for its errors.
    pub(super) fn held(name: String, text: impl Into<Arc<[u8]>>, dialect: Dialect) -> Self {
        Self { path: PathBuf::from(name), held: Some(text.into()), dialect }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn open(&self) -> Result<Box<dyn Read + Send>, Error> {
        match &self.held {
            Some(text) => Ok(Box::new(Cursor::new(text.clone()))),
            None => Ok(Box::new(File::open(&self.path).map_err(|e| Error::io(&self.path, e))?)),
        }
    }

    pub(super) fn dialect(&self) -> Result<Known, Error> {
        let mut head = Vec::new();
        self.open()?.take(SNIFFED as u64).read_to_end(&mut head).map_err(|e| Error::io(&self.path, e))?;
        self.dialect.recognize(&self.path, &head)
    }

    pub(super) fn records(&self, dialect: &Known) -> Result<Lines, Error> {
        let mut text = self.open()?;
        let mut start = Vec::new();
        text.by_ref().take(3).read_to_end(&mut start).map_err(|e| Error::io(&self.path, e))?;
        if start == [0xEF, 0xBB, 0xBF] {
            start.clear(); // a byte order mark is no part of the first name
        }
        let bytes: Box<dyn Read + Send> = Box::new(Cursor::new(start).chain(text));
        let mut reader = ReaderBuilder::new().delimiter(dialect.delimiter).from_reader(bytes);
        let names = reader.headers().map_err(|e| Error::csv(&self.path, &StringRecord::new(), e));
        let mut names = names?.clone();
        names.trim();
        check_names(&self.path, "first line", &names)?;
        Ok(Lines { path: self.path.clone(), reader, names, record: StringRecord::new() })
    }

    /// SHA-256 of the bytes, in hexadecimal digits.
    pub(super) fn sha256(&self) -> Result<String, Error> {
        crate::digest::sha256(self.open()?).map_err(|e| Error::io(&self.path, e))
    }
}

/// The rows of a text, with the lines at which they begin.
pub(super) struct Lines {
    path: PathBuf,
    reader: Reader<Box<dyn Read + Send>>,
    names: StringRecord,
    record: StringRecord,
}

impl Records for Lines {
    fn names(&self) -> &StringRecord {
        &self.names
    }

    fn next(&mut self) -> Result<Option<(Place, &StringRecord)>, Error> {
        match self.reader.read_record(&mut self.record) {
            Ok(false) => Ok(None),
            Ok(true) => {
                let line = self.record.position().map_or(0, ::csv::Position::line);
                Ok(Some((Place::Line(line), &self.record)))
            }
            Err(e) => Err(Error::csv(&self.path, &self.names, e)),
        }
    }
}
