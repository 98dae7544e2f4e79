//! Files of tables, whatever they are written in.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::csv::Text;
use super::dialect::{Dialect, Known};
use super::inference::Kind;
#[cfg(feature = "parquet")]
use super::parquet;
use super::records::{self, RecordBlocks, Records};
use super::{Table, TableSchema, Wanted};
use crate::{Error, digest};

/// The first bytes of a Parquet file, and its last.
const PARQUET: [u8; 4] = *b"PAR1";

/// Reads a table whose first line names the columns; dialect and kinds of the columns are recognized.
///
/// A column whose values all are numbers is one of numbers; one with at most 1 000 different values, or in which values repeat, is one of
/// categories; the rest is text. Empty fields, `NA`, `N/A`, `NaN`, `null`, `None` and `?` are missing values. The file is read twice, and no
/// more than the table is held in memory.
///
/// **Errors**: a file that cannot be read or is not UTF-8; no header; a name that stands twice; a row with too many or too few fields; an
/// infinite number; a column of numbers with a few values that are none. Line and column are named.
pub fn read_csv(path: impl AsRef<Path>) -> Result<Table, Error> {
    TableFile::Text(Text::file(path.as_ref(), Dialect::default())).read()
}

/// Such a file; it can be read as often as need be.
#[derive(Clone)]
pub(super) enum TableFile {
    Text(Text),
    Parquet(PathBuf),
}

impl TableFile {
    /// A file that begins as Parquet files do, whatever its name is.
    pub(super) fn parquet(path: &Path) -> Option<Self> {
        let mut start = [0; 4];
        let is_parquet = File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == PARQUET;
        is_parquet.then(|| Self::Parquet(path.to_owned()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Text(text) => text.path(),
            Self::Parquet(path) => path,
        }
    }

    fn dialect(&self) -> Result<Known, Error> {
        match self {
            Self::Text(text) => text.dialect(),
            Self::Parquet(_) => Ok(Known::plain()),
        }
    }

    fn records(&self, dialect: &Known) -> Result<Box<dyn Records>, Error> {
        Ok(match self {
            Self::Text(text) => Box::new(text.records(dialect)?),
            #[cfg(feature = "parquet")]
            Self::Parquet(path) => Box::new(parquet::Rows::open(path)?),
            #[cfg(not(feature = "parquet"))]
            Self::Parquet(path) => {
                let expected = "text, for apd-data was compiled without its feature `parquet`";
                return Err(Error::mismatch(path, "data", expected, "a Parquet file"));
            }
        })
    }

    /// Numbers where the schema wants them, everything else as text: categories that it does not know are told from missing ones.
    pub(super) fn blocks(&self, schema: &TableSchema, wanted: Wanted) -> Result<RecordBlocks, Error> {
        let dialect = self.dialect()?;
        let records = self.records(&dialect)?;
        let numbers = schema.numbers(wanted);
        let kind = |name: &str| if numbers.contains(name) { Kind::Numbers } else { Kind::Text };
        let kinds = records.names().iter().map(kind).collect();
        Ok(RecordBlocks::new(self.path(), dialect, records, kinds))
    }

    /// SHA-256 of the bytes, in hexadecimal digits.
    pub(super) fn sha256(&self) -> Result<String, Error> {
        match self {
            Self::Text(text) => text.sha256(),
            Self::Parquet(path) => digest::of_file(path),
        }
    }

    pub(super) fn read(&self) -> Result<Table, Error> {
        let dialect = self.dialect()?;
        let kinds = records::kinds(self.path(), &dialect, self.records(&dialect)?)?;
        let records = self.records(&dialect)?;
        RecordBlocks::new(self.path(), dialect, records, kinds).rest()
    }
}
