use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use apd_points::Layout;
use ndarray::Array2;

use crate::checksum::implied_crc32;
use crate::manifest::{FILE, Manifest, Shard as Listed};
use crate::map::Map;
use crate::tensors::{self, Table};
use crate::{Error, Header};

mod content;
mod draw;
mod export;
mod foreign;
#[cfg(test)]
mod tests;
mod verify;

use content::Content;
pub use verify::Verified;

/// Metadata key under which files say how a row is laid out, as JSON `[[name, [length, …]], …]`.
pub(crate) const LAYOUT_KEY: &str = "apd.layout";
/// What else a shard says of itself, so that a bank can do without its manifest: the bank's [`Header`] as JSON, chain and index, and the
/// CRC-32 of that header and its numbers.
pub(crate) const HEADER_KEY: &str = "apd.header";
pub(crate) const CHAIN_KEY: &str = "apd.chain";
pub(crate) const INDEX_KEY: &str = "apd.index";
pub(crate) const CHECKSUM_KEY: &str = "apd.crc32";

/// A posterior bank on disk, read by memory map: rows cost nothing until they are touched, and are never copied.
///
/// [`open`](Self::open) takes the folder of a [`BankWriter`](crate::BankWriter), and what others write:
///
/// - `.npy`, an n×d array of any type of number and in any order; `.npz`, with an array `theta`, or only one;
/// - `.safetensors`, with an n×d tensor `theta`, or only one; beside it `weight`, `potential`, `chain` and `step`, if they are known;
/// - `.safetensors` or `.npz` with the parameters of n networks, each of them stacked along a first axis of length n;
/// - a folder of `.safetensors` files, each with the parameters (the `state_dict`) of one network.
///
/// They may be compressed by gzip. Float32 in C order is read where it lies; everything else is converted, in memory. Rows are ordered by
/// chain, then step; in a folder of networks by the files' names.
///
/// Opening checks structure (which files, their sizes, types and shapes) and is cheap; [`verify`](Self::verify) reads all
/// bytes. While a bank is open, its files may be replaced or removed, but must not be changed in place or truncated by
/// another program: reading such a row would end the process, as with any memory map. This crate never does that.
///
/// `Send + Sync`: several threads may read.
#[derive(Debug)]
pub struct Bank {
    path: PathBuf,
    kind: Kind,
    header: Header,
    shards: Vec<Shard>,
    /// First row of each shard, and the number of rows.
    starts: Vec<usize>,
}

#[derive(Debug)]
struct Shard {
    path: PathBuf,
    chain: u32,
    content: Content,
    /// Size of the file.
    bytes: u64,
    crc32: Option<u32>,
}

/// The source of a bank's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A folder with a manifest and shards.
    Folder,
    /// One `.safetensors` file.
    Safetensors,
    /// One `.npy` file.
    Npy,
    /// One `.npz` archive.
    Npz,
    /// A folder of networks in `.safetensors` files.
    StateDicts,
}

/// The metadata of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct RowMeta {
    /// Chain that drew it; 0 in files that do not say.
    pub chain: u32,
    /// Step of the chain; the row's number in files that do not say.
    pub step: u64,
    /// Weight in posterior averages; 1 in files that do not say.
    pub weight: f64,
    /// U(θ) in nats at full-data scale, as estimated when the row was drawn; NaN if unknown.
    pub potential: f64,
}

