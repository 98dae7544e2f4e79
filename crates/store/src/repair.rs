//! What is left of a damaged bank.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::atomic::sync_folder;
use crate::bank::checked_shard;
use crate::manifest::{Manifest, Shard};
use crate::writer::lock;

#[cfg(test)]
mod tests;

/// Where files go that a repair takes out of a bank.
const ASIDE: &str = "damaged";

/// What [`repair`] kept and what it did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Rows that are left, by chain.
    pub kept: BTreeMap<u32, usize>,
    /// Rows that are lost, by chain; chains that lost none are not there.
    pub lost: BTreeMap<u32, usize>,
    /// Why the first shard of a chain that was given up is damaged, in the order of the chains.
    pub reasons: Vec<String>,
    /// Files that were moved out of the way.
    pub moved: Vec<PathBuf>,
}

/// Makes a damaged bank whole again: of each chain it keeps the shards before the first one that is missing, torn or changed.
///
/// A chain's later shards are given up too: rows are ordered by step, and a gap in them would pass for thinning. Files that are given
/// up move to the folder `damaged` inside the bank; nothing is deleted. Of a bank that is whole nothing is changed. A
/// [`BankWriter`](crate::BankWriter) resumes after the rows that are left.
///
/// **Errors**: no manifest, or a damaged one (without it nothing says which rows there were); another writer; a file that cannot be moved.
///
/// ```
/// use apd_store::{Bank, BankWriter, Header, repair};
///
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path().join("bank");
/// let mut writer = BankWriter::create(&dir, Header { rows_per_shard: 2, ..Header::new(1) })?;
/// for step in 0..6 {
///     writer.push(0, step, 1.0, 0.0, &[step as f32])?;
/// }
/// writer.finish()?;
///
/// std::fs::write(dir.join("shard-0-00001.safetensors"), b"torn")?; // what a bad disk does
/// assert!(Bank::open(&dir).is_err());
///
/// let repaired = repair(&dir)?;
/// assert_eq!((repaired.kept[&0], repaired.lost[&0]), (2, 4));
/// assert_eq!(Bank::open(&dir)?.verify()?.rows, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn repair(dir: impl AsRef<Path>) -> Result<Repaired, Error> {
    let dir = dir.as_ref();
    Manifest::read(dir)?;
    let _lock = lock(dir)?;
    let manifest = Manifest::read(dir)?;
    let (mut repaired, mut kept, mut aside) = (Repaired::default(), Vec::new(), Vec::new());
    for shard in &manifest.shards {
        let chain = shard.chain;
        let given_up = repaired.lost.contains_key(&chain);
        let damage = if given_up { None } else { damage(dir, &manifest, shard).err() };
        if let Some(damage) = &damage {
            repaired.reasons.push(damage.to_string());
        }
        if given_up || damage.is_some() {
            *repaired.lost.entry(chain).or_default() += shard.rows;
            aside.push(&shard.file);
        } else {
            *repaired.kept.entry(chain).or_default() += shard.rows;
            kept.push(shard.clone());
        }
    }
    if aside.is_empty() {
        return Ok(repaired);
    }
    // First the manifest: until then the bank is as damaged as it was, afterwards nobody asks for the files.
    Manifest::new(manifest.header.clone(), kept).write(dir)?;
    let folder = dir.join(ASIDE);
    fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
    for file in aside {
        let (from, to) = (dir.join(file), folder.join(file));
        match fs::rename(&from, &to) {
            Ok(()) => repaired.moved.push(to),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::io(&from)(e)),
        }
    }
    sync_folder(&folder)?;
    Ok(repaired)
}

/// Reads all of a shard.
fn damage(dir: &Path, manifest: &Manifest, shard: &Shard) -> Result<(), Error> {
    let (path, map, _) = checked_shard(dir, &manifest.header, shard)?;
    let found = crc32fast::hash(map.bytes());
    if found != shard.crc32 {
        return Err(Error::Checksum { path, expected: shard.crc32, found });
    }
    Ok(())
}

impl fmt::Display for Repaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reasons.iter().try_for_each(|reason| writeln!(f, "damaged: {reason}"))?;
        let chains: std::collections::BTreeSet<&u32> = self.kept.keys().chain(self.lost.keys()).collect();
        for chain in chains {
            let of = |rows: &BTreeMap<u32, usize>| rows.get(chain).copied().unwrap_or_default();
            writeln!(f, "chain {chain}: {} rows kept, {} lost", of(&self.kept), of(&self.lost))?;
        }
        self.moved.iter().try_for_each(|path| writeln!(f, "moved: {}", path.display()))?;
        match self.lost.is_empty() {
            true => write!(f, "nothing to repair"),
            false => write!(f, "to sample what is missing, give the command that made the bank again, with --resume"),
        }
    }
}
