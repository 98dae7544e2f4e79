//! Generators as `safetensors` bytes.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use apd_nn::Layout;
use safetensors::tensor::{Dtype, SafeTensors, View, serialize};
use serde::{Deserialize, Serialize};

use crate::model::Widths;
use crate::standardize::Affine;
use crate::{FileError, Generator, Standardization};

/// A generator read from a file, and what was stored with it.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratorFile {
    /// The generator.
    pub generator: Generator,
    /// Which coordinate of a point is which parameter of a network.
    pub layout: Layout,
    /// Whatever its maker wrote.
    pub metadata: BTreeMap<String, String>,
}

const FORMAT: &str = "apd-generator-1";
/// The one entry of the header's metadata.
const KEY: &str = "apd";

/// The widths of a stored generator.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    dim: usize,
    latent: usize,
    hidden: usize,
    standardization: Standardization,
}

/// What the file's metadata say, as one JSON object.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    format: String,
    generator: Description,
    layout: Cow<'a, Layout>,
    metadata: Cow<'a, BTreeMap<String, String>>,
}

impl Generator {
    /// The bytes of a `safetensors` file: f32 tensors `trunk.{0,1,2}.{weight,bias}`, `output.{weight,bias}` (weights out × in)
    /// and, where the points were standardised, `mean` and `scale` (point = output · scale + mean); in the header's metadata
    /// one JSON object under `apd`: `format`, `generator` (widths), `layout`, and `metadata`. The same generator gives the same bytes.
    ///
    /// **Errors**: a layout of another length than [`dim`](Self::dim).
    pub fn to_safetensors(&self, layout: &Layout, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>, FileError> {
        let Widths { dim, latent, hidden } = self.widths;
        check_layout(layout, dim)?;
        let description = Description { dim, latent, hidden, standardization: self.standardization };
        let (layout, metadata) = (Cow::Borrowed(layout), Cow::Borrowed(metadata));
        let header = Header { format: FORMAT.to_owned(), generator: description, layout, metadata };
        let header = serde_json::to_string(&header)
            .map_err(|error| FileError::Metadata { key: KEY, problem: error.to_string() })?;
        // One entry: several would be written in an order that differs from run to run.
        let header = HashMap::from([(KEY.to_owned(), header)]);
        let mut trunk = &self.trunk[..];
        let mut take = |len: usize| {
            let (part, rest) = trunk.split_at(len);
            trunk = rest;
            part
        };
        let tensors = tensors(&description).into_iter().map(|(name, shape)| {
            let values = match &name[..] {
                "output.weight" => None,
                "output.bias" => Some(&self.bias[..]),
                "mean" => Some(&self.affine.mean[..]),
                "scale" => Some(&self.affine.scale[..]),
                _ => Some(take(shape.iter().product())),
            };
            (name, Numbers { generator: self, shape, values })
        });
        Ok(serialize(tensors, Some(header))?)
    }

    /// What [`to_safetensors`](Self::to_safetensors) wrote.
    ///
    /// **Errors**: anything that is missing, of another type or shape than the metadata say, or not finite. Never panics,
    /// whatever the bytes are.
    pub fn from_safetensors(bytes: &[u8]) -> Result<GeneratorFile, FileError> {
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let file = SafeTensors::deserialize(bytes)?;
        let none = HashMap::new();
        let header = header.metadata().as_ref().unwrap_or(&none);
        let problem = |problem: String| FileError::Metadata { key: KEY, problem };
        let header = header.get(KEY).ok_or_else(|| problem("is missing".to_owned()))?;
        let header: Header<'static> = serde_json::from_str(header).map_err(|e| problem(e.to_string()))?;
        if header.format != FORMAT {
            return Err(problem(format!("has format `{}`, expected `{FORMAT}`", header.format)));
        }
        let description = header.generator;
        let (layout, metadata) = (header.layout.into_owned(), header.metadata.into_owned());
        let Description { dim, latent, hidden, standardization } = description;
        if [dim, latent, hidden].contains(&0) {
            return Err(problem(format!("has an empty layer: dim {dim}, latent {latent}, hidden {hidden}")));
        }
        check_layout(&layout, dim)?;

        let mut values = Vec::new();
        let expected = tensors(&description);
        if let Some(name) = file.names().into_iter().find(|name| !expected.iter().any(|(known, _)| known == name)) {
            let (expected, found) = ("no such tensor".to_owned(), "it".to_owned());
            return Err(FileError::Tensor { name: name.to_owned(), expected, found });
        }
        for (name, shape) in &expected {
            values.push(read(&file, name, shape)?);
        }
        // In the order of `tensors`: six of the trunk, two of the output layer, mean, scale.
        let mut values = values.into_iter();
        let trunk: Vec<f32> = values.by_ref().take(6).flatten().collect();
        let mut next = || values.next().unwrap_or_default();
        let (weight, bias) = (next(), next());
        let affine = Affine { mean: Cow::Owned(next()), scale: Cow::Owned(next()) };
        let widths = Widths { dim, latent, hidden };
        let generator = Self::new(widths, standardization, affine, [trunk, weight, bias]);
        Ok(GeneratorFile { generator, layout, metadata })
    }
}

/// A tensor whose bytes are made when they are written: there is no second copy of a large generator.
struct Numbers<'a> {
    generator: &'a Generator,
    shape: Vec<usize>,
    /// None: the output weight, which is kept in another order.
    values: Option<&'a [f32]>,
}

