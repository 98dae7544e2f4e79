//! Matrices of float32 in NumPy's `.npy` format, versions 1 to 3, C order, little-endian.

use std::io::Write;
use std::path::Path;

use ndarray::{Array2, ArrayView2};

use crate::Error;
use crate::atomic::{AtomicFile, write_le};
use crate::map::Map;

#[cfg(test)]
mod tests;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// NumPy's own limit on what it will parse is 10 000.
const MAX_HEADER: usize = 10_000;

/// Reads an n×d float32 matrix.
///
/// **Errors** unless the file is a C-ordered, little-endian float32 matrix, exactly as long as its header says.
///
/// ```
/// use apd_store::npy;
/// use ndarray::array;
///
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("x.npy");
/// npy::write_matrix_f32(&path, array![[1.0, 2.0], [3.0, 4.0]].view())?;
/// assert_eq!(npy::read_matrix_f32(&path)?, array![[1.0, 2.0], [3.0, 4.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_matrix_f32(path: impl AsRef<Path>) -> Result<Array2<f32>, Error> {
    let path = path.as_ref();
    let map = Map::open(path, "a .npy file")?;
    let [rows, columns, offset] = parse(path, map.bytes())?;
    let data = map.bytes()[offset..].as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    Array2::from_shape_vec((rows, columns), data)
        .map_err(|e| Error::format(path, format!("a {rows}×{columns} matrix"), e.to_string()))
}

/// Writes an n×d float32 matrix, atomically, whatever its strides.
pub fn write_matrix_f32(path: impl AsRef<Path>, matrix: ArrayView2<'_, f32>) -> Result<(), Error> {
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
    write().map_err(Error::io(path))?;
    file.commit().map(|_| ())
}

/// Everything before the numbers, a multiple of 64 bytes.
pub(crate) fn header(rows: usize, columns: usize) -> Vec<u8> {
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

/// Rows, columns, and the offset of the numbers, which fill the file exactly.
pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<[usize; 3], Error> {
    let bad = |found: &str| Error::format(path, "a .npy file", found);
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| bad("another magic number"))?;
    let (length, start) = match *rest {
        [1, 0, a, b, ..] => (usize::from(u16::from_le_bytes([a, b])), MAGIC.len() + 4),
        [2 | 3, 0, a, b, c, d, ..] => (u32::from_le_bytes([a, b, c, d]) as usize, MAGIC.len() + 6),
        [major, minor, ..] => return Err(bad(&format!("format version {major}.{minor}"))),
        _ => return Err(bad("the end of the file")),
    };
    if length > MAX_HEADER {
        return Err(Error::format(path, format!("a header of at most {MAX_HEADER} bytes"), length.to_string()));
    }
    let offset = start + length;
    let text = bytes.get(start..offset).ok_or_else(|| bad("the end of the file in its header"))?;
    let text = std::str::from_utf8(text).map_err(|_| bad("a header that is not text"))?;
    let Some(Description { descr, fortran_order, shape }) = Description::parse(text) else {
        return Err(Error::format(path, "a header with descr, fortran_order and shape", text.trim_end()));
    };
    if descr != "<f4" {
        let found = format!("`{descr}`; save it with .astype(numpy.float32)");
        return Err(Error::format(path, "little-endian float32, `<f4`", found));
    }
    let [rows, columns] = shape[..] else {
        return Err(Error::format(path, "a matrix (two axes)", format!("shape {shape:?}")));
    };
    if fortran_order && rows > 1 && columns > 1 {
        let found = "Fortran order; save it with numpy.ascontiguousarray";
        return Err(Error::format(path, "C order", found));
    }
    let size = rows.checked_mul(columns).and_then(|n| n.checked_mul(4)).and_then(|n| n.checked_add(offset as u64));
    if size != Some(bytes.len() as u64) {
        let (expected, found) = (size.unwrap_or(u64::MAX), bytes.len() as u64);
        return Err(Error::Length { path: path.to_owned(), expected, found });
    }
    // An axis may still be absurd if the other one is 0.
    match (isize::try_from(rows), isize::try_from(columns)) {
        (Ok(rows), Ok(columns)) => Ok([rows as usize, columns as usize, offset]),
        _ => Err(Error::format(path, "a countable shape", format!("{shape:?}"))),
    }
}

/// The dictionary in the header. A reader of exactly this, rather than of Python literals: no recursion to exhaust.
struct Description {
    descr: String,
    fortran_order: bool,
    shape: Vec<u64>,
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
                    shape = Some(axes.map(|n| n.trim().parse().ok()).collect::<Option<Vec<u64>>>()?);
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
