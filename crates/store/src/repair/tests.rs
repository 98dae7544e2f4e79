use apd_points::FileError;

use super::*;
use crate::{Bank, BankWriter};

/// Two chains of seven rows in shards of two; each row knows its chain and its step.
fn bank(dir: &Path) {
    let writer = BankWriter::create(dir, Header { rows_per_shard: 2, ..Header::new(2) }).unwrap();
    fill(&writer);
}

/// The rows that are not there yet.
fn fill(writer: &BankWriter) {
    for chain in 0..2 {
        let mut chain = writer.chain(chain).unwrap();
        for step in (1..=7).filter(|step| chain.last_step().is_none_or(|last| *step > last)).collect::<Vec<_>>() {
            chain.push(step, 1.0, 0.5, &[chain.chain() as f32, step as f32]).unwrap();
        }
        chain.finish().unwrap();
    }
}

fn shard(dir: &Path, chain: u32, index: u32) -> PathBuf {
    let manifest = Manifest::read(dir).unwrap();
    let shard = manifest.shards.iter().find(|shard| (shard.chain, shard.index) == (chain, index)).unwrap();
    dir.join(&shard.file)
}

fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let of = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        let file = entry.file_type().unwrap().is_file();
        file.then(|| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap()))
    };
    fs::read_dir(dir).unwrap().filter_map(of).collect()
}

#[test]
fn whatever_happens_to_a_shard_the_rows_before_it_are_kept_and_the_rest_can_be_written_again() {
    let damages: [fn(&Path); 4] = [
        |path| fs::remove_file(path).unwrap(),
        |path| fs::write(path, &fs::read(path).unwrap()[..100]).unwrap(),
        |path| {
            let mut bytes = fs::read(path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(path, bytes).unwrap();
        },
        |path| fs::write(path, b"").unwrap(),
    ];
    for (i, damage) in damages.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("bank");
        bank(&dir);
        let whole = contents(&dir);
        damage(&shard(&dir, 0, 1));
        assert!(Bank::open(&dir).and_then(|bank| bank.verify()).is_err(), "{i}");

        let repaired = repair(&dir).unwrap();
        assert_eq!(repaired.kept, BTreeMap::from([(0, 2), (1, 7)]));
        assert_eq!(repaired.lost, BTreeMap::from([(0, 5)]));
        assert_eq!((repaired.reasons.len(), repaired.moved.len()), (1, if i == 0 { 2 } else { 3 }));
        assert!(repaired.moved.iter().all(|path| path.exists()));
        let left = Bank::open(&dir).unwrap();
        assert_eq!(left.verify().unwrap().rows, 9);
        assert_eq!((left.row(1), left.row(2)), (&[0.0, 2.0][..], &[1.0, 1.0][..]));

        // Again there is nothing to do, and a writer that goes on ends with the files that there were.
        assert_eq!(repair(&dir).unwrap().lost, BTreeMap::new());
        fill(&BankWriter::resume(&dir).unwrap());
        assert_eq!(contents(&dir), whole);
    }
}

/// What a bank's folder holds after its manifest is lost, with something else done to it.
fn without_manifest(and: impl FnOnce(&Path)) -> (tempfile::TempDir, PathBuf, BTreeMap<String, Vec<u8>>) {
    let dir = tempfile::tempdir().unwrap();
    let bank_dir = dir.path().join("bank");
    bank(&bank_dir);
    let whole = contents(&bank_dir);
    and(&bank_dir);
    (dir, bank_dir, whole)
}