impl Bank {
    /// Opens a bank: the folder of a writer (which may still be writing), or what others write (see [`Bank`]).
    ///
    /// Leftovers of a killed writer are ignored.
    ///
    /// **Errors** name the file and what was expected in it: missing or resized shards, shards of another bank, other versions, shapes or
    /// types; numbers that float32 cannot hold; weights that are negative or not finite.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let metadata = fs::metadata(path).map_err(Error::open(path, "a folder, a .npy, .npz or .safetensors file"))?;
        if !metadata.is_dir() {
            return foreign::open_file(path);
        }
        if !path.join(FILE).exists() && Listed::files(path)?.is_empty() {
            let state_dicts = state_dicts(path)?;
            if !state_dicts.is_empty() {
                return foreign::open_state_dicts(path, state_dicts);
            }
        }
        Self::open_folder(path)
    }

    fn open_folder(path: &Path) -> Result<Self, Error> {
        let mut manifest = Manifest::read(path)?;
        loop {
            let shard = |listed: &Listed| {
                let (path, map, table) = checked_shard(path, &manifest.header, listed)?;
                let content = Content::Mapped(map, table);
                Ok(Shard { path, chain: listed.chain, content, bytes: listed.bytes, crc32: Some(listed.crc32) })
            };
            let shards: Result<Vec<Shard>, Error> = manifest.shards.iter().map(shard).collect();
            let whole = shards.and_then(|shards| no_strangers(path, &manifest).map(|()| shards));
            match whole {
                Ok(shards) => return Ok(Self::new(path, Kind::Folder, manifest.header, shards)),
                Err(e) => {
                    // A writer at work may have replaced a part-filled shard, or added some, since we read the manifest.
                    let newer = Manifest::read(path)?;
                    if newer == manifest {
                        return Err(e);
                    }
                    manifest = newer;
                }
            }
        }
    }

    /// Takes in what a writer has added since the bank was opened; returns the number of new rows.
    ///
    /// Rows stay in the order chain, then step, so that those of later chains get higher numbers: a follower tells rows apart by
    /// [`meta`](Self::meta). Costs what opening costs, milliseconds. A bank in one file stays as it is.
    ///
    /// **Errors**: as [`open`](Self::open), and another bank in the place of this one; the bank then stays as it was.
    ///
    /// ```
    /// use apd_store::{Bank, BankWriter, Header};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// # let dir = dir.path().join("bank");
    /// let mut writer = BankWriter::create(&dir, Header::new(1))?.chain(0)?;
    /// let mut bank = Bank::open(&dir)?;
    /// for step in 0..3 {
    ///     writer.push(step, 1.0, 0.0, &[step as f32])?;
    /// }
    /// assert_eq!(bank.refresh()?, 0); // they are in the writer's memory still
    /// writer.flush()?;
    /// assert_eq!((bank.refresh()?, bank.row(2)), (3, &[2.0][..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn refresh(&mut self) -> Result<usize, Error> {
        if self.kind != Kind::Folder {
            return Ok(0);
        }
        let (before, now) = (self.len(), Self::open_folder(&self.path)?);
        if now.header != self.header || now.len() < before {
            let found = format!("another, or {} of its rows", now.len());
            return Err(Error::format(&self.path, format!("the same bank, of at least {before} rows"), found));
        }
        *self = now;
        Ok(self.len() - before)
    }

    fn new(path: &Path, kind: Kind, header: Header, shards: Vec<Shard>) -> Self {
        let mut starts = vec![0];
        for shard in &shards {
            starts.push(starts[starts.len() - 1] + shard.content.rows());
        }
        Self { path: path.to_owned(), kind, header, shards, starts }
    }

    /// n, the rows.
    pub fn len(&self) -> usize {
        self.starts[self.shards.len()]
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// d, the length of a row.
    pub fn dim(&self) -> usize {
        self.header.dim
    }

    /// Dimension, layout and metadata. For a bank in one file, `rows_per_shard` is a default without meaning.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The folder or file that it was opened from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Row `i`, without a copy.
    ///
    /// **Shapes** d. **Panics** if `i` ≥ `len()`.
    #[track_caller]
    pub fn row(&self, i: usize) -> &[f32] {
        let (shard, row) = self.locate(i);
        shard.content.row(row)
    }

    /// Chain, step, weight and potential of row `i`.
    ///
    /// **Panics** if `i` ≥ `len()`.
    #[track_caller]
    pub fn meta(&self, i: usize) -> RowMeta {
        let (shard, row) = self.locate(i);
        let unknown = RowMeta { chain: shard.chain, step: i as u64, weight: 1.0, potential: f64::NAN };
        shard.content.meta(row, unknown)
    }

    /// Whether all rows have the same weight, so that a plain average over them is the posterior's.
    pub fn has_equal_weights(&self) -> bool {
        let mut weights = (0..self.len()).map(|i| self.meta(i).weight);
        let first = weights.next();
        weights.all(|weight| Some(weight) == first)
    }

    fn check_weights(&self) -> Result<(), Error> {
        let sum = (0..self.len()).try_fold(0.0, |sum, i| {
            let RowMeta { chain, step, weight, .. } = self.meta(i);
            match weight.is_finite() && weight >= 0.0 {
                true => Ok(sum + weight),
                false => {
                    let (path, row, what) = (self.path.clone(), i as u64, "weight".to_owned());
                    Err(Error::Value { path, row, chain, step, what, value: weight })
                }
            }
        })?;
        match sum > 0.0 || self.is_empty() {
            true => Ok(()),
            false => Err(Error::format(&self.path, "weights of which one is positive", "none")),
        }
    }

    /// All rows in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        (0..self.len()).map(|i| self.row(i))
    }

    /// Copies some rows into an array, for those who need one.
    ///
    /// **Shapes** `indices.len()`×d. **Panics** on an index ≥ `len()`.
    #[track_caller]
    pub fn gather(&self, indices: &[usize]) -> Array2<f32> {
        let mut data = Vec::with_capacity(indices.len() * self.dim());
        for &i in indices {
            data.extend_from_slice(self.row(i));
        }
        Array2::from_shape_vec((indices.len(), self.dim()), data).expect("one row of length d per index")
    }

    #[track_caller]
    fn locate(&self, i: usize) -> (&Shard, usize) {
        assert!(i < self.len(), "row {i} of a bank of {} rows", self.len());
        let shard = self.starts.partition_point(|start| *start <= i) - 1;
        (&self.shards[shard], i - self.starts[shard])
    }

    /// A summary to print.
    pub fn info(&self) -> BankInfo {
        let mut chains: BTreeMap<u32, ChainInfo> = BTreeMap::new();
        for i in 0..self.len() {
            let meta = self.meta(i);
            let chain = chains.entry(meta.chain).or_insert(ChainInfo { rows: 0, first_step: meta.step, last_step: 0 });
            chain.rows += 1;
            chain.last_step = meta.step;
        }
        BankInfo {
            path: self.path.clone(),
            kind: self.kind,
            rows: self.len(),
            dim: self.dim(),
            shards: self.shards.len(),
            bytes: self.shards.iter().map(|s| s.bytes).sum(),
            chains,
            layout: self.header.layout.clone(),
            metadata: self.header.metadata.clone(),
        }
    }
}

