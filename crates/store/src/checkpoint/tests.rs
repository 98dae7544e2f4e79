use serde::Deserialize;

use apd_points::{FileError, FormatError};

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct State {
    step: u64,
    position: Vec<f32>,
    moments: Option<Vec<(String, Vec<f64>)>>,
}

fn state(step: u64) -> State {
    let moments = Some(vec![("v".to_owned(), vec![0.1, f64::MAX, -0.0])]);
    State { step, position: vec![1.5, -2.5, f32::MIN_POSITIVE], moments }
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.ckpt");
    (dir, path)
}

/// A well-formed file around any payload, as an attacker would make it.
fn forge(kind: &str, version: u32, claimed: Option<u64>, payload: &[u8]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(version.to_le_bytes());
    out.extend((kind.len() as u32).to_le_bytes());
    out.extend(kind.as_bytes());
    out.extend(claimed.unwrap_or(payload.len() as u64).to_le_bytes());
    let crc = crc32fast::hash(&[&out, payload].concat());
    out.extend(crc.to_le_bytes());
    out.extend(payload);
    out
}

#[test]
fn round_trip_to_the_bit() {
    let (_dir, path) = place();
    save(&path, "chain", &state(7)).unwrap();
    let loaded = load::<State>(&path, "chain").unwrap();
    assert_eq!(loaded.value, state(7));
    assert!(matches!(loaded.source, Source::Newest));
    assert_eq!(loaded.value.moments.unwrap()[0].1[2].to_bits(), (-0.0_f64).to_bits());
}

#[test]
fn the_file_is_what_the_docs_say() {
    let (_dir, path) = place();
    save(&path, "k", &(1_u8, 2_u32)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), forge("k", 1, None, &[1, 2, 0, 0, 0]));
    save(&path, "", &()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), forge("", 1, None, &[]));
    load::<()>(&path, "").unwrap();
}

#[test]
fn the_last_two_are_kept() {
    let (dir, path) = place();
    assert!(!exists(&path));
    for step in 0..4 {
        save(&path, "chain", &state(step)).unwrap();
    }
    assert!(exists(&path));
    assert_eq!(load::<State>(previous(&path), "chain").unwrap().value, state(2));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    fs::remove_file(&path).unwrap();
    assert!(exists(&path));
    let loaded = load::<State>(&path, "chain").unwrap();
    assert_eq!(loaded.value, state(2));
    assert!(matches!(loaded.source, Source::Previous { reason: Error::File(FileError::Missing { .. }), .. }));
}

#[test]
fn a_torn_newest_falls_back_at_every_byte() {
    let (_dir, path) = place();
    save(&path, "chain", &state(1)).unwrap();
    save(&path, "chain", &state(2)).unwrap();
    let bytes = fs::read(&path).unwrap();
    let check = |damaged: &[u8], how: &str| {
        fs::write(&path, damaged).unwrap();
        let loaded = load::<State>(&path, "chain").unwrap();
        assert_eq!(loaded.value, state(1), "{how}");
        assert!(matches!(loaded.source, Source::Previous { .. }), "{how}");
    };
    for end in 0..bytes.len() {
        check(&bytes[..end], &format!("cut at {end}"));
    }
    let mut flipped = bytes.clone();
    for i in 0..bytes.len() {
        for bit in [0, 4, 7] {
            flipped[i] ^= 1 << bit;
            check(&flipped, &format!("byte {i}, bit {bit}"));
            flipped[i] ^= 1 << bit;
        }
    }
    // With no other file, the same damage is an error that names this one.
    fs::remove_file(previous(&path)).unwrap();
    fs::write(&path, &flipped[..40]).unwrap();
    let e = load::<State>(&path, "chain").unwrap_err();
    assert!(
        matches!(e, Error::File(FileError::Format { problem: FormatError::Length { .. }, .. }))
            && e.to_string().contains("x.ckpt"),
        "{e}"
    );
}

