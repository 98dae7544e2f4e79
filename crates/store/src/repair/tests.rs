use super::*;
use crate::{Bank, BankWriter, Header, manifest};

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

#[test]
fn without_a_manifest_or_beside_a_writer_nothing_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("bank");
    bank(&dir);
    let torn = shard(&dir, 1, 0);
    fs::write(&torn, b"torn").unwrap();
    let before = contents(&dir);
    {
        let _writer = lock(&dir).unwrap();
        assert!(matches!(repair(&dir), Err(Error::Locked { .. })));
    }
    let manifest = fs::read(dir.join(manifest::FILE)).unwrap();
    fs::write(dir.join(manifest::FILE), &manifest[..50]).unwrap();
    assert!(repair(&dir).is_err());
    fs::write(dir.join(manifest::FILE), manifest).unwrap();
    assert_eq!(contents(&dir), before);
}