#[test]
fn a_lost_or_damaged_manifest_is_made_anew_from_the_shards() {
    for damage in [None, Some(0), Some(50)] {
        let (_dir, dir, whole) = without_manifest(|dir| match damage {
            None => fs::remove_file(dir.join(FILE)).unwrap(),
            Some(kept) => fs::write(dir.join(FILE), &fs::read(dir.join(FILE)).unwrap()[..kept]).unwrap(),
        });
        // What a crash may leave: the part-filled shard that a fuller one replaced.
        let writer = tempfile::tempdir().unwrap();
        let mut stale = BankWriter::create(writer.path(), Header { rows_per_shard: 2, ..Header::new(2) }).unwrap();
        stale.push(0, 1, 1.0, 0.5, &[0.0, 1.0]).unwrap();
        stale.finish().unwrap();
        let part = "shard-0-00000-part1.safetensors";
        fs::copy(writer.path().join(part), dir.join(part)).unwrap();

        // Nobody takes it for an empty folder, or for whole.
        let create = BankWriter::create(&dir, Header { rows_per_shard: 2, ..Header::new(2) });
        assert!(matches!(create, Err(Error::File(FileError::Missing { .. }) | Error::Exists { .. })));
        assert!(BankWriter::resume(&dir).is_err());

        let repaired = repair(&dir).unwrap();
        assert_eq!((&repaired.kept, &repaired.lost), (&BTreeMap::from([(0, 7), (1, 7)]), &BTreeMap::new()));
        assert_eq!((repaired.reasons.len(), repaired.moved.len()), (1, usize::from(damage.is_some())));
        assert!(repaired.to_string().ends_with("every row that was found is kept"), "{repaired}");
        assert_eq!(repair(&dir).unwrap().reasons, Vec::<String>::new());
        fill(&BankWriter::resume(&dir).unwrap());
        assert_eq!(contents(&dir), whole);
    }
}

#[test]
fn a_damaged_shard_is_noticed_without_the_manifest_too() {
    let (_dir, dir, whole) = without_manifest(|dir| {
        let (torn, gone) = (shard(dir, 0, 1), shard(dir, 1, 2));
        let mut bytes = fs::read(&torn).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(torn, bytes).unwrap();
        fs::remove_file(gone).unwrap();
        fs::remove_file(dir.join(FILE)).unwrap();
    });
    let repaired = repair(&dir).unwrap();
    assert_eq!(repaired.kept, BTreeMap::from([(0, 2), (1, 4)]));
    // Of chain 1 the lost shard itself cannot be counted.
    assert_eq!(repaired.lost, BTreeMap::from([(0, 5), (1, 1)]));
    assert_eq!((repaired.reasons.len(), repaired.moved.len()), (3, 4));
    assert_eq!(Bank::open(&dir).unwrap().verify().unwrap().rows, 6);
    fill(&BankWriter::resume(&dir).unwrap());
    assert_eq!(contents(&dir), whole);
}

#[test]
fn any_damage_to_a_lone_shard_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let header = Header { rows_per_shard: 4, ..Header::new(1) };
    let mut writer = BankWriter::create(dir.path(), header.clone()).unwrap();
    writer.push(0, 1, 1.0, 0.5, &[1.0]).unwrap();
    writer.finish().unwrap();
    let name = "shard-0-00000-part1.safetensors";
    let bytes = fs::read(dir.path().join(name)).unwrap();
    let rebuilt = |bytes: &[u8]| {
        let _ = fs::remove_file(dir.path().join(FILE));
        fs::write(dir.path().join(name), bytes).unwrap();
        repair(dir.path())
    };
    assert_eq!(rebuilt(&bytes).unwrap().kept, BTreeMap::from([(0, 1)]));
    let numbers = bytes.len() - (3 * 8 + 4);
    for i in 0..bytes.len() {
        assert!(rebuilt(&bytes[..i]).is_err(), "cut at {i}");
        let mut flipped = bytes.clone();
        flipped[i] ^= 0x10;
        // The name of a key that nobody asks for may change; no number may, nor what the bank says of itself.
        let Ok(repaired) = rebuilt(&flipped) else { continue };
        assert!(i < numbers, "byte {i}");
        let bank = Bank::open(dir.path()).unwrap();
        assert_eq!(bank.header(), &header, "byte {i}");
        match bank.len() {
            0 => assert_eq!(repaired.lost, BTreeMap::from([(0, 1)]), "byte {i}"),
            _ => assert_eq!((bank.row(0), bank.meta(0).step), (&[1.0][..], 1), "byte {i}"),
        }
    }
}

#[test]
fn without_a_manifest_and_shards_or_beside_a_writer_nothing_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("bank");
    bank(&dir);
    let torn = shard(&dir, 1, 0);
    fs::write(&torn, b"torn").unwrap();
    let before = contents(&dir);
    {
        let _writer = Lock::acquire(&dir, LOCK).unwrap();
        assert!(matches!(repair(&dir), Err(Error::Locked { .. })));
    }
    assert_eq!(contents(&dir), before);
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("shards.txt"), "not of a bank").unwrap();
    assert!(matches!(repair(other.path()), Err(Error::File(FileError::Missing { .. }))));
    assert_eq!(contents(other.path()).len(), 1);
}
