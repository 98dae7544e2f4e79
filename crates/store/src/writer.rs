use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apd_points::{AtomicFile, remove_temporaries, sync_folder, write_le};

use crate::bank::{CHAIN_KEY, CHECKSUM_KEY, HEADER_KEY, INDEX_KEY, LAYOUT_KEY, checked_shard};
use crate::checksum::Checksum;
use crate::manifest::{FILE, Manifest, Shard, pairs};
use crate::tensors::{Table, write_header};
use crate::{Bank, Error, Header, Lock};

#[cfg(test)]
mod tests;

pub(crate) const LOCK: &str = "writer.lock";

/// Writes a bank while it is being sampled.
///
/// Each chain has a [`ChainWriter`] of its own, which may live in its own thread. Rows become durable a shard at a time
/// (or on [`ChainWriter::flush`]): temporary file, fsync, rename, then the manifest the same way. The bank on disk is
/// complete and readable at every moment, and its bytes do not depend on the timing of the threads.
///
/// A lock file refuses a second writer; the system releases it even when the process is killed.
///
/// ```
/// use apd_store::{Bank, BankWriter, Header};
///
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path().join("bank");
/// let bank = BankWriter::create(&dir, Header::new(3))?;
/// let mut chains = [bank.chain(0)?, bank.chain(1)?];
/// std::thread::scope(|s| {
///     for (c, chain) in chains.iter_mut().enumerate() {
///         s.spawn(move || (0..10).try_for_each(|step| chain.push(step, 1.0, 0.5, &[c as f32, step as f32, 0.0])));
///     }
/// });
/// for chain in chains {
///     chain.finish()?;
/// }
/// assert_eq!(Bank::open(&dir)?.len(), 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BankWriter {
    shared: Arc<Shared>,
    /// Those of `push`.
    own: BTreeMap<u32, ChainWriter>,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    header: Header,
    state: Mutex<State>,
    _lock: Lock,
}

#[derive(Debug)]
struct State {
    shards: BTreeMap<(u32, u32), Shard>,
    open: BTreeSet<u32>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Another thread's panic leaves the state as it was before or after one insertion, both of them valid.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BankWriter {
    /// Starts a bank in `dir`, which is created if need be and must not hold one.
    ///
    /// **Errors** if there is a bank, or shards of one that has lost its manifest, another writer, a header whose layout does not add up
    /// to `dim`, or no permission.
    pub fn create(dir: impl AsRef<Path>, header: Header) -> Result<Self, Error> {
        let dir = dir.as_ref();
        header.check(dir)?;
        fs::create_dir_all(dir).map_err(Error::io(dir))?;
        let lock = Lock::acquire(dir, LOCK)?;
        if dir.join(FILE).exists() {
            return Err(Error::Exists { path: dir.to_owned() });
        }
        if !Shard::files(dir)?.is_empty() {
            let expected = "the manifest of the shards beside it, which `apd bank verify --repair` makes anew";
            return Err(Error::missing(dir.join(FILE), expected));
        }
        remove_temporaries(dir)?;
        Manifest::new(header.clone(), Vec::new()).write(dir)?;
        sync_folder(dir)?;
        Ok(Self::new(dir, header, BTreeMap::new(), lock))
    }

    /// Goes on with the bank in `dir`, after the last row that had become durable in each chain.
    ///
    /// Removes what a killed writer left unfinished. A part-filled last shard is filled up, so that the files are the same
    /// as those of a run that was never interrupted.
    ///
    /// **Errors** if there is no bank, another writer, or a shard is missing or has the wrong size.
    pub fn resume(dir: impl AsRef<Path>) -> Result<Self, Error> {
        let dir = dir.as_ref();
        // Before the lock, which would leave its file in a folder that holds no bank.
        Manifest::read(dir)?;
        let lock = Lock::acquire(dir, LOCK)?;
        // Refuses to build on a bank that cannot be read.
        Bank::open(dir)?;
        remove_temporaries(dir)?;
        let manifest = Manifest::read(dir)?;
        let shards: BTreeMap<_, _> = manifest.shards.into_iter().map(|s| ((s.chain, s.index), s)).collect();
        for file in Shard::files(dir)?.into_keys().filter(|file| shards.values().all(|listed| listed.file != *file)) {
            let path = dir.join(file);
            fs::remove_file(&path).map_err(Error::io(&path))?;
        }
        Ok(Self::new(dir, manifest.header, shards, lock))
    }

    fn new(dir: &Path, header: Header, shards: BTreeMap<(u32, u32), Shard>, lock: Lock) -> Self {
        let state = Mutex::new(State { shards, open: BTreeSet::new() });
        let shared = Arc::new(Shared { dir: dir.to_owned(), header, state, _lock: lock });
        Self { shared, own: BTreeMap::new() }
    }

    /// The header that the bank was created with.
    pub fn header(&self) -> &Header {
        &self.shared.header
    }

