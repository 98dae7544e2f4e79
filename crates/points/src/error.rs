use std::io;
use std::path::{Path, PathBuf};

/// Content that is not what its format, or its reader, asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Content that is shorter or longer than it says it is.
    #[error("expected {expected} bytes, found {found}")]
    Length {
        /// Bytes there should be.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// Another format, type, shape or value.
    #[error("expected {expected}, found {found}")]
    Content {
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
}

/// A file that cannot be read or written.
///
/// The message of each variant holds its cause, which [`source`](std::error::Error::source) therefore does not give once more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The operating system refused.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        cause: io::Error,
    },
    /// A file that must be there is not.
    #[error("{}: missing; expected {expected}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// What it would have been.
        expected: &'static str,
    },
    /// The content is not what is expected here.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: FormatError,
    },
}

impl FormatError {
    /// What should be there, and what is.
    pub fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Content { expected: expected.into(), found: found.into() }
    }

    /// The same problem of a file.
    pub fn of(path: &Path) -> impl Fn(Self) -> FileError + use<'_> {
        |problem| FileError::Format { path: path.to_owned(), problem }
    }
}

impl FileError {
    /// A refusal of the operating system that concerns `path`.
    pub fn io(path: &Path) -> impl Fn(io::Error) -> Self + use<'_> {
        |cause| Self::Io { path: path.to_owned(), cause }
    }

    /// An error as of [`io`](Self::io), but [`Missing`](Self::Missing) if the file is not there.
    pub fn open<'a>(path: &'a Path, expected: &'static str) -> impl Fn(io::Error) -> Self + use<'a> {
        move |cause| match cause.kind() {
            io::ErrorKind::NotFound => Self::Missing { path: path.to_owned(), expected },
            _ => Self::Io { path: path.to_owned(), cause },
        }
    }
}
