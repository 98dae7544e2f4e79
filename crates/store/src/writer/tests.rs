use std::collections::BTreeMap as Files;

use proptest::prelude::*;

use apd_points::{FileError, Layout};

use super::*;

fn header(dim: usize, rows_per_shard: usize) -> Header {
    let mut header = Header::new(dim);
    header.rows_per_shard = rows_per_shard;
    header
}

/// Any row, from its chain and step alone.
fn theta(chain: u32, step: u64, dim: usize) -> Vec<f32> {
    (0..dim).map(|i| chain as f32 * 1e4 + step as f32 * 10.0 + i as f32).collect()
}

fn push(writer: &mut ChainWriter, step: u64) -> Result<(), Error> {
    let (chain, dim) = (writer.chain(), writer.shared.header.dim);
    writer.push(step, 0.5, -(step as f64), &theta(chain, step, dim))
}

fn files(dir: &Path) -> Files<String, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    entries.map(|p| (p.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&p).unwrap())).collect()
}

fn steps(bank: &Bank) -> Vec<(u32, u64)> {
    (0..bank.len()).map(|i| (bank.meta(i).chain, bank.meta(i).step)).collect()
}

#[test]
fn chains_from_several_threads_make_the_same_bytes_as_from_one() {
    let dir = tempfile::tempdir().unwrap();
    let (one, many) = (dir.path().join("one"), dir.path().join("many"));
    let bank = BankWriter::create(&one, header(3, 4)).unwrap();
    for c in [2, 0, 1] {
        let mut chain = bank.chain(c).unwrap();
        (0..11).for_each(|s| push(&mut chain, s).unwrap());
        chain.finish().unwrap();
    }
    drop(bank);

    let bank = BankWriter::create(&many, header(3, 4)).unwrap();
    std::thread::scope(|scope| {
        for c in 0..3 {
            let mut chain = bank.chain(c).unwrap();
            scope.spawn(move || {
                (0..11).for_each(|s| push(&mut chain, s).unwrap());
                chain.finish().unwrap();
            });
        }
    });
    drop(bank);

    assert_eq!(files(&one), files(&many));
    let bank = Bank::open(&many).unwrap();
    assert_eq!(steps(&bank), (0..3).flat_map(|c| (0..11).map(move |s| (c, s))).collect::<Vec<_>>());
    for i in 0..bank.len() {
        let meta = bank.meta(i);
        assert_eq!(bank.row(i), theta(meta.chain, meta.step, 3));
        assert_eq!((meta.weight, meta.potential), (0.5, -(meta.step as f64)));
    }
    assert_eq!(bank.verify().unwrap().rows, 33);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Killed after any number of rows, with or without a flush, and resumed: the files of an uninterrupted run.
    #[test]
    fn resumed_is_uninterrupted(
        kills in prop::collection::vec((1u64..9, any::<bool>()), 0..5),
        total in 0u64..20,
        rows_per_shard in 1usize..6,
        dim in 0usize..4,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (whole, cut) = (dir.path().join("whole"), dir.path().join("cut"));
        let bank = BankWriter::create(&whole, header(dim, rows_per_shard)).unwrap();
        let mut chain = bank.chain(0).unwrap();
        (0..total).for_each(|s| push(&mut chain, 3 * s).unwrap());
        chain.finish().unwrap();

        let mut bank = BankWriter::create(&cut, header(dim, rows_per_shard)).unwrap();
        for (rows, flush) in kills {
            let mut chain = bank.chain(0).unwrap();
            let next = chain.last_step().map_or(0, |s| s / 3 + 1);
            prop_assert_eq!(chain.rows(), next);
            (next..(next + rows).min(total)).for_each(|s| push(&mut chain, 3 * s).unwrap());
            if flush {
                chain.flush().unwrap();
                prop_assert_eq!(Bank::open(&cut).unwrap().len() as u64, chain.rows());
            }
            kill(chain);
            drop(bank);
            Bank::open(&cut).unwrap().verify().unwrap();
            bank = BankWriter::resume(&cut).unwrap();
        }
        let mut chain = bank.chain(0).unwrap();
        let next = chain.last_step().map_or(0, |s| s / 3 + 1);
        (next..total).for_each(|s| push(&mut chain, 3 * s).unwrap());
        chain.finish().unwrap();
        prop_assert_eq!(files(&whole), files(&cut));
    }
}

