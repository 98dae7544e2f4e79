//! Tensors in the `safetensors` format.

use std::collections::BTreeMap;

use safetensors::SafeTensors;
use safetensors::tensor::Dtype as Stored;

use crate::{Dtype, FormatError, RawArray};

#[cfg(test)]
mod tests;

/// The tensors of a `safetensors` file, where they lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensors<'a> {
    /// The tensors by name.
    pub arrays: BTreeMap<String, RawArray<'a>>,
    /// Whatever the file's maker wrote.
    pub metadata: BTreeMap<String, String>,
    /// All bytes after the header: those of all tensors.
    pub data: &'a [u8],
}

/// Reads the header of a whole file in memory, or in a memory map.
///
/// **Errors** unless the header fits the file, and the tensors fill the rest without overlap or hole, as long as their types and shapes
/// say. Allocates no more than the header holds.
pub fn parse(bytes: &[u8]) -> Result<Tensors<'_>, FormatError> {
    let bad = |found: String| FormatError::new("a safetensors file", found);
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return Err(bad(format!("{} bytes", bytes.len())));
    };
    let length = u64::from_le_bytes(*length);
    if length > rest.len() as u64 {
        return Err(FormatError::Length { expected: length.saturating_add(8), found: bytes.len() as u64 });
    }
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| bad(e.to_string()))?;
    let data = &rest[length as usize..];
    let array = |(name, info): (String, &safetensors::tensor::TensorInfo)| {
        let dtype = dtype(info.dtype).ok_or_else(|| bad(format!("`{name}` of type {:?}", info.dtype)))?;
        let data = &data[info.data_offsets.0..info.data_offsets.1];
        Ok((name, RawArray { dtype, shape: info.shape.clone(), data, fortran_order: false, big_endian: false }))
    };
    let arrays = header.tensors().into_iter().map(array).collect::<Result<_, FormatError>>()?;
    let metadata = header.metadata().iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    Ok(Tensors { arrays, metadata, data })
}

fn dtype(stored: Stored) -> Option<Dtype> {
    Some(match stored {
        Stored::BOOL => Dtype::Bool,
        Stored::U8 => Dtype::U8,
        Stored::I8 => Dtype::I8,
        Stored::U16 => Dtype::U16,
        Stored::I16 => Dtype::I16,
        Stored::U32 => Dtype::U32,
        Stored::I32 => Dtype::I32,
        Stored::U64 => Dtype::U64,
        Stored::I64 => Dtype::I64,
        Stored::F16 => Dtype::F16,
        Stored::BF16 => Dtype::BF16,
        Stored::F32 => Dtype::F32,
        Stored::F64 => Dtype::F64,
        _ => return None,
    })
}
