use std::fs::{File, TryLockError};
use std::path::Path;

use crate::Error;

/// The right to write in a folder, which one process at a time has.
///
/// The system takes it back when the process ends, however it ends; the file, which is empty, stays.
///
/// ```
/// use apd_store::{Error, Lock};
///
/// # let dir = tempfile::tempdir()?;
/// let lock = Lock::acquire(dir.path(), "run.lock")?;
/// assert!(matches!(Lock::acquire(dir.path(), "run.lock"), Err(Error::Locked { .. })));
/// drop(lock);
/// Lock::acquire(dir.path(), "run.lock")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Lock {
    /// Held for its lock.
    _file: File,
}

impl Lock {
    /// Locks the file `name` in `folder`; makes it if need be.
    ///
    /// **Errors** if somebody has it, or the file cannot be made.
    pub fn acquire(folder: impl AsRef<Path>, name: &str) -> Result<Self, Error> {
        let folder = folder.as_ref();
        let path = folder.join(name);
        let file = File::options().write(true).create(true).truncate(false).open(&path).map_err(Error::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::Locked { path: folder.to_owned() }),
            Err(TryLockError::Error(e)) => Err(Error::io(&path)(e)),
        }
    }
}
