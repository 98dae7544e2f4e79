//! Arrays in NumPy's `.npy` format, versions 1 to 3: any type of number, order and endianness; and `.npz`, an archive of them.

use std::io::{Cursor, Read, Write};
use std::path::Path;

use ndarray::{Array2, ArrayView2};
use zip::ZipArchive;

use crate::array::byte_length;
use crate::gzip::MAX_EXPANSION;
use crate::{AtomicFile, Dtype, FileError, FormatError, RawArray, read_file, write_le};

#[cfg(test)]
mod tests;

/// The first bytes of a `.npy` file.
pub const MAGIC: &[u8] = b"\x93NUMPY";
/// The first bytes of a `.npz` file.
pub const NPZ_MAGIC: &[u8] = b"PK";
/// NumPy's own limit on what it will parse.
const MAX_HEADER: usize = 10_000;
/// Most bytes that [`read_matrix_f32`] takes into memory.
const MAX_BYTES: u64 = 64 << 30;

/// Reads an n×d matrix of numbers as float32; the file may be compressed by gzip.
///
/// **Errors** unless the file is a matrix of numbers that float32 can hold, exactly as long as its header says.
///
/// ```
/// use apd_points::npy;
/// use ndarray::array;
///
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("x.npy");
/// npy::write_matrix_f32(&path, array![[1.0, 2.0], [3.0, 4.0]].view())?;
/// assert_eq!(npy::read_matrix_f32(&path)?, array![[1.0, 2.0], [3.0, 4.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_matrix_f32(path: impl AsRef<Path>) -> Result<Array2<f32>, FileError> {
    let path = path.as_ref();
    let bytes = read_file(path, MAX_BYTES)?;
    parse(&bytes).and_then(|array| matrix_f32(&array)).map_err(FormatError::of(path))
}

/// An n×d array as float32.
///
/// **Errors**: another number of axes; a number that float32 cannot hold.
pub fn matrix_f32(array: &RawArray<'_>) -> Result<Array2<f32>, FormatError> {
    let [rows, columns] = array.shape[..] else {
        return Err(FormatError::new("a matrix (two axes)", format!("shape {:?}", array.shape)));
    };
    Ok(Array2::from_shape_vec((rows, columns), array.to_f32()?).expect("the length was checked"))
}

/// Writes an n×d float32 matrix, atomically, whatever its strides.
pub fn write_matrix_f32(path: impl AsRef<Path>, matrix: ArrayView2<'_, f32>) -> Result<(), FileError> {
    let path = path.as_ref();
    let mut file = AtomicFile::create(path)?;
    let mut write = || {
        file.write_all(&header(matrix.nrows(), matrix.ncols()))?;
        for row in matrix.outer_iter() {
            match row.as_slice() {
                Some(row) => write_le(&mut file, row, f32::to_le_bytes)?,
                None => write_le(&mut file, &row.to_vec(), f32::to_le_bytes)?,
            }
        }
        file.flush()
    };
    write().map_err(FileError::io(path))?;
    file.commit().map(|_| ())
}

/// Everything before the numbers of a float32 matrix, a multiple of 64 bytes.
pub fn header(rows: usize, columns: usize) -> Vec<u8> {
    let mut text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    while !(MAGIC.len() + 4 + text.len() + 1).is_multiple_of(64) {
        text.push(' ');
    }
    text.push('\n');
    let mut out = MAGIC.to_vec();
    out.extend([1, 0]);
    out.extend((text.len() as u16).to_le_bytes());
    out.extend(text.as_bytes());
    out
}

/// The array in the bytes of a `.npy` file, which it fills to the end.
pub fn parse(bytes: &[u8]) -> Result<RawArray<'_>, FormatError> {
    let bad = |found: &str| FormatError::new("a .npy file", found);
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| bad("another magic number"))?;
    let (length, start) = match *rest {
        [1, 0, a, b, ..] => (usize::from(u16::from_le_bytes([a, b])), MAGIC.len() + 4),
        [2 | 3, 0, a, b, c, d, ..] => (u32::from_le_bytes([a, b, c, d]) as usize, MAGIC.len() + 6),
        [major, minor, ..] => return Err(bad(&format!("format version {major}.{minor}"))),
        _ => return Err(bad("the end of the file")),
    };
    if length > MAX_HEADER {
        return Err(FormatError::new(format!("a header of at most {MAX_HEADER} bytes"), length.to_string()));
    }
    let offset = start + length;
    let text = bytes.get(start..offset).ok_or_else(|| bad("the end of the file in its header"))?;
    let text = std::str::from_utf8(text).map_err(|_| bad("a header that is not text"))?;
    let Some(Description { descr, fortran_order, shape }) = Description::parse(text) else {
        return Err(FormatError::new("a header with descr, fortran_order and shape", text.trim_end()));
    };
    let Some((dtype, big_endian)) = dtype(&descr) else {
        return Err(FormatError::new("numbers of a type such as `<f4`", format!("`{descr}`")));
    };
    let data = &bytes[offset..];
    match byte_length(dtype, &shape) {
        Some(length) if length == data.len() => Ok(RawArray { dtype, shape, data, fortran_order, big_endian }),
        Some(length) => {
            let (expected, found) = (offset as u64 + length as u64, bytes.len() as u64);
            Err(FormatError::Length { expected, found })
        }
        None => Err(FormatError::new("a shape that memory can hold", format!("{shape:?}"))),
    }
}

