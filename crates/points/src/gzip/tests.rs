use std::io::Write;

use flate2::{Compression, write::GzEncoder};

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn read(content: &[u8], limit: u64) -> Result<Vec<u8>, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x");
    std::fs::write(&path, content).unwrap();
    read_file(&path, limit).map_err(|e| e.to_string())
}

#[test]
fn members_follow_each_other_and_zeros_follow_them() {
    let (a, b) = (gzip(b"one "), gzip(b"two"));
    for padding in [0, 1, 511, 20_000] {
        let file = [&a[..], &vec![0; padding], &b, &vec![0; padding]].concat();
        assert_eq!(read(&file, 100).unwrap(), b"one two");
    }
    assert!(read(&[&a[..], &[0, 0, 7]].concat(), 100).unwrap_err().contains("a gzip stream"));
    assert!(read(&a[..a.len() - 1], 100).unwrap_err().ends_with("found one that is truncated"));
    let mut changed = a.clone();
    changed[a.len() - 6] ^= 1; // the checksum
    assert!(read(&changed, 100).unwrap_err().contains("a gzip stream"));
}

#[test]
fn no_more_is_read_than_the_limit() {
    for content in [vec![7; 100], gzip(&[7; 100])] {
        assert_eq!(read(&content, 100).unwrap(), [7; 100]);
        assert!(read(&content, 99).unwrap_err().contains("at most 99 bytes"));
    }
    assert_eq!(read(b"", 0).unwrap(), b"");
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let writer = std::thread::spawn({
        let path = path.clone();
        move || std::fs::write(path, gzip(b"through a pipe")).unwrap()
    });
    assert_eq!(read_file(&path, 100).unwrap(), b"through a pipe");
    writer.join().unwrap();
    assert!(read_file(dir.path(), 100).is_err());
}