/// Takes a writer away from its rows, as the end of the process does.
fn kill(mut writer: ChainWriter) {
    (writer.step, writer.durable) = (Vec::new(), 0);
}

/// Rows of writers that were never finished are in the bank, those of an error on the way too.
#[test]
fn dropped_writers_leave_their_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut bank = BankWriter::create(dir.path(), header(2, 4)).unwrap();
    let mut chain = bank.chain(1).unwrap();
    (0..6).for_each(|s| push(&mut chain, s).unwrap());
    bank.push(0, 9, 1.0, 0.0, &[0.0, 1.0]).unwrap();
    assert!(bank.push(0, 10, 1.0, 0.0, &[f32::NAN, 1.0]).is_err());
    assert_eq!(Bank::open(dir.path()).unwrap().len(), 4);
    drop((bank, chain));
    let bank = Bank::open(dir.path()).unwrap();
    assert_eq!(steps(&bank), [(0, 9), (1, 0), (1, 1), (1, 2), (1, 3), (1, 4), (1, 5)]);
    bank.verify().unwrap();
}

#[test]
fn what_a_killed_writer_left_is_ignored_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let mut bank = BankWriter::create(dir.path(), header(1, 2)).unwrap();
    (0..2).for_each(|s| bank.push(0, s, 1.0, 0.0, &[0.0]).unwrap());
    drop(bank);
    let before = files(dir.path());
    for name in ["shard-0-00001.safetensors.9-1.tmp", "manifest.json.9-2.tmp", "shard-0-00001.safetensors"] {
        fs::write(dir.path().join(name), b"torn").unwrap();
    }
    fs::write(dir.path().join("notes.txt"), b"the user's own").unwrap();
    assert_eq!(Bank::open(dir.path()).unwrap().len(), 2);
    drop(BankWriter::resume(dir.path()).unwrap());
    let mut after = files(dir.path());
    assert!(after.remove("notes.txt").is_some());
    assert_eq!(after, before);
}

#[test]
fn a_reader_keeps_what_it_opened_while_the_writer_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let bank = BankWriter::create(dir.path(), header(2, 3)).unwrap();
    let mut chain = bank.chain(0).unwrap();
    push(&mut chain, 0).unwrap();
    chain.flush().unwrap();
    let early = Bank::open(dir.path()).unwrap();
    (1..8).for_each(|s| push(&mut chain, s).unwrap());
    chain.finish().unwrap();
    assert_eq!((early.len(), early.row(0)), (1, theta(0, 0, 2).as_slice()));
    early.verify().unwrap();
    assert_eq!(Bank::open(dir.path()).unwrap().len(), 8);
}

#[test]
fn only_one_writer_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let bank = BankWriter::create(dir.path(), header(1, 2)).unwrap();
    assert!(matches!(BankWriter::resume(dir.path()), Err(Error::Locked { .. })));
    assert!(matches!(BankWriter::create(dir.path(), header(1, 2)), Err(Error::Locked { .. })));
    let chain = bank.chain(5).unwrap();
    assert!(matches!(bank.chain(5), Err(Error::ChainOpen { chain: 5, .. })));
    drop(chain);
    let chain = bank.chain(5).unwrap();
    drop(bank);
    // The chain still writes.
    assert!(matches!(BankWriter::resume(dir.path()), Err(Error::Locked { .. })));
    drop(chain);
    assert!(matches!(BankWriter::create(dir.path(), header(1, 2)), Err(Error::Exists { .. })));
    assert_eq!(BankWriter::resume(dir.path()).unwrap().header(), &header(1, 2));
}

