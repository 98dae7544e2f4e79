//! What the tensors of a file hold, once each is known to be there and of its shape.

use std::borrow::Cow;
use std::collections::BTreeMap;

use apd_points::{Dtype, RawArray};
use half::{bf16, f16};

use super::{CoefficientDescription, GanDescription, SubsampleDescription, SubspaceDescription, gan_tensors, problem};
use crate::gan::Widths;
use crate::quantized::{Matrix, Numbers, groups, packed};
use crate::standardize::Affine;
use crate::subspace::Coefficients;
use crate::{FileError, Format, Generator, Subsample, Subspace};

/// The tensors of a file that have not been read yet.
pub(super) struct Tensors<'a> {
    pub(super) arrays: BTreeMap<String, RawArray<'a>>,
}

impl<'a> Tensors<'a> {
    pub(super) fn f32(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, FileError> {
        let data = self.take(name, Dtype::F32, shape)?;
        let numbers = data.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        finite(name, numbers.collect(), |x: &f32| x.is_finite())
    }

    /// A matrix of `rows` × `columns` numbers; a vector, of shape \[`columns`\], has no `rows`.
    pub(super) fn matrix(
        &mut self,
        name: &str,
        format: Format,
        rows: Option<usize>,
        columns: usize,
    ) -> Result<Matrix, FileError> {
        let shape: Vec<usize> = rows.into_iter().chain([columns]).collect();
        let numbers = match format {
            Format::F32 => Numbers::F32(self.f32(name, &shape)?),
            Format::F16 => {
                let data = self.take(name, Dtype::F16, &shape)?;
                let numbers = data.chunks_exact(2).map(|bytes| f16::from_le_bytes([bytes[0], bytes[1]]));
                Numbers::F16(finite(name, numbers.collect(), |x: &f16| x.is_finite())?)
            }
            Format::Int8 => {
                let scales = self.f32(&format!("{name}.scale"), &shape[..1])?;
                let data = self.take(name, Dtype::I8, &shape)?;
                Numbers::Int8 { codes: data.iter().map(|&x| x as i8).collect(), scales }
            }
            Format::Int6 => {
                let (rows, scale) = (rows.unwrap_or(1), format!("{name}.scale"));
                let data = self.take(&scale, Dtype::BF16, &[rows, groups(columns)])?;
                let scales = data.chunks_exact(2).map(|bytes| bf16::from_le_bytes([bytes[0], bytes[1]]));
                let scales = finite(&scale, scales.collect(), |x: &bf16| x.is_finite())?;
                Numbers::Int6 { codes: self.take(name, Dtype::U8, &[rows, packed(columns)])?.to_vec(), scales }
            }
        };
        Ok(Matrix::from_numbers(rows.unwrap_or(1), columns, numbers))
    }

    /// The bytes of a tensor that has to be there.
    fn take(&mut self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<&'a [u8], FileError> {
        let wrong = |found: String| {
            let expected = format!("{dtype:?} {shape:?}");
            FileError::Tensor { name: name.to_owned(), expected, found }
        };
        let tensor = self.arrays.remove(name).ok_or_else(|| wrong("nothing".to_owned()))?;
        // The reader has checked that the bytes are as many as their shape says, so equal shapes bound what is allocated.
        if tensor.dtype != dtype || tensor.shape != shape {
            return Err(wrong(format!("{:?} {:?}", tensor.dtype, tensor.shape)));
        }
        Ok(tensor.data)
    }

    /// **Errors**: names a tensor that nobody has read.
    pub(super) fn nothing_else(&self) -> Result<(), FileError> {
        match self.arrays.keys().next() {
            None => Ok(()),
            Some(name) => {
                let (expected, found) = ("no such tensor".to_owned(), "it".to_owned());
                Err(FileError::Tensor { name: name.clone(), expected, found })
            }
        }
    }
}

fn finite<T: std::fmt::Display>(name: &str, numbers: Vec<T>, is_finite: fn(&T) -> bool) -> Result<Vec<T>, FileError> {
    match numbers.iter().position(|x| !is_finite(x)) {
        None => Ok(numbers),
        Some(i) => {
            let (expected, found) = ("finite numbers".to_owned(), format!("{} at {i}", numbers[i]));
            Err(FileError::Tensor { name: name.to_owned(), expected, found })
        }
    }
}

pub(super) fn read_gan(
    file: &mut Tensors<'_>,
    description: GanDescription,
    prefix: &str,
) -> Result<Generator, FileError> {
    let values = gan_tensors(&description, prefix).into_iter().map(|(name, shape)| file.f32(&name, &shape));
    // In the order of `gan_tensors`: six of the trunk, two of the output layer, mean, scale.
    let mut values = values.collect::<Result<Vec<_>, _>>()?.into_iter();
    let trunk: Vec<f32> = values.by_ref().take(6).flatten().collect();
    let mut next = || values.next().unwrap_or_default();
    let (weight, bias) = (next(), next());
    let affine = Affine { mean: Cow::Owned(next()), scale: Cow::Owned(next()) };
    let GanDescription { dim, latent, hidden, standardization } = description;
    Ok(Generator::new(Widths { dim, latent, hidden }, standardization, affine, [trunk, weight, bias]))
}

pub(super) fn read_subspace(file: &mut Tensors<'_>, description: SubspaceDescription) -> Result<Subspace, FileError> {
    let SubspaceDescription { dim, rank, format, explained, residual, coefficients } = description;
    if dim == 0 || !explained.is_finite() {
        return Err(problem(format!("has a subspace of dimension {dim} that explains {explained}")));
    }
    let vectors = format.of_vectors();
    let mean = file.matrix("mean", vectors, None, dim)?;
    let directions = file.matrix("directions", format, Some(rank), dim)?;
    let residual = residual.then(|| file.matrix("residual", vectors, None, dim)).transpose()?;
    let coefficients = match coefficients {
        CoefficientDescription::Mixture { components: 0 } => return Err(problem("has no centres")),
        CoefficientDescription::Mixture { components } => Coefficients::Mixture {
            components: file.matrix("centres", vectors, Some(components), rank)?,
            sd: file.f32("sd", &[rank])?,
        },
        CoefficientDescription::Gan(description) => {
            check_widths(&description)?;
            if description.dim != rank {
                return Err(problem(format!("has {} coefficients for {rank} directions", description.dim)));
            }
            Coefficients::Gan(read_gan(file, description, "coefficients.")?)
        }
    };
    Ok(Subspace { mean, directions, coefficients, residual, explained })
}

pub(super) fn read_subsample(
    file: &mut Tensors<'_>,
    description: SubsampleDescription,
) -> Result<Subsample, FileError> {
    let SubsampleDescription { dim, count, format, noise, standardized } = description;
    if dim == 0 || count == 0 {
        return Err(problem(format!("has {count} points of dimension {dim}")));
    }
    let points = file.matrix("points", format, Some(count), dim)?;
    let sd = noise.then(|| file.matrix("sd", format.of_vectors(), None, dim)).transpose()?;
    let units = match standardized {
        true => Affine { mean: file.f32("mean", &[dim])?.into(), scale: file.f32("scale", &[dim])?.into() },
        false => Affine::default(),
    };
    Ok(Subsample { points, sd, units })
}

pub(super) fn check_widths(description: &GanDescription) -> Result<(), FileError> {
    let GanDescription { dim, latent, hidden, .. } = *description;
    if [dim, latent, hidden].contains(&0) {
        return Err(problem(format!("has an empty layer: dim {dim}, latent {latent}, hidden {hidden}")));
    }
    Ok(())
}
