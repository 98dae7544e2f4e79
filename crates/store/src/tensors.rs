//! Rows in a safetensors file: where they lie in it, and the header that is written in front of them, in one fixed order.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use apd_points::safetensors::{self, Tensors};
use apd_points::{Dtype, FormatError, RawArray};
use serde_json::json;

use crate::Error;
use crate::map::floats;

#[cfg(test)]
mod tests;

/// The place of the rows in a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    pub(crate) rows: usize,
    pub(crate) dim: usize,
    /// The offset of the numbers of all tensors.
    pub(crate) data: usize,
    /// Offset in the file of `theta`, rows×dim f32; a multiple of 4.
    theta: usize,
    /// Offsets of the columns of 8-byte numbers.
    pub(crate) chain: Option<usize>,
    pub(crate) step: Option<usize>,
    pub(crate) weight: Option<usize>,
    pub(crate) potential: Option<usize>,
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Table {
    /// Finds rows that can be used where they lie: the float32 matrix `theta`, or the only tensor there is.
    ///
    /// Checks every type and shape, and that the numbers are aligned in memory.
    pub(crate) fn of(bytes: &[u8], tensors: &Tensors<'_>) -> Result<Self, FormatError> {
        let (name, theta) = theta(tensors).ok_or_else(|| {
            let names: Vec<_> = tensors.arrays.keys().map(String::as_str).take(8).collect();
            FormatError::new("a tensor `theta`, or only one tensor", format!("tensors {names:?}"))
        })?;
        let told = |array: &RawArray<'_>| format!("{:?} of shape {:?}", array.dtype, array.shape);
        let ([rows, dim], true) = (&theta.shape[..], theta.is_plain_f32()) else {
            return Err(FormatError::new(format!("`{name}` to be a 2-dimensional F32 tensor"), told(theta)));
        };
        // A tensor is a part of the file.
        let offset = |array: &RawArray<'_>| array.data.as_ptr() as usize - bytes.as_ptr() as usize;
        if floats(theta.data).is_none() {
            let found = format!("offset {}", offset(theta));
            return Err(FormatError::new(format!("`{name}` on a multiple of 4 bytes"), found));
        }
        let column = |name: &str, dtype: Dtype| match tensors.arrays.get(name) {
            None => Ok(None),
            Some(array) if array.dtype == dtype && array.shape == [*rows] => Ok(Some(offset(array))),
            Some(array) => Err(FormatError::new(format!("`{name}` to be {dtype:?} of shape [{rows}]"), told(array))),
        };
        Ok(Self {
            rows: *rows,
            dim: *dim,
            data: bytes.len() - tensors.data.len(),
            theta: offset(theta),
            chain: column("chain", Dtype::I64)?,
            step: column("step", Dtype::I64)?,
            weight: column("weight", Dtype::F64)?,
            potential: column("potential", Dtype::F64)?,
            metadata: tensors.metadata.clone(),
        })
    }

    pub(crate) fn row<'a>(&self, bytes: &'a [u8], row: usize) -> &'a [f32] {
        let start = self.theta + row * self.dim * 4;
        floats(&bytes[start..start + self.dim * 4]).expect("alignment was checked when the file was opened")
    }

    /// Entry `row` of a column, as raw bytes.
    pub(crate) fn cell(column: usize, bytes: &[u8], row: usize) -> [u8; 8] {
        let start = column + row * 8;
        bytes[start..start + 8].try_into().expect("a range of 8 bytes")
    }
}

/// The tensor that rows are in: `theta`, or the only one.
pub(crate) fn theta<'a, 'b>(tensors: &'b Tensors<'a>) -> Option<(&'b String, &'b RawArray<'a>)> {
    let only = if tensors.arrays.len() == 1 { tensors.arrays.first_key_value() } else { None };
    tensors.arrays.get_key_value("theta").or(only)
}

/// The rows of a shard.
pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Table, Error> {
    safetensors::parse(bytes).and_then(|tensors| Table::of(bytes, &tensors)).map_err(Error::of(path))
}

/// Writes everything before the numbers: `[chain] step weight potential theta`, in this order in the data section.
///
/// The 8-byte columns come first and the header is padded, so that every tensor starts on a multiple of 8 in the file.
pub(crate) fn write_header(
    out: &mut impl Write,
    rows: usize,
    dim: usize,
    with_chain: bool,
    metadata: &BTreeMap<String, String>,
) -> io::Result<()> {
    // By hand: a map from a library would bring the entries in an order of its own, and a bank's bytes are reproducible.
    let mut header = format!("{{\"__metadata__\":{}", serde_json::to_string(metadata)?);
    let mut offset = 0_u64;
    let mut entry = |name: &str, dtype: &str, shape: &[usize], width: u64| {
        let end = offset + shape.iter().map(|x| *x as u64).product::<u64>() * width;
        let info = json!(shape);
        header.push_str(&format!(
            ",\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{info},\"data_offsets\":[{offset},{end}]}}"
        ));
        offset = end;
    };
    if with_chain {
        entry("chain", "I64", &[rows], 8);
    }
    entry("step", "I64", &[rows], 8);
    entry("weight", "F64", &[rows], 8);
    entry("potential", "F64", &[rows], 8);
    entry("theta", "F32", &[rows, dim], 4);
    header.push('}');
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(header.as_bytes())
}
