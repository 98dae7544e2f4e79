use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use ndarray::Array2;

use crate::manifest::{Manifest, Shard as Listed};
use crate::map::Map;
use crate::tensors::{self, Table};
use crate::{Error, Header, npy};

mod draw;
mod export;
#[cfg(test)]
mod tests;
mod verify;

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
/// [`open`](Self::open) takes the folder of a [`BankWriter`](crate::BankWriter), a `.npy` file with an n×d float32 array,
/// or a `.safetensors` file with an n×d F32 tensor (`theta`, or the only one). Rows are ordered by chain, then step.
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
    table: Table,
    map: Map,
    crc32: Option<u32>,
}

/// Where the rows of a bank come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A folder with a manifest and shards.
    Folder,
    /// One `.safetensors` file.
    Safetensors,
    /// One `.npy` file.
    Npy,
}

/// What is known of a row beside its position.
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// Opens a bank: the folder of a writer (which may still be writing), a `.npy`, or a `.safetensors` file.
    ///
    /// Leftovers of a killed writer are ignored.
    ///
    /// **Errors** name the file and what was expected in it: missing or resized shards, other versions, shapes or types.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let metadata = fs::metadata(path).map_err(Error::open(path, "a folder, a .npy or a .safetensors file"))?;
        if metadata.is_dir() {
            return Self::open_folder(path);
        }
        match path.extension().and_then(|e| e.to_str()) {
            Some("npy") => Self::open_npy(path),
            Some("safetensors") => Self::open_safetensors(path),
            _ => Err(Error::format(path, "a folder, a .npy or a .safetensors file", "another kind of file")),
        }
    }

    fn open_folder(path: &Path) -> Result<Self, Error> {
        let mut manifest = Manifest::read(path)?;
        loop {
            let shards: Result<Vec<Shard>, Error> = manifest
                .shards
                .iter()
                .map(|listed| {
                    let (path, map, table) = checked_shard(path, &manifest.header, listed)?;
                    Ok(Shard { path, chain: listed.chain, table, map, crc32: Some(listed.crc32) })
                })
                .collect();
            match shards {
                Ok(shards) => return Ok(Self::new(path, Kind::Folder, manifest.header, shards)),
                Err(e @ Error::Missing { .. }) => {
                    // A writer at work may have replaced a part-filled shard since we read the manifest.
                    let newer = Manifest::read(path)?;
                    if newer == manifest {
                        return Err(e);
                    }
                    manifest = newer;
                }
                Err(e) => return Err(e),
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

    fn open_npy(path: &Path) -> Result<Self, Error> {
        let map = Map::open(path, "a .npy file")?;
        let [rows, dim, offset] = npy::parse(path, map.bytes())?;
        if crate::map::floats(&map.bytes()[offset..]).is_none() {
            return Err(Error::format(path, "data on a multiple of 4 bytes", format!("offset {offset}")));
        }
        let table = Table::bare(rows, dim, offset);
        Self::check_lone(path, &table)?;
        let shard = Shard { path: path.to_owned(), chain: 0, table, map, crc32: None };
        Ok(Self::new(path, Kind::Npy, Header::new(dim), vec![shard]))
    }

    fn open_safetensors(path: &Path) -> Result<Self, Error> {
        let map = Map::open(path, "a .safetensors file")?;
        let table = tensors::parse(path, map.bytes())?;
        Self::check_lone(path, &table)?;
        let mut header = Header::new(table.dim);
        header.metadata = table.metadata.clone();
        if let Some(layout) = header.metadata.remove(LAYOUT_KEY) {
            header.layout = serde_json::from_str(&layout)
                .map_err(|e| Error::format(path, format!("a layout in {LAYOUT_KEY}"), e.to_string()))?;
        }
        header.check(path)?;
        let shard = Shard { path: path.to_owned(), chain: 0, table, map, crc32: None };
        Ok(Self::new(path, Kind::Safetensors, header, vec![shard]))
    }

    /// Rows without numbers take no bytes: a file of a hundred bytes could claim 2^60 of them.
    fn check_lone(path: &Path, table: &Table) -> Result<(), Error> {
        if table.dim == 0 && table.rows > 0 {
            return Err(Error::format(path, "rows of at least one number", format!("{}×0", table.rows)));
        }
        Ok(())
    }

    fn new(path: &Path, kind: Kind, header: Header, shards: Vec<Shard>) -> Self {
        let mut starts = vec![0];
        for shard in &shards {
            starts.push(starts[starts.len() - 1] + shard.table.rows);
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

    /// Row `i`, without a copy.
    ///
    /// **Shapes** d. **Panics** if `i` ≥ `len()`.
    #[track_caller]
    pub fn row(&self, i: usize) -> &[f32] {
        let (shard, row) = self.locate(i);
        shard.table.row(shard.map.bytes(), row)
    }

    /// Chain, step, weight and potential of row `i`.
    ///
    /// **Panics** if `i` ≥ `len()`.
    #[track_caller]
    pub fn meta(&self, i: usize) -> RowMeta {
        let (shard, row) = self.locate(i);
        let cell = |column: Option<usize>| column.map(|c| Table::cell(c, shard.map.bytes(), row));
        // What is out of range here is reported by `verify`.
        let chain = cell(shard.table.chain).map(|b| u32::try_from(i64::from_le_bytes(b)).unwrap_or(u32::MAX));
        RowMeta {
            chain: chain.unwrap_or(shard.chain),
            step: cell(shard.table.step).map_or(i as u64, u64::from_le_bytes),
            weight: cell(shard.table.weight).map_or(1.0, f64::from_le_bytes),
            potential: cell(shard.table.potential).map_or(f64::NAN, f64::from_le_bytes),
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
            bytes: self.shards.iter().map(|s| s.map.bytes().len() as u64).sum(),
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
        return Err(Error::Length { path, expected: listed.bytes, found });
    }
    let table = tensors::parse(&path, map.bytes())?;
    check_table(&path, &table, listed.rows, header.dim)?;
    Ok((path, map, table))
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

/// What a bank holds; its `Display` is the text of `apd bank info`.
#[derive(Clone, Debug, PartialEq)]
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
    /// Names and shapes of the parts of a row.
    pub layout: Vec<(String, Vec<usize>)>,
    /// What the writer wanted kept with the rows.
    pub metadata: BTreeMap<String, String>,
}

/// One chain of a bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        };
        writeln!(f, "{}: {kind}", self.path.display())?;
        writeln!(f, "rows       {}", self.rows)?;
        writeln!(f, "dimension  {}", self.dim)?;
        writeln!(f, "bytes      {} in {} file(s)", self.bytes, self.shards)?;
        for (chain, c) in &self.chains {
            writeln!(f, "chain {chain:<4} {} rows, steps {}..={}", c.rows, c.first_step, c.last_step)?;
        }
        for (name, shape) in &self.layout {
            writeln!(f, "part       {name} {shape:?}")?;
        }
        for (key, value) in &self.metadata {
            writeln!(f, "{key} = {value}")?;
        }
        Ok(())
    }
}
