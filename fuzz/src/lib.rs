//! Every parser of bytes from outside, and hostile inputs for it.
//!
//! A target writes the bytes where its parser expects a file, and reads them. Whatever they are, the parser must come back with a value
//! or an error: no panic, no hang, no allocation that a length in the file asked for. Three programs see to it: `cargo test` (each seed
//! truncated everywhere, each byte changed, and some thousand mutations), `cargo xtask fuzz` (a million mutations), and libFuzzer
//! (`fuzz/libfuzzer`, with nightly).
//!
//! ```
//! use apd_fuzz::{TARGETS, Verdict, Workshop};
//!
//! let mut workshop = Workshop::new()?;
//! let target = TARGETS.iter().find(|target| target.name == "idx-images").unwrap();
//! assert!(matches!(workshop.attempt(target, &(target.seeds)()[0]), Verdict::Accepted(_)));
//! assert!(matches!(workshop.attempt(target, b"nonsense"), Verdict::Refused(_)));
//! # Ok::<(), std::io::Error>(())
//! ```

mod files;
mod mutation;
mod serve;
mod tables;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

pub use apd_watch::Watch;
pub use mutation::mutate;
pub use targets::TARGETS;

/// Allocating more than this at once, for files of some kilobytes, is believing a length that the file claims.
pub const MOST_BYTES: usize = 64 << 20;

/// A parser, and inputs that it accepts.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What is parsed.
    pub name: &'static str,
    /// Small inputs that are accepted, made by our own writers.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Reads the bytes, with the folder to itself; whether they were accepted.
    pub parse: fn(&Path, &[u8]) -> bool,
}

/// What became of an input.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The parser took it.
    Accepted(Cost),
    /// The parser gave an error value.
    Refused(Cost),
    /// The parser panicked, with this message.
    Panicked(String),
}

/// What an input cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// The largest single allocation, in bytes.
    pub largest: usize,
    /// Wall-clock time.
    pub time: Duration,
}

/// Where inputs are tried: a folder in memory, if the system has one.
pub struct Workshop {
    folder: tempfile::TempDir,
}

impl Workshop {
    /// Makes the folder.
    pub fn new() -> std::io::Result<Self> {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Ok(Self { folder: folder.or_else(|_| tempfile::tempdir())? })
    }

    /// Hands the input to the parser. Allocations are counted where [`Watch`] is the program's allocator.
    pub fn attempt(&mut self, target: &Target, input: &[u8]) -> Verdict {
        apd_watch::start();
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.parse)(self.folder.path(), input)));
        let cost = Cost { largest: apd_watch::largest(), time: start.elapsed() };
        match outcome {
            Ok(true) => Verdict::Accepted(cost),
            Ok(false) => Verdict::Refused(cost),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                Verdict::Panicked(text.unwrap_or_default())
            }
        }
    }
}

/// What all inputs of a target came to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Inputs that were tried, …
    pub inputs: u64,
    /// … of which so many were accepted.
    pub accepted: u64,
    /// The most that any cost.
    pub most: Cost,
    /// The first that broke a promise, and how.
    pub fault: Option<(Vec<u8>, String)>,
}

impl Tally {
    /// Tries an input; whether all promises have been kept so far.
    pub fn attempt(&mut self, workshop: &mut Workshop, target: &Target, input: &[u8], patience: Duration) -> bool {
        let verdict = workshop.attempt(target, input);
        self.inputs += 1;
        self.accepted += u64::from(matches!(verdict, Verdict::Accepted(_)));
        let fault = match verdict {
            Verdict::Panicked(message) => Some(format!("panic: {message}")),
            Verdict::Accepted(cost) | Verdict::Refused(cost) => {
                self.most.largest = self.most.largest.max(cost.largest);
                self.most.time = self.most.time.max(cost.time);
                match () {
                    () if cost.largest > MOST_BYTES => Some(format!("{} bytes allocated at once", cost.largest)),
                    () if cost.time > patience => Some(format!("{:.1} s", cost.time.as_secs_f64())),
                    () => None,
                }
            }
        };
        if self.fault.is_none() {
            self.fault = fault.map(|fault| (input.to_vec(), fault));
        }
        self.fault.is_none()
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
