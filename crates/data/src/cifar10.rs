//! CIFAR-10 in its binary layout, made gray and as large as MNIST.

use crate::locate::locate;
use crate::{Error, Images};
use ndarray::Array2;
use std::fs::File;
use std::io::Read;
use std::path::Path;

const SIDE: usize = 32;
const TARGET: usize = 28;
const PLANE: usize = SIDE * SIDE;
const RECORD: usize = 1 + 3 * PLANE;
const CLASSES: usize = 10;

/// An official batch has 30.7 MB.
const MAX_FILE: u64 = 256 << 20;

/// The CIFAR-10 test batch in gray at 28×28: 10 000 photographs.
///
/// Luma as in ITU-R BT.601, Y = 0.299·R + 0.587·G + 0.114·B, then 32×32 to 28×28 by area averaging (the whole picture is kept, not
/// its center). Looks for `test_batch.bin` in `dir/cifar10/cifar-10-batches-bin`, `dir/cifar-10-batches-bin`, `dir/cifar10` and `dir`.
///
/// **Errors**: a missing file, a length that is not a whole number of 3 073-byte records, a label above 9, more than 256 MiB.
///
/// Reference: A. Krizhevsky, *Learning multiple layers of features from tiny images*, 2009.
pub fn cifar10(dir: impl AsRef<Path>) -> Result<Images, Error> {
    let folders = ["cifar10/cifar-10-batches-bin", "cifar-10-batches-bin", "cifar10", ""];
    read_cifar10(locate(dir.as_ref(), "cifar10", &folders, &["test_batch.bin"])?)
}

/// Any batch of the binary CIFAR-10, prepared as by [`cifar10`].
///
/// **Errors**: as [`cifar10`].
pub fn read_cifar10(path: impl AsRef<Path>) -> Result<Images, Error> {
    let path = path.as_ref();
    let io = |cause| Error::io(path, cause);
    let file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    if length > MAX_FILE {
        return Err(Error::TooLarge { path: path.to_owned(), what: "the file", limit: MAX_FILE, found: length });
    }
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(io)?;
    parse(path, &bytes)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Images, Error> {
    let records = bytes.chunks_exact(RECORD);
    if bytes.is_empty() || !records.remainder().is_empty() {
        let expected = (bytes.len() / RECORD + 1) * RECORD;
        return Err(Error::Truncated { path: path.to_owned(), expected: expected as u64, found: bytes.len() as u64 });
    }
    let mut gray = Array2::zeros((records.len(), PLANE));
    for (i, (record, mut row)) in records.zip(gray.rows_mut()).enumerate() {
        if usize::from(record[0]) >= CLASSES {
            let offset = (i * RECORD) as u64;
            return Err(Error::Label { path: path.to_owned(), offset, label: record[0].into(), classes: CLASSES });
        }
        let (red, rest) = record[1..].split_at(PLANE);
        let (green, blue) = rest.split_at(PLANE);
        for (j, pixel) in row.iter_mut().enumerate() {
            let luma = 0.299 * f32::from(red[j]) + 0.587 * f32::from(green[j]) + 0.114 * f32::from(blue[j]);
            *pixel = (2.0 * luma / 255.0 - 1.0).clamp(-1.0, 1.0);
        }
    }
    Ok(Images::new("cifar10", gray, SIDE, SIDE).resized(TARGET, TARGET))
}

#[cfg(test)]
mod tests;
