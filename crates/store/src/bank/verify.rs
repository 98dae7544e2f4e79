use super::{Bank, Content, Shard};
use crate::Error;

/// The amount that [`Bank::verify`] has read and found in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Rows, all of them finite.
    pub rows: usize,
    /// Files.
    pub shards: usize,
    /// Their bytes, all of them read.
    pub bytes: u64,
    /// Whether there are checksums, which then match.
    pub checksums: bool,
}

impl Bank {
    /// Reads everything: checksums of all shards (of a folder; a lone file has none), every number finite, every weight
    /// finite and ≥ 0, and in a folder the steps of each chain increasing. A NaN potential means *unknown* and passes.
    ///
    /// **Errors** with the first thing wrong, by file and row.
    pub fn verify(&self) -> Result<Verified, Error> {
        let mut last: Option<(u32, u64)> = None;
        for (shard, &start) in self.shards.iter().zip(&self.starts) {
            if let (Some(expected), Content::Mapped(map, _)) = (shard.crc32, &shard.content) {
                let found = crc32fast::hash(map.bytes());
                if found != expected {
                    return Err(Error::Checksum { path: shard.path.clone(), expected, found });
                }
            }
            for row in 0..shard.content.rows() {
                self.verify_row(shard, start, row)?;
                if shard.crc32.is_some() {
                    let meta = self.meta(start + row);
                    if let Some((_, last)) = last.filter(|(chain, step)| *chain == meta.chain && meta.step <= *step) {
                        let (path, chain, step) = (shard.path.clone(), meta.chain, meta.step);
                        return Err(Error::Order { path, chain, step, last });
                    }
                    last = Some((meta.chain, meta.step));
                }
            }
        }
        let bytes = self.shards.iter().map(|shard| shard.bytes).sum();
        let checksums = self.shards.iter().all(|shard| shard.crc32.is_some());
        Ok(Verified { rows: self.len(), shards: self.shards.len(), bytes, checksums })
    }

    fn verify_row(&self, shard: &Shard, start: usize, row: usize) -> Result<(), Error> {
        let meta = self.meta(start + row);
        if i64::try_from(meta.step).is_err() {
            let found = format!("{} in row {row}", meta.step as i64);
            return Err(Error::format(&shard.path, "a step of at least 0", found));
        }
        let theta = shard.content.row(row);
        let bad = if !(meta.weight.is_finite() && meta.weight >= 0.0) {
            Some(("weight".to_owned(), meta.weight))
        } else {
            let i = theta.iter().position(|x| !x.is_finite());
            i.map(|i| (format!("theta[{i}]"), f64::from(theta[i])))
        };
        match bad {
            None => Ok(()),
            Some((what, value)) => {
                let (path, row) = (shard.path.clone(), row as u64);
                Err(Error::Value { path, row, chain: meta.chain, step: meta.step, what, value })
            }
        }
    }
}