/// Maps a listed shard and checks that it is what the manifest says, short of its checksum.
pub(crate) fn checked_shard(dir: &Path, header: &Header, listed: &Listed) -> Result<(PathBuf, Map, Table), Error> {
    let path = dir.join(&listed.file);
    let map = Map::open(&path, "a shard that the manifest lists")?;
    let found = map.bytes().len() as u64;
    if found != listed.bytes {
        return Err(Error::length(&path, listed.bytes, found));
    }
    let table = tensors::parse(&path, map.bytes())?;
    check_table(&path, &table, listed.rows, header.dim)?;
    // By what the shard says of itself: only `verify` reads the numbers.
    let said = |key: &str| table.metadata.get(key);
    if let (Some(header), Some(checksum)) = (said(HEADER_KEY), said(CHECKSUM_KEY))
        && implied_crc32(map.bytes(), table.data, header, checksum) != Some(listed.crc32)
    {
        return Err(Error::format(
            &path,
            "the shard that the manifest lists",
            "another one, of another bank or another run",
        ));
    }
    Ok((path, map, table))
}

/// The files of a folder that may hold networks.
fn state_dicts(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).map_err(Error::io(folder))?;
    let paths = entries.map(|entry| Ok(entry.map_err(Error::io(folder))?.path()));
    let is_one = |path: &PathBuf| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("safetensors"));
    paths.filter(|path: &Result<PathBuf, Error>| path.as_ref().map_or(true, is_one)).collect()
}

