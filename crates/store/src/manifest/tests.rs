use apd_points::FileError;

use super::*;

fn manifest() -> Manifest {
    let mut header = Header::new(6);
    header.rows_per_shard = 4;
    header.layout = Layout::new([("w".into(), vec![2, 2]), ("b".into(), vec![2])]);
    header.metadata.insert("\"crc32\": \"".into(), "a key made to confuse \"crc32\": \"12345678\"".into());
    let shard = |chain, index, rows: usize, first_step| Shard {
        file: Shard::name(chain, index, rows, rows == 4),
        chain,
        index,
        rows,
        first_step,
        last_step: first_step + 10,
        bytes: 100,
        crc32: 7,
    };
    Manifest::new(header, vec![shard(0, 0, 4, 0), shard(0, 1, 3, 20), shard(2, 0, 4, 5)])
}

fn written(manifest: &Manifest) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    manifest.write(dir.path()).unwrap();
    std::fs::read(dir.path().join(FILE)).unwrap()
}

fn parse(bytes: &[u8]) -> Result<Manifest, Error> {
    Manifest::parse(Path::new("m"), bytes.to_vec())
}

#[test]
fn round_trip() {
    let (manifest, bytes) = (manifest(), written(&manifest()));
    let read = parse(&bytes).unwrap();
    assert_eq!((&read.header, &read.shards), (&manifest.header, &manifest.shards));
    assert_eq!(written(&read), bytes);
}

#[test]
fn truncated_at_any_byte_is_an_error() {
    let bytes = written(&manifest());
    for end in 0..bytes.len() {
        assert!(parse(&bytes[..end]).is_err(), "{end}");
    }
}

#[test]
fn any_flipped_bit_is_an_error() {
    let mut bytes = written(&manifest());
    for i in 0..bytes.len() {
        for bit in 0..8 {
            bytes[i] ^= 1 << bit;
            assert!(parse(&bytes).is_err(), "byte {i}, bit {bit}");
            bytes[i] ^= 1 << bit;
        }
    }
    assert!(parse(&bytes).is_ok());
}

#[test]
fn another_version_is_said_to_be_one() {
    let text = String::from_utf8(written(&manifest())).unwrap().replace("\"version\": 1", "\"version\": 2");
    assert!(matches!(parse(text.as_bytes()), Err(Error::Version { expected: 1, found: 2, .. })));
}

/// What a forger with the right checksum may try.
#[test]
fn shards_that_contradict_each_other_are_errors() {
    let forged = |change: &dyn Fn(&mut Manifest)| {
        let mut m = manifest();
        change(&mut m);
        parse(&written(&m)).unwrap_err().to_string()
    };
    let in_order = "in order and without a gap";
    assert!(forged(&|m| m.shards[0].file = "../../etc/passwd".into()).contains("found ../../etc/passwd"));
    assert!(forged(&|m| m.shards[0].rows = 5).contains("expected shard"));
    assert!(forged(&|m| m.shards.swap(0, 1)).contains(in_order));
    assert!(forged(&|m| m.shards[1].first_step = 10).contains(in_order));
    assert!(forged(&|m| m.shards.push(m.shards[2].clone())).contains(in_order));
    assert!(forged(&|m| drop(m.shards.remove(0))).contains(in_order));
    assert!(forged(&|m| m.header.rows_per_shard = 0).contains("at least one row"));
    assert!(forged(&|m| m.header.dim = 7).contains("a layout of 7 numbers, found 6"));
    assert!(forged(&|m| m.header.layout.entries[0].shape = vec![usize::MAX, 2]).contains("an overflow"));
    let empty_shard = |m: &mut Manifest| {
        m.shards[1].rows = 0;
        m.shards[1].file = Shard::name(0, 1, 0, false);
    };
    assert!(forged(&empty_shard).contains(in_order));
}

#[test]
fn other_json_and_no_file_are_errors() {
    for text in ["", "{}", "[]", "null", r#"{"format":"x","version":1}"#, &"[".repeat(100_000)] {
        assert!(parse(text.as_bytes()).is_err());
    }
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Manifest::read(dir.path()), Err(Error::File(FileError::Missing { .. }))));
}
