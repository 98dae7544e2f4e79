//! A fitted model as one file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use apd_bnn::Likelihood;
use apd_distill::Distilled;
use apd_nn::Model;
use apd_points::Layout;
use apd_seed::Seed;

use crate::Error;
use crate::fitted::{self, Description, Fitted, VERSION};
use crate::stored::networks;

/// Under which the description stands among the file's metadata.
const KEY: &str = "apd.fitted";
/// Under which a subspace's file says which components its predictions take: readers without our random numbers need no others.
const COMPONENTS: &str = "apd.components";

impl Fitted {
    /// Writes the model to one file: the distilled posterior as safetensors, everything else in its metadata.
    ///
    /// **Errors**: a file that cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.save_with(path.as_ref(), BTreeMap::new())
    }

    /// As [`save`](Self::save), with more among the metadata.
    pub(crate) fn save_with(&self, path: &Path, metadata: BTreeMap<String, String>) -> Result<(), Error> {
        apd_points::write_atomic(path, &self.bytes(path, metadata)?).map_err(fault(path))
    }

    /// What [`save_with`](Self::save_with) writes to this path.
    pub(crate) fn bytes(&self, path: &Path, mut metadata: BTreeMap<String, String>) -> Result<Vec<u8>, Error> {
        let description = serde_json::to_string(&(&self.description, self.seed)).expect("a description is JSON");
        metadata.insert(KEY.to_owned(), description);
        if let Distilled::Subspace(subspace) = &self.posterior
            && let Some(components) = subspace.components(self.seed, networks(&self.posterior))
        {
            metadata.insert(COMPONENTS.to_owned(), serde_json::to_string(&components).expect("a list of numbers"));
        }
        self.posterior.to_safetensors(&self.layout, &metadata).map_err(fault(path))
    }
}

/// Reads what [`Fitted::save`] has written.
///
/// **Errors**: a file that cannot be read or is another; one of a network or likelihood that is no data ([`load_with`] takes those).
pub fn load(path: impl AsRef<Path>) -> Result<Fitted, Error> {
    let path = path.as_ref();
    Ok(read_fitted(path, &fs::read(path).map_err(fault(path))?)?.0)
}

/// As [`load`], from the bytes, with all metadata.
pub(crate) fn read_fitted(path: &Path, bytes: &[u8]) -> Result<(Fitted, BTreeMap<String, String>), Error> {
    let (posterior, layout, description, seed, metadata) = read(path, bytes)?;
    match (description.network.clone(), description.likelihood) {
        (Some(network), Some(likelihood)) => {
            network.check().map_err(fault(path))?;
            let fitted = assemble(path, Box::new(network), likelihood.build(), posterior, layout, description, seed)?;
            Ok((fitted, metadata))
        }
        _ => Err(fault(path)("its network or likelihood is one of somebody's own: load it with them (`load_with`)")),
    }
}

/// As [`load`], of any network and likelihood: those that it was fitted with.
///
/// **Errors**: as [`load`]; a network or likelihood whose parameters have other names or shapes than the file's.
pub fn load_with(path: impl AsRef<Path>, model: &dyn Model, likelihood: Arc<dyn Likelihood>) -> Result<Fitted, Error> {
    let path = path.as_ref();
    let (posterior, layout, description, seed, _) = read(path, &fs::read(path).map_err(fault(path))?)?;
    assemble(path, model.clone_model(), likelihood, posterior, layout, description, seed)
}

type Parts = (Distilled, Layout, Description, Seed, BTreeMap<String, String>);

fn read(path: &Path, bytes: &[u8]) -> Result<Parts, Error> {
    let file = Distilled::from_safetensors(bytes).map_err(fault(path))?;
    let text =
        file.metadata.get(KEY).ok_or_else(|| fault(path)("a distilled posterior, but not that of a fitted model"))?;
    let value: serde_json::Value = serde_json::from_str(text).map_err(fault(path))?;
    // Before anything else: another version may have any other fields.
    let version = value.get(0).and_then(|description| description.get("version"));
    if version != Some(&VERSION.into()) {
        let found = version.map_or("none".to_owned(), ToString::to_string);
        return Err(fault(path)(format!(
            "a model of format version {found}; this program reads version {VERSION}: fit it again"
        )));
    }
    let (description, seed) = serde_json::from_value(value).map_err(fault(path))?;
    Ok((file.generator, file.layout, description, seed, file.metadata))
}

fn assemble(
    path: &Path,
    model: Box<dyn Model>,
    likelihood: Arc<dyn Likelihood>,
    posterior: Distilled,
    layout: Layout,
    description: Description,
    seed: Seed,
) -> Result<Fitted, Error> {
    let wanted = fitted::layout(&*model, &*likelihood);
    if wanted != layout {
        let differs = wanted.entries.iter().zip(&layout.entries).find(|(wanted, found)| wanted != found);
        let message = match differs {
            Some((wanted, found)) => {
                format!(
                    "holds `{}` {:?} where the network has `{}` {:?}",
                    found.name, found.shape, wanted.name, wanted.shape
                )
            }
            None => format!("holds {} parameters, the network has {}", layout.entries.len(), wanted.entries.len()),
        };
        return Err(fault(path)(message));
    }
    let fitted = Fitted { model, likelihood, posterior, layout, seed, description, ready: OnceLock::new() };
    fitted.check().map_err(fault(path))?;
    Ok(fitted)
}

pub(crate) fn fault<E: Into<Box<dyn std::error::Error + Send + Sync>>>(path: &Path) -> impl Fn(E) -> Error {
    move |cause| Error::File { path: path.to_owned(), cause: cause.into() }
}
