//! The repair of a damaged bank.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use apd_points::{FileError, sync_folder};

use crate::bank::{CHAIN_KEY, CHECKSUM_KEY, HEADER_KEY, INDEX_KEY, check_table, checked_shard};
use crate::checksum::Checksum;
use crate::manifest::{FILE, Manifest, Shard};
use crate::map::Map;
use crate::tensors::{self, Table};
use crate::writer::LOCK;
use crate::{Error, Header, Lock};

#[cfg(test)]
mod tests;

/// The folder for files that a repair takes out of a bank.
const ASIDE: &str = "damaged";

/// The rows that [`repair`] kept and those that it did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repaired {
    /// Rows that are left, by chain.
    pub kept: BTreeMap<u32, usize>,
    /// Rows that are lost, by chain; chains that lost none are not there.
    pub lost: BTreeMap<u32, usize>,
    /// What is wrong with the manifest, where that is why the shards were asked, and with the first shard of each chain that was given up.
    pub reasons: Vec<String>,
    /// Files that were moved out of the way.
    pub moved: Vec<PathBuf>,
}

/// Makes a damaged bank whole again: it keeps each chain's shards before the first one that is missing, torn or changed.
///
/// A chain's later shards are given up too: rows are ordered by step, and a gap in them would pass for thinning. Files that are given
/// up move to the folder `damaged` inside the bank; nothing is deleted. A bank that is whole stays as it is. A
/// [`BankWriter`](crate::BankWriter) resumes after the rows that are left.
///
/// A manifest that is missing or damaged is made anew from the shards, each of which knows the bank's header, its place and a checksum of
/// its numbers. Whether a chain had further shards, nothing says then.
///
/// **Errors**: a folder that holds neither a manifest nor a shard that can be read; a manifest of another version; another writer; a file
/// that cannot be moved.
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
    // Before the lock, which would leave its file in a folder that holds no bank.
    if let Err(e) = Manifest::read(dir)
        && Shard::files(dir)?.is_empty()
    {
        return Err(e);
    }
    let _lock = Lock::acquire(dir, LOCK)?;
    let Contents { header, shards, without_manifest } = Contents::of(dir)?;
    let manifest_damaged = without_manifest.is_some() && dir.join(FILE).exists();
    let mut repaired = Repaired { reasons: Vec::from_iter(without_manifest), ..Repaired::default() };
    let (mut kept, mut aside) = (Vec::<Shard>::new(), Vec::new());
    for Candidate { file, chain, index, rows, outcome } in shards {
        let last = kept.last().filter(|last| last.chain == chain);
        // A part-filled shard is the last of its chain.
        let place = last.map_or(Some(0), |last| (last.rows == header.rows_per_shard).then_some(last.index + 1));
        let reason = match &outcome {
            Err(damage) => Some(damage.to_string()),
            Ok(_) if place != Some(index) => {
                Some(format!("{}: the shard before it is missing", dir.join(&file).display()))
            }
            Ok(_) => None,
        };
        match outcome {
            Ok(shard) if reason.is_none() && !repaired.lost.contains_key(&chain) => {
                *repaired.kept.entry(chain).or_default() += rows;
                kept.push(shard);
            }
            _ => {
                if !repaired.lost.contains_key(&chain) {
                    repaired.reasons.extend(reason);
                }
                *repaired.lost.entry(chain).or_default() += rows;
                aside.push(file);
            }
        }
    }
    if repaired.reasons.is_empty() {
        return Ok(repaired);
    }
    let folder = dir.join(ASIDE);
    fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
    if manifest_damaged {
        let (from, to) = (dir.join(FILE), folder.join(FILE));
        fs::copy(&from, &to).map_err(Error::io(&from))?;
        repaired.moved.push(to);
    }
    // First the manifest: until then the bank is as damaged as it was, afterwards nobody asks for the files.
    Manifest::new(header, kept).write(dir)?;
    for file in aside {
        let (from, to) = (dir.join(&file), folder.join(file));
        match fs::rename(&from, &to) {
            Ok(()) => repaired.moved.push(to),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::io(&from)(e)),
        }
    }
    sync_folder(&folder.join(FILE))?;
    Ok(repaired)
}

/// What there is to judge.
struct Contents {
    header: Header,
    /// The shards by chain, then index.
    shards: Vec<Candidate>,
    /// Why the shards had to be asked, where they had.
    without_manifest: Option<String>,
}

/// A shard that the manifest lists, or whose name is that of one.
struct Candidate {
    file: String,
    chain: u32,
    index: u32,
    rows: usize,
    outcome: Result<Shard, Error>,
}