    /// The writer of one chain, positioned after its last durable row.
    ///
    /// **Errors** if the chain has a writer, or its last, part-filled shard is corrupt.
    pub fn chain(&self, chain: u32) -> Result<ChainWriter, Error> {
        let shared = Arc::clone(&self.shared);
        let path = || shared.dir.clone();
        let last = {
            let mut state = shared.state();
            if !state.open.insert(chain) {
                return Err(Error::ChainOpen { path: path(), chain });
            }
            state.shards.range((chain, 0)..=(chain, u32::MAX)).next_back().map(|(_, s)| s.clone())
        };
        let mut writer = ChainWriter {
            chain,
            index: 0,
            rows: 0,
            last_step: None,
            theta: Vec::new(),
            step: Vec::new(),
            weight: Vec::new(),
            potential: Vec::new(),
            durable: 0,
            shared,
        };
        // From here on an error drops the writer, which frees the chain.
        if let Some(last) = last {
            let full = writer.shared.header.rows_per_shard;
            writer.rows = u64::from(last.index) * full as u64 + last.rows as u64;
            writer.last_step = Some(last.last_step);
            writer.index = last.index + u32::from(last.rows == full);
            if last.rows < full {
                writer.reload(&last)?;
            }
        }
        Ok(writer)
    }

    /// Adds a row to a chain, for those who write from one thread; as [`ChainWriter::push`].
    pub fn push(&mut self, chain: u32, step: u64, weight: f64, potential: f64, position: &[f32]) -> Result<(), Error> {
        if !self.own.contains_key(&chain) {
            self.own.insert(chain, self.chain(chain)?);
        }
        let writer = self.own.get_mut(&chain).expect("inserted above");
        writer.push(step, weight, potential, position)
    }

    /// Makes the rows of [`push`](Self::push) durable, as dropping does without a word of errors. Chains with a writer of their own are finished by it.
    pub fn finish(self) -> Result<(), Error> {
        self.own.into_values().try_for_each(ChainWriter::finish)
    }
}

/// Writes the rows of one chain; `Send`, and independent of the other chains' writers.
///
/// Rows not yet in a shard are in memory, and a crash loses them. A writer that is dropped makes them durable as
/// [`finish`](Self::finish) does, which alone can say whether that succeeded.
#[derive(Debug)]
pub struct ChainWriter {
    shared: Arc<Shared>,
    chain: u32,
    index: u32,
    rows: u64,
    last_step: Option<u64>,
    theta: Vec<f32>,
    step: Vec<u64>,
    weight: Vec<f64>,
    potential: Vec<f64>,
    /// Number of the rows above that are also in a part-filled shard on disk.
    durable: usize,
}

impl ChainWriter {
    /// Adds a row; when it fills the shard, the shard is written before this returns.
    ///
    /// A row that was refused is not in the bank. If the *write* failed (full disk), the row is kept in memory and the
    /// write is tried again by the next `push` or `flush`.
    ///
    /// **Shapes** `position`: d. **Units** `potential`: nats, full-data scale; NaN if unknown.
    ///
    /// **Errors** on another dimension, a NaN or infinity in `position`, a weight that is not finite and ≥ 0, a step not
    /// above the chain's last one, or a failed write.
    pub fn push(&mut self, step: u64, weight: f64, potential: f64, position: &[f32]) -> Result<(), Error> {
        let (chain, row) = (self.chain, self.rows);
        let path = || self.shared.dir.clone();
        if position.len() != self.shared.header.dim {
            let (expected, found) = (self.shared.header.dim, position.len());
            return Err(Error::Dimension { path: path(), expected, found });
        }
        if let Some(last) = self.last_step.filter(|last| step <= *last) {
            return Err(Error::Order { path: path(), chain, step, last });
        }
        // The column is signed, for readers without unsigned numbers.
        if i64::try_from(step).is_err() {
            return Err(Error::format(&self.shared.dir, "a step below 2^63", step.to_string()));
        }
        let non_finite = |what: String, value: f64| Error::Value { path: path(), row, chain, step, what, value };
        if !(weight.is_finite() && weight >= 0.0) {
            return Err(non_finite("weight".to_owned(), weight));
        }
        if let Some(i) = position.iter().position(|x| !x.is_finite()) {
            return Err(non_finite(format!("theta[{i}]"), f64::from(position[i])));
        }
        self.close_if_full()?;
        self.theta.extend_from_slice(position);
        self.step.push(step);
        self.weight.push(weight);
        self.potential.push(potential);
        self.rows += 1;
        self.last_step = Some(step);
        self.close_if_full()
    }

    /// Makes all rows durable, in a part-filled shard if need be; it is replaced when there are more.
    pub fn flush(&mut self) -> Result<(), Error> {
        if self.durable < self.step.len() {
            self.write_shard()?;
        }
        self.close_if_full()
    }

    /// Flushes, and gives the chain free.
    pub fn finish(mut self) -> Result<(), Error> {
        self.flush()
    }

