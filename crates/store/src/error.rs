use std::io;
use std::path::{Path, PathBuf};

/// What went wrong, in which file, what was expected there and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file that must be there is not.
    #[error("{path}: missing; expected {expected}", path = .path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// What it would have been.
        expected: &'static str,
    },
    /// A file is shorter or longer than it says it is.
    #[error("{path}: expected {expected} bytes, found {found}", path = .path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Bytes it should have.
        expected: u64,
        /// Bytes it has.
        found: u64,
    },
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
    /// Not the format, or not the shape, that is expected here.
    #[error("{path}: expected {expected}, found {found}", path = .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
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
    /// A number that is NaN or infinite.
    #[error("{path}: row {row} (chain {chain}, step {step}): {what} is {value}", path = .path.display())]
    NonFinite {
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
    #[error("{path}: another writer is at work there", path = .path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
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
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + use<'_> {
        move |source| Error::Io { path: path.to_owned(), source }
    }

    /// As `io`, but says what is missing if the file is.
    pub(crate) fn open<'a>(path: &'a Path, expected: &'static str) -> impl FnOnce(io::Error) -> Error + use<'a> {
        move |source| match source.kind() {
            io::ErrorKind::NotFound => Error::Missing { path: path.to_owned(), expected },
            _ => Error::Io { path: path.to_owned(), source },
        }
    }

    pub(crate) fn format(path: &Path, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::Format { path: path.to_owned(), expected: expected.into(), found: found.into() }
    }
}
