//! Distilled posteriors as `safetensors` bytes.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use apd_points::Layout;
use apd_points::safetensors::parse;
use apd_seed::Seed;
use half::{bf16, f16};
use ndarray::ArrayViewMut2;
use safetensors::tensor::{Dtype as Stored, View, serialize};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::gan::Widths;
use crate::quantized::{Matrix, Numbers, groups, packed};
use crate::subspace::Coefficients;
use crate::{Conditional, FileError, Format, Generator, Standardization, Subsample, Subspace};
use apd_points::{LowRank, Posterior};

mod at_least;
mod conditional;
mod read;
#[cfg(test)]
mod tests;

pub use at_least::AtLeast;
use conditional::ConditionalDescription;
use read::{Tensors, check_widths, read_gan, read_subsample, read_subspace};

/// The content of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Distilled {
    /// A GAN's generator: the paper's.
    Gan(Generator),
    /// A few directions and the coefficients in them.
    Subspace(Subspace),
    /// Some of the points themselves.
    Subsample(Subsample),
    /// A basis for each chain, and coefficients that follow its time.
    Conditional(Conditional),
}

impl Distilled {
    fn inner(&self) -> &dyn Posterior {
        match self {
            Self::Gan(generator) => generator,
            Self::Subspace(subspace) => subspace,
            Self::Subsample(subsample) => subsample,
            Self::Conditional(conditional) => conditional,
        }
    }
}

impl Posterior for Distilled {
    fn dim(&self) -> usize {
        self.inner().dim()
    }

    fn bytes(&self) -> usize {
        self.inner().bytes()
    }

    fn draw_into(&self, seed: Seed, first: u64, out: ArrayViewMut2<'_, f32>) {
        self.inner().draw_into(seed, first, out);
    }

    fn low_rank(&self) -> Option<&dyn LowRank> {
        self.inner().low_rank()
    }
}

/// A distilled posterior read from a file, and what was stored with it.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratorFile {
    /// The distilled posterior.
    pub generator: Distilled,
    /// Which coordinate of a point is which parameter of a network.
    pub layout: Layout,
    /// Whatever its maker wrote.
    pub metadata: BTreeMap<String, String>,
}

const GAN: &str = "apd-generator-1";
const SUBSPACE: &str = "apd-subspace-1";
const SUBSAMPLE: &str = "apd-subsample-1";
const CONDITIONAL: &str = "apd-conditional-1";
/// The one entry of the header's metadata.
const KEY: &str = "apd";

/// The widths of a stored generator.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GanDescription {
    dim: usize,
    latent: usize,
    hidden: usize,
    standardization: Standardization,
}

/// The lengths of a stored subspace.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubspaceDescription {
    dim: usize,
    rank: usize,
    format: Format,
    explained: f64,
    residual: bool,
    coefficients: CoefficientDescription,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum CoefficientDescription {
    Mixture {
        #[serde(rename = "centres")]
        components: usize,
    },
    Gan(GanDescription),
}

/// The lengths of stored points.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubsampleDescription {
    dim: usize,
    count: usize,
    format: Format,
    noise: bool,
    /// Whether they are kept in units of each coordinate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    standardized: bool,
}

/// The file's metadata, as one JSON object.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    format: String,
    generator: serde_json::Value,
    layout: Cow<'a, Layout>,
    metadata: Cow<'a, BTreeMap<String, String>>,
}

impl Distilled {
    /// The subspace that it is, if it is one.
    pub fn subspace(&self) -> Option<&Subspace> {
        match self {
            Self::Subspace(subspace) => Some(subspace),
            Self::Gan(_) | Self::Subsample(_) | Self::Conditional(_) => None,
        }
    }

