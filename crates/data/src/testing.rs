//! Tiny files made by the tests.

use flate2::{Compression, write::GzEncoder};
use std::io::{Cursor, Write};
use std::path::PathBuf;
use tempfile::TempDir;

/// An IDX file of bytes, from whatever dimensions and data a test wants to claim.
pub(crate) fn idx_file(dims: &[u32], data: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, dims.len() as u8];
    dims.iter().for_each(|dim| file.extend(dim.to_be_bytes()));
    file.extend(data);
    file
}

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn png_file(width: u32, height: u32, color: png::ColorType, depth: png::BitDepth, data: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    encoder.write_header().unwrap().write_image_data(data).unwrap();
    file
}

pub(crate) fn zip_file(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A `.npy` file of version 1 with this header dictionary.
pub(crate) fn npy_file(dictionary: &str, data: &[u8]) -> Vec<u8> {
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((dictionary.len() as u16).to_le_bytes());
    file.extend(dictionary.as_bytes());
    file.extend(data);
    file
}

/// One file in a folder of its own, which goes when the guard does.
pub(crate) fn on_disk(name: &str, content: &[u8]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    (dir, path)
}

/// Every truncation and every single flipped byte of a file.
pub(crate) fn damaged(file: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let truncated = (0..file.len()).map(|end| file[..end].to_vec());
    let flipped = (0..file.len()).flat_map(|at| {
        [0x01, 0x80, 0xff].map(|bits| {
            let mut file = file.to_vec();
            file[at] ^= bits;
            file
        })
    });
    truncated.chain(flipped)
}
