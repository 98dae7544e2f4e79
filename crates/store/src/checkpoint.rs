//! State of a run in one file: bincode with a magic number, a version, a kind, a length and a checksum in front.
//!
//! [`save`] keeps the file before as `<name>.prev`; [`load`] falls back to it when the newest is missing or torn, and says
//! so. Layout, little-endian: magic `APDCKPT\0` (8), version u32, length of the kind u32, kind (UTF-8), length of the payload
//! u64, crc32 u32 of all other bytes, payload. The payload is bincode 2 with fixed-width integers.
//!
//! bincode is finished and no longer maintained; it is used in this module only, behind the checksum, with bounded decoding.
//! Checkpoints are for the same version of the same program, not for archives: those are banks and safetensors.
//!
//! ```
//! use apd_store::checkpoint::{self, Source};
//!
//! # let dir = tempfile::tempdir()?;
//! let path = dir.path().join("chain-0.ckpt");
//! checkpoint::save(&path, "chain", &(17_u64, vec![1.0_f32, 2.0]))?;
//! checkpoint::save(&path, "chain", &(18_u64, vec![1.5_f32, 2.5]))?;
//!
//! let loaded = checkpoint::load::<(u64, Vec<f32>)>(&path, "chain")?;
//! assert_eq!(loaded.value.0, 18);
//!
//! std::fs::write(&path, b"torn")?; // what a bad disk does
//! let loaded = checkpoint::load::<(u64, Vec<f32>)>(&path, "chain")?;
//! assert_eq!(loaded.value.0, 17);
//! assert!(matches!(loaded.source, Source::Previous { .. }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use apd_points::{AtomicFile, FileError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::map::Map;

#[cfg(test)]
mod tests;

const MAGIC: &[u8; 8] = b"APDCKPT\0";
const VERSION: u32 = 1;
/// Magic, version, length of the kind.
const PREFIX: usize = 16;
/// Length of the payload, checksum.
const SUFFIX: usize = 12;
const MAX_KIND: usize = 256;

/// A checkpoint, and which of the two files it came from.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The saved value.
    pub value: T,
    /// The file that it came from; worth telling the user if it is not the newest.
    pub source: Source,
}

/// Which file a checkpoint was read from.
#[derive(Debug)]
#[non_exhaustive]
pub enum Source {
    /// The newest one.
    Newest,
    /// The one before.
    Previous {
        /// Its path.
        path: PathBuf,
        /// Why the newest one was not used.
        reason: Error,
    },
}

/// Saves `value`, atomically; the checkpoint before it stays as `<name>.prev`.
///
/// `kind` says what is inside, so that one kind of state is never taken for another.
///
/// **Errors** if the file cannot be written or `value` cannot be serialized. **Panics** if `kind` is over 256 bytes.
#[track_caller]
pub fn save<T: Serialize + ?Sized>(path: impl AsRef<Path>, kind: &str, value: &T) -> Result<(), Error> {
    let path = path.as_ref();
    assert!(kind.len() <= MAX_KIND, "the kind of a checkpoint is a short name");
    let mut file = AtomicFile::create(path)?;
    let mut head = MAGIC.to_vec();
    head.extend(VERSION.to_le_bytes());
    head.extend((kind.len() as u32).to_le_bytes());
    head.extend(kind.as_bytes());
    file.write_all(&head).and_then(|()| file.write_all(&[0; SUFFIX])).map_err(Error::io(path))?;

    let mut payload = Payload { file: &mut file, crc: crc32fast::Hasher::new(), len: 0 };
    // Numbers come one at a time, a few bytes each.
    let mut buffered = BufWriter::with_capacity(1 << 16, &mut payload);
    bincode::serde::encode_into_std_write(value, &mut buffered, config())
        .map_err(|e| Error::io(path)(std::io::Error::other(e)))?;
    buffered.flush().map_err(Error::io(path))?;
    drop(buffered);
    let Payload { crc, len, .. } = payload;
    file.flush().map_err(Error::io(path))?;

    let mut suffix = len.to_le_bytes().to_vec();
    let mut whole = crc32fast::Hasher::new();
    whole.update(&head);
    whole.update(&suffix);
    whole.combine(&crc);
    suffix.extend(whole.finalize().to_le_bytes());
    file.patch(head.len() as u64, &suffix)?;
    file.commit_after(|| {
        // A torn file must not take the place of the good one before it.
        if looks_whole(path) {
            fs::rename(path, previous(path)).map_err(FileError::io(path))?;
        }
        Ok(())
    })?;
    Ok(())
}

/// Loads the newest checkpoint of a kind, or the one before if the newest is missing, torn or corrupt.
///
/// Allocates at most a small multiple of the file's size, whatever the file claims.
///
/// **Errors** with the reason for the newest if neither can be used; at once, if the newest is intact but of another kind or
/// version.
pub fn load<T: DeserializeOwned>(path: impl AsRef<Path>, kind: &str) -> Result<Loaded<T>, Error> {
    let path = path.as_ref();
    let reason = match read(path, kind) {
        Ok(value) => return Ok(Loaded { value, source: Source::Newest }),
        Err(Failure { error, intact: true }) => return Err(error),
        Err(Failure { error, intact: false }) => error,
    };
    let path = previous(path);
    match read(&path, kind) {
        Ok(value) => Ok(Loaded { value, source: Source::Previous { path, reason } }),
        Err(_) => Err(reason),
    }
}