    /// The chain's number.
    pub fn chain(&self) -> u32 {
        self.chain
    }

    /// Rows of this chain, those in memory included.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Step of the newest row; a sampler that resumes from an older checkpoint skips rows up to it.
    pub fn last_step(&self) -> Option<u64> {
        self.last_step
    }

    fn close_if_full(&mut self) -> Result<(), Error> {
        if self.step.len() < self.shared.header.rows_per_shard {
            return Ok(());
        }
        if self.durable < self.step.len() {
            self.write_shard()?;
        }
        self.index = self
            .index
            .checked_add(1)
            .ok_or_else(|| Error::format(&self.shared.dir, "fewer than 2^32 shards in a chain", "more"))?;
        self.durable = 0;
        self.theta.clear();
        self.step.clear();
        self.weight.clear();
        self.potential.clear();
        Ok(())
    }

    /// Writes the rows in memory as shard `index`, then lists it in the manifest.
    fn write_shard(&mut self) -> Result<(), Error> {
        let (shared, rows) = (&self.shared, self.step.len());
        let name = Shard::name(self.chain, self.index, rows, rows == shared.header.rows_per_shard);
        let path = shared.dir.join(&name);
        let io = Error::io;

        // With the header and a checksum in each shard, a bank can do without its manifest: `repair`.
        let json = |text: serde_json::Result<String>| text.map_err(|e| io(&path)(e.into()));
        let header = json(serde_json::to_string(&shared.header))?;
        let mut checksum = Checksum::of([header.as_bytes()]);
        self.write_columns(&mut checksum).map_err(io(&path))?;
        let mut metadata = BTreeMap::from([
            (CHAIN_KEY.to_owned(), self.chain.to_string()),
            (INDEX_KEY.to_owned(), self.index.to_string()),
            (HEADER_KEY.to_owned(), header),
            (CHECKSUM_KEY.to_owned(), checksum.to_string()),
        ]);
        if !shared.header.layout.entries.is_empty() {
            metadata.insert(LAYOUT_KEY.to_owned(), json(pairs::to_json(&shared.header.layout))?);
        }
        let mut file = AtomicFile::create(&path)?;
        write_header(&mut file, rows, shared.header.dim, false, &metadata)
            .and_then(|()| self.write_columns(&mut file))
            .and_then(|()| file.flush())
            .map_err(io(&path))?;
        let written = file.commit()?;

        let shard = Shard {
            file: name.clone(),
            chain: self.chain,
            index: self.index,
            rows,
            first_step: self.step[0],
            last_step: self.step[rows - 1],
            bytes: written.len,
            crc32: written.crc32,
        };
        let mut state = shared.state();
        let key = (self.chain, self.index);
        let before = state.shards.insert(key, shard);
        let manifest = Manifest::new(shared.header.clone(), state.shards.values().cloned().collect());
        if let Err(e) = manifest.write(&shared.dir) {
            match before {
                Some(before) => state.shards.insert(key, before),
                None => state.shards.remove(&key),
            };
            return Err(e);
        }
        drop(state);
        self.durable = rows;
        // The part-filled shard that this one replaces. If it stays (a crash here), nobody reads it and `resume` removes it.
        if let Some(before) = before.filter(|b| b.file != name) {
            let _ = fs::remove_file(shared.dir.join(before.file));
        }
        Ok(())
    }

    /// The data section of a shard.
    fn write_columns(&self, out: &mut impl Write) -> io::Result<()> {
        write_le(out, &self.step, u64::to_le_bytes)?;
        write_le(out, &self.weight, f64::to_le_bytes)?;
        write_le(out, &self.potential, f64::to_le_bytes)?;
        write_le(out, &self.theta, f32::to_le_bytes)
    }

    /// Takes the rows of the chain's last, part-filled shard back into memory.
    fn reload(&mut self, last: &Shard) -> Result<(), Error> {
        let (path, map, table) = checked_shard(&self.shared.dir, &self.shared.header, last)?;
        let bytes = map.bytes();
        let found = crc32fast::hash(bytes);
        if found != last.crc32 {
            return Err(Error::Checksum { path, expected: last.crc32, found });
        }
        let column = |column: Option<usize>, row| column.map(|c| Table::cell(c, bytes, row)).unwrap_or_default();
        for row in 0..table.rows {
            self.theta.extend_from_slice(table.row(bytes, row));
            self.step.push(u64::from_le_bytes(column(table.step, row)));
            self.weight.push(f64::from_le_bytes(column(table.weight, row)));
            self.potential.push(f64::from_le_bytes(column(table.potential, row)));
        }
        self.durable = table.rows;
        Ok(())
    }
}

impl Drop for ChainWriter {
    fn drop(&mut self) {
        // An error has nowhere to go from here.
        let _ = self.flush();
        self.shared.state().open.remove(&self.chain);
    }
}
