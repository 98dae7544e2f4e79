use std::io;
use std::path::{Path, PathBuf};

use apd_points::{FileError, FormatError};

/// What went wrong, in which file, what was expected there and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that is not there, cannot be read or written, or is not what is expected.
    #[error(transparent)]
    File(#[from] FileError),
    /// The content is not what was written.
    #[error("{path}: checksum mismatch: expected crc32 {expected:08x}, found {found:08x}", path = .path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// The recorded checksum.
        expected: u32,
        /// That of the bytes found.
        found: u32,
    },
    /// Written by another version of the format.
    #[error("{path}: format version {found}, this build reads version {expected}", path = .path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version this build reads.
        expected: u32,
        /// The version found.
        found: u64,
    },
    /// A point of another dimension.
    #[error("{path}: the bank holds points of dimension {expected}, this one has {found}", path = .path.display())]
    Dimension {
        /// The bank.
        path: PathBuf,
        /// Dimension of the bank.
        expected: usize,
        /// Dimension of the point.
        found: usize,
    },
    /// A number that cannot be: one that is not finite, a negative weight.
    #[error("{path}: row {row} (chain {chain}, step {step}): {what} is {value}", path = .path.display())]
    Value {
        /// The bank or shard.
        path: PathBuf,
        /// Row within that file; within the chain while writing.
        row: u64,
        /// Its chain.
        chain: u32,
        /// Its step.
        step: u64,
        /// Which number: `theta[17]`, `weight`.
        what: String,
        /// The number.
        value: f64,
    },
    /// Steps of a chain must increase.
    #[error("{path}: chain {chain}: step {step} comes after step {last}", path = .path.display())]
    Order {
        /// The bank.
        path: PathBuf,
        /// The chain.
        chain: u32,
        /// The step that is out of order.
        step: u64,
        /// The newest step before it.
        last: u64,
    },
    /// Refuses to overwrite a bank.
    #[error("{path}: there is a bank already; resume it or choose another folder", path = .path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// Another process, or another part of this one, writes there.
    #[error("{path}: another writer is at work there{of}: wait for it, or end it", path = .path.display(), of = of(*.process))]
    Locked {
        /// The folder.
        path: PathBuf,
        /// Which process, where that is known.
        process: Option<u32>,
    },
    /// The chain has a writer already.
    #[error("{path}: chain {chain} has a writer already", path = .path.display())]
    ChainOpen {
        /// The folder.
        path: PathBuf,
        /// The chain.
        chain: u32,
    },
}

impl Error {
    pub(crate) fn io(path: &Path) -> impl Fn(io::Error) -> Error + use<'_> {
        |cause| FileError::io(path)(cause).into()
    }

    /// An error as of `io`, which says what is missing if the file is.
    pub(crate) fn open<'a>(path: &'a Path, expected: &'static str) -> impl Fn(io::Error) -> Error + use<'a> {
        move |cause| FileError::open(path, expected)(cause).into()
    }

    pub(crate) fn missing(path: PathBuf, expected: &'static str) -> Error {
        FileError::Missing { path, expected }.into()
    }

    pub(crate) fn format(path: &Path, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::of(path)(FormatError::new(expected, found))
    }

    pub(crate) fn length(path: &Path, expected: u64, found: u64) -> Error {
        Error::of(path)(FormatError::Length { expected, found })
    }

    /// A problem with the content of a file.
    pub(crate) fn of(path: &Path) -> impl Fn(FormatError) -> Error + use<'_> {
        |problem| FormatError::of(path)(problem).into()
    }
}

/// The process, in brackets.
fn of(process: Option<u32>) -> String {
    process.map_or(String::new(), |process| format!(" (process {process})"))
}