/// Removes a checkpoint and the one before it, once what they led to is on disk; that there is none is no error.
///
/// **Errors** if a file is there and cannot be removed.
pub fn remove(path: impl AsRef<Path>) -> Result<(), Error> {
    let path = path.as_ref();
    for path in [path, &previous(path)] {
        match fs::remove_file(path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::io(path)(e)),
            _ => {}
        }
    }
    Ok(())
}

/// Whether there is anything for [`load`] to try.
pub fn exists(path: impl AsRef<Path>) -> bool {
    path.as_ref().exists() || previous(path.as_ref()).exists()
}

fn previous(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".prev");
    path.with_file_name(name)
}

/// Why a file could not be read, and whether it is nevertheless as it was written.
struct Failure {
    error: Error,
    intact: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, intact: false }
    }
}

fn read<T: DeserializeOwned>(path: &Path, kind: &str) -> Result<T, Failure> {
    let map = Map::open(path, "a checkpoint")?;
    let bytes = map.bytes();
    let bad = |found: &str| Failure::from(Error::format(path, "a checkpoint", found));
    let (prefix, rest) = bytes.split_first_chunk::<PREFIX>().ok_or_else(|| bad("the end of the file"))?;
    if !prefix.starts_with(MAGIC) {
        return Err(bad("another magic number"));
    }
    let word = |at: usize| u32::from_le_bytes([prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]]);
    let (version, kind_length) = (word(8), word(12) as usize);
    if kind_length > MAX_KIND {
        return Err(bad("a kind of absurd length"));
    }
    let (found_kind, rest) = rest.split_at_checked(kind_length).ok_or_else(|| bad("the end of the file"))?;
    let (suffix, payload) = rest.split_first_chunk::<SUFFIX>().ok_or_else(|| bad("the end of the file"))?;
    let (length, recorded) = suffix.split_at(8);
    let length = u64::from_le_bytes(length.try_into().expect("8 bytes"));
    if length != payload.len() as u64 {
        let expected = length.saturating_add((bytes.len() - payload.len()) as u64);
        return Err(Error::length(path, expected, bytes.len() as u64).into());
    }
    let expected = u32::from_le_bytes(recorded.try_into().expect("4 bytes"));
    let mut crc = crc32fast::Hasher::new();
    crc.update(&bytes[..PREFIX + kind_length + 8]);
    crc.update(payload);
    let found = crc.finalize();
    if found != expected {
        return Err(Error::Checksum { path: path.to_owned(), expected, found }.into());
    }
    // Only now is it known that version and kind are what was written.
    let intact = |error| Failure { error, intact: true };
    if version != VERSION {
        return Err(intact(Error::Version { path: path.to_owned(), expected: VERSION, found: version.into() }));
    }
    if found_kind != kind.as_bytes() {
        let found = String::from_utf8_lossy(found_kind);
        return Err(intact(Error::format(path, format!("a checkpoint of kind `{kind}`"), format!("`{found}`"))));
    }
    let decoded = decode(payload).and_then(|(value, used)| {
        if used == payload.len() { Ok(value) } else { Err(format!("{} bytes too many", payload.len() - used)) }
    });
    decoded.map_err(|found| intact(Error::format(path, format!("the state of `{kind}`"), found)))
}

fn config() -> bincode::config::Configuration<bincode::config::LittleEndian, bincode::config::Fixint> {
    bincode::config::standard().with_fixed_int_encoding()
}

/// Decodes with a limit of at most four times the payload (and at least 64 KiB).
///
/// No value takes more bytes than its encoding where integers have a fixed width, so an honest payload stays below; a string that
/// claims to be longer is refused before it is allocated. The limit is a type parameter in bincode, hence the steps.
fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<(T, usize), String> {
    macro_rules! first_that_fits {
        ($($limit:literal),*) => {
            $(if payload.len() <= 1 << $limit {
                return bincode::serde::decode_from_slice(payload, config().with_limit::<{ 1 << $limit }>())
                    .map_err(|e| e.to_string());
            })*
        };
    }
    first_that_fits!(16, 18, 20, 22, 24, 26, 28, 30);
    #[cfg(target_pointer_width = "64")]
    first_that_fits!(32, 34, 36, 38, 40);
    Err("more than can be decoded".to_owned())
}

/// Whether a file has the magic number and the length it claims: enough to tell a torn one, without reading it all.
fn looks_whole(path: &Path) -> bool {
    let lengths = || {
        let mut file = File::open(path).ok()?;
        let mut prefix = [0; PREFIX];
        file.read_exact(&mut prefix).ok()?;
        let kind = u32::from_le_bytes([prefix[12], prefix[13], prefix[14], prefix[15]]) as usize;
        if !prefix.starts_with(MAGIC) || kind > MAX_KIND {
            return None;
        }
        let mut rest = vec![0; kind + 8];
        file.read_exact(&mut rest).ok()?;
        let payload = u64::from_le_bytes(rest[kind..].try_into().ok()?);
        let claimed = payload.checked_add((PREFIX + kind + SUFFIX) as u64)?;
        Some(file.metadata().ok()?.len() == claimed)
    };
    lengths().unwrap_or(false)
}

/// Passes the payload on and keeps its own checksum and length.
struct Payload<'a> {
    file: &'a mut AtomicFile,
    crc: crc32fast::Hasher,
    len: u64,
}

impl Write for Payload<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.crc.update(&bytes[..n]);
        self.len += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}
