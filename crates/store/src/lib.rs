//! A posterior bank on disk: points of R^d drawn by several chains, streamed while sampling, read by memory map.
//!
//! ```
//! use apd_store::{Bank, BankWriter, Header};
//!
//! # let dir = tempfile::tempdir()?;
//! # let dir = dir.path().join("bank");
//! let mut writer = BankWriter::create(&dir, Header::new(2))?;
//! for step in 0..3_u64 {
//!     // chain, step, weight, potential (nats), position
//!     writer.push(0, step, 1.0, 12.5, &[step as f32, -1.0])?;
//! }
//! writer.finish()?;
//!
//! let bank = Bank::open(&dir)?;
//! assert_eq!((bank.len(), bank.dim()), (3, 2));
//! assert_eq!(bank.row(2), [2.0, -1.0]);
//! assert_eq!(bank.meta(2).step, 2);
//! bank.verify()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A bank is a folder of `safetensors` shards and one `manifest.json`, so that it can be read without this crate:
//!
//! ```python
//! import json, numpy, pathlib
//! from safetensors.numpy import load_file
//!
//! bank = pathlib.Path("bank")
//! shards = [load_file(bank / s["file"]) for s in json.loads((bank / "manifest.json").read_text())["shards"]]
//! theta = numpy.concatenate([s["theta"] for s in shards])   # n×d float32; also step, weight, potential, each of length n
//! ```
//!
//! What the crate promises:
//!
//! - **Complete at every moment.** Shards and manifest appear by rename after fsync; a killed writer costs the rows that
//!   were not yet in a shard, [`BankWriter::resume`] goes on after the last one that was.
//! - **The same bytes** whatever the timing of the threads that write, and whether or not a run was interrupted.
//! - **No copy.** [`Bank::row`] is a slice of the memory map; a 3 GB bank opens in milliseconds.
//! - **Errors are values** that name the file, what was expected and what was found; lengths are checked before anything
//!   is allocated. [`Bank::verify`] reads all checksums, [`repair`] saves what is good.
//!
//! [`checkpoint`] keeps the state of a run (bincode behind a checksum).
//!
//! Deliberately without: samplers, networks, compression, a database. Unix and Windows, little-endian machines.
//!

mod bank;
pub mod checkpoint;
mod checksum;
mod error;
mod lock;
mod manifest;
mod map;
mod merge;
mod repair;
mod tensors;
mod writer;

pub use bank::{Bank, BankInfo, ChainInfo, Kind, RowMeta, Verified};
pub use error::Error;
pub use lock::Lock;
pub use manifest::Header;
pub use merge::merge;
pub use repair::{Repaired, repair};
pub use writer::{BankWriter, ChainWriter};

// Its types stand in signatures: this is the version that fits.
pub use ndarray;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
