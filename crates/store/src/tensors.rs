//! The header of a safetensors file that holds rows: written in one fixed order, read without trusting a number in it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::Error;
use crate::map::floats;

#[cfg(test)]
mod tests;

/// A header of this crate has a few kilobytes; the format itself allows 100 MB, which a hostile file could make us parse.
const MAX_HEADER: u64 = 4 << 20;

/// Where the rows are in a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    pub(crate) rows: usize,
    pub(crate) dim: usize,
    /// Where the numbers begin: those of all tensors.
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
    /// A table that is nothing but `rows`×`dim` numbers from `theta` on; the caller has checked that they are there.
    pub(crate) fn bare(rows: usize, dim: usize, theta: usize) -> Self {
        Self {
            rows,
            dim,
            data: theta,
            theta,
            chain: None,
            step: None,
            weight: None,
            potential: None,
            metadata: BTreeMap::new(),
        }
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Info {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// Finds the rows: the tensor `theta`, or the only tensor there is.
///
/// Checks that the header fits the file, that the tensors lie inside it without overlap or hole, and every type and shape.
pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Table, Error> {
    let (infos, metadata, data) = header(path, bytes)?;
    let only = (infos.len() == 1).then(|| infos.keys().next()).flatten();
    let Some((name, theta)) =
        infos.get_key_value("theta").or_else(|| only.and_then(|name| infos.get_key_value(name.as_str())))
    else {
        let names: Vec<_> = infos.keys().map(String::as_str).take(8).collect();
        return Err(Error::format(path, "a tensor `theta`, or only one tensor", format!("tensors {names:?}")));
    };
    let expected = format!("`{name}` to be a 2-dimensional F32 tensor");
    let found = |info: &Info| format!("{} of shape {:?}", info.dtype, info.shape);
    let [rows, dim] = theta.shape[..] else { return Err(Error::format(path, expected, found(theta))) };
    if theta.dtype != "F32" {
        return Err(Error::format(path, expected, found(theta)));
    }
    let start = data.start + theta.data_offsets[0] as usize;
    if floats(&bytes[start..data.start + theta.data_offsets[1] as usize]).is_none() {
        return Err(Error::format(path, format!("`{name}` on a multiple of 4 bytes"), format!("offset {start}")));
    }
    let column = |name: &str, dtype: &str| match infos.get(name) {
        None => Ok(None),
        Some(info) if info.dtype == dtype && info.shape == [rows] => {
            Ok(Some(data.start + info.data_offsets[0] as usize))
        }
        Some(info) => Err(Error::format(path, format!("`{name}` to be {dtype} of shape [{rows}]"), found(info))),
    };
    Ok(Table {
        // A zero-sized tensor may claim a length that no file has.
        rows: usize::try_from(rows).map_err(|_| Error::format(path, "a countable number of rows", rows.to_string()))?,
        dim: usize::try_from(dim).map_err(|_| Error::format(path, "a countable dimension", dim.to_string()))?,
        data: data.start,
        theta: start,
        chain: column("chain", "I64")?,
        step: column("step", "I64")?,
        weight: column("weight", "F64")?,
        potential: column("potential", "F64")?,
        metadata,
    })
}

type Header = (BTreeMap<String, Info>, BTreeMap<String, String>, Range<usize>);

fn header(path: &Path, bytes: &[u8]) -> Result<Header, Error> {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(Error::format(path, "a safetensors file", format!("{} bytes", bytes.len())));
    };
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER {
        return Err(Error::format(path, format!("a header of at most {MAX_HEADER} bytes"), format!("{length}")));
    }
    let Some(text) = rest.get(..length as usize) else {
        let expected = 8 + length;
        return Err(Error::Length { path: path.to_owned(), expected, found: bytes.len() as u64 });
    };
    let bad = |found: String| Error::format(path, "a safetensors header", found);
    let mut entries: BTreeMap<String, Value> = serde_json::from_slice(text).map_err(|e| bad(e.to_string()))?;
    let metadata = match entries.remove("__metadata__") {
        Some(x) => serde_json::from_value(x).map_err(|e| bad(format!("__metadata__: {e}")))?,
        None => BTreeMap::new(),
    };
    let mut infos = BTreeMap::new();
    for (name, value) in entries {
        let info: Info = serde_json::from_value(value).map_err(|e| bad(format!("`{name}`: {e}")))?;
        let width = match info.dtype.as_str() {
            "F64" | "I64" | "U64" => 8,
            "F32" | "I32" | "U32" => 4,
            "F16" | "BF16" | "I16" | "U16" => 2,
            "I8" | "U8" | "BOOL" => 1,
            other => return Err(bad(format!("`{name}` of type {other}"))),
        };
        let size = info.shape.iter().try_fold(width, |size: u64, x| size.checked_mul(*x));
        let [begin, end] = info.data_offsets;
        if size.is_none() || end.checked_sub(begin) != size {
            return Err(bad(format!("`{name}` of shape {:?} in bytes {begin}..{end}", info.shape)));
        }
        infos.insert(name, info);
    }
    let mut ranges: Vec<[u64; 2]> = infos.values().map(|i| i.data_offsets).collect();
    ranges.sort_unstable();
    let mut reached = 0;
    for [begin, end] in ranges {
        if begin != reached {
            return Err(bad(format!("tensors that overlap or leave a hole at byte {reached} of the data")));
        }
        reached = end;
    }
    let start = 8 + length;
    let expected = start.saturating_add(reached);
    if expected != bytes.len() as u64 {
        return Err(Error::Length { path: path.to_owned(), expected, found: bytes.len() as u64 });
    }
    Ok((infos, metadata, start as usize..bytes.len()))
}
