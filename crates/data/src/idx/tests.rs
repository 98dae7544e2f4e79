use super::*;
use crate::testing::{damaged, gzip, idx_file, on_disk};
use proptest::prelude::*;

fn parsed(file: &[u8], rank: usize) -> Result<(Vec<usize>, Vec<u8>), Error> {
    parse(Path::new("test.idx"), file, file.len() as u64, rank)
}

#[test]
fn plain_and_gzip_give_the_same_images_in_row_major_order() {
    let data: Vec<u8> = (0..24).collect();
    let file = idx_file(&[2, 3, 4], &data);
    for file in [gzip(&file), file] {
        let (_dir, path) = on_disk("images", &file);
        let images = read_images(path).unwrap();
        assert_eq!(images.dim(), (2, 3, 4));
        assert_eq!((images[[0, 0, 3]], images[[0, 1, 0]], images[[1, 2, 3]]), (3, 4, 23));
    }
}

#[test]
fn concatenated_gzip_members_are_one_content() {
    let file = idx_file(&[3], &[1, 2, 3]);
    let members = [gzip(&file[..5]), gzip(&file[5..])].concat();
    assert_eq!(parsed(&members, 1).unwrap().1, [1, 2, 3]);
}

#[test]
fn labels_are_classes() {
    let (_dir, path) = on_disk("labels", &idx_file(&[4], &[0, 9, 3, 9]));
    assert_eq!(read_labels(&path, 10).unwrap(), [0, 9, 3, 9]);
    let error = read_labels(&path, 9).unwrap_err();
    assert!(matches!(error, Error::Label { offset: 9, label: 9, classes: 9, .. }), "{error}");
    assert!(error.to_string().ends_with("at byte 9: label 9 is out of range, expected 0 to 8"), "{error}");
}

#[test]
fn wrong_magic_says_what_was_expected_and_found() {
    let labels_as_images = parsed(&idx_file(&[4], &[0; 20]), 3).unwrap_err();
    assert!(
        matches!(&labels_as_images, Error::Magic { found, .. } if found[..4] == [0, 0, 8, 1]),
        "{labels_as_images}"
    );
    let message = labels_as_images.to_string();
    assert!(message.starts_with("test.idx: at byte 0: expected the IDX magic [00, 00, 08, 03]"), "{message}");
    for file in [&b"<html>not found</html>"[..], &[0, 0, 0x0d, 3, 0, 0, 0, 1], b"\x89PNG", b"x"] {
        assert!(matches!(parsed(file, 3), Err(Error::Magic { .. })));
        assert!(matches!(parsed(&gzip(file), 3), Err(Error::Magic { .. })));
    }
}

#[test]
fn a_content_shorter_than_its_header_says_is_truncated() {
    let file = idx_file(&[2, 3, 4], &[7; 24]);
    for end in 0..file.len() {
        for file in [file[..end].to_vec(), gzip(&file[..end])] {
            let error = parsed(&file, 3).unwrap_err();
            let expected = if end < 16 { 16 } else { 40 };
            assert!(
                matches!(error, Error::Truncated { expected: e, found, .. } if e == expected && found == end as u64),
                "{end}: {error}"
            );
        }
    }
}

#[test]
fn a_content_longer_than_its_header_says_is_oversized() {
    let file = idx_file(&[2, 3, 4], &[7; 25]);
    for file in [gzip(&file), file] {
        assert!(matches!(parsed(&file, 3), Err(Error::Oversized { expected: 40, .. })));
    }
}

#[test]
fn a_gzip_bomb_is_read_only_as_far_as_its_header_says() {
    // 64 MiB of zeros after a header that says 24 bytes: were they read, the count in the error could not be exact.
    let mut bomb = idx_file(&[2, 3, 4], &[0; 24]);
    bomb.resize(64 << 20, 0);
    let bomb = gzip(&bomb);
    let mut content = Content::of(Path::new("bomb"), &bomb[..], bomb.len() as u64).unwrap();
    let mut bytes = Vec::new();
    content.take(41, &mut bytes).unwrap();
    assert_eq!((content.read, bytes.len()), (41, 41));
    assert!(matches!(parsed(&bomb, 3), Err(Error::Oversized { expected: 40, .. })));
}

