use apd_points::{FileError, FormatError, Layout, npy};
use ndarray::{Array2, array};
use proptest::prelude::*;

use super::*;
use crate::BankWriter;

fn small(dir: &Path) -> Header {
    let mut header = Header::new(3);
    header.rows_per_shard = 2;
    header.layout = Layout::new([("w".into(), vec![1, 2]), ("b".into(), vec![1])]);
    header.metadata.insert("seed".into(), "1".into());
    let mut bank = BankWriter::create(dir, header.clone()).unwrap();
    for (chain, rows) in [(0, 3_u64), (4, 2)] {
        for s in 0..rows {
            let x = (s + 10 * u64::from(chain)) as f32;
            bank.push(chain, 100 + s, 1.0 + s as f64, 0.25, &[x, -x, 0.5]).unwrap();
        }
    }
    bank.finish().unwrap();
    header
}

/// All that can be known of a bank.
fn content(bank: &Bank) -> Vec<(Vec<f32>, RowMeta)> {
    (0..bank.len()).map(|i| (bank.row(i).to_vec(), bank.meta(i))).collect()
}

fn open_and_verify(path: &Path) -> Result<Verified, Error> {
    let bank = Bank::open(path)?;
    let _ = bank.info().to_string();
    bank.verify()
}

/// Truncated at every byte, and with every bit flipped.
fn damage(bytes: &[u8], mut check: impl FnMut(&[u8], String)) {
    for end in 0..bytes.len() {
        check(&bytes[..end], format!("cut at {end}"));
    }
    check(&[bytes, &[0]].concat(), "a byte too many".into());
    let mut flipped = bytes.to_vec();
    for i in 0..bytes.len() {
        for bit in [0, 3, 7] {
            flipped[i] ^= 1 << bit;
            check(&flipped, format!("byte {i}, bit {bit}"));
            flipped[i] ^= 1 << bit;
        }
    }
}

#[test]
fn a_bank_is_followed_while_two_chains_write_it() {
    let dir = tempfile::tempdir().unwrap();
    let writer = BankWriter::create(dir.path(), Header { rows_per_shard: 8, ..Header::new(2) }).unwrap();
    let mut bank = Bank::open(dir.path()).unwrap();
    let chains = [0, 1].map(|chain| writer.chain(chain).unwrap());
    std::thread::scope(|scope| {
        for mut chain in chains {
            scope.spawn(move || {
                for step in 0..60 {
                    chain.push(step, 1.0, 0.5, &[chain.chain() as f32, step as f32]).unwrap();
                    if step % 5 == 0 {
                        chain.flush().unwrap();
                    }
                }
                chain.finish().unwrap();
            });
        }
        // At every moment: whole rows, each chain from its start and without a gap.
        let mut rows = 0;
        while rows < 120 {
            rows += bank.refresh().unwrap();
            assert_eq!(bank.len(), rows);
            let mut next = [0; 2];
            for i in 0..rows {
                let meta = bank.meta(i);
                assert_eq!(bank.row(i), [meta.chain as f32, meta.step as f32]);
                assert_eq!(meta.step, next[meta.chain as usize]);
                next[meta.chain as usize] += 1;
            }
        }
    });
    assert_eq!(bank.refresh().unwrap(), 0);
    bank.verify().unwrap();

    drop(writer);
    fs::remove_dir_all(dir.path()).unwrap();
    BankWriter::create(dir.path(), Header::new(3)).unwrap();
    assert!(bank.refresh().unwrap_err().to_string().contains("the same bank, of at least 120 rows"));
    assert_eq!(bank.row(119), [1.0, 59.0]);
}

#[test]
fn rows_come_by_chain_then_step() {
    let dir = tempfile::tempdir().unwrap();
    let header = small(dir.path());
    let bank = Bank::open(dir.path()).unwrap();
    assert_eq!((bank.len(), bank.dim(), bank.header()), (5, 3, &header));
    assert_eq!(bank.rows().map(|r| r[0]).collect::<Vec<_>>(), [0.0, 1.0, 2.0, 40.0, 41.0]);
    assert_eq!(bank.meta(4), RowMeta { chain: 4, step: 101, weight: 2.0, potential: 0.25 });
    assert_eq!(bank.gather(&[4, 0]), array![[41.0, -41.0, 0.5], [0.0, 0.0, 0.5]]);
    let verified = bank.verify().unwrap();
    assert_eq!((verified.rows, verified.shards), (5, 3));
    let on_disk = |p: PathBuf| fs::metadata(p).unwrap().len();
    let shards = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path());
    let shards = shards.filter(|p| p.extension().is_some_and(|e| e == "safetensors"));
    assert_eq!(verified.bytes, shards.map(on_disk).sum::<u64>());
}

