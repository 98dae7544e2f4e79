//! The IDX format of MNIST and its relatives, plain or gzip'd.
//!
//! ```text
//! offset 0   00 00 08 r      unsigned bytes, r dimensions
//! offset 4   r × u32 (big-endian): the dimensions
//! offset 4+4r                the elements, last dimension fastest, and nothing after them
//! ```
//! Reference: Y. LeCun, C. Cortes, C. J. C. Burges, *The MNIST database of handwritten digits*, section “File formats”.

use crate::Error;
use apd_points::{GZIP_MAGIC, Gunzip};
use ndarray::Array3;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

/// Most bytes that one file may hold when decompressed: 2³⁰, twenty times MNIST's training images.
const MAX_BYTES: u64 = 1 << 30;

/// The densest DEFLATE stream spends one bit per 258 bytes and two on its distances: 1032 : 1, plus headers.
const MAX_GZIP_RATIO: u64 = 1032;

/// Reads a three-dimensional array of bytes: n × height × width.
///
/// gzip is recognised by its first two bytes, whatever the file is called.
///
/// **Errors**: wrong magic or dimensions, a zero dimension, content shorter or longer than the header says, more than 2³⁰ bytes, a faulty
/// gzip stream. Memory is allocated only after the header has been compared with the size of the file.
pub fn read_images(path: impl AsRef<Path>) -> Result<Array3<u8>, Error> {
    let path = path.as_ref();
    let (dims, bytes) = read(path, 3)?;
    Ok(Array3::from_shape_vec((dims[0], dims[1], dims[2]), bytes).expect("the length was checked"))
}

/// Reads a one-dimensional array of labels, each below `classes`.
///
/// **Errors**: as [`read_images`], and a label out of range.
pub fn read_labels(path: impl AsRef<Path>, classes: usize) -> Result<Vec<u32>, Error> {
    let path = path.as_ref();
    labels(path, &read(path, 1)?.1, classes)
}

fn labels(path: &Path, bytes: &[u8], classes: usize) -> Result<Vec<u32>, Error> {
    match bytes.iter().position(|&label| usize::from(label) >= classes) {
        None => Ok(bytes.iter().map(|&label| u32::from(label)).collect()),
        Some(i) => Err(Error::Label { path: path.to_owned(), offset: 8 + i as u64, label: bytes[i].into(), classes }),
    }
}

fn read(path: &Path, rank: usize) -> Result<(Vec<usize>, Vec<u8>), Error> {
    Content::open(path)?.parse(rank)
}

/// Parses a file of `length` stored bytes: dimensions and elements.
pub(crate) fn parse(
    path: &Path,
    stored: impl BufRead,
    length: u64,
    rank: usize,
) -> Result<(Vec<usize>, Vec<u8>), Error> {
    Content::of(path, stored, length)?.parse(rank)
}

/// The decompressed bytes of a file, counted.
pub(crate) struct Content<'a> {
    path: &'a Path,
    gzipped: bool,
    /// More bytes than this cannot come.
    bound: u64,
    read: u64,
    source: Box<dyn BufRead + 'a>,
}

impl<'a> Content<'a> {
    pub(crate) fn open(path: &'a Path) -> Result<Self, Error> {
        let io = |cause| Error::io(path, cause);
        let file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if metadata.is_file() || metadata.is_dir() {
            return Self::of(path, BufReader::new(file), metadata.len());
        }
        // A pipe says nothing of its length before it has been read.
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
        let length = bytes.len() as u64;
        if length > MAX_BYTES {
            let path = path.to_owned();
            return Err(Error::TooLarge { path, what: "what comes through the pipe", limit: MAX_BYTES, found: length });
        }
        Self::of(path, Cursor::new(bytes), length)
    }

    fn of(path: &'a Path, mut stored: impl BufRead + 'a, length: u64) -> Result<Self, Error> {
        let gzipped = stored.fill_buf().map_err(|cause| Error::io(path, cause))?.starts_with(GZIP_MAGIC);
        let bound = if gzipped { length.saturating_mul(MAX_GZIP_RATIO) } else { length };
        let source: Box<dyn BufRead> =
            if gzipped { Box::new(BufReader::new(Gunzip::new(stored))) } else { Box::new(stored) };
        Ok(Self { path, gzipped, bound, read: 0, source })
    }