#[test]
fn sizes_are_checked_before_allocating() {
    let huge = [u32::MAX, u32::MAX, u32::MAX];
    for file in [idx_file(&huge, &[]), gzip(&idx_file(&huge, &[]))] {
        assert!(matches!(parsed(&file, 3), Err(Error::TooLarge { limit: MAX_BYTES, found: u64::MAX, .. })));
    }
    // Below the limit, but more than so small a file can hold.
    let large = idx_file(&[1 << 10, 1 << 10, 1 << 10], &[]);
    assert!(matches!(parsed(&large, 3), Err(Error::Truncated { found: 16, .. })));
    let error = parsed(&gzip(&large), 3).unwrap_err();
    assert!(matches!(error, Error::TooLarge { found, .. } if found == 1 << 30), "{error}");
}

#[test]
fn empty_dimensions_are_refused() {
    for dims in [[0, 3, 4], [2, 0, 4], [2, 3, 0]] {
        assert!(matches!(parsed(&idx_file(&dims, &[]), 3), Err(Error::Mismatch { what: "dimensions", .. })));
    }
}

#[test]
fn faulty_gzip_streams_say_so() {
    let good = gzip(&idx_file(&[2, 3, 4], &(0..24).collect::<Vec<u8>>()));
    let mut wrong_crc = good.clone();
    let crc = wrong_crc.len() - 8;
    wrong_crc[crc] ^= 1;
    let trailing = [&good[..], b"junk after the stream"].concat();
    for file in [wrong_crc, trailing, good[..good.len() - 1].to_vec(), good[..12].to_vec()] {
        assert!(matches!(parsed(&file, 3), Err(Error::Corrupt { .. })));
    }
    let message = parsed(&good[..good.len() - 1], 3).unwrap_err().to_string();
    assert_eq!(message, "test.idx: at byte 40: the gzip stream is truncated");
}

/// Tapes and some downloads pad files.
#[test]
fn zeros_after_a_gzip_stream_are_no_content() {
    let file = [gzip(&idx_file(&[3], &[1, 2, 3])), vec![0; 700]].concat();
    assert_eq!(parsed(&file, 1).unwrap().1, [1, 2, 3]);
}

#[cfg(unix)]
#[test]
fn images_come_through_a_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let writer = std::thread::spawn({
        let path = path.clone();
        move || std::fs::write(path, idx_file(&[1, 1, 2], &[4, 9])).unwrap()
    });
    assert_eq!(read_images(&path).unwrap()[[0, 0, 1]], 9);
    writer.join().unwrap();
}

#[test]
fn a_folder_or_an_absent_file_is_an_io_error() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(read_images(dir.path()), Err(Error::File(_))));
    let error = read_images(dir.path().join("absent")).unwrap_err();
    assert!(error.to_string().contains("absent: "), "{error}");
}

#[test]
fn no_damage_of_a_plain_file_panics_and_none_to_its_header_goes_unnoticed() {
    let file = idx_file(&[2, 3, 4], &(0..24).collect::<Vec<u8>>());
    for (i, damaged) in damaged(&file).enumerate() {
        let flipped_data = i >= file.len() + 3 * 16;
        assert_eq!(parsed(&damaged, 3).is_ok(), flipped_data, "damage {i}");
    }
}

#[test]
fn no_damage_of_a_gzip_file_panics_or_changes_what_is_read() {
    let data: Vec<u8> = (0..24).collect();
    let file = gzip(&idx_file(&[2, 3, 4], &data));
    for damaged in damaged(&file) {
        // Some bytes of a gzip header (time, operating system) mean nothing; all others are covered by the CRC.
        if let Ok((dims, read)) = parsed(&damaged, 3) {
            assert_eq!((dims, read), (vec![2, 3, 4], data.clone()));
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0..4) {
        match kind {
            1 => bytes.splice(0..0, [0, 0, 8, 3]).for_each(drop),
            2 => bytes.splice(0..0, [0x1f, 0x8b, 8, 0]).for_each(drop),
            3 => bytes = gzip(&bytes),
            _ => {}
        }
        prop_assert!(parsed(&bytes, 3).is_err());
    }

    #[test]
    fn what_is_written_is_read(dims in prop::collection::vec(1u32..5, 3), seed in any::<u8>()) {
        let data: Vec<u8> = (0..dims.iter().product::<u32>()).map(|i| (i as u8).wrapping_mul(seed)).collect();
        let file = idx_file(&dims, &data);
        let sizes: Vec<usize> = dims.iter().map(|&dim| dim as usize).collect();
        prop_assert_eq!(parsed(&file, 3).unwrap(), (sizes.clone(), data.clone()));
        prop_assert_eq!(parsed(&gzip(&file), 3).unwrap(), (sizes, data));
    }
}