#[test]
fn every_row_is_aligned() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path());
    let bank = Bank::open(dir.path()).unwrap();
    for shard in &bank.shards {
        assert!((shard.content.row(0).as_ptr() as usize).is_multiple_of(8));
    }
}

#[test]
fn info_is_a_text_for_people() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path());
    let info = Bank::open(dir.path()).unwrap().info();
    assert_eq!(info.chains[&0], ChainInfo { rows: 3, first_step: 100, last_step: 102 });
    let text = info.to_string();
    for part in
        ["rows       5", "dimension  3", "chain 4    2 rows, steps 100..=101", "w [1, 2]", "seed = 1", "3 file(s)"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn an_empty_bank_is_a_bank() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bank");
    BankWriter::create(&path, Header::new(7)).unwrap().finish().unwrap();
    let bank = Bank::open(&path).unwrap();
    assert!(bank.is_empty() && bank.rows().len() == 0);
    assert_eq!(bank.verify().unwrap().rows, 0);
    for name in ["x.npy", "x.safetensors"] {
        let file = dir.path().join(name);
        if name == "x.npy" { bank.export_npy(&file) } else { bank.export_safetensors(&file) }.unwrap();
        let again = Bank::open(&file).unwrap();
        assert_eq!((again.len(), again.dim()), (0, 7));
        again.verify().unwrap();
    }
}

#[test]
#[should_panic(expected = "row 5 of a bank of 5 rows")]
fn a_row_too_far_panics() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path());
    Bank::open(dir.path()).unwrap().row(5);
}

#[test]
fn any_damage_to_a_shard_is_found() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path());
    for name in ["shard-0-00000.safetensors", "shard-0-00001-part1.safetensors"] {
        let path = dir.path().join(name);
        let bytes = fs::read(&path).unwrap();
        damage(&bytes, |damaged, how| {
            fs::write(&path, damaged).unwrap();
            let e = open_and_verify(dir.path()).expect_err(&how);
            assert!(e.to_string().contains(name), "{how}: {e}");
        });
        fs::write(&path, bytes).unwrap();
    }
    open_and_verify(dir.path()).unwrap();
}

#[test]
fn a_missing_shard_is_named() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path());
    fs::remove_file(dir.path().join("shard-4-00000.safetensors")).unwrap();
    let e = Bank::open(dir.path()).unwrap_err();
    assert!(
        matches!(e, Error::File(FileError::Missing { .. })) && e.to_string().contains("shard-4-00000.safetensors"),
        "{e}"
    );
}

#[test]
fn a_shard_of_another_bank_is_not_taken() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    for (path, dim) in [(&a, 2), (&b, 3)] {
        let mut bank = BankWriter::create(path, Header::new(dim)).unwrap();
        bank.push(0, 0, 1.0, 0.0, &vec![0.0; dim]).unwrap();
        bank.finish().unwrap();
    }
    let name = "shard-0-00000-part1.safetensors";
    fs::copy(b.join(name), a.join(name)).unwrap();
    assert!(matches!(Bank::open(&a), Err(Error::File(FileError::Format { problem: FormatError::Length { .. }, .. }))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn exports_hold_the_same_rows(n in 0usize..7, d in 1usize..5, rows_per_shard in 1usize..4) {
        let dir = tempfile::tempdir().unwrap();
        let bank = dir.path().join("bank");
        let mut header = Header::new(d);
        header.rows_per_shard = rows_per_shard;
        header.layout = Layout::new([("all".into(), vec![d])]);
        header.metadata.insert("k".into(), "v".into());
        let mut writer = BankWriter::create(&bank, header).unwrap();
        for i in 0..n {
            let x: Vec<f32> = (0..d).map(|j| (i * d + j) as f32).collect();
            writer.push((i % 2) as u32, i as u64, 1.0 / (1 + i) as f64, i as f64, &x).unwrap();
        }
        writer.finish().unwrap();
        let bank = Bank::open(&bank).unwrap();

        let path = dir.path().join("x.safetensors");
        bank.export_safetensors(&path).unwrap();
        let again = Bank::open(&path).unwrap();
        prop_assert_eq!(content(&again), content(&bank));
        prop_assert_eq!(&again.header().layout, &bank.header().layout);
        prop_assert_eq!(&again.header().metadata, &bank.header().metadata);
        again.verify().unwrap();
        // The export of an export is the same file.
        let twice = dir.path().join("y.safetensors");
        again.export_safetensors(&twice).unwrap();
        prop_assert_eq!(fs::read(path).unwrap(), fs::read(twice).unwrap());

        let path = dir.path().join("x.npy");
        bank.export_npy(&path).unwrap();
        let again = Bank::open(&path).unwrap();
        prop_assert!(again.rows().eq(bank.rows()));
        prop_assert_eq!(npy::read_matrix_f32(&path).unwrap(), bank.gather(&(0..n).collect::<Vec<_>>()));
    }
}

#[test]
fn damage_to_a_lone_file_never_panics() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path());
    let bank = Bank::open(dir.path()).unwrap();
    for (name, numbers) in [("x.npy", 5 * 3 * 4), ("x.safetensors", 5 * (4 * 8 + 3 * 4))] {
        let path = dir.path().join(name);
        if name == "x.npy" { bank.export_npy(&path) } else { bank.export_safetensors(&path) }.unwrap();
        let bytes = fs::read(&path).unwrap();
        damage(&bytes, |damaged, how| {
            fs::write(&path, damaged).unwrap();
            let result = open_and_verify(&path);
            // A lone file has no checksum: only its length and structure protect it.
            if damaged.len() != bytes.len() {
                assert!(result.is_err(), "{name} {how}");
            }
            let header = bytes.len() - numbers;
            if let (Ok(verified), true) = (result, damaged.get(..header) == Some(&bytes[..header])) {
                assert_eq!(verified.rows, 5);
            }
        });
    }
}

