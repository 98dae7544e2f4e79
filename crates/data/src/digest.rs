//! SHA-256 of streams.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::Error;

/// SHA-256 of all that is written to it.
#[derive(Default)]
pub(crate) struct Digest(Sha256);

impl Digest {
    /// In hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// SHA-256 of all that is read, in hexadecimal digits.
pub(crate) fn sha256(mut reader: impl Read) -> io::Result<String> {
    let mut digest = Digest::default();
    io::copy(&mut reader, &mut digest)?;
    Ok(digest.finish())
}

/// SHA-256 of a file, in hexadecimal digits.
///
/// **Errors**: a file that cannot be read.
pub(crate) fn of_file(path: &Path) -> Result<String, Error> {
    File::open(path).and_then(sha256).map_err(|e| Error::io(path, e))
}
