use std::collections::BTreeMap;
use std::path::Path;

use super::*;

/// A bank of the chains with these numbers, with rows that belong to them.
fn bank(path: &Path, chains: &[u32], header: &Header) -> Bank {
    let mut writer = BankWriter::create(path, header.clone()).expect("a new bank");
    for step in 0..7_u64 {
        for &chain in chains {
            let row = vec![chain as f32 + step as f32; header.dim];
            writer.push(chain, step, 1.0, -1.5, &row).expect("a row");
        }
    }
    writer.finish().expect("durable");
    Bank::open(path).expect("a bank")
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    entries
        .map(|entry| (entry.file_name().into_string().expect("a name"), std::fs::read(entry.path()).expect("bytes")))
        .collect()
}

#[test]
fn chains_that_were_sampled_apart_are_one_bank_of_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    // Shards of three rows: two full ones and a part for each chain.
    let header = Header { rows_per_shard: 3, ..Header::new(5) };
    let apart = [bank(&path("a"), &[2, 0], &header), bank(&path("b"), &[1], &header)];
    bank(&path("whole"), &[0, 1, 2], &header);
    // What a merge that was killed has left is no bank, and in nobody's way.
    bank(&path("merged.merging"), &[0], &header);
    merge(&apart, path("merged"), header.clone()).expect("a bank");
    assert_eq!(files(&path("merged")), files(&path("whole")));
    assert!(!path("merged.merging").exists());
    let again = merge(&apart, path("merged"), header).expect_err("it is there");
    assert!(matches!(again, Error::Exists { .. }), "{again}");
}

#[test]
fn damage_does_not_get_a_new_checksum() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let header = Header::new(5);
    bank(&path("a"), &[0], &header);
    let shard = files(&path("a")).into_keys().find(|name| name.starts_with("shard")).expect("a shard");
    let mut bytes = std::fs::read(path("a").join(&shard)).expect("bytes");
    *bytes.last_mut().expect("a byte") ^= 1;
    std::fs::write(path("a").join(&shard), bytes).expect("damage");
    let refused =
        merge(&[Bank::open(path("a")).expect("a bank")], path("out"), header).expect_err("damage").to_string();
    assert!(refused.contains("checksum") && !path("out").exists(), "{refused}");
}

#[test]
fn what_does_not_belong_together_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let header = Header::new(2);
    let first = || bank(&path("first"), &[0, 1], &header);
    for (name, chains, header, words) in [
        ("same-chain", [1, 2], Header::new(2), "chain 1, which"),
        ("other-rows", [2, 3], Header::new(3), "rows of 2 numbers"),
    ] {
        std::fs::remove_dir_all(path("first")).ok();
        let banks = [first(), bank(&path(name), &chains, &header)];
        let refused = merge(&banks, path("out"), header_of(&banks)).expect_err(name).to_string();
        assert!(refused.contains(words) && refused.contains(name), "{refused}");
        assert!(!path("out").exists());
    }
}

fn header_of(banks: &[Bank]) -> Header {
    banks[0].header().clone()
}
