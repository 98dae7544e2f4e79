use std::path::PathBuf;

/// What can go wrong when results are read or a report is written.
///
/// The message of each variant holds its cause, which [`source`](std::error::Error::source) therefore does not give once more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] apd_points::FileError),
    /// The text is not JSON, or not the fields that this schema has.
    #[error("{}: not a results file: {cause}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why parsing stopped.
        cause: serde_json::Error,
    },
    /// The file's `schema` is missing or another one.
    #[error("{}: results schema {found}, but this version reads schema {expected}", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// The value found, as JSON text (`missing` where there is none).
        found: String,
        /// The schema this version reads and writes.
        expected: u32,
    },
    /// A figure's id does not make a safe file name, or two figures have the same one.
    #[error("figure id {id:?}: {reason}")]
    FigureId {
        /// The id.
        id: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// The HTML template failed.
    #[error("report template: {0}")]
    Template(minijinja::Error),
}

impl From<minijinja::Error> for Error {
    fn from(cause: minijinja::Error) -> Self {
        Self::Template(cause)
    }
}