#[test]
fn refused_rows_are_not_in_the_bank() {
    let dir = tempfile::tempdir().unwrap();
    let bank = BankWriter::create(dir.path(), header(2, 9)).unwrap();
    let mut chain = bank.chain(1).unwrap();
    chain.push(5, 1.0, f64::NAN, &[1.0, 2.0]).unwrap();
    assert!(matches!(chain.push(6, 1.0, 0.0, &[1.0]), Err(Error::Dimension { expected: 2, found: 1, .. })));
    assert!(matches!(chain.push(5, 1.0, 0.0, &[1.0, 1.0]), Err(Error::Order { step: 5, last: 5, chain: 1, .. })));
    assert!(matches!(chain.push(u64::MAX, 1.0, 0.0, &[1.0, 1.0]), Err(Error::File(FileError::Format { .. }))));
    for weight in [f64::NAN, f64::INFINITY, -1.0] {
        assert!(matches!(chain.push(6, weight, 0.0, &[1.0, 1.0]), Err(Error::Value { .. })));
    }
    let message = chain.push(6, 1.0, 0.0, &[1.0, f32::NEG_INFINITY]).unwrap_err().to_string();
    assert!(message.contains("row 1 (chain 1, step 6): theta[1] is -inf"), "{message}");
    chain.push(6, 1.0, 0.0, &[3.0, 4.0]).unwrap();
    assert_eq!(chain.rows(), 2);
    chain.finish().unwrap();
    let bank = Bank::open(dir.path()).unwrap();
    assert_eq!(steps(&bank), [(1, 5), (1, 6)]);
    assert!(bank.meta(0).potential.is_nan());
}

#[test]
fn a_failed_write_loses_nothing_and_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bank");
    let bank = BankWriter::create(&path, header(1, 2)).unwrap();
    let mut chain = bank.chain(0).unwrap();
    push(&mut chain, 0).unwrap();
    // As good as a full disk, and the same for every user: a folder sits where the shard must go.
    let obstacle = path.join(Shard::name(0, 0, 2, true));
    fs::create_dir_all(obstacle.join("x")).unwrap();
    assert!(matches!(push(&mut chain, 1), Err(Error::File(FileError::Format { .. }))));
    assert!(matches!(chain.flush(), Err(Error::File(FileError::Format { .. }))));
    assert_eq!(Bank::open(&path).unwrap().len(), 0);
    fs::remove_dir_all(obstacle).unwrap();
    push(&mut chain, 2).unwrap();
    chain.finish().unwrap();
    let bank = Bank::open(&path).unwrap();
    assert_eq!(steps(&bank), [(0, 0), (0, 1), (0, 2)]);
    bank.verify().unwrap();
}

#[test]
fn headers_that_contradict_themselves_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let mut bad = header(3, 2);
    bad.layout = Layout::new([("w".into(), vec![2])]);
    let message = BankWriter::create(dir.path(), bad).unwrap_err().to_string();
    assert!(message.contains("a layout of 3 numbers, found 2"), "{message}");
    assert!(BankWriter::create(dir.path(), header(3, 0)).is_err());
    assert!(BankWriter::create(dir.path(), header(usize::MAX, 1)).is_err());
    assert!(matches!(BankWriter::resume(dir.path()), Err(Error::File(FileError::Missing { .. }))));
    assert!(files(dir.path()).is_empty());
}

#[test]
fn a_corrupt_part_filled_shard_is_not_built_upon() {
    let dir = tempfile::tempdir().unwrap();
    let mut bank = BankWriter::create(dir.path(), header(1, 4)).unwrap();
    bank.push(0, 0, 1.0, 0.0, &[0.0]).unwrap();
    bank.finish().unwrap();
    let path = dir.path().join(Shard::name(0, 0, 1, false));
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let bank = BankWriter::resume(dir.path()).unwrap();
    assert!(matches!(bank.chain(0), Err(Error::Checksum { .. })));
    // Other chains go on.
    assert_eq!(bank.chain(1).unwrap().rows(), 0);
}
