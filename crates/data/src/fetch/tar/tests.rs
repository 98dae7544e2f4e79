use proptest::prelude::*;

use super::*;
use crate::testing::damaged;

/// A ustar header and content for each (name, type, content).
pub(crate) fn tar_file(members: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let mut file = Vec::new();
    for (name, kind, content) in members {
        let mut header = [0; BLOCK];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[156] = *kind;
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        file.extend(header);
        file.extend(*content);
        file.resize(file.len().next_multiple_of(BLOCK), 0);
    }
    file.resize(file.len() + 2 * BLOCK, 0);
    file
}

/// Puts the first header's checksum right.
fn sign(file: &mut [u8]) {
    let sum: u32 = file[..148].iter().chain(&file[156..BLOCK]).map(|&byte| u32::from(byte)).sum::<u32>() + 8 * 32;
    file[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn extracted(file: &[u8], member: &str, limit: u64) -> Result<Vec<u8>, String> {
    let mut to = Vec::new();
    extract(file, member, limit, &mut to).expect("a vector takes everything").map(|size| {
        assert_eq!(size, to.len() as u64);
        to
    })
}

#[test]
fn the_member_is_found_among_others() {
    let other = vec![1; 1000];
    let file = tar_file(&[("a/", b'5', b""), ("a/x", b'0', &other), ("a/y", b'0', b"wanted"), ("a/z", b'0', b"")]);
    assert_eq!(extracted(&file, "a/y", 6).unwrap(), b"wanted");
    assert_eq!(extracted(&file, "a/x", 1000).unwrap(), other);
    assert!(extracted(&file, "a/y", 5).unwrap_err().contains("more than the limit of 5"));
    assert!(extracted(&file, "a/absent", 6).unwrap_err().contains("without `a/absent`"));
    assert!(extracted(&file, "a/", 6).unwrap_err().contains("without `a/`")); // a folder is not a file
    assert!(extracted(&file[..2900], "a/z", 6).unwrap_err().contains("truncated after byte 2560"));
    assert!(extracted(&file[..3100], "a/z", 6).unwrap_err().contains("expected `a/z` or its end"));
}

#[test]
fn a_prefix_goes_before_the_name() {
    let mut file = tar_file(&[("y", b'0', b"wanted")]);
    file[345] = b'a';
    sign(&mut file);
    assert_eq!(extracted(&file, "a/y", 6).unwrap(), b"wanted");
}

#[test]
fn no_damage_panics_and_none_to_a_header_goes_unnoticed() {
    let file = tar_file(&[("a/y", b'0', b"wanted")]);
    assert!(extracted(&file[..BLOCK + 5], "a/y", 6).unwrap_err().contains("truncated within"));
    for (i, damaged) in damaged(&file).enumerate() {
        let result = extracted(&damaged, "a/y", 6);
        if i < BLOCK + 6 {
            assert!(result.is_err(), "truncated at {i}");
        }
        let flipped = i.checked_sub(file.len()).map(|i| i / 3);
        if flipped.is_some_and(|at| at < BLOCK && !(148..156).contains(&at)) {
            assert!(result.is_err(), "flipped {flipped:?}");
        }
    }
}

#[test]
fn a_size_that_overflows_is_skipped_over_the_end() {
    let mut file = tar_file(&[("x", b'0', b"")]);
    file[124..136].copy_from_slice(b"777777777777");
    sign(&mut file);
    assert!(extracted(&file, "y", 6).unwrap_err().contains("truncated after byte 512"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// Mutations that the checksum would keep from being read.
    #[test]
    fn whatever_a_header_says_there_is_an_answer(
        changes in prop::collection::vec((prop_oneof![0..BLOCK, 100..157_usize, 257..265_usize], any::<u8>()), 0..12),
        end in 0..4 * BLOCK,
    ) {
        let mut file = tar_file(&[("a/x", b'0', b"other"), ("a/y", b'0', b"wanted")]);
        changes.into_iter().for_each(|(at, byte)| file[at] = byte);
        sign(&mut file);
        file.truncate(file.len().min(BLOCK + end));
        if let Ok(found) = extracted(&file, "a/y", 6) {
            prop_assert!(found.len() <= 6);
        }
    }
}
