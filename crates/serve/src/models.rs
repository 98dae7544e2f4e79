//! The models, as their files are now.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use apd::TableModel;
use axum::body::Bytes;
use axum::http::StatusCode;
use sha2::{Digest, Sha256};

use crate::failure::Failure;

/// A model, and the file that it was read from.
pub(crate) struct Served {
    pub(crate) model: TableModel,
    pub(crate) file: Bytes,
    /// The first digits of the file's SHA-256.
    pub(crate) version: String,
}

/// All models by name.
pub(crate) struct Models(BTreeMap<String, Slot>);

struct Slot {
    path: PathBuf,
    current: RwLock<Arc<Served>>,
    /// What the file looked like when it was last read, or tried to be; and whether it could not be opened since.
    seen: Mutex<(Option<Stamp>, bool)>,
}

/// What changes when a file does.
#[derive(Clone, Copy, PartialEq)]
struct Stamp(SystemTime, u64);

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self(metadata.modified().ok()?, metadata.len()))
    }
}

impl Served {
    fn load(path: &Path) -> Result<Self, apd::Error> {
        let model = TableModel::load(path)?;
        let file = model.to_bytes()?;
        let version = Sha256::digest(&file)[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { model, file: file.into(), version })
    }
}

impl Models {
    pub(crate) fn load(files: BTreeMap<String, PathBuf>) -> Result<Self, apd::Error> {
        let slot = |(name, path): (String, PathBuf)| {
            let seen = Mutex::new((Stamp::of(&path), false));
            Ok((name, Slot { current: RwLock::new(Arc::new(Served::load(&path)?)), path, seen }))
        };
        Ok(Self(files.into_iter().map(slot).collect::<Result<_, apd::Error>>()?))
    }

    pub(crate) fn get(&self, name: &str) -> Result<Arc<Served>, Failure> {
        let slot = self.0.get(name).ok_or_else(|| {
            let names = self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            Failure::new(StatusCode::NOT_FOUND, format!("no model is called `{name}`; there are: {names}"))
        })?;
        Ok(slot.current())
    }

    /// The only one.
    pub(crate) fn only(&self) -> Result<(&str, Arc<Served>), Failure> {
        let mut all = self.0.iter();
        match (all.next(), all.next()) {
            (Some((name, slot)), None) => Ok((name, slot.current())),
            _ => Err(Failure::new(StatusCode::NOT_FOUND, "there are several models: POST /models/NAME/predict")),
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, Arc<Served>)> {
        self.0.iter().map(|(name, slot)| (name.as_str(), slot.current()))
    }

    /// Reads the files that have changed; `report` is told of each, and why one could not be read: then the model stays as it was.
    pub(crate) fn reload(&self, report: impl Fn(&str, Result<&Served, &apd::Error>)) {
        for (name, slot) in &self.0 {
            let now = Stamp::of(&slot.path);
            let mut seen = slot.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let (stamp, is_away) = &mut *seen;
            if now.is_none() || *stamp == now {
                continue;
            }
            match Served::load(&slot.path) {
                Ok(served) => {
                    (*stamp, *is_away) = (now, false);
                    let served = Arc::new(served);
                    *slot.current.write().unwrap_or_else(PoisonError::into_inner) = served.clone();
                    report(name, Ok(&served));
                }
                // It is looked at again: a disk that is away comes back, and files can be opened again.
                Err(error) if is_of_system(&error) => {
                    if !std::mem::replace(is_away, true) {
                        report(name, Err(&error));
                    }
                }
                Err(error) => {
                    *stamp = now;
                    report(name, Err(&error));
                }
            }
        }
    }
}

/// Whether the file could not be read, whatever is in it.
fn is_of_system(error: &apd::Error) -> bool {
    matches!(error, apd::Error::File { cause, .. } if cause.is::<io::Error>())
}

impl Slot {
    fn current(&self) -> Arc<Served> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
