//! Images of the user's own: IDX or NumPy files.

use crate::{Error, Images, idx};
use ndarray::{Array2, ArrayD, IxDyn, ShapeBuilder};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::ops::Range;
use std::path::Path;

const NPY_MAGIC: &[u8] = b"\x93NUMPY";
const MAX_NPY: u64 = 4 << 30;
const MAX_NPY_HEADER: usize = 1 << 16;
/// Most pixels of a file, before and after it is resized: a GiB of float32, five times MNIST's training images.
const MAX_PIXELS: u64 = 1 << 28;
/// Most times that a side is enlarged. The digits' 8×8 come to MNIST's 28×28; what has one pixel has nothing to show, and would become
/// a thousand times what its file holds.
const MAX_ENLARGEMENT: usize = 4;

/// Images from a file, at the size that a network expects; named after the file.
///
/// - IDX, plain or gzip'd (n × h × w bytes): mapped from 0..255 to [−1, 1]; resized by area averaging if h×w is another size.
/// - `.npy`, bytes or little-endian float32, n × h × w (resized likewise) or n × d with d = `height`·`width`. Bytes are mapped as
///   above; floats are taken as they are, already in units of [−1, 1].
///
/// The format is recognised by the content, not by the name.
///
/// **Errors**: a file of another format, type or shape, truncated or oversized content, a float that is not finite; images that would have
/// to be enlarged more than four times a side; more than 2²⁸ pixels, before or after resizing.
pub fn user_images(path: impl AsRef<Path>, height: usize, width: usize) -> Result<Images, Error> {
    let path = path.as_ref();
    let io = |cause| Error::io(path, cause);
    let file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut reader = BufReader::new(file);
    let images = if reader.fill_buf().map_err(io)?.starts_with(NPY_MAGIC) {
        if length > MAX_NPY {
            return Err(Error::TooLarge { path: path.to_owned(), what: "the file", limit: MAX_NPY, found: length });
        }
        let mut bytes = Vec::with_capacity(length as usize);
        reader.take(MAX_NPY).read_to_end(&mut bytes).map_err(io)?;
        npy(path, &bytes, height, width)?
    } else {
        let (dims, bytes) = idx::parse(path, reader, length, 3).map_err(name_both_formats)?;
        check_size(path, [dims[0], dims[1], dims[2]], height, width)?;
        Images::from_bytes("", &bytes, u8::MAX, dims[1], dims[2])
    };
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    Ok(images.resized(height, width).named(name))
}

/// Whether `shape`, which the file has been found to hold, fits in memory as float32, and again once resized.
fn check_size(path: &Path, shape: [usize; 3], height: usize, width: usize) -> Result<(), Error> {
    let [count, h, w] = shape;
    if h.saturating_mul(MAX_ENLARGEMENT) < height || w.saturating_mul(MAX_ENLARGEMENT) < width {
        let expected = format!(
            "at least {}×{}, to be resized to {height}×{width}",
            height.div_ceil(MAX_ENLARGEMENT),
            width.div_ceil(MAX_ENLARGEMENT)
        );
        return Err(Error::mismatch(path, "size of an image", expected, format!("{h}×{w}")));
    }
    for (what, [h, w]) in [("the number of pixels", [h, w]), ("the number of pixels once resized", [height, width])] {
        let found = [count, h, w].iter().fold(1, |product: u64, &dim| product.saturating_mul(dim as u64));
        if found > MAX_PIXELS {
            return Err(Error::TooLarge { path: path.to_owned(), what, limit: MAX_PIXELS, found });
        }
    }
    Ok(())
}

fn name_both_formats(error: Error) -> Error {
    match error {
        Error::Magic { path, expected, found } => {
            Error::Magic { path, expected: format!("{expected}, or that of a NumPy array (.npy)"), found }
        }
        other => other,
    }
}

