//! Where a file of a dataset may lie.

use crate::Error;
use std::path::{Path, PathBuf};

/// The first of `folders` × `names` under `dir` that is a file.
///
/// **Errors**: [`Error::Missing`] with everything that was tried.
pub(crate) fn locate(dir: &Path, dataset: &'static str, folders: &[&str], names: &[&str]) -> Result<PathBuf, Error> {
    let mut tried = Vec::with_capacity(folders.len() * names.len());
    for folder in folders {
        for name in names {
            let path = if folder.is_empty() { dir.join(name) } else { dir.join(folder).join(name) };
            if path.is_file() {
                return Ok(path);
            }
            tried.push(path);
        }
    }
    let command = format!("cargo xtask fetch-data {dataset} --data-dir {}", dir.display());
    Err(Error::Missing { dataset, file: names[0].to_owned(), tried, command })
}

#[cfg(test)]
mod tests;
