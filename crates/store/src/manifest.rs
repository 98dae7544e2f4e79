//! `manifest.json`: the one file that says which shards belong to a bank.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use apd_points::{Layout, write_atomic};
use serde::{Deserialize, Serialize};

use crate::Error;

#[cfg(test)]
mod tests;

pub(crate) const FILE: &str = "manifest.json";
const FORMAT: &str = "apd-posterior-bank";
const VERSION: u32 = 1;
/// About 300 000 shards.
const MAX_BYTES: u64 = 64 << 20;
const DEFAULT_SHARD_BYTES: usize = 32 << 20;

/// The description of a bank, written once, when it is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// d, the length of every row.
    pub dim: usize,
    /// Rows that a shard is closed at; what is not yet in a shard is lost in a crash, and is held in memory.
    pub rows_per_shard: usize,
    /// The parts of a row, in order; empty if nothing is known of them.
    #[serde(with = "pairs")]
    pub layout: Layout,
    /// Anything worth keeping with the samples: the run's configuration, its seed, the data set.
    pub metadata: BTreeMap<String, String>,
}

impl Header {
    /// Rows of length `dim` without layout or metadata, in shards of about 32 MiB.
    pub fn new(dim: usize) -> Self {
        let rows_per_shard = (DEFAULT_SHARD_BYTES / dim.saturating_mul(4).max(1)).clamp(1, 4096);
        Self { dim, rows_per_shard, layout: Layout::default(), metadata: BTreeMap::new() }
    }

    pub(crate) fn check(&self, path: &Path) -> Result<(), Error> {
        if self.rows_per_shard == 0 {
            return Err(Error::format(path, "at least one row per shard", "0"));
        }
        if self.dim > isize::MAX as usize / 8 {
            return Err(Error::format(path, "a dimension that fits in memory", self.dim.to_string()));
        }
        if !self.layout.entries.is_empty() && self.layout.len() != self.dim {
            return Err(Error::format(
                path,
                format!("a layout of {} numbers", self.dim),
                self.layout.len().to_string(),
            ));
        }
        Ok(())
    }
}

/// A layout in files: `[[name, [length, …]], …]`.
pub(crate) mod pairs {
    use apd_points::Layout;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(crate) fn serialize<S: Serializer>(layout: &Layout, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(layout.parameters())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Layout, D::Error> {
        Layout::checked(Vec::<(String, Vec<usize>)>::deserialize(deserializer)?).map_err(D::Error::custom)
    }

    pub(crate) fn to_json(layout: &Layout) -> serde_json::Result<String> {
        let mut json = Vec::new();
        serialize(layout, &mut serde_json::Serializer::new(&mut json))?;
        Ok(String::from_utf8(json).expect("JSON is text"))
    }

    pub(crate) fn from_json(json: &str) -> serde_json::Result<Layout> {
        deserialize(&mut serde_json::Deserializer::from_str(json))
    }
}

/// One shard of a bank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shard {
    pub(crate) file: String,
    pub(crate) chain: u32,
    pub(crate) index: u32,
    pub(crate) rows: usize,
    pub(crate) first_step: u64,
    pub(crate) last_step: u64,
    pub(crate) bytes: u64,
    pub(crate) crc32: u32,
}

/// Chain, index, and the rows of a shard that is filled in part.
pub(crate) type Place = (u32, u32, Option<usize>);

impl Shard {
    /// The name of a shard says what is in it: a reader of the old manifest never sees another content under a name.
    pub(crate) fn name(chain: u32, index: u32, rows: usize, full: bool) -> String {
        if full {
            format!("shard-{chain}-{index:05}.safetensors")
        } else {
            format!("shard-{chain}-{index:05}-part{rows}.safetensors")
        }
    }

    /// Files in a folder whose names are those of shards, in an order that is not the file system's.
    pub(crate) fn files(dir: &Path) -> Result<BTreeMap<String, Place>, Error> {
        let entries = fs::read_dir(dir).map_err(Error::open(dir, "the folder of a bank"))?;
        let named = |entry: std::io::Result<fs::DirEntry>| {
            let name = entry.map_err(Error::io(dir))?.file_name().to_string_lossy().into_owned();
            Ok(Self::place(&name).map(|place| (name, place)))
        };
        entries.map(named).filter_map(Result::transpose).collect()
    }

