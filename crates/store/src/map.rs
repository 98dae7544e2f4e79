//! The only unsafe code of this crate: files as memory, and bytes as f32.
#![allow(unsafe_code)]

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

use crate::Error;

#[cfg(test)]
mod tests;

#[cfg(target_endian = "big")]
compile_error!("banks are little-endian and read without a copy: big-endian machines are not supported");

/// A file as read-only memory.
#[derive(Debug)]
pub(crate) struct Map(Option<Mmap>);

impl Map {
    pub(crate) fn open(path: &Path, expected: &'static str) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::open(path, expected))?;
        let metadata = file.metadata().map_err(Error::io(path))?;
        if !metadata.is_file() {
            return Err(Error::format(path, expected, "something that is not a file"));
        }
        // An empty mapping is an error on most systems.
        if metadata.len() == 0 {
            return Ok(Self(None));
        }
        // SAFETY: the mapping is read-only and private to this value. What would be undefined is another process changing
        // the file under us: files of a bank are never changed in place (they are replaced by rename, which leaves the
        // mapped one as it is), and the docs of `Bank` ask the same of files made elsewhere.
        let map = unsafe { Mmap::map(&file) }.map_err(Error::io(path))?;
        Ok(Self(Some(map)))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or(&[])
    }
}

/// The bytes as f32, without a copy; `None` unless they start on a multiple of 4 and are a multiple of 4 long.
pub(crate) fn floats(bytes: &[u8]) -> Option<&[f32]> {
    // SAFETY: every bit pattern is a valid f32, f32 has no padding, and `align_to` puts only whole, aligned values into the
    // middle part.
    let (head, middle, tail) = unsafe { bytes.align_to::<f32>() };
    (head.is_empty() && tail.is_empty()).then_some(middle)
}
