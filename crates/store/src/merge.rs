use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use apd_points::sync_folder;

use crate::{Bank, BankWriter, Error, Header};

#[cfg(test)]
mod tests;

/// Copies the chains of several banks into a new one with this header, row by row: the bytes are those of a bank into which all chains were
/// sampled.
///
/// Whether the chains are of one posterior is for the caller to know; rows of other lengths or layouts are refused.
///
/// It is there once it is whole: until then its rows are in a folder beside it, whose name ends in `.merging`.
///
/// **Errors**: a damaged bank (all of it is read, since what is written has new checksums); a row or layout that is not the header's; a chain that two of the banks have; something that is there already.
pub fn merge(banks: &[Bank], out: impl AsRef<Path>, header: Header) -> Result<(), Error> {
    let mut homes = BTreeMap::new();
    for bank in banks {
        let expected = |expected: &str| Error::format(bank.path(), expected.to_owned(), "others");
        if bank.dim() != header.dim {
            return Err(expected(&format!("rows of {} numbers as in the banks before it", header.dim)));
        }
        if bank.header().layout != header.layout {
            return Err(expected("parameters of the names and shapes of the banks before it"));
        }
        for chain in bank.info().chains.into_keys() {
            if let Some(other) = homes.insert(chain, bank.path()) {
                let found = format!("chain {chain}, which {} has too", other.display());
                return Err(Error::format(bank.path(), "chains that no bank before it has", found));
            }
        }
    }
    let out = out.as_ref();
    if out.exists() {
        return Err(Error::Exists { path: out.to_owned() });
    }
    let mut name = out.as_os_str().to_owned();
    name.push(".merging");
    let part = Path::new(&name);
    // What is left of a merge that was killed.
    if part.exists() {
        fs::remove_dir_all(part).map_err(Error::io(part))?;
    }
    let mut writer = BankWriter::create(part, header)?;
    for bank in banks {
        bank.verify()?;
        for row in 0..bank.len() {
            let meta = bank.meta(row);
            writer.push(meta.chain, meta.step, meta.weight, meta.potential, bank.row(row))?;
        }
    }
    writer.finish()?;
    fs::rename(part, out).map_err(Error::io(out))?;
    Ok(sync_folder(out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?)
}