/// The type of a descriptor, and whether it is big-endian.
fn dtype(descr: &str) -> Option<(Dtype, bool)> {
    let kind = descr.strip_prefix(['<', '>', '|', '=']).unwrap_or(descr);
    let dtype = match kind {
        "b1" => Dtype::Bool,
        "u1" => Dtype::U8,
        "i1" => Dtype::I8,
        "u2" => Dtype::U16,
        "i2" => Dtype::I16,
        "u4" => Dtype::U32,
        "i4" => Dtype::I32,
        "u8" => Dtype::U64,
        "i8" => Dtype::I64,
        "f2" => Dtype::F16,
        "f4" => Dtype::F32,
        "f8" => Dtype::F64,
        _ => return None,
    };
    Some((dtype, descr.starts_with('>')))
}

/// The members of a `.npz` archive, by name without the ending: the bytes of a `.npy` file each, which [`parse`] reads.
///
/// **Errors**: an archive that cannot be read; members that would unpack to more than such an archive can hold.
pub fn members(archive: &[u8]) -> Result<Vec<(String, Vec<u8>)>, FormatError> {
    let bad = |e: &dyn std::fmt::Display| FormatError::new("a .npz archive", e.to_string());
    let mut zip = ZipArchive::new(Cursor::new(archive)).map_err(|e| bad(&e))?;
    let mut left = MAX_EXPANSION.saturating_mul(archive.len() as u64);
    let mut members = Vec::new();
    for i in 0..zip.len() {
        let file = zip.by_index(i).map_err(|e| bad(&e))?;
        let name = file.name().map_err(|e| bad(&e))?.into_owned();
        // PyTorch's own files are archives too.
        let Some(name) = name.strip_suffix(".npy").map(str::to_owned) else {
            return Err(bad(&format!(
                "a member {name:?}; of a network's state_dict, save it by safetensors.torch.save_file"
            )));
        };
        let mut bytes = Vec::new();
        file.take(left + 1).read_to_end(&mut bytes).map_err(|e| bad(&e))?;
        left = left.checked_sub(bytes.len() as u64).ok_or_else(|| bad(&"members that overlap"))?;
        members.push((name, bytes));
    }
    Ok(members)
}

/// The dictionary in the header. A reader of exactly this, rather than of Python literals: no recursion to exhaust.
struct Description {
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl Description {
    fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim_start();
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        while !rest.is_empty() {
            let (key, after) = quoted(rest)?;
            let value = after.trim_start().strip_prefix(':')?.trim_start();
            let after = match key {
                "descr" if descr.is_none() => {
                    let (value, after) = quoted(value)?;
                    descr = Some(value.to_owned());
                    after
                }
                "fortran_order" if fortran_order.is_none() => {
                    let word = value.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(value.len());
                    fortran_order = Some(match &value[..word] {
                        "True" => true,
                        "False" => false,
                        _ => return None,
                    });
                    &value[word..]
                }
                "shape" if shape.is_none() => {
                    let (inside, after) = value.strip_prefix('(')?.split_once(')')?;
                    let inside = inside.trim();
                    let inside = inside.strip_suffix(',').unwrap_or(inside);
                    let axes = inside.split(',').filter(|_| !inside.is_empty());
                    shape = Some(axes.map(|n| n.trim().parse().ok()).collect::<Option<Vec<usize>>>()?);
                    after
                }
                _ => return None,
            };
            rest = match after.trim_start() {
                "" => "",
                more => more.strip_prefix(',')?.trim_start(),
            };
        }
        Some(Self { descr: descr?, fortran_order: fortran_order?, shape: shape? })
    }
}

/// A quoted word at the start, and what comes after it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}
