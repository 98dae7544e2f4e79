//! SHA-256 of streams.

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

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