#[test]
fn a_torn_file_never_replaces_the_good_one_before_it() {
    let (_dir, path) = place();
    save(&path, "chain", &state(1)).unwrap();
    save(&path, "chain", &state(2)).unwrap();
    for torn in [b"torn".as_slice(), b"", &fs::read(&path).unwrap()[..30]] {
        fs::write(&path, torn).unwrap();
        save(&path, "chain", &state(3)).unwrap();
        assert_eq!(load::<State>(previous(&path), "chain").unwrap().value, state(1));
    }
}

#[test]
fn another_kind_or_version_is_not_papered_over() {
    let (_dir, path) = place();
    save(&path, "chain", &state(1)).unwrap();
    save(&path, "gan", &state(2)).unwrap();
    let e = load::<State>(&path, "chain").unwrap_err();
    assert!(e.to_string().contains("a checkpoint of kind `chain`, found `gan`"), "{e}");
    fs::write(&path, forge("chain", 2, None, &[])).unwrap();
    assert!(matches!(load::<State>(&path, "chain"), Err(Error::Version { expected: 1, found: 2, .. })));
    // Another type under the same kind: too short for it, or too long.
    save(&path, "chain", &1_u8).unwrap();
    assert!(load::<State>(&path, "chain").is_err());
    save(&path, "chain", &(state(1), 1_u8)).unwrap();
    let e = load::<State>(&path, "chain").unwrap_err();
    assert!(e.to_string().contains("1 bytes too many"), "{e}");
}

#[test]
fn giant_lengths_are_refused_before_they_are_allocated() {
    let (_dir, path) = place();
    for claimed in [1, 1 << 40, u64::MAX - 20, u64::MAX] {
        fs::write(&path, forge("x", 1, Some(claimed), &[])).unwrap();
        assert!(matches!(
            load::<Vec<u8>>(&path, "x"),
            Err(Error::File(FileError::Format { problem: FormatError::Length { .. }, .. }))
        ));
    }
    // With an honest payload length and checksum, but a string or list inside that claims to be giant.
    for claimed in [1_u64 << 20, 1 << 40, u64::MAX / 8, u64::MAX] {
        fs::write(&path, forge("x", 1, None, &claimed.to_le_bytes())).unwrap();
        assert!(load::<String>(&path, "x").is_err());
        assert!(load::<Vec<f32>>(&path, "x").is_err());
        assert!(load::<Vec<Vec<u8>>>(&path, "x").is_err());
        assert!(load::<State>(&path, "x").is_err());
    }
    let mut giant_kind = forge("x", 1, None, &[]);
    giant_kind[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    fs::write(&path, giant_kind).unwrap();
    assert!(load::<()>(&path, "x").unwrap_err().to_string().contains("absurd"));
}

#[test]
fn payloads_on_both_sides_of_every_limit() {
    let (_dir, path) = place();
    for n in [0, (1 << 16) - 8, (1 << 16) - 7, (1 << 18) - 8, (1 << 18) - 7, 1 << 20, 5 << 20] {
        // One byte an element on disk and in memory: the list that comes closest to the limit.
        let x: Vec<u8> = (0..n).map(|i| i as u8).collect();
        save(&path, "x", &x).unwrap();
        assert!(load::<Vec<u8>>(&path, "x").unwrap().value == x, "{n}");
        let text = "a".repeat(n);
        save(&path, "x", &text).unwrap();
        assert!(load::<String>(&path, "x").unwrap().value == text, "{n}");
    }
}

#[test]
fn a_failed_save_leaves_both_files() {
    struct Unserializable;
    impl Serialize for Unserializable {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    let (dir, path) = place();
    save(&path, "x", &1_u8).unwrap();
    save(&path, "x", &2_u8).unwrap();
    assert!(save(&path, "x", &Unserializable).is_err());
    assert_eq!(load::<u8>(&path, "x").unwrap().value, 2);
    assert_eq!(load::<u8>(previous(&path), "x").unwrap().value, 1);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}