impl View for Numbers<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut bytes = Vec::with_capacity(self.data_len());
        match self.values {
            Some(values) => values.iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes())),
            None => self.generator.weight().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes())),
        }
        bytes.into()
    }

    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * size_of::<f32>()
    }
}

/// Names and shapes of all tensors, parameters in the order in which a generator keeps them.
fn tensors(description: &Description) -> Vec<(String, Vec<usize>)> {
    let Description { dim, latent, hidden, standardization } = *description;
    let trunk = Widths { dim, latent, hidden }.trunk();
    let name = |i: usize| format!("trunk.{}.{}", i / 2, ["weight", "bias"][i % 2]);
    let mut tensors: Vec<_> = trunk.into_iter().enumerate().map(|(i, shape)| (name(i), shape)).collect();
    tensors.push(("output.weight".to_owned(), vec![dim, hidden]));
    tensors.push(("output.bias".to_owned(), vec![dim]));
    if standardization != Standardization::None {
        tensors.push(("mean".to_owned(), vec![dim]));
    }
    if standardization == Standardization::Standardize {
        tensors.push(("scale".to_owned(), vec![dim]));
    }
    tensors
}

fn read(file: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>, FileError> {
    let wrong = |expected: String, found: String| FileError::Tensor { name: name.to_owned(), expected, found };
    let tensor = file.tensor(name).map_err(|_| wrong(format!("F32 {shape:?}"), "nothing".to_owned()))?;
    // The container has checked that the bytes are as many as its shape says, so equal shapes bound what is allocated.
    if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
        return Err(wrong(format!("F32 {shape:?}"), format!("{:?} {:?}", tensor.dtype(), tensor.shape())));
    }
    let values: Vec<f32> = tensor
        .data()
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        .collect();
    if let Some(i) = values.iter().position(|x| !x.is_finite()) {
        return Err(wrong("finite numbers".to_owned(), format!("{} at {i}", values[i])));
    }
    Ok(values)
}

/// The parameters of a layout lie one after the other and fill a point; without any sum that could overflow.
fn check_layout(layout: &Layout, dim: usize) -> Result<(), FileError> {
    let mut end = 0_usize;
    for entry in &layout.entries {
        let len = entry.shape.iter().try_fold(1_usize, |len, &axis| len.checked_mul(axis));
        match len.and_then(|len| end.checked_add(len)) {
            Some(next) if entry.offset == end => end = next,
            _ => {
                let problem = format!(
                    "`{}` (offset {}, shape {:?}) does not begin at {end}",
                    entry.name, entry.offset, entry.shape
                );
                return Err(FileError::Metadata { key: "layout", problem });
            }
        }
    }
    if end == dim { Ok(()) } else { Err(FileError::Layout { layout: end, dim }) }
}

#[cfg(test)]
mod tests;