    /// The bytes of a `safetensors` file. The same posterior gives the same bytes.
    ///
    /// A GAN has f32 tensors `trunk.{0,1,2}.{weight,bias}`, `output.{weight,bias}` (weights out × in) and, where the points were
    /// standardized, `mean` and `scale` (point = output · scale + mean). A subspace has `mean` and `directions` (r × d; of 8 bits with a
    /// `directions.scale` per row), and its coefficients' `centres` and `sd`, or the tensors of their GAN behind `coefficients.`;
    /// `residual` where there is noise on every coordinate. A subsample has `points` (m × d; of 8 bits with a `points.scale` per row), and
    /// `sd` where there is noise, `mean` and `scale` where they are kept in units of each coordinate. A conditional distiller has `means`
    /// (C × d) and `directions` (C·K × d), `curves` (C × F × K), `factors` (C × K × K), and the tensors of its GAN behind `adversary.`. Of a
    /// matrix of 6 bits a row is 3·⌈d/4⌉ bytes, each three of them four codes of 6 bits, 32 more than they mean, the first in the lowest bits; its
    /// `.scale` (bf16) has one of each 64 columns. In the
    /// header's metadata, one JSON object under `apd`: `format`, `generator` (lengths), `layout`, and `metadata`.
    ///
    /// **Errors**: a layout of another length than the points.
    pub fn to_safetensors(&self, layout: &Layout, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>, FileError> {
        check_layout(layout, self.dim())?;
        let (format, generator, parts) = match self {
            Self::Gan(generator) => (GAN, json(&describe_gan(generator)), gan_parts(generator, "")),
            Self::Subspace(subspace) => (SUBSPACE, json(&describe_subspace(subspace)), subspace_parts(subspace)),
            Self::Subsample(points) => (SUBSAMPLE, json(&describe_subsample(points)), subsample_parts(points)),
            Self::Conditional(it) => (CONDITIONAL, json(&conditional::describe(it)), conditional::parts(it)),
        };
        let (layout, metadata) = (Cow::Borrowed(layout), Cow::Borrowed(metadata));
        let header = json(&Header { format: format.to_owned(), generator, layout, metadata }).to_string();
        // One entry: several would be written in an order that differs from run to run.
        Ok(serialize(parts, Some(HashMap::from([(KEY.to_owned(), header)]))).expect("tensors of their own shapes"))
    }

    /// What [`to_safetensors`](Self::to_safetensors) wrote.
    ///
    /// **Errors**: anything that is missing, of another type or shape than the metadata say, or not finite. Never panics,
    /// whatever the bytes are.
    pub fn from_safetensors(bytes: &[u8]) -> Result<GeneratorFile, FileError> {
        let tensors = parse(bytes).map_err(FileError::Container)?;
        let header = tensors.metadata.get(KEY).ok_or_else(|| problem("is missing"))?;
        let header: Header<'static> = serde_json::from_str(header).map_err(problem)?;
        let (layout, metadata) = (header.layout.into_owned(), header.metadata.into_owned());
        let mut file = Tensors { arrays: tensors.arrays };
        let generator = match &header.format[..] {
            GAN => {
                let description = described(header.generator)?;
                check_widths(&description)?;
                check_layout(&layout, description.dim)?;
                Self::Gan(read_gan(&mut file, description, "")?)
            }
            SUBSPACE => {
                let description: SubspaceDescription = described(header.generator)?;
                check_layout(&layout, description.dim)?;
                Self::Subspace(read_subspace(&mut file, description)?)
            }
            SUBSAMPLE => {
                let description: SubsampleDescription = described(header.generator)?;
                check_layout(&layout, description.dim)?;
                Self::Subsample(read_subsample(&mut file, description)?)
            }
            CONDITIONAL => {
                let description: ConditionalDescription = described(header.generator)?;
                check_layout(&layout, description.dim)?;
                Self::Conditional(conditional::read(&mut file, description)?)
            }
            other => {
                let expected = [GAN, SUBSPACE, SUBSAMPLE, CONDITIONAL].join("`, `");
                return Err(problem(format!("has format `{other}`, expected one of `{expected}`")));
            }
        };
        file.nothing_else()?;
        Ok(GeneratorFile { generator, layout, metadata })
    }
}

fn problem(problem: impl ToString) -> FileError {
    FileError::Metadata { key: KEY, problem: problem.to_string() }
}

fn json(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).expect("lengths, names and finite numbers are JSON")
}

fn described<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, FileError> {
    serde_json::from_value(value).map_err(|error| problem(format!("generator: {error}")))
}

fn describe_gan(generator: &Generator) -> GanDescription {
    let Widths { dim, latent, hidden } = generator.widths;
    GanDescription { dim, latent, hidden, standardization: generator.standardization }
}

fn describe_subspace(subspace: &Subspace) -> SubspaceDescription {
    SubspaceDescription {
        dim: subspace.dim(),
        rank: subspace.rank(),
        format: subspace.format(),
        explained: subspace.explained,
        residual: subspace.residual.is_some(),
        coefficients: match &subspace.coefficients {
            Coefficients::Mixture { components, .. } => {
                CoefficientDescription::Mixture { components: components.rows() }
            }
            Coefficients::Gan(generator) => CoefficientDescription::Gan(describe_gan(generator)),
        },
    }
}

fn describe_subsample(points: &Subsample) -> SubsampleDescription {
    let (format, noise) = (points.points.format(), points.sd.is_some());
    let standardized = !points.units.scale.is_empty();
    SubsampleDescription { dim: points.dim(), count: points.count(), format, noise, standardized }
}

/// A tensor whose bytes are made when they are written: there is no second copy of a large generator.
struct Part<'a> {
    shape: Vec<usize>,
    source: Source<'a>,
}

