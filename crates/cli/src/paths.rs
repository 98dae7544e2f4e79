//! Names of files that follow from others.

use std::path::{Path, PathBuf};

use anyhow::Result;
use apd_points::AtomicFile;

/// The path with an ending behind its whole name: names have dots of their own, as `bank-lr0.1` has.
pub(crate) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    // `.` and `..` have no name until they are looked up.
    let path = if path.file_name().is_none() { path.canonicalize().unwrap_or_default() } else { path.to_owned() };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

/// Whether a file can be written there: asked before the work, not after it.
///
/// **Errors**: a folder that is not there or cannot be written to.
pub(crate) fn check_writable(path: &Path) -> Result<()> {
    // Vanishes again, and what was there stays.
    AtomicFile::create(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_appended() {
        for (path, expected) in
            [("bank-lr0.1", "bank-lr0.1.npy"), ("a.b/bank/", "a.b/bank.npy"), ("rows.npy", "rows.npy.npy")]
        {
            assert_eq!(with_ending(Path::new(path), "npy"), Path::new(expected));
        }
    }
}
