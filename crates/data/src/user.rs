//! Images of the user's own: IDX or NumPy files.

use crate::idx::Content;
use crate::{Error, Images};
use apd_points::{Dtype, FormatError, npy};
use ndarray::Array2;
use std::path::Path;

const MAX_NPY: u64 = 4 << 30;
/// Most pixels of a file, before and after it is resized: a GiB of float32, five times MNIST's training images.
const MAX_PIXELS: u64 = 1 << 28;
/// Most times that a side is enlarged. The digits' 8×8 come to MNIST's 28×28; what has one pixel has nothing to show, and would become
/// a thousand times what its file holds.
const MAX_ENLARGEMENT: usize = 4;

/// Images from a file, at the size that a network expects; named after the file.
///
/// - IDX (n × h × w bytes): mapped from 0..255 to [−1, 1]; resized by area averaging if h×w is another size.
/// - `.npy`, of bytes or floats, n × h × w (resized likewise) or n × d with d = `height`·`width`. Bytes are mapped as above; floats are
///   taken as they are, already in units of [−1, 1].
///
/// Either may be compressed by gzip. The format is recognised by the content, not by the name.
///
/// **Errors**: a file of another format, type or shape, truncated or oversized content, a float that is not finite; images that would have
/// to be enlarged more than four times a side; more than 2²⁸ pixels, before or after resizing.
pub fn user_images(path: impl AsRef<Path>, height: usize, width: usize) -> Result<Images, Error> {
    let path = path.as_ref();
    let size = |shape: &[usize]| match *shape {
        [count, d] if d == height * width => Ok([count, height, width]),
        [count, h, w] => Ok([count, h, w]),
        _ => {
            let expected = format!("n×h×w, or n×{} for {height}×{width} pixels", height * width);
            Err(Error::mismatch(path, "shape", expected, format!("{shape:?}")))
        }
    };
    let (shape, values) = read(path, |shape| check_size(path, size(shape)?, height, width))?;
    let [count, h, w] = size(&shape)?;
    let pixels = Array2::from_shape_vec((count, h * w), values).expect("as many as the shape says");
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    Ok(Images::new("", pixels, h, w).resized(height, width).named(name))
}

/// Inputs from a file as they are, a row each: the files of [`user_images`], of any size.
///
/// **Shapes**: n × d, of an n×d array or of images with d = h·w.
///
/// **Errors**: as [`user_images`], but for the sizes.
pub fn user_inputs(path: impl AsRef<Path>) -> Result<Array2<f32>, Error> {
    let path = path.as_ref();
    let check = |shape: &[usize]| match shape.len() {
        2 | 3 => Ok(()),
        _ => Err(Error::mismatch(path, "shape", "n×d or n×h×w", format!("{shape:?}"))),
    };
    let (shape, values) = read(path, check)?;
    let columns = shape[1..].iter().product();
    Ok(Array2::from_shape_vec((shape[0], columns), values).expect("as many as the shape says"))
}

/// Shape and numbers of an IDX or NumPy file; `check` sees the shape before memory is taken for the numbers.
fn read(path: &Path, check: impl FnOnce(&[usize]) -> Result<(), Error>) -> Result<(Vec<usize>, Vec<f32>), Error> {
    let mut content = Content::open(path)?;
    if !content.starts_with(npy::MAGIC)? {
        let (shape, bytes) = content.parse(3).map_err(name_both_formats)?;
        check(&shape)?;
        return Ok((shape, scaled(bytes.into_iter().map(f32::from).collect())));
    }
    let mut bytes = Vec::new();
    content.take(MAX_NPY + 1, &mut bytes)?;
    if bytes.len() as u64 > MAX_NPY {
        let (path, found) = (path.to_owned(), bytes.len() as u64);
        return Err(Error::TooLarge { path, what: "the file", limit: MAX_NPY, found });
    }
    let array = npy::parse(&bytes).map_err(FormatError::of(path))?;
    if array.is_empty() {
        return Err(Error::mismatch(path, "dimensions", "all at least 1", format!("{:?}", array.shape)));
    }
    check(&array.shape)?;
    let values = match array.dtype {
        Dtype::U8 => array.to_f32().map(scaled),
        Dtype::F16 | Dtype::F32 | Dtype::F64 => array.to_f32(),
        other => {
            let expected =
                "unsigned bytes (0 to 255, which become −1 to 1) or floats (as they are: −1 is black, 1 is white)";
            return Err(Error::mismatch(path, "element type", expected, format!("{other:?}")));
        }
    };
    let values: Vec<f32> = values.map_err(FormatError::of(path))?;
    if let Some(i) = values.iter().position(|value| !value.is_finite()) {
        let columns: usize = array.shape[1..].iter().product();
        let found = format!("{} in row {}, column {}", values[i], i / columns, i % columns);
        return Err(Error::mismatch(path, "numbers", "finite ones", found));
    }
    Ok((array.shape, values))
}

/// 0 ↦ −1 and 255 ↦ 1, as in images of the datasets.
fn scaled(mut bytes: Vec<f32>) -> Vec<f32> {
    bytes.iter_mut().for_each(|byte| *byte = 2.0 * *byte / 255.0 - 1.0);
    bytes
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

#[cfg(test)]
mod tests;
