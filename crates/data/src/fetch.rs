//! Getting datasets from public mirrors, with digests.
//!
//! Each file has several mirrors, tried in order. A file is accepted if its parser accepts it *and* its SHA-256 is the one in the table
//! (where one is known); it is written under a temporary name and renamed only then, so that the data folder never holds half a file.
//! Without: resuming of partial downloads, and credentials of any kind.

mod download;
mod sources;
mod tar;
mod verify;

pub use download::{AttemptError, Fetched, Fetcher, Progress};
pub use sources::{Digest, RemoteFile, Source};

use std::io;
use std::path::{Path, PathBuf};

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No mirror gave a good copy.
    #[error(
        "{file}: none of the mirrors gave a good copy{}",
        attempts.iter().map(|(url, reason)| format!("\n  {url}: {reason}")).collect::<String>()
    )]
    NoMirror {
        /// The file.
        file: String,
        /// Every address that was tried, and what was wrong with it.
        attempts: Vec<(String, AttemptError)>,
    },
    /// The file could not be written here; another mirror would not help.
    #[error("{}: {cause}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said (a full disk, missing rights).
        cause: io::Error,
    },
    /// The progress callback asked to stop; nothing half-written is left.
    #[error("{file}: stopped on request; files fetched before it are kept, run the same command again to go on")]
    Stopped {
        /// The file that was being fetched.
        file: String,
    },
    /// A name that is no source.
    #[error("unknown dataset `{name}`, expected one of {expected}")]
    UnknownSource {
        /// What was asked for.
        name: String,
        /// The names there are.
        expected: String,
    },
}

impl FetchError {
    fn write(path: &Path, cause: io::Error) -> Self {
        Self::Write { path: path.to_owned(), cause }
    }
}

#[cfg(test)]
mod tests;