    /// The chain and index in a shard's name.
    pub(crate) fn place(name: &str) -> Option<Place> {
        let mut parts = name.strip_prefix("shard-")?.strip_suffix(".safetensors")?.split('-');
        let (chain, index) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let part = parts.next().map(|part| part.strip_prefix("part")?.parse().ok());
        // `None` inside: a part that is not one.
        match (part, parts.next()) {
            (None, None) => Some((chain, index, None)),
            (Some(Some(rows)), None) => Some((chain, index, Some(rows))),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    format: String,
    version: u32,
    /// The checksum of the whole file, with the eight digits taken as zeros.
    crc32: String,
    pub(crate) header: Header,
    /// Sorted by chain, then index.
    pub(crate) shards: Vec<Shard>,
}

/// A check before anything else is believed.
#[derive(Deserialize)]
struct Preamble {
    format: String,
    version: u64,
}

const UNSET: &str = "00000000";
const FIELD: &str = "\"crc32\": \"";

impl Manifest {
    pub(crate) fn new(header: Header, shards: Vec<Shard>) -> Self {
        Self { format: FORMAT.to_owned(), version: VERSION, crc32: UNSET.to_owned(), header, shards }
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(FILE);
        let io = |e: serde_json::Error| Error::io(&path)(e.into());
        // One that was read has the checksum of its file.
        let unsigned = Self { crc32: UNSET.to_owned(), ..self.clone() };
        let mut text = serde_json::to_string_pretty(&unsigned).map_err(io)?;
        text.push('\n');
        let at = text.find(FIELD).expect("a field of the struct, before any text of the user") + FIELD.len();
        let crc32 = format!("{:08x}", crc32fast::hash(text.as_bytes()));
        text.replace_range(at..at + UNSET.len(), &crc32);
        Ok(write_atomic(&path, text.as_bytes())?)
    }

    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE);
        let mut bytes = Vec::new();
        let file = File::open(&path).map_err(Error::open(&path, "the manifest of a posterior bank"))?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(Error::io(&path))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Error::format(&path, format!("at most {MAX_BYTES} bytes"), "more"));
        }
        Self::parse(&path, bytes)
    }

    fn parse(path: &Path, mut bytes: Vec<u8>) -> Result<Self, Error> {
        let bad = |e: serde_json::Error| Error::format(path, "the manifest of a posterior bank", e.to_string());
        let preamble: Preamble = serde_json::from_slice(&bytes).map_err(bad)?;
        if preamble.format != FORMAT {
            return Err(Error::format(path, format!("format {FORMAT}"), preamble.format));
        }
        if preamble.version != u64::from(VERSION) {
            return Err(Error::Version { path: path.to_owned(), expected: VERSION, found: preamble.version });
        }
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(bad)?;

        let start = bytes.windows(FIELD.len()).position(|w| w == FIELD.as_bytes()).map(|at| at + FIELD.len());
        let digits = start.and_then(|at| bytes.get_mut(at..at + UNSET.len()));
        let Some(digits) = digits else {
            return Err(Error::format(path, "a checksum `crc32`", "none"));
        };
        // Upper case or a sign would parse too: only what `write` writes is the recorded checksum.
        let text = String::from_utf8_lossy(digits).into_owned();
        let expected = u32::from_str_radix(&text, 16).ok().filter(|x| format!("{x:08x}") == text);
        let Some(expected) = expected else {
            return Err(Error::format(path, "a checksum of eight hexadecimal digits", text));
        };
        digits.copy_from_slice(UNSET.as_bytes());
        let found = crc32fast::hash(&bytes);
        if found != expected {
            return Err(Error::Checksum { path: path.to_owned(), expected, found });
        }
        manifest.check(path)?;
        Ok(manifest)
    }

    /// The writer's guarantee, so that no reader need ask again.
    fn check(&self, path: &Path) -> Result<(), Error> {
        self.header.check(path)?;
        let mut total = 0_usize;
        let mut before: Option<&Shard> = None;
        for shard in &self.shards {
            let full = shard.rows == self.header.rows_per_shard;
            let name = Shard::name(shard.chain, shard.index, shard.rows, full);
            // Also keeps the path inside the folder.
            if shard.file != name {
                return Err(Error::format(path, format!("shard {name}"), shard.file.clone()));
            }
            let continues = match before {
                Some(b) if b.chain == shard.chain => {
                    b.rows == self.header.rows_per_shard
                        && b.index.checked_add(1) == Some(shard.index)
                        && b.last_step < shard.first_step
                }
                Some(b) => b.chain < shard.chain && shard.index == 0,
                None => shard.index == 0,
            };
            if !continues || shard.rows == 0 || shard.rows > self.header.rows_per_shard {
                return Err(Error::format(path, "the shards of a chain in order and without a gap", name));
            }
            total = total
                .checked_add(shard.rows)
                .ok_or_else(|| Error::format(path, "a countable number of rows", "an overflow"))?;
            before = Some(shard);
        }
        Ok(())
    }
}
