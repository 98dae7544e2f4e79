use apd_points::FileError;

use super::*;

#[test]
fn floats_are_the_little_endian_numbers() {
    let values = [0.0_f32, -1.5, f32::MIN_POSITIVE, f32::INFINITY, 3.25e-40];
    // A vector of bytes may start anywhere; a mapping starts on a page.
    let mut bytes = vec![0; 3 + 4 * values.len() + 8];
    for start in 0..8 {
        let bytes = &mut bytes[start..start + 4 * values.len()];
        for (b, x) in bytes.chunks_exact_mut(4).zip(values) {
            b.copy_from_slice(&x.to_le_bytes());
        }
        let aligned = (bytes.as_ptr() as usize).is_multiple_of(4);
        match floats(bytes) {
            Some(x) => assert!(aligned && x == values),
            None => assert!(!aligned),
        }
        assert!(floats(&bytes[..bytes.len() - 1]).is_none());
    }
    let naive = |x: f32| x.to_bits();
    assert_eq!(values.map(naive)[1], 0xbfc0_0000);
}

#[test]
fn an_empty_file_is_empty_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("empty");
    std::fs::write(&path, b"").unwrap();
    assert_eq!(Map::open(&path, "a file").unwrap().bytes(), b"");
    assert!(floats(&[]).is_some_and(<[f32]>::is_empty));
}

#[test]
fn a_folder_and_nothing_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Map::open(dir.path(), "a file").is_err());
    assert!(matches!(
        Map::open(&dir.path().join("x"), "a file"),
        Err(Error::File(FileError::Missing { expected: "a file", .. }))
    ));
}
