//! What can be wrong with a file that somebody else wrote.

use apd_points::FileError;
use std::path::{Path, PathBuf};
use std::{fmt, io};

/// Why a dataset could not be read; every variant names the file and the facts.
///
/// Offsets and lengths of compressed files count *decompressed* bytes. A file inside an archive is shown as `archive.zip/inner/name`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that cannot be read, or whose format is not what it should be.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file of a dataset is in none of the places where it may lie.
    #[error(
        "{dataset}: {file} is missing; looked for{}\n  get it with: {command}",
        tried.iter().map(|path| format!("\n    {}", path.display())).collect::<String>()
    )]
    Missing {
        /// The dataset, by the name that `fetch-data` knows.
        dataset: &'static str,
        /// The file.
        file: String,
        /// All the paths that were tried, in order.
        tried: Vec<PathBuf>,
        /// The command that fetches it.
        command: String,
    },
    /// The first bytes are not those of the expected format.
    #[error("{}: at byte 0: expected {expected}, found {found:02x?}", path.display())]
    Magic {
        /// The file.
        path: PathBuf,
        /// The format and its first bytes.
        expected: String,
        /// The first bytes of the file (at most 8).
        found: Vec<u8>,
    },
    /// The content ends before its own header says.
    #[error("{}: truncated: expected {expected} bytes, found {found}", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes needed.
        expected: u64,
        /// Bytes there.
        found: u64,
    },
    /// The content goes on after its own header says that it ends.
    #[error("{}: oversized: expected the content to end at byte {expected}, found more", path.display())]
    Oversized {
        /// The file.
        path: PathBuf,
        /// Where it should end.
        expected: u64,
    },
    /// A size is beyond what is read into memory.
    #[error("{}: {what} is {found}, more than the limit of {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Which size.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// The size that was found, or announced.
        found: u64,
    },
    /// A label is not a class.
    #[error("{}: at byte {offset}: label {label} is out of range, expected 0 to {}", path.display(), classes.saturating_sub(1))]
    Label {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        offset: u64,
        /// The label.
        label: u32,
        /// The number of classes.
        classes: usize,
    },
    /// A compressed stream, archive, or picture that its decoder refuses.
    #[error("{}: at byte {offset}: {cause}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Bytes decoded before the fault.
        offset: u64,
        /// What the decoder said.
        cause: String,
    },
    /// A well-formed file that is not the one wanted: wrong shape, count, or type.
    #[error("{}: {what}: expected {expected}, found {found}", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// Which property.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A cell of a table that is not what its column holds.
    #[error("{}: {place}, column `{column}`: expected {expected}, found `{found}`", path.display())]
    Cell {
        /// The file.
        path: PathBuf,
        /// Where its row stands.
        place: Place,
        /// The column's name.
        column: String,
        /// What the column holds, or what to do.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A column of a table that cannot be used as it is.
    #[error("column `{name}` {problem}")]
    Column {
        /// Its name.
        name: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },
}

/// Where a row of a table stands in its file, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The line at which it begins.
    Line(u64),
    /// As a row.
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

impl Error {
    pub(crate) fn column(name: &str, problem: String) -> Self {
        Self::Column { name: name.to_owned(), problem }
    }

    pub(crate) fn cell(path: &Path, place: Place, column: &str, expected: &str, found: &str) -> Self {
        let (column, expected) = (column.to_owned(), expected.to_owned());
        Self::Cell { path: path.to_owned(), place, column, expected, found: found.chars().take(40).collect() }
    }

    /// Of a file whose columns have these names, as far as they are known.
    pub(crate) fn csv(path: &Path, names: &csv::StringRecord, cause: csv::Error) -> Self {
        let at = |pos: &Option<csv::Position>| pos.as_ref().map_or(0, csv::Position::line);
        match cause.kind() {
            csv::ErrorKind::UnequalLengths { pos, expected_len, len } => Self::Mismatch {
                path: path.to_owned(),
                what: "fields of a row",
                expected: expected_len.to_string(),
                found: format!("{len} in line {}", at(pos)),
            },
            csv::ErrorKind::Utf8 { pos, err } => Self::Mismatch {
                path: path.to_owned(),
                what: "text",
                expected: "UTF-8".to_owned(),
                found: match names.get(err.field()) {
                    Some(name) => format!("other bytes in line {}, column `{name}`", at(pos)),
                    None => format!("other bytes in line {}, field {}", at(pos), err.field() + 1),
                },
            },
            _ => Self::corrupt(path, cause.position().map_or(0, csv::Position::byte), cause),
        }
    }

    pub(crate) fn io(path: &Path, cause: io::Error) -> Self {
        FileError::io(path)(cause).into()
    }

    pub(crate) fn corrupt(path: &Path, offset: u64, cause: impl std::fmt::Display) -> Self {
        Self::Corrupt { path: path.to_owned(), offset, cause: cause.to_string() }
    }

    pub(crate) fn mismatch(
        path: &Path,
        what: &'static str,
        expected: impl std::fmt::Display,
        found: impl std::fmt::Display,
    ) -> Self {
        Self::Mismatch { path: path.to_owned(), what, expected: expected.to_string(), found: found.to_string() }
    }
}