impl Contents {
    /// The contents by the manifest if it can be read, else by the shards.
    fn of(dir: &Path) -> Result<Self, Error> {
        match Manifest::read(dir) {
            Ok(Manifest { header, shards, .. }) => {
                let judged = |shard: Shard| Candidate {
                    file: shard.file.clone(),
                    chain: shard.chain,
                    index: shard.index,
                    rows: shard.rows,
                    outcome: damage(dir, &header, &shard).map(|()| shard),
                };
                let shards = shards.into_iter().map(judged).collect();
                Ok(Self { header, shards, without_manifest: None })
            }
            Err(e @ Error::File(FileError::Io { .. })) => Err(e),
            Err(e @ (Error::File(_) | Error::Checksum { .. })) => Self::of_shards(dir, e),
            Err(e) => Err(e),
        }
    }

    fn of_shards(dir: &Path, without_manifest: Error) -> Result<Self, Error> {
        let mut header: Option<Header> = None;
        let mut places: BTreeMap<(u32, u32), Vec<Candidate>> = BTreeMap::new();
        for (file, (chain, index, part)) in Shard::files(dir)? {
            let outcome = standing_alone(dir, &file, &mut header);
            let full = header.as_ref().map_or(0, |header| header.rows_per_shard);
            let candidate = Candidate { file, chain, index, rows: part.unwrap_or(full), outcome };
            places.entry((chain, index)).or_default().push(candidate);
        }
        let Some(header) = header else { return Err(without_manifest) };
        // A crash may have left the part-filled shard beside the one that replaced it: the most that is whole, or else the most there was.
        let best = |mut candidates: Vec<Candidate>| {
            candidates.sort_by_key(|candidate| (candidate.outcome.is_ok(), candidate.rows));
            candidates.pop()
        };
        let shards = places.into_values().filter_map(best).collect();
        let reason = format!("{without_manifest}; made anew from the shards");
        Ok(Self { header, shards, without_manifest: Some(reason) })
    }
}

/// Reads all of a shard that the manifest lists.
fn damage(dir: &Path, header: &Header, shard: &Shard) -> Result<(), Error> {
    let (path, map, _) = checked_shard(dir, header, shard)?;
    let found = crc32fast::hash(map.bytes());
    if found != shard.crc32 {
        return Err(Error::Checksum { path, expected: shard.crc32, found });
    }
    Ok(())
}

/// Reads all of a shard that no manifest speaks for. `header` is that of the shards before it, or becomes this one's.
fn standing_alone(dir: &Path, file: &str, header: &mut Option<Header>) -> Result<Shard, Error> {
    let path = dir.join(file);
    let map = Map::open(&path, "a shard")?;
    let bytes = map.bytes();
    let table = tensors::parse(&path, bytes)?;
    let of = |key: &str| {
        let missing = || Error::format(&path, format!("a shard that says its `{key}`"), "none");
        table.metadata.get(key).ok_or_else(missing)
    };
    let (text, said) = (of(HEADER_KEY)?, of(CHECKSUM_KEY)?);
    let found = Checksum::of([text.as_bytes(), &bytes[table.data..]]).to_string();
    if *said != found {
        return Err(Error::format(&path, format!("a header and numbers with checksum {said}"), found));
    }
    let own: Header = serde_json::from_str(text)
        .map_err(|e| Error::format(&path, format!("the bank's header in `{HEADER_KEY}`"), e.to_string()))?;
    own.check(&path)?;
    let header = header.get_or_insert_with(|| own.clone());
    check_table(&path, &table, table.rows, header.dim)?;
    let step = |row| table.step.map_or(0, |column| u64::from_le_bytes(Table::cell(column, bytes, row)));
    let (chain, index) = (of(CHAIN_KEY)?.parse().unwrap_or(u32::MAX), of(INDEX_KEY)?.parse().unwrap_or(u32::MAX));
    let full = table.rows == header.rows_per_shard;
    if own != *header || table.rows == 0 || Shard::name(chain, index, table.rows, full) != file {
        return Err(Error::format(&path, "a shard of this bank under its own name", "another bank's, or another name"));
    }
    Ok(Shard {
        file: file.to_owned(),
        chain,
        index,
        rows: table.rows,
        first_step: step(0),
        last_step: step(table.rows - 1),
        bytes: bytes.len() as u64,
        crc32: crc32fast::hash(bytes),
    })
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
        match (self.reasons.is_empty(), self.lost.is_empty()) {
            (true, _) => write!(f, "nothing to repair"),
            (false, true) => write!(f, "every row that was found is kept"),
            (false, false) => {
                write!(f, "to sample what is missing, give the command that made the bank again, with --resume")
            }
        }
    }
}