#[test]
fn foreign_files_say_nothing_of_chains() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npy");
    npy::write_matrix_f32(&path, array![[1.0, 2.0], [3.0, 4.0]].view()).unwrap();
    let bank = Bank::open(&path).unwrap();
    let meta = bank.meta(1);
    assert_eq!((meta.chain, meta.step, meta.weight), (0, 1, 1.0));
    assert!(meta.potential.is_nan());
    assert_eq!((bank.info().kind, bank.row(1)), (Kind::Npy, [3.0, 4.0].as_slice()));
    bank.verify().unwrap();
}

#[test]
fn verify_finds_numbers_that_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npy");
    npy::write_matrix_f32(&path, array![[1.0, 2.0], [3.0, f32::NAN]].view()).unwrap();
    let e = Bank::open(&path).unwrap().verify().unwrap_err();
    assert!(matches!(e, Error::Value { row: 1, .. }) && e.to_string().contains("theta[1] is NaN"), "{e}");
}

#[test]
fn what_is_no_bank_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let open = |name: &str| Bank::open(dir.path().join(name)).unwrap_err().to_string();
    assert!(open("nothing").contains("missing; expected a folder, a .npy, .npz or .safetensors file"));
    assert!(open("").contains("manifest.json: missing"));
    fs::write(dir.path().join("x.pt"), b"x").unwrap();
    assert!(open("x.pt").contains("another kind of file"));
    fs::write(dir.path().join("x.npy"), b"").unwrap();
    assert!(open("x.npy").contains("another magic number"));
    fs::write(dir.path().join("x.safetensors"), b"").unwrap();
    assert!(open("x.safetensors").contains("found 0 bytes"));
}

#[test]
fn rows_without_numbers_cannot_be_counted_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npy");
    npy::write_matrix_f32(&path, Array2::zeros((4, 0)).view()).unwrap();
    assert!(Bank::open(&path).unwrap_err().to_string().contains("rows of at least one number"));
}

