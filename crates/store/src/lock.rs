use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::Error;

/// The right to write in a folder, or to one file in it, which one process at a time has.
///
/// The system takes it back when the process ends, however it ends; the file, which holds the process's number, stays unless it is
/// [removed](Self::remove).
///
/// ```
/// use apd_store::{Error, Lock};
///
/// # let dir = tempfile::tempdir()?;
/// let lock = Lock::acquire(dir.path(), "run.lock")?;
/// let error = Lock::acquire(dir.path(), "run.lock").unwrap_err();
/// assert!(matches!(error, Error::Locked { process: Some(process), .. } if process == std::process::id()));
/// drop(lock);
/// Lock::acquire(dir.path(), "run.lock")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Lock {
    /// Held for its lock.
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Locks the file `name` in `folder`; makes it if need be.
    ///
    /// **Errors** if somebody has it, or the file cannot be made.
    pub fn acquire(folder: impl AsRef<Path>, name: &str) -> Result<Self, Error> {
        let mut path = folder.as_ref().join(name);
        loop {
            let mut options = File::options();
            let file = options.read(true).write(true).create(true).truncate(false).open(&path);
            let file = file.map_err(Error::io(&path))?;
            match file.try_lock() {
                Ok(()) => (),
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::Locked { path: folder.as_ref().to_owned(), process: process(&file) });
                }
                Err(TryLockError::Error(e)) => return Err(Error::io(&path)(e)),
            }
            let mut lock = Self { file, path };
            if lock.is_there() {
                lock.sign();
                return Ok(lock);
            }
            // Removed by whoever had it, after it was opened here: what was locked is nobody's.
            path = lock.path;
        }
    }

    /// Gives the right back, and leaves no file.
    pub fn remove(self) {
        // While it is held: a file that somebody else has made would be removed otherwise. One that stays does no harm.
        let _ = fs::remove_file(&self.path);
    }

    /// Whether the locked file is the one of that name still.
    #[cfg(unix)]
    fn is_there(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        match (self.file.metadata(), fs::metadata(&self.path)) {
            (Ok(locked), Ok(named)) => identity(locked) == identity(named),
            _ => false,
        }
    }

    /// Elsewhere a file that is open keeps its name.
    #[cfg(not(unix))]
    fn is_there(&self) -> bool {
        true
    }

    /// Who has it is a courtesy: a full disk does not keep anybody from working.
    fn sign(&mut self) {
        let _ = self.file.set_len(0).and_then(|()| write!(self.file, "{}", std::process::id()));
    }
}

/// The process that has signed a lock's file, where that can be read.
fn process(mut file: &File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests;
