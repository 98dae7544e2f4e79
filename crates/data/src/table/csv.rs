//! Tables as text: comma-separated values and their relatives.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use ::csv::{Reader, ReaderBuilder, StringRecord};

use super::dialect::{Dialect, Known, SNIFFED};
use super::inference::{Inference, Kind};
use super::{Column, MISSING, Table, TableSchema, Values, Wanted};
use crate::Error;

/// Rows of a block of [`CsvBlocks`].
const BLOCK: usize = 16_384;

/// Where the text of a table comes from.
#[derive(Clone)]
pub(super) struct Source {
    path: PathBuf,
    /// The text itself, if it is compiled in.
    embedded: Option<&'static [u8]>,
    dialect: Dialect,
}

impl Source {
    pub(super) fn file(path: &Path, dialect: Dialect) -> Self {
        Self { path: path.to_owned(), embedded: None, dialect }
    }

    pub(super) fn embedded(name: &str, text: &'static [u8]) -> Self {
        Self { path: PathBuf::from(format!("embedded {name}")), embedded: Some(text), dialect: Dialect::default() }
    }

    fn open(&self) -> Result<Box<dyn Read + Send>, Error> {
        match self.embedded {
            Some(text) => Ok(Box::new(text)),
            None => Ok(Box::new(File::open(&self.path).map_err(|e| Error::io(&self.path, e))?)),
        }
    }

    fn dialect(&self) -> Result<Known, Error> {
        let mut head = Vec::new();
        self.open()?.take(SNIFFED as u64).read_to_end(&mut head).map_err(|e| Error::io(&self.path, e))?;
        self.dialect.recognize(&self.path, &head)
    }

    fn reader(&self, dialect: &Known) -> Result<Reader<Box<dyn Read + Send>>, Error> {
        let mut text = self.open()?;
        let mut start = Vec::new();
        text.by_ref().take(3).read_to_end(&mut start).map_err(|e| Error::io(&self.path, e))?;
        if start == [0xEF, 0xBB, 0xBF] {
            start.clear(); // a byte order mark is no part of the first name
        }
        let bytes: Box<dyn Read + Send> = Box::new(Cursor::new(start).chain(text));
        Ok(ReaderBuilder::new().delimiter(dialect.delimiter).from_reader(bytes))
    }

    /// Numbers where the schema wants them, everything else as text: categories that it does not know are told from missing ones.
    pub(super) fn blocks(self, schema: &TableSchema, wanted: Wanted) -> Result<CsvBlocks, Error> {
        let dialect = self.dialect()?;
        let rows = Rows::open(self, dialect)?;
        let kinds = rows.names().map(|name| if schema.is_number(name, wanted) { Kind::Numbers } else { Kind::Text });
        Ok(CsvBlocks { kinds: kinds.collect(), rows })
    }

    /// SHA-256 of the bytes, in hexadecimal digits.
    pub(super) fn sha256(&self) -> Result<String, Error> {
        crate::digest::sha256(self.open()?).map_err(|e| Error::io(&self.path, e))
    }

    pub(super) fn read(self) -> Result<Table, Error> {
        let dialect = self.dialect()?;
        let mut rows = Rows::open(self.clone(), dialect.clone())?;
        let mut inference = Inference::new(rows.names(), dialect.clone());
        while let Some((line, record)) = rows.next()? {
            inference.see(line, record);
        }
        let kinds = inference.finish(&self.path)?;
        CsvBlocks { rows: Rows::open(self, dialect)?, kinds }.read_up_to(usize::MAX)
    }
}

/// Reads a table whose first line names the columns; dialect and kinds of the columns are recognized.
///
/// A column whose values all are numbers is one of numbers; one with at most 1 000 different values, or in which values repeat, is one of
/// categories; the rest is text. Empty fields, `NA`, `N/A`, `NaN`, `null`, `None` and `?` are missing values. The file is read twice, and no
/// more than the table is held in memory.
///
/// **Errors**: a file that cannot be read or is not UTF-8; no header; a name that stands twice; a row with too many or too few fields; an
/// infinite number; a column of numbers with a few values that are none. Line and column are named.
pub fn read_csv(path: impl AsRef<Path>) -> Result<Table, Error> {
    Source::file(path.as_ref(), Dialect::default()).read()
}

/// A table read block by block: memory does not grow with the file.
pub(super) struct CsvBlocks {
    rows: Rows,
    kinds: Vec<Kind>,
}

impl CsvBlocks {
    /// The next rows, `None` at the end.
    pub(super) fn next_block(&mut self) -> Result<Option<Table>, Error> {
        let block = self.read_up_to(BLOCK)?;
        Ok((!block.is_empty()).then_some(block))
    }

    fn read_up_to(&mut self, count: usize) -> Result<Table, Error> {
        let Self { rows, kinds } = self;
        let (path, dialect) = (rows.source.path.clone(), rows.dialect.clone());
        let mut values: Vec<Values> = kinds.iter().map(Kind::empty).collect();
        let names: Vec<String> = rows.names().map(str::to_owned).collect();
        let mut read = 0;
        while read < count {
            let Some((line, record)) = rows.next()? else { break };
            for ((field, values), name) in record.iter().zip(&mut values).zip(&names) {
                let field = field.trim();
                let is_missing = dialect.is_missing(field);
                match values {
                    Values::Numbers(numbers) => {
                        let number = if is_missing { Some(f64::NAN) } else { dialect.number(field) };
                        let number = number.filter(|number| !number.is_infinite());
                        numbers.push(number.ok_or_else(|| Error::cell(&path, line, name, "a number", field))?);
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

/// The rows of a file one after the other, with the lines at which they begin.
struct Rows {
    source: Source,
    dialect: Known,
    reader: Reader<Box<dyn Read + Send>>,
    names: StringRecord,
    record: StringRecord,
}

impl Rows {
    fn open(source: Source, dialect: Known) -> Result<Self, Error> {
        let mut reader = source.reader(&dialect)?;
        let path = &source.path;
        let names = reader.headers().map_err(|e| Error::csv(path, &StringRecord::new(), e))?.clone();
        if names.is_empty() || names.iter().all(|name| name.trim().is_empty()) {
            return Err(Error::mismatch(path, "first line", "the names of the columns", "none"));
        }
        let mut names = names;
        names.trim();
        for (i, name) in names.iter().enumerate() {
            if let Some(first) = names.iter().take(i).position(|other| other == name) {
                let found = format!("`{name}` in columns {} and {}", first + 1, i + 1);
                return Err(Error::mismatch(path, "first line", "each name once", found));
            }
        }
        Ok(Self { source, dialect, reader, names, record: StringRecord::new() })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter()
    }

    fn next(&mut self) -> Result<Option<(u64, &StringRecord)>, Error> {
        match self.reader.read_record(&mut self.record) {
            Ok(false) => Ok(None),
            Ok(true) => Ok(Some((self.record.position().map_or(0, ::csv::Position::line), &self.record))),
            Err(e) => Err(Error::csv(&self.source.path, &self.names, e)),
        }
    }
}
