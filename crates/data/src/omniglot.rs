//! Omniglot: handwritten characters of many alphabets, as PNG files in a zip archive.

use crate::locate::locate;
use crate::{Error, Images};
use ndarray::Array2;
use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;
use zip::ZipArchive;

const SIDE: usize = 105;
const TARGET: usize = 28;

// The largest official archive has 9.5 MB, 20 000 entries, and entries below 1 kB.
const MAX_ARCHIVE: u64 = 64 << 20;
const MAX_ENTRIES: usize = 100_000;
const MAX_ENTRY: u64 = 64 << 10;

/// Omniglot's “background small 1”: 2 720 characters of five alphabets at 28×28, white on black as MNIST's digits.
///
/// The 105×105 drawings (ink black) are inverted and resized by area averaging; a stroke is about 0.8 pixels wide afterwards, so
/// that its brightest pixels stay below 1. Images are in the order of their names, whatever the order in the archive.
/// Looks for `images_background_small1.zip` in `dir/omniglot` and `dir`.
///
/// **Errors**: a missing or damaged archive, an image that is not a gray 105×105 PNG; entries above 64 KiB and archives above 64 MiB
/// or 100 000 entries are refused.
///
/// Reference: B. M. Lake, R. Salakhutdinov, J. B. Tenenbaum, *Human-level concept learning through probabilistic program induction*,
/// Science 350, 2015.
pub fn omniglot(dir: impl AsRef<Path>) -> Result<Images, Error> {
    read_omniglot(locate(dir.as_ref(), "omniglot", &["omniglot", ""], &["images_background_small1.zip"])?)
}

/// Any of Omniglot's zip archives of drawings, prepared as by [`omniglot`].
///
/// **Errors**: as [`omniglot`].
pub fn read_omniglot(path: impl AsRef<Path>) -> Result<Images, Error> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|cause| Error::io(path, cause))?;
    let length = file.metadata().map_err(|cause| Error::io(path, cause))?.len();
    limit(path, "the size of the archive", MAX_ARCHIVE, length)?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|cause| Error::corrupt(path, 0, cause))?;
    limit(path, "the number of entries", MAX_ENTRIES as u64, archive.len() as u64)?;

    let mut entries = Vec::new();
    for index in 0..archive.len() {
        if let Some(Ok(name)) = archive.name_for_index(index)
            && name.ends_with(".png")
            && !name.starts_with("__MACOSX/")
        {
            entries.push((name.into_owned(), index));
        }
    }
    entries.sort();
    if entries.is_empty() {
        return Err(Error::mismatch(path, "content", "PNG files", format!("{} other entries", archive.len())));
    }

    let mut drawings = Vec::with_capacity(entries.len());
    for (name, index) in entries {
        let inner = path.join(&name);
        let entry = archive.by_index(index).map_err(|cause| Error::corrupt(&inner, 0, cause))?;
        let mut bytes = Vec::new();
        // The size in the directory is only a claim: what is decompressed is bounded, not what is announced.
        let read = entry.take(MAX_ENTRY + 1).read_to_end(&mut bytes);
        read.map_err(|cause| Error::corrupt(&inner, bytes.len() as u64, cause))?;
        limit(&inner, "the decompressed size", MAX_ENTRY, bytes.len() as u64)?;
        let drawing = Array2::from_shape_vec((1, SIDE * SIDE), drawing(&inner, &bytes)?).expect("105×105 pixels");
        drawings.push(Images::new("", drawing, SIDE, SIDE).resized(TARGET, TARGET).pixels);
    }
    let views: Vec<_> = drawings.iter().map(|drawing| drawing.view()).collect();
    let pixels = ndarray::concatenate(ndarray::Axis(0), &views).expect("rows of one length");
    Ok(Images::new("omniglot", pixels, TARGET, TARGET))
}

/// Decodes a PNG of black ink on white into pixels in [−1, 1] with the ink at 1.
fn drawing(path: &Path, bytes: &[u8]) -> Result<Vec<f32>, Error> {
    let corrupt = |cause: png::DecodingError| Error::corrupt(path, 0, cause);
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: 1 << 20 });
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let info = decoder.read_header_info().map_err(corrupt)?;
    if (info.width, info.height) != (SIDE as u32, SIDE as u32) {
        return Err(Error::mismatch(path, "size of the image", "105×105", format!("{}×{}", info.height, info.width)));
    }
    let mut reader = decoder.read_info().map_err(corrupt)?;
    let kind = reader.output_color_type();
    if kind != (png::ColorType::Grayscale, png::BitDepth::Eight) {
        return Err(Error::mismatch(path, "color type", "gray without transparency", format!("{:?}", kind.0)));
    }
    let mut gray = vec![0; SIDE * SIDE];
    reader.next_frame(&mut gray).map_err(corrupt)?;
    Ok(gray.into_iter().map(|byte| 1.0 - 2.0 * f32::from(byte) / 255.0).collect())
}

fn limit(path: &Path, what: &'static str, limit: u64, found: u64) -> Result<(), Error> {
    if found > limit { Err(Error::TooLarge { path: path.to_owned(), what, limit, found }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