fn npy(path: &Path, bytes: &[u8], height: usize, width: usize) -> Result<Images, Error> {
    let (header, data) = npy_header(path, bytes)?;
    let shape = &header.shape;
    let size = match header.descriptor.as_str() {
        "|u1" | "u1" | "<u1" => 1,
        "<f4" => 4,
        other => {
            return Err(Error::mismatch(
                path,
                "element type",
                "'|u1' or '<f4' (bytes or little-endian float32)",
                other,
            ));
        }
    };
    let (image_height, image_width) = match shape[..] {
        [_, d] if d == height * width => (height, width),
        [_, h, w] => (h, w),
        _ => {
            let expected = format!("n×h×w, or n×{} for {height}×{width} pixels", height * width);
            return Err(Error::mismatch(path, "shape", expected, format!("{shape:?}")));
        }
    };
    if shape.contains(&0) {
        return Err(Error::mismatch(path, "dimensions", "all at least 1", format!("{shape:?}")));
    }
    // The shape is a claim until it has been compared with the bytes that are there.
    let needed = shape.iter().try_fold(size, |product: usize, &dim| product.checked_mul(dim)).unwrap_or(usize::MAX);
    let start = bytes.len() - data.len();
    if data.len() < needed {
        let expected = (start as u64).saturating_add(needed as u64);
        return Err(Error::Truncated { path: path.to_owned(), expected, found: bytes.len() as u64 });
    }
    if data.len() > needed {
        return Err(Error::Oversized { path: path.to_owned(), expected: (start + needed) as u64 });
    }
    check_size(path, [shape[0], image_height, image_width], height, width)?;
    let values: Vec<f32> = if size == 1 {
        data.iter().map(|&byte| 2.0 * f32::from(byte) / 255.0 - 1.0).collect()
    } else {
        data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    };
    if let Some(i) = values.iter().position(|value| !value.is_finite()) {
        return Err(Error::corrupt(
            path,
            (start + i * size) as u64,
            format!("expected a finite number, found {}", values[i]),
        ));
    }
    let array = ArrayD::from_shape_vec(IxDyn(shape).set_f(header.fortran_order), values);
    let rows = shape[0];
    let values = array.expect("the length was checked").iter().copied().collect();
    let pixels = Array2::from_shape_vec((rows, image_height * image_width), values).expect("the length was checked");
    Ok(Images::new("", pixels, image_height, image_width))
}

/// What the header of a `.npy` file says.
struct NpyHeader {
    descriptor: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

/// The header, and the elements after it.
///
/// `{'descr': '<f4', 'fortran_order': False, 'shape': (10, 28, 28), }` in any order; no other Python is understood. General readers
/// allocate what the shape claims before they look for the elements, and recurse into brackets: neither is fit for files from outside.
///
/// Reference: NumPy Enhancement Proposal 1, *A simple file format for NumPy arrays*.
fn npy_header<'a>(path: &Path, bytes: &'a [u8]) -> Result<(NpyHeader, &'a [u8]), Error> {
    let field = |range: Range<usize>| {
        let (expected, found) = (range.end as u64, bytes.len() as u64);
        bytes.get(range).ok_or_else(|| Error::Truncated { path: path.to_owned(), expected, found })
    };
    let little_endian = |bytes: &[u8]| bytes.iter().rev().fold(0, |n, &byte| n << 8 | usize::from(byte));
    let (start, length) = match field(6..8)?[0] {
        1 => (10, little_endian(field(8..10)?)),
        2 | 3 => (12, little_endian(field(8..12)?)),
        version => return Err(Error::mismatch(path, "version of the .npy format", "1, 2 or 3", version)),
    };
    if length > MAX_NPY_HEADER {
        let (limit, found) = (MAX_NPY_HEADER as u64, length as u64);
        return Err(Error::TooLarge { path: path.to_owned(), what: "the .npy header", limit, found });
    }
    let text = String::from_utf8_lossy(field(start..start + length)?);
    let header = parse_dictionary(&text).ok_or_else(|| {
        let found: String = text.trim().chars().take(120).collect();
        Error::mismatch(path, ".npy header", "{'descr': …, 'fortran_order': …, 'shape': …}", found)
    })?;
    Ok((header, &bytes[start + length..]))
}

fn parse_dictionary(text: &str) -> Option<NpyHeader> {
    let value = |key: &str| Some(text.split_once(key)?.1.trim_start().strip_prefix(':')?.trim_start());
    let descriptor = value("'descr'")?.strip_prefix('\'')?.split_once('\'')?.0.to_owned();
    let order = value("'fortran_order'")?;
    let fortran_order = order.starts_with("True");
    if !fortran_order && !order.starts_with("False") {
        return None;
    }
    let tuple = value("'shape'")?.strip_prefix('(')?.split_once(')')?.0;
    let tuple = tuple.trim_end().trim_end_matches(',');
    let shape = if tuple.is_empty() {
        Vec::new()
    } else {
        tuple.split(',').map(|dim| dim.trim().parse().ok()).collect::<Option<_>>()?
    };
    Some(NpyHeader { descriptor, fortran_order, shape })
}

#[cfg(test)]
mod tests;