enum Source<'a> {
    F32(&'a [f32]),
    F16(&'a [f16]),
    I8(&'a [i8]),
    U8(&'a [u8]),
    BF16(&'a [bf16]),
    /// The output weight of a generator, which keeps it in another order.
    Output(&'a Generator),
}

impl View for Part<'_> {
    fn dtype(&self) -> Stored {
        match self.source {
            Source::F32(_) | Source::Output(_) => Stored::F32,
            Source::F16(_) => Stored::F16,
            Source::I8(_) => Stored::I8,
            Source::U8(_) => Stored::U8,
            Source::BF16(_) => Stored::BF16,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut bytes = Vec::with_capacity(self.data_len());
        match self.source {
            Source::F32(numbers) => numbers.iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes())),
            Source::F16(numbers) => numbers.iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes())),
            Source::BF16(numbers) => numbers.iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes())),
            Source::I8(numbers) => bytes.extend(numbers.iter().map(|&x| x as u8)),
            Source::U8(numbers) => bytes.extend_from_slice(numbers),
            Source::Output(generator) => generator.weight().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes())),
        }
        bytes.into()
    }

    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype().bitsize() / 8
    }
}

/// Names and shapes of a generator's parameters, in the order in which it keeps them.
fn gan_tensors(description: &GanDescription, prefix: &str) -> Vec<(String, Vec<usize>)> {
    let GanDescription { dim, latent, hidden, standardization } = *description;
    let trunk = Widths { dim, latent, hidden }.trunk();
    let name = |i: usize| format!("{prefix}trunk.{}.{}", i / 2, ["weight", "bias"][i % 2]);
    let mut tensors: Vec<_> = trunk.into_iter().enumerate().map(|(i, shape)| (name(i), shape)).collect();
    tensors.push((format!("{prefix}output.weight"), vec![dim, hidden]));
    tensors.push((format!("{prefix}output.bias"), vec![dim]));
    if standardization != Standardization::None {
        tensors.push((format!("{prefix}mean"), vec![dim]));
    }
    if standardization == Standardization::Standardize {
        tensors.push((format!("{prefix}scale"), vec![dim]));
    }
    tensors
}

fn gan_parts<'a>(generator: &'a Generator, prefix: &str) -> Vec<(String, Part<'a>)> {
    let mut trunk = &generator.trunk[..];
    let mut take = |len: usize| {
        let (part, rest) = trunk.split_at(len);
        trunk = rest;
        part
    };
    let tensors = gan_tensors(&describe_gan(generator), prefix).into_iter().map(|(name, shape)| {
        let source = match &name[prefix.len()..] {
            "output.weight" => Source::Output(generator),
            "output.bias" => Source::F32(&generator.bias),
            "mean" => Source::F32(&generator.affine.mean),
            "scale" => Source::F32(&generator.affine.scale),
            _ => Source::F32(take(shape.iter().product())),
        };
        (name, Part { shape, source })
    });
    tensors.collect()
}

fn matrix_parts<'a>(name: &str, matrix: &'a Matrix, shape: Vec<usize>) -> Vec<(String, Part<'a>)> {
    let part = |name: String, shape, source| (name, Part { shape, source });
    match &matrix.numbers {
        Numbers::F32(numbers) => vec![part(name.to_owned(), shape, Source::F32(numbers))],
        Numbers::F16(numbers) => vec![part(name.to_owned(), shape, Source::F16(numbers))],
        Numbers::Int8 { codes, scales } => vec![
            part(format!("{name}.scale"), vec![scales.len()], Source::F32(scales)),
            part(name.to_owned(), shape, Source::I8(codes)),
        ],
        Numbers::Int6 { codes, scales } => {
            let (rows, columns) = (matrix.rows(), matrix.columns());
            vec![
                part(format!("{name}.scale"), vec![rows, groups(columns)], Source::BF16(scales)),
                part(name.to_owned(), vec![rows, packed(columns)], Source::U8(codes)),
            ]
        }
    }
}

fn subspace_parts(subspace: &Subspace) -> Vec<(String, Part<'_>)> {
    let (dim, rank) = (subspace.dim(), subspace.rank());
    let mut parts = matrix_parts("mean", &subspace.mean, vec![dim]);
    parts.extend(matrix_parts("directions", &subspace.directions, vec![rank, dim]));
    parts.extend(subspace.residual.iter().flat_map(|residual| matrix_parts("residual", residual, vec![dim])));
    match &subspace.coefficients {
        Coefficients::Gan(generator) => parts.extend(gan_parts(generator, "coefficients.")),
        Coefficients::Mixture { components, sd } => {
            parts.extend(matrix_parts("centres", components, vec![components.rows(), rank]));
            parts.push(("sd".to_owned(), Part { shape: vec![rank], source: Source::F32(sd) }));
        }
    }
    parts
}

fn subsample_parts(subsample: &Subsample) -> Vec<(String, Part<'_>)> {
    let dim = subsample.dim();
    let mut parts = matrix_parts("points", &subsample.points, vec![subsample.count(), dim]);
    parts.extend(subsample.sd.iter().flat_map(|sd| matrix_parts("sd", sd, vec![dim])));
    for (name, numbers) in [("mean", &subsample.units.mean), ("scale", &subsample.units.scale)] {
        if !numbers.is_empty() {
            parts.push((name.to_owned(), Part { shape: vec![dim], source: Source::F32(numbers) }));
        }
    }
    parts
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
