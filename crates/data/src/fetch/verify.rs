//! Whether a file is what it should be.

use super::sources::{Content, Digest, RemoteFile};
use crate::{Error, idx, read_cifar10, read_omniglot};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Labels of MNIST and its relatives.
const CLASSES: usize = 10;

/// Reads the file as its users will, at full length.
pub(super) fn structure(path: &Path, content: Content) -> Result<(), Error> {
    match content {
        Content::Images => idx::read_images(path).map(drop),
        Content::Labels => idx::read_labels(path, CLASSES).map(drop),
        Content::Omniglot => read_omniglot(path).map(drop),
        Content::CifarArchive => read_cifar10(path).map(drop),
    }
}

/// The SHA-256 of the bytes that the table's digest is about.
pub(super) fn sha256(path: &Path, digest: Digest) -> Result<String, Error> {
    let io = |cause| Error::io(path, cause);
    let mut reader = BufReader::new(File::open(path).map_err(io)?);
    let gzipped = reader.fill_buf().map_err(io)?.starts_with(&[0x1f, 0x8b]);
    match digest {
        // A mirror that stores the content uncompressed has the same decompressed digest.
        Digest::Decompressed(_) if gzipped => crate::digest::sha256(MultiGzDecoder::new(reader)).map_err(io),
        _ => crate::digest::sha256(reader).map_err(io),
    }
}

/// Whether a file that is there already is good, and its SHA-256 if so.
pub(super) fn existing(path: &Path, file: &RemoteFile) -> Option<String> {
    structure(path, file.content).ok()?;
    if file.content == Content::CifarArchive {
        // The table's digest is of the archive, which is not kept.
        return sha256(path, Digest::Unknown).ok();
    }
    let found = sha256(path, file.digest).ok()?;
    match file.digest {
        Digest::Stored(expected) | Digest::Decompressed(expected) if expected != found => None,
        _ => Some(found),
    }
}