    /// Whether the content begins so.
    pub(crate) fn starts_with(&mut self, magic: &[u8]) -> Result<bool, Error> {
        match self.source.fill_buf() {
            Ok(bytes) => Ok(bytes.starts_with(magic)),
            Err(cause) => Err(self.fault(&cause)),
        }
    }

    /// Appends up to `count` bytes, fewer at the end of the content.
    pub(crate) fn take(&mut self, count: u64, into: &mut Vec<u8>) -> Result<(), Error> {
        let before = into.len();
        let result = (&mut self.source).take(count).read_to_end(into);
        self.read += (into.len() - before) as u64;
        result.map(drop).map_err(|cause| self.fault(&cause))
    }

    fn fault(&self, cause: &io::Error) -> Error {
        match cause.kind() {
            io::ErrorKind::UnexpectedEof if self.gzipped => {
                Error::corrupt(self.path, self.read, "the gzip stream is truncated")
            }
            _ if self.gzipped => Error::corrupt(self.path, self.read, format!("gzip: {cause}")),
            kind => Error::io(self.path, cause.raw_os_error().map_or(kind.into(), io::Error::from_raw_os_error)),
        }
    }

    pub(crate) fn parse(self, rank: usize) -> Result<(Vec<usize>, Vec<u8>), Error> {
        parse_content(self, rank)
    }
}

fn parse_content(mut content: Content<'_>, rank: usize) -> Result<(Vec<usize>, Vec<u8>), Error> {
    let path = content.path;
    let header = 4 + 4 * rank as u64;
    let mut bytes = Vec::with_capacity(header as usize);
    content.take(header, &mut bytes)?;
    let magic = [0, 0, 8, rank as u8];
    if !bytes.starts_with(&magic) {
        // An empty or very short file that could have become right is truncated; anything else is another format.
        if bytes.len() >= magic.len() || !magic.starts_with(&bytes) {
            let expected = format!("the IDX magic {magic:02x?} (unsigned bytes, {rank} dimensions)");
            bytes.truncate(8);
            return Err(Error::Magic { path: path.to_owned(), expected, found: bytes });
        }
    }
    if (bytes.len() as u64) < header {
        return Err(Error::Truncated { path: path.to_owned(), expected: header, found: bytes.len() as u64 });
    }
    let dims: Vec<u64> =
        bytes[4..].chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]).into()).collect();
    if dims.contains(&0) {
        return Err(Error::mismatch(path, "dimensions", "all at least 1", format!("{dims:?}")));
    }
    let elements = dims.iter().try_fold(1u64, |product, &dim| product.checked_mul(dim)).unwrap_or(u64::MAX);
    let too_large = |what, limit| Error::TooLarge { path: path.to_owned(), what, limit, found: elements };
    if elements > MAX_BYTES {
        return Err(too_large("the number of elements", MAX_BYTES));
    }
    let total = header + elements;
    if total > content.bound {
        return Err(if content.gzipped {
            too_large("the number of elements announced by this small gzip file", content.bound)
        } else {
            Error::Truncated { path: path.to_owned(), expected: total, found: content.bound }
        });
    }
    let mut data = Vec::new();
    // One byte more than announced: enough to see that there is more, and to make the decoder check its CRC at the end.
    let wanted = elements + 1;
    data.try_reserve_exact(wanted as usize).map_err(|_| too_large("the number of elements", 0))?;
    content.take(wanted, &mut data)?;
    if content.read < total {
        return Err(Error::Truncated { path: path.to_owned(), expected: total, found: content.read });
    }
    if content.read > total {
        return Err(Error::Oversized { path: path.to_owned(), expected: total });
    }
    Ok((dims.into_iter().map(|dim| dim as usize).collect(), data))
}

#[cfg(test)]
mod tests;
