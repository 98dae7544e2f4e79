//! Downloading: mirrors in order, into a temporary file, checked, renamed.

use super::sources::{Content, Digest, RemoteFile, Source};
use super::{FetchError, tar, verify};
use crate::Error;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::NamedTempFile;

/// The member of CIFAR-10's archive that is kept.
const CIFAR_MEMBER: &str = "cifar-10-batches-bin/test_batch.bin";
const CIFAR_MEMBER_LIMIT: u64 = 64 << 20;

/// How to fetch.
#[derive(Clone, Debug)]
pub struct Fetcher {
    /// Addresses to use instead of those in the table; a file's name is appended to each.
    pub mirrors: Option<Vec<String>>,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for the answer to begin, and for more of it to come.
    pub read_timeout: Duration,
}

impl Default for Fetcher {
    /// The mirrors of the table, 10 s to connect, 30 s of silence.
    fn default() -> Self {
        Self { mirrors: None, connect_timeout: Duration::from_secs(10), read_timeout: Duration::from_secs(30) }
    }
}

/// How far a download is.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// The file's name.
    pub file: &'a str,
    /// Where it comes from.
    pub url: &'a str,
    /// Bytes so far.
    pub received: u64,
    /// Bytes in all, if the server says.
    pub total: Option<u64>,
}

/// A file that is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetched {
    /// Where it lies.
    pub path: PathBuf,
    /// Where it came from; `None` if a good copy was there already.
    pub url: Option<String>,
    /// SHA-256 of what [`RemoteFile::digest`] is about, computed here. (Of an archive when it was fetched, of the unpacked file when
    /// that was there already.)
    pub sha256: String,
    /// Whether that digest was compared with a known one; if not, only the parser vouches for the file.
    pub verified: bool,
}

/// What was wrong with one mirror.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttemptError {
    /// The server answered with an error.
    #[error("HTTP status {0}")]
    Status(u16),
    /// No connection, or none long enough.
    #[error("{0}")]
    Connection(String),
    /// The server promised more than it sent.
    #[error("truncated: {total} bytes promised, {received} received")]
    Truncated {
        /// Bytes received.
        received: u64,
        /// Bytes promised.
        total: u64,
    },
    /// The server sends more than the file can have.
    #[error("longer than the limit of {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The bytes are not the known ones.
    #[error("wrong SHA-256: expected {expected}, found {found}")]
    Digest {
        /// The known digest.
        expected: String,
        /// That of the bytes received.
        found: String,
    },
    /// The parser refuses the file. (The path in its message is that of the temporary file.)
    #[error("not a good copy: {0}")]
    Content(Error),
    /// The archive cannot be unpacked.
    #[error("not a good archive: {0}")]
    Archive(String),
}

impl From<Error> for AttemptError {
    fn from(cause: Error) -> Self {
        Self::Content(cause)
    }
}

/// An attempt ends in one of three ways besides success: try the next mirror, or give up for one of two reasons.
enum Failure {
    Mirror(AttemptError),
    Fatal(FetchError),
}

impl<E: Into<AttemptError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Mirror(error.into())
    }
}

impl Fetcher {
    /// Fetches all files of `source` into `dir`, in the layout that the readers of this crate expect.
    ///
    /// A good copy that is there already is kept; a bad one is replaced, once a good one has arrived. `progress` is called about every
    /// 64 KiB and may stop the download by returning `Break`.
    ///
    /// **Errors**: [`FetchError::NoMirror`] with every address and its fault; [`FetchError::Write`]; [`FetchError::Stopped`].
    pub fn fetch(
        &self,
        source: Source,
        dir: impl AsRef<Path>,
        progress: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
    ) -> Result<Vec<Fetched>, FetchError> {
        let table: Vec<String> = source.mirrors().iter().map(|&mirror| mirror.to_owned()).collect();
        let mirrors = self.mirrors.as_ref().unwrap_or(&table);
        source.files().iter().map(|file| self.fetch_file(file, mirrors, dir.as_ref(), progress)).collect()
    }

    pub(super) fn fetch_file(
        &self,
        file: &RemoteFile,
        mirrors: &[String],
        dir: &Path,
        progress: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
    ) -> Result<Fetched, FetchError> {
        let path = dir.join(file.path);
        let known = file.digest != Digest::Unknown;
        if let Some(sha256) = verify::existing(&path, file) {
            let verified = known && file.content != Content::CifarArchive;
            return Ok(Fetched { path, url: None, sha256, verified });
        }
        let folder = path.parent().expect("a path in the data folder");
        std::fs::create_dir_all(folder).map_err(|cause| FetchError::write(folder, cause))?;
        let mut attempts = Vec::new();
        for mirror in mirrors {
            let url = format!("{}/{}", mirror.trim_end_matches('/'), file.name);
            match self.attempt(file, &url, &path, progress) {
                Ok(sha256) => return Ok(Fetched { path, url: Some(url), sha256, verified: known }),
                Err(Failure::Mirror(reason)) => attempts.push((url, reason)),
                Err(Failure::Fatal(error)) => return Err(error),
            }
        }
        Err(FetchError::NoMirror { file: file.name.to_owned(), attempts })
    }