/// A safetensors file of these tensors: name, type, shape, bytes.
fn safetensors(path: &Path, tensors: &[(&str, &str, Vec<usize>, Vec<u8>)]) {
    let (mut header, mut data) = (BTreeMap::new(), Vec::new());
    for (name, dtype, shape, bytes) in tensors {
        let offsets = [data.len(), data.len() + bytes.len()];
        header.insert(*name, serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": offsets}));
        data.extend(bytes);
    }
    let header = serde_json::to_string(&header).unwrap();
    fs::write(path, [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()).unwrap();
}

fn f64s(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn f32s(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

#[test]
fn what_numpy_and_pytorch_write_is_a_bank() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let rows = array![[1.0_f32, 2.0, 3.0], [4.0, 5.0, 6.0]];
    let npy = |descr: &str, order: &str, data: &[u8]| {
        let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': (2, 3), }}\n");
        [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), data].concat()
    };
    fs::write(at("wide.NPY"), npy("<f8", "False", &f64s(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))).unwrap();
    fs::write(at("fortran.npy"), npy("<f4", "True", &f32s(&[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]))).unwrap();
    fs::write(at("bytes"), npy("|u1", "False", &[1, 2, 3, 4, 5, 6])).unwrap();
    safetensors(&at("wide.safetensors"), &[("x", "F64", vec![2, 3], f64s(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))]);
    let upper = |x: &f32| x.to_bits().to_be_bytes()[..2].iter().rev().copied().collect::<Vec<u8>>();
    safetensors(&at("brain.safetensors"), &[("theta", "BF16", vec![2, 3], rows.iter().flat_map(upper).collect())]);
    for name in ["wide.NPY", "fortran.npy", "bytes", "wide.safetensors", "brain.safetensors"] {
        let bank = Bank::open(at(name)).unwrap();
        assert_eq!(bank.gather(&[0, 1]), rows, "{name}");
        assert!(!bank.verify().unwrap().checksums);
    }
}

#[test]
fn the_parameters_of_networks_are_points() {
    let dir = tempfile::tempdir().unwrap();
    let stacked = dir.path().join("stacked.safetensors");
    safetensors(
        &stacked,
        &[
            ("fc.bias", "F32", vec![2, 1], f32s(&[3.0, 6.0])),
            ("fc.weight", "F64", vec![2, 1, 2], f64s(&[1.0, 2.0, 4.0, 5.0])),
        ],
    );
    let folder = dir.path().join("networks");
    fs::create_dir(&folder).unwrap();
    for (name, x) in [("net-2", 1.0), ("net-10", 4.0)] {
        let weight = ("fc.weight", "F32", vec![1, 2], f32s(&[x, x + 1.0]));
        safetensors(
            &folder.join(format!("{name}.safetensors")),
            &[("fc.bias", "F32", vec![1], f32s(&[x + 2.0])), weight],
        );
    }
    for (path, kind) in [(&stacked, Kind::Safetensors), (&folder, Kind::StateDicts)] {
        let bank = Bank::open(path).unwrap();
        assert_eq!(bank.gather(&[0, 1]), array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "{}", path.display());
        assert_eq!(bank.header().layout, Layout::new([("fc.weight".into(), vec![1, 2]), ("fc.bias".into(), vec![1])]));
        assert_eq!(bank.info().kind, kind);
    }
    safetensors(&folder.join("net-3.safetensors"), &[("fc.bias", "F32", vec![3], f32s(&[0.0; 3]))]);
    let message = Bank::open(&folder).unwrap_err().to_string();
    assert!(message.contains("net-3.safetensors: expected parameter `fc.weight` [1, 2], found none"), "{message}");
}

#[test]
fn rows_are_drawn_by_their_weights() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.safetensors");
    let open = |weights: &[f64]| {
        let theta = (0..weights.len()).map(|i| i as f32).collect::<Vec<_>>();
        let column = ("weight", "F64", vec![weights.len()], f64s(weights));
        safetensors(&path, &[("theta", "F32", vec![weights.len(), 1], f32s(&theta)), column]);
        Bank::open(&path)
    };
    let draw = |bank: &Bank| apd_points::Posterior::draw(bank, apd_seed::Seed::root(1), 1000);
    assert!(draw(&open(&[0.0, 0.0, 1.0, 0.0]).unwrap()).iter().all(|x| *x == 2.0));
    let drawn = draw(&open(&[1.0, 0.0, 3.0]).unwrap());
    let count = |value: f32| drawn.iter().filter(|x| **x == value).count();
    assert!(count(0.0).abs_diff(250) < 4 && count(1.0) == 0, "{}", count(0.0));
    for weights in [[1.0, f64::NAN], [1.0, -1.0], [f64::INFINITY, 1.0], [0.0, 0.0]] {
        assert!(open(&weights).unwrap_err().to_string().contains("weight"), "{weights:?}");
    }
}

#[test]
fn shards_of_another_bank_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    let write = |path: &Path, seed: &str, x: f32, rows: u64| {
        let mut header = Header { rows_per_shard: 2, ..Header::new(1) };
        header.metadata.insert("seed".into(), seed.into());
        let mut bank = BankWriter::create(path, header).unwrap();
        (0..rows).for_each(|step| bank.push(0, step, 1.0, 0.0, &[x]).unwrap());
        bank.finish().unwrap();
    };
    let name = "shard-0-00000.safetensors";
    // Another seed, and the same settings with other numbers: written over, each of them is noticed without reading the numbers.
    for (seed, x) in [("2", 0.5), ("1", 0.75)] {
        [&a, &b].iter().for_each(|path| drop(fs::remove_dir_all(path)));
        write(&a, "1", 0.5, 2);
        write(&b, seed, x, 2);
        fs::copy(b.join(name), a.join(name)).unwrap();
        let message = Bank::open(&a).unwrap_err().to_string();
        assert!(message.contains(name) && message.contains("another"), "{message}");
    }
    // Laid beside the bank's own.
    fs::remove_dir_all(&a).unwrap();
    write(&a, "1", 0.5, 2);
    fs::remove_dir_all(&b).unwrap();
    write(&b, "2", 0.5, 4);
    let second = "shard-0-00001.safetensors";
    fs::copy(b.join(second), a.join(second)).unwrap();
    assert!(Bank::open(&a).unwrap_err().to_string().contains("apd bank merge"));
}

#[test]
fn metadata_of_others_cannot_write_on_the_terminal() {
    let text = printable("a\u{1b}[2Jb\nrows       9\u{202e}\ttab");
    assert_eq!(text, "a\\u{1b}[2Jb\n    rows       9\\u{202e}\ttab");
}
