//! The checksum of a bank's numbers.

use std::fmt;
use std::io::{self, Write};

use crc32fast::Hasher;

#[cfg(test)]
mod tests;

/// The CRC-32 of what is written to it; eight hexadecimal digits.
#[derive(Default)]
pub(crate) struct Checksum(Hasher);

impl Checksum {
    pub(crate) fn of<const N: usize>(parts: [&[u8]; N]) -> Self {
        let mut checksum = Self::default();
        parts.iter().for_each(|part| checksum.0.update(part));
        checksum
    }
}

/// The CRC-32 that a whole shard has if its checksum (of `header` and the numbers, which begin at byte `data`) is right; without reading
/// the numbers.
///
/// CRC-32 is linear: with S the effect of as many bytes as there are numbers, crc(header ‖ numbers) = S(crc(header)) ⊕ crc(numbers), and
/// likewise of the file.
pub(crate) fn implied_crc32(file: &[u8], data: usize, header: &str, checksum: &str) -> Option<u32> {
    let checksum = u32::from_str_radix(checksum, 16).ok()?;
    let numbers = Hasher::new_with_initial_len(0, (file.len() - data) as u64);
    let shifted = |prefix: &[u8]| {
        let mut crc = Hasher::new();
        crc.update(prefix);
        crc.combine(&numbers);
        crc.finalize()
    };
    Some(shifted(header.as_bytes()) ^ checksum ^ shifted(&file[..data]))
}

impl Write for Checksum {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0.clone().finalize())
    }
}
