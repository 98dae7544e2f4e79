//! Files that are either the old one or the new one, whatever happens in between.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{FileError, FormatError};

#[cfg(test)]
mod tests;

/// Ending of files that are not finished; readers ignore them, a resuming writer removes them.
const TEMPORARY: &str = "tmp";

/// Writes a file so that a crash at any moment leaves the old content or the new one, never a mixture.
///
/// Temporary file in the same folder, fsync, rename, fsync of the folder. An error leaves the old content in place. A file that is
/// replaced passes its permissions on (not its owner); a symbolic link stays, and what it points to is replaced.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("results.json");
/// apd_points::write_atomic(&path, b"{}")?;
/// assert_eq!(std::fs::read(&path)?, b"{}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_atomic(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), FileError> {
    let mut file = AtomicFile::create(path.as_ref())?;
    file.write_all(bytes).map_err(FileError::io(path.as_ref()))?;
    file.commit()?;
    Ok(())
}

/// Removes what killed processes left unfinished in a folder: files whose names are those of
/// [`write_atomic`]'s temporary ones.
///
/// Only for a folder that nobody else writes to.
///
/// **Errors** if the folder cannot be read, or a file cannot be removed.
pub fn remove_temporaries(folder: impl AsRef<Path>) -> Result<(), FileError> {
    let folder = folder.as_ref();
    for entry in fs::read_dir(folder).map_err(FileError::io(folder))? {
        let path = entry.map_err(FileError::io(folder))?.path();
        // name.process-number.tmp, or name.process.tmp
        let inner = path.file_stem().map(Path::new).and_then(Path::extension).and_then(|e| e.to_str());
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let ours = inner.is_some_and(|inner| inner.split('-').all(digits));
        if ours && path.extension().is_some_and(|e| e == TEMPORARY) && path.is_file() {
            fs::remove_file(&path).map_err(FileError::io(&path))?;
        }
    }
    Ok(())
}

/// A file under construction: it gets its name on [`commit`](Self::commit), and vanishes if dropped before.
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    temporary: PathBuf,
    file: Option<BufWriter<File>>,
    crc: crc32fast::Hasher,
    len: u64,
}

/// Size and checksum of a committed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Bytes.
    pub len: u64,
    /// CRC-32 of all of them.
    pub crc32: u32,
}

impl AtomicFile {
    /// Starts a file that will be called `path`, or replace what is.
    ///
    /// **Errors**: a path without a file name, or of a folder, device or pipe; what the system refuses.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let path = &target(path).map_err(FileError::io(path))?;
        // Two threads may write files of one name into one folder; each needs a temporary file of its own.
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let bad = |expected, found| FormatError::of(path)(FormatError::new(expected, found));
        let Some(name) = path.file_name() else { return Err(bad("the path of a file", "no file name")) };
        let replaced = fs::metadata(path).ok();
        // The rename would put a file in the place of a device or a pipe.
        if replaced.as_ref().is_some_and(|there| !there.is_file()) {
            return Err(bad("a regular file, or a new one", "a folder, device or pipe"));
        }
        let mut temporary = name.to_owned();
        let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
        temporary.push(format!(".{}-{unique}.{TEMPORARY}", std::process::id()));
        let temporary = path.with_file_name(temporary);
        // `create` rather than `create_new`: a leftover of a crashed process with our id may be in the way.
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).open(&temporary).map_err(FileError::io(path))?;
        let permitted = replaced.map_or(Ok(()), |there| file.set_permissions(there.permissions()));
        let file = Some(BufWriter::with_capacity(1 << 18, file));
        let created = Self { path: path.to_owned(), temporary, file, crc: crc32fast::Hasher::new(), len: 0 };
        permitted.map_err(FileError::io(path))?;
        Ok(created)
    }

    /// Overwrites bytes near the start, once the rest is known. The checksum of `commit` no longer holds afterwards.
    pub fn patch(&mut self, offset: u64, bytes: &[u8]) -> Result<(), FileError> {
        let Some(file) = &mut self.file else { unreachable!("the file is there until commit consumes it") };
        let patched =
            file.seek(SeekFrom::Start(offset)).and_then(|_| file.write_all(bytes)).and_then(|()| file.flush());
        patched.map_err(FileError::io(&self.path))
    }

    /// Gives the file its name, once everything is on disk.
    ///
    /// **Errors**: what the system refuses; the old file is then as it was.
    pub fn commit(self) -> Result<Written, FileError> {
        self.commit_after(|| Ok(()))
    }

    /// Commits as [`commit`](Self::commit) does, and runs `last` when everything is on disk, just before the new file takes its name.
    pub fn commit_after(mut self, last: impl FnOnce() -> Result<(), FileError>) -> Result<Written, FileError> {
        let Some(file) = self.file.take() else { unreachable!("commit consumes the file") };
        let result = (|| {
            let file = file.into_inner().map_err(|e| e.into_error()).map_err(FileError::io(&self.path))?;
            file.sync_all().map_err(FileError::io(&self.path))?;
            drop(file);
            last()?;
            fs::rename(&self.temporary, &self.path).map_err(FileError::io(&self.path))?;
            sync_folder(&self.path)
        })();
        if let Err(e) = result {
            // A no-op if the rename had succeeded.
            let _ = fs::remove_file(&self.temporary);
            return Err(e);
        }
        Ok(Written { len: self.len, crc32: self.crc.clone().finalize() })
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(file) = &mut self.file else { unreachable!("the file is there until commit consumes it") };
        let n = file.write(bytes)?;
        self.crc.update(&bytes[..n]);
        self.len += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // Without flushing what is buffered: the file is going away.
            drop(file.into_parts());
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// The file that a path names, through symbolic links, whether it is there or not.
fn target(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    // As many as Linux follows.
    for _ in 0..40 {
        match fs::symlink_metadata(&path) {
            Ok(there) if there.is_symlink() => {
                let link = fs::read_link(&path)?;
                path = path.parent().map_or(link.clone(), |folder| folder.join(&link));
            }
            _ => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Makes renames and removals in the folder of `path` durable.
pub fn sync_folder(path: &Path) -> Result<(), FileError> {
    // Other systems have no way to open a folder for that; a rename there is as durable as the file system makes it.
    if cfg!(unix) {
        let parent = match path.parent() {
            Some(p) if !p.as_os_str().is_empty() => p,
            _ => Path::new("."),
        };
        File::open(parent).and_then(|f| f.sync_all()).map_err(FileError::io(parent))?;
    }
    Ok(())
}

/// Writes numbers little-endian through a small buffer: no copy of the whole, and none of the byte order of the machine.
pub fn write_le<const W: usize, T: Copy>(
    out: &mut impl Write,
    values: &[T],
    to_le: impl Fn(T) -> [u8; W],
) -> io::Result<()> {
    let mut buffer = [0; 1 << 13];
    for chunk in values.chunks(buffer.len() / W) {
        let bytes = &mut buffer[..chunk.len() * W];
        for (b, &x) in bytes.as_chunks_mut::<W>().0.iter_mut().zip(chunk) {
            *b = to_le(x);
        }
        out.write_all(bytes)?;
    }
    Ok(())
}