/// That no shard in the folder is another bank's: one that the manifest does not list may be what a killed writer left, which is of the same
/// bank, and either the next of its chain or an earlier state of a listed one.
fn no_strangers(folder: &Path, manifest: &Manifest) -> Result<(), Error> {
    for (file, (chain, index, _)) in Listed::files(folder)? {
        if manifest.shards.iter().any(|listed| listed.file == file) {
            continue;
        }
        let path = folder.join(file);
        let next = manifest.shards.iter().filter(|listed| listed.chain == chain).count() as u64;
        let header = match Map::open(&path, "a shard").and_then(|map| tensors::parse(&path, map.bytes())) {
            Ok(table) => table.metadata.get(HEADER_KEY).and_then(|header| serde_json::from_str::<Header>(header).ok()),
            // Removed by the writer meanwhile, or torn: not the one or the other bank's.
            Err(_) => continue,
        };
        if u64::from(index) > next || header.is_some_and(|header| header != manifest.header) {
            let found = "one of another bank; `apd bank merge` makes one bank of two";
            return Err(Error::format(&path, "a shard that the manifest lists", found));
        }
    }
    Ok(())
}

/// Whether a shard's tensors are those of so many rows of a bank.
pub(crate) fn check_table(path: &Path, table: &Table, rows: usize, dim: usize) -> Result<(), Error> {
    if (table.rows, table.dim) != (rows, dim) {
        let expected = format!("{rows} rows of dimension {dim}");
        return Err(Error::format(path, expected, format!("{} rows of dimension {}", table.rows, table.dim)));
    }
    if table.step.is_none() || table.weight.is_none() || table.potential.is_none() || table.chain.is_some() {
        return Err(Error::format(path, "tensors step, weight, potential and theta", "others"));
    }
    Ok(())
}

/// The content of a bank in figures; its `Display` is the text of `apd bank info`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BankInfo {
    /// Folder or file.
    pub path: PathBuf,
    /// Which of them.
    pub kind: Kind,
    /// n.
    pub rows: usize,
    /// d.
    pub dim: usize,
    /// Files with rows.
    pub shards: usize,
    /// Their size together.
    pub bytes: u64,
    /// The chains, by number.
    pub chains: BTreeMap<u32, ChainInfo>,
    /// The parts of a row.
    pub layout: Layout,
    /// Anything that the writer wanted kept with the rows.
    pub metadata: BTreeMap<String, String>,
}

/// One chain of a bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainInfo {
    /// Its rows.
    pub rows: usize,
    /// Step of its first row.
    pub first_step: u64,
    /// Step of its last row.
    pub last_step: u64,
}

impl fmt::Display for BankInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Folder => "posterior bank",
            Kind::Safetensors => "safetensors file",
            Kind::Npy => "npy file",
            Kind::Npz => "npz archive",
            Kind::StateDicts => "folder of state_dicts",
        };
        writeln!(f, "{}: {kind}", self.path.display())?;
        writeln!(f, "rows       {}", self.rows)?;
        writeln!(f, "dimension  {}", self.dim)?;
        writeln!(f, "bytes      {} in {} file(s)", self.bytes, self.shards)?;
        for (chain, c) in &self.chains {
            writeln!(f, "chain {chain:<4} {} rows, steps {}..={}", c.rows, c.first_step, c.last_step)?;
        }
        for (name, shape) in self.layout.parameters() {
            writeln!(f, "part       {} {shape:?}", printable(name))?;
        }
        for (key, value) in &self.metadata {
            writeln!(f, "{} = {}", printable(key), printable(value))?;
        }
        Ok(())
    }
}

/// Text of others, for a terminal: no escape sequence gets through, and a further line cannot pass for one of ours.
fn printable(text: &str) -> String {
    let lines = text.trim_end().split('\n').map(|line| line.trim_end_matches('\r'));
    // Beside control characters, those that turn the direction of what follows.
    let shown = |c: char| match c.is_control() && c != '\t'
        || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    lines.map(|line| line.chars().map(shown).collect::<String>()).collect::<Vec<_>>().join("\n    ")
}
