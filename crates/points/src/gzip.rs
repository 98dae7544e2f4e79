//! Whole files in memory, compressed by gzip or not.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;

use crate::{FileError, FormatError};

#[cfg(test)]
mod tests;

/// The first bytes of a gzip stream.
pub const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

/// The densest DEFLATE stream spends one bit per 258 bytes and two on its distances: 1032 : 1, plus headers.
pub(crate) const MAX_EXPANSION: u64 = 1032;

/// The content of a file or a pipe, decompressed if it begins as gzip does, whatever it is called.
///
/// **Errors**: what cannot be read; a faulty gzip stream; more than `limit` bytes, decompressed.
pub fn read_file(path: impl AsRef<Path>, limit: u64) -> Result<Vec<u8>, FileError> {
    let path = path.as_ref();
    let io = FileError::io(path);
    let too_large = |found: String| FormatError::of(path)(FormatError::new(format!("at most {limit} bytes"), found));
    let file = File::open(path).map_err(&io)?;
    // A pipe has no length before it has been read.
    let length = file.metadata().map_err(&io)?.len();
    let mut stored = BufReader::new(file);
    let compressed = stored.fill_buf().map_err(&io)?.starts_with(GZIP_MAGIC);
    let mut bytes = Vec::new();
    if compressed {
        let read = Gunzip::new(stored).take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|e| FormatError::of(path)(FormatError::new("a gzip stream", gzip_fault(&e))))?;
    } else {
        if length > limit {
            return Err(too_large(length.to_string()));
        }
        bytes.try_reserve_exact(length as usize).map_err(|e| io(e.into()))?;
        stored.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(&io)?;
    }
    match bytes.len() as u64 > limit {
        false => Ok(bytes),
        true => Err(too_large("more".to_owned())),
    }
}

fn gzip_fault(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "one that is truncated".to_owned(),
        _ => error.to_string(),
    }
}

/// The decompressed content of a gzip file: all its members, and no zeros behind them, which tapes and downloads add.
#[derive(Debug)]
pub struct Gunzip<R> {
    /// `None` once the content is at its end.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Gunzip<R> {
    /// Reads the members of `stored`.
    pub fn new(stored: R) -> Self {
        Self { member: Some(GzDecoder::new(stored)) }
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(into)?;
            if count > 0 || into.is_empty() {
                return Ok(count);
            }
            let Some(member) = self.member.take() else { break };
            let mut stored = member.into_inner();
            self.member = more_than_zeros(&mut stored)?.then(|| GzDecoder::new(stored));
        }
        Ok(0)
    }
}

/// Skips zeros; whether anything comes after them.
fn more_than_zeros(stored: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let buffer = stored.fill_buf()?;
        let (length, zeros) = (buffer.len(), buffer.iter().take_while(|byte| **byte == 0).count());
        stored.consume(zeros);
        if length == 0 || zeros < length {
            return Ok(length > 0);
        }
    }
}