    /// One mirror, from request to renamed file; returns the digest.
    fn attempt(
        &self,
        file: &RemoteFile,
        url: &str,
        path: &Path,
        progress: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
    ) -> Result<String, Failure> {
        let mut stored = temporary(path)?;
        self.download(file, url, stored.as_file_mut(), path, progress)?;
        let sha256 = match file.content {
            Content::CifarArchive => {
                // The digest first: nothing is unpacked from an archive that is not the known one.
                let sha256 = check_digest(stored.path(), file.digest)?;
                stored = unpack(stored.path(), path)?;
                verify::structure(stored.path(), file.content)?;
                sha256
            }
            content => {
                verify::structure(stored.path(), content)?;
                check_digest(stored.path(), file.digest)?
            }
        };
        stored.as_file().sync_all().map_err(|cause| Failure::Fatal(FetchError::write(path, cause)))?;
        stored.persist(path).map_err(|error| Failure::Fatal(FetchError::write(path, error.error)))?;
        Ok(sha256)
    }

    fn download(
        &self,
        file: &RemoteFile,
        url: &str,
        to: &mut File,
        path: &Path,
        progress: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        // A proxy from the environment cannot reach a mirror on this machine.
        let local = url.starts_with("http://127.0.0.1") || url.starts_with("http://localhost");
        let proxy = if local { None } else { ureq::Proxy::try_from_env() };
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .proxy(proxy)
            .timeout_connect(Some(self.connect_timeout))
            .timeout_recv_response(Some(self.read_timeout))
            .timeout_per_read(Some(self.read_timeout))
            // Some storage hosts would otherwise decompress or recompress what they serve, and the digest is of what is stored.
            .accept_encoding("identity")
            .user_agent(concat!("apd-data/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        let response = agent.get(url).call().map_err(|error| match error {
            ureq::Error::StatusCode(status) => AttemptError::Status(status),
            other => AttemptError::Connection(other.to_string()),
        })?;
        let encoded = response.headers().contains_key("content-encoding");
        let body = response.into_body();
        // The length is that of the bytes on the wire; it says nothing about decoded ones.
        let total = body.content_length().filter(|_| !encoded);
        let too_large = AttemptError::TooLarge { limit: file.max_bytes };
        if total.is_some_and(|total| total > file.max_bytes) {
            return Err(too_large.into());
        }
        let mut reader = body.into_reader();
        let mut buffer = vec![0; 1 << 16];
        let mut received = 0;
        loop {
            if progress(Progress { file: file.name, url, received, total }).is_break() {
                return Err(Failure::Fatal(FetchError::Stopped { file: file.name.to_owned() }));
            }
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => {
                    received += read as u64;
                    if received > file.max_bytes {
                        return Err(too_large.into());
                    }
                    to.write_all(&buffer[..read]).map_err(|cause| Failure::Fatal(FetchError::write(path, cause)))?;
                }
                Err(cause) => {
                    return Err(match total {
                        Some(total) if cause.kind() == io::ErrorKind::UnexpectedEof => {
                            AttemptError::Truncated { received, total }
                        }
                        _ => AttemptError::Connection(cause.to_string()),
                    }
                    .into());
                }
            }
        }
        match total {
            Some(total) if total != received => Err(AttemptError::Truncated { received, total }.into()),
            _ => Ok(()),
        }
    }
}

/// A temporary file in the folder of `path`, so that renaming it is atomic; removed when dropped.
fn temporary(path: &Path) -> Result<NamedTempFile, Failure> {
    let folder = path.parent().expect("a path in the data folder");
    let mut builder = tempfile::Builder::new();
    builder.prefix(".fetch-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Data for everyone whom the umask lets read; temporary files are private by default.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder).map_err(|cause| Failure::Fatal(FetchError::write(folder, cause)))
}

fn check_digest(stored: &Path, digest: Digest) -> Result<String, AttemptError> {
    let found = verify::sha256(stored, digest)?;
    match digest {
        Digest::Stored(expected) | Digest::Decompressed(expected) if expected != found => {
            Err(AttemptError::Digest { expected: expected.to_owned(), found })
        }
        _ => Ok(found),
    }
}

fn unpack(archive: &Path, path: &Path) -> Result<NamedTempFile, Failure> {
    let mut member = temporary(path)?;
    let reader =
        BufReader::new(File::open(archive).map_err(|cause| FetchError::write(archive, cause)).map_err(Failure::Fatal)?);
    tar::extract(MultiGzDecoder::new(reader), CIFAR_MEMBER, CIFAR_MEMBER_LIMIT, member.as_file_mut())
        .map_err(|cause| Failure::Fatal(FetchError::write(path, cause)))?
        .map_err(AttemptError::Archive)?;
    Ok(member)
}
