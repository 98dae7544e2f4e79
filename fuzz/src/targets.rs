//! The parsers, and inputs that they accept.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use apd_data::{idx, read_cifar10, read_omniglot, user_images};
use apd_distill::{
    AdversaryConfig, CoefficientModel, Conditional, ConditionalConfig, Config, Distilled, Format, ResidualModel,
    Subsample, Subspace, SubspaceConfig, Trainer,
};
use apd_nn::{Model as _, Network};
use apd_points::{Layout, npy};
use apd_report::{Results, Row};
use apd_seed::Seed;
use apd_store::{Bank, BankWriter, Header, checkpoint, repair};
use apd_tasks::{Config as RunConfig, NetName, Profile, TASKS, check, complete, configure};
use flate2::{Compression, write::GzEncoder};
use ndarray::Array2;

use crate::files::{named, npy_file, zip};
use crate::{Target, serve, tables};

/// Every parser. What lies behind a checksum or a compression has a target of its own, which puts those right: mutations of the whole file
/// would never come past them.
pub const TARGETS: &[Target] = &[
    Target { name: "idx-images", seeds: images, parse: |dir, input| idx::read_images(file(dir, input)).is_ok() },
    Target { name: "idx-labels", seeds: labels, parse: |dir, input| idx::read_labels(file(dir, input), 10).is_ok() },
    Target { name: "gzip", seeds: gzipped, parse: |dir, input| idx::read_images(file(dir, input)).is_ok() },
    Target {
        name: "gzip-inside",
        seeds: images,
        parse: |dir, input| idx::read_images(file(dir, &gzip(input))).is_ok(),
    },
    Target { name: "cifar10", seeds: cifar, parse: |dir, input| read_cifar10(file(dir, input)).is_ok() },
    Target { name: "zip", seeds: zipped, parse: |dir, input| read_omniglot(file(dir, input)).is_ok() },
    Target {
        name: "png",
        seeds: pngs,
        parse: |dir, input| read_omniglot(file(dir, &zip(&[("a.png", input)]))).is_ok(),
    },
    Target { name: "user-images", seeds: arrays, parse: |dir, input| user_images(file(dir, input), 28, 28).is_ok() },
    Target { name: "npy-matrix", seeds: matrices, parse: |dir, input| npy::read_matrix_f32(file(dir, input)).is_ok() },
    Target { name: "bank-npy", seeds: matrices, parse: |dir, input| bank(&named(dir, "rows.npy", input)) },
    Target { name: "bank-npz", seeds: archives, parse: |dir, input| bank(&named(dir, "rows.npz", input)) },
    Target { name: "bank-gzip-inside", seeds: matrices, parse: |dir, input| bank(&file(dir, &gzip(input))) },
    Target { name: "bank-state-dicts", seeds: state_dicts, parse: |dir, input| bank(&file(dir, input)) },
    Target {
        name: "bank-safetensors",
        seeds: shards,
        parse: |dir, input| bank(&named(dir, "rows.safetensors", input)),
    },
    Target { name: "bank-manifest", seeds: manifests, parse: manifest },
    Target { name: "bank-manifest-inside", seeds: manifests, parse: |dir, input| manifest(dir, &signed(input)) },
    Target { name: "bank-shard", seeds: shards, parse: shard },
    Target { name: "bank-shard-alone", seeds: shards, parse: shard_alone },
    Target { name: "checkpoint", seeds: checkpoints, parse: |dir, input| state(&file(dir, input)) },
    Target { name: "checkpoint-inside", seeds: payloads, parse: |dir, input| state(&file(dir, &sealed(input))) },
    Target { name: "generator", seeds: generators, parse: |_, input| Distilled::from_safetensors(input).is_ok() },
    Target {
        name: "config",
        seeds: configs,
        parse: |_, input| {
            let table = String::from_utf8_lossy(input).parse();
            table.is_ok_and(|table| configure(table, TASKS).is_ok_and(|config| check(&config, TASKS).is_ok()))
        },
    },
    Target { name: "table-text", seeds: tables::texts, parse: tables::text },
    Target { name: "table-npz", seeds: tables::archives, parse: tables::archive },
    Target { name: "table-parquet", seeds: tables::parquets, parse: tables::parquet },
    Target { name: "table-images", seeds: tables::images, parse: tables::image },
    Target { name: "table-model", seeds: tables::models, parse: tables::model },
    Target { name: "serve-json", seeds: serve::jsons, parse: |_, input| serve::json(input) },
    Target { name: "serve-csv", seeds: serve::csvs, parse: |_, input| serve::csv(input) },
    Target { name: "serve-infer", seeds: serve::infers, parse: |_, input| serve::infer(input) },
    Target { name: "results", seeds: results, parse: |dir, input| Results::load(&file(dir, input)).is_ok() },
];

fn file(dir: &Path, bytes: &[u8]) -> PathBuf {
    named(dir, "input", bytes)
}

// Images.

fn idx_file(dims: &[u32], elements: usize) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dims.len() as u8];
    dims.iter().for_each(|dim| bytes.extend(dim.to_be_bytes()));
    bytes.extend((0..elements).map(|i| (i % 10) as u8));
    bytes
}

fn images() -> Vec<Vec<u8>> {
    vec![idx_file(&[3, 4, 5], 60), idx_file(&[1, 1, 1], 1)]
}

fn labels() -> Vec<Vec<u8>> {
    vec![idx_file(&[7], 7)]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory does not fail")
}

fn gzipped() -> Vec<Vec<u8>> {
    images().iter().map(|image| gzip(image)).collect()
}

fn cifar() -> Vec<Vec<u8>> {
    let mut record = vec![3];
    record.extend((0..3072).map(|i| (i % 251) as u8));
    vec![record]
}

fn png(side: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let ink: Vec<u8> = (0..side * side).map(|i| if i % 7 == 0 { 0 } else { 255 }).collect();
    encoder.write_header().and_then(|mut writer| writer.write_image_data(&ink)).expect("memory does not fail");
    bytes
}

fn pngs() -> Vec<Vec<u8>> {
    vec![png(105)]
}

fn zipped() -> Vec<Vec<u8>> {
    let png = png(105);
    // A name that would leave the folder, if anything were unpacked by its name.
    vec![zip(&[("alphabet/a.png", &png), ("alphabet/b.png", &png)]), zip(&[("../../a.png", &png)])]
}

/// At the smallest size that is brought to 28×28, and at that size.
fn arrays() -> Vec<Vec<u8>> {
    let floats: Vec<u8> = (0..784).flat_map(|i| (i as f32 / 784.0).to_le_bytes()).collect();
    let bytes = npy_file("|u1", "(2, 7, 8)", &[7; 112]);
    vec![
        bytes,
        npy_file("<f4", "(1, 784)", &floats),
        idx_file(&[2, 8, 7], 112),
        gzip(&idx_file(&[64, 28, 28], 64 * 784)),
    ]
}

fn matrices() -> Vec<Vec<u8>> {
    let floats: Vec<u8> = (0..12).flat_map(|i| (i as f32).to_le_bytes()).collect();
    vec![npy_file("<f4", "(3, 4)", &floats)]
}

fn archives() -> Vec<Vec<u8>> {
    vec![zip(&[("theta.npy", &matrices()[0]), ("weight.npy", &npy_file("<f8", "(3,)", &[0x3f; 24]))])]
}

// Banks.

/// The parameters of two networks, stacked, and those of one.
fn state_dicts() -> Vec<Vec<u8>> {
    let file = |header: &str, data: usize| {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0x3c; data]].concat()
    };
    vec![
        file(
            r#"{"b":{"dtype":"F16","shape":[2,1],"data_offsets":[0,4]},"w":{"dtype":"F64","shape":[2,1,2],"data_offsets":[4,36]}}"#,
            36,
        ),
        file(
            r#"{"b":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]},"w":{"dtype":"F32","shape":[1,3],"data_offsets":[6,18]}}"#,
            18,
        ),
    ]
}

/// Opens, and reads everything.
fn bank(path: &Path) -> bool {
    let Ok(bank) = Bank::open(path) else { return false };
    let rows = bank.len().min(1000);
    let sum: f32 = (0..rows).flat_map(|i| bank.row(i).iter().take(1000)).sum();
    let potential: f64 = (0..rows).map(|i| bank.meta(i).potential).sum();
    std::hint::black_box((sum, potential));
    bank.verify().is_ok()
}

/// The files of a bank, by name.
fn bank_files() -> BTreeMap<String, Vec<u8>> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("bank");
    let header =
        Header { layout: Layout::new([("w".to_owned(), vec![2]), ("b".to_owned(), vec![1])]), ..Header::new(3) };
    let mut writer = BankWriter::create(&path, header).expect("a new bank");
    for step in 0..3 {
        writer.push(0, step, 1.0, 0.5, &[step as f32, 1.0, 2.0]).expect("a row");
    }
    writer.finish().expect("a bank");
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.expect("a file");
        (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).expect("a file"))
    };
    fs::read_dir(&path).expect("a bank").map(read).collect()
}

fn bank_file(ending: &str) -> (String, Vec<u8>) {
    bank_files().into_iter().find(|(name, _)| name.ends_with(ending)).expect("a bank has such a file")
}

fn shards() -> Vec<Vec<u8>> {
    vec![bank_file(".safetensors").1]
}

fn manifests() -> Vec<Vec<u8>> {
    vec![bank_file(".json").1]
}

/// Writes a whole bank and returns its folder, the name of its shard, and its manifest. The files are made once for each thread: sampling
/// them for each input would be most of the work.
fn whole_bank(dir: &Path) -> (PathBuf, String, Vec<u8>) {
    thread_local!(static FILES: [(String, Vec<u8>); 2] = [bank_file(".json"), bank_file(".safetensors")]);
    FILES.with(|[(_, manifest), (shard, rows)]| {
        let bank = dir.join("bank");
        fs::create_dir_all(&bank).expect("the workshop is writable");
        named(&bank, shard, rows);
        (bank, shard.clone(), manifest.clone())
    })
}

fn manifest(dir: &Path, input: &[u8]) -> bool {
    let (folder, ..) = whole_bank(dir);
    named(&folder, "manifest.json", input);
    bank(&folder)
}

/// The manifest's own checksum: of its text with zeros in the place of it.
fn signed(manifest: &[u8]) -> Vec<u8> {
    const FIELD: &[u8] = b"\"crc32\": \"";
    let mut bytes = manifest.to_vec();
    if let Some(at) = bytes.windows(FIELD.len()).position(|window| window == FIELD)
        && bytes.len() >= at + FIELD.len() + 8
    {
        let place = at + FIELD.len()..at + FIELD.len() + 8;
        bytes[place.clone()].fill(b'0');
        let crc32 = format!("{:08x}", crc32fast::hash(&bytes));
        bytes[place].copy_from_slice(crc32.as_bytes());
    }
    bytes
}

/// The shard's length and checksum are put right in the manifest.
fn shard(dir: &Path, input: &[u8]) -> bool {
    let (folder, shard, text) = whole_bank(dir);
    let mut text = String::from_utf8(text).expect("JSON");
    for (field, number) in [("\"bytes\": ", input.len() as u64), ("\"crc32\": ", crc32fast::hash(input).into())] {
        // The last one: the manifest's own checksum is text, and comes first.
        let at = text.rfind(field).expect("a shard is listed") + field.len();
        let end = text[at..].find(|c: char| !c.is_ascii_digit()).expect("more follows") + at;
        text.replace_range(at..end, &number.to_string());
    }
    named(&folder, &shard, input);
    named(&folder, "manifest.json", &signed(text.as_bytes()));
    bank(&folder)
}

/// A bank that has lost its manifest.
fn shard_alone(dir: &Path, input: &[u8]) -> bool {
    let (folder, shard, _) = whole_bank(dir);
    let _ = fs::remove_file(folder.join("manifest.json"));
    named(&folder, &shard, input);
    repair(&folder).is_ok_and(|repaired| repaired.lost.is_empty()) && bank(&folder)
}

// Checkpoints.

const KIND: &str = "state";

/// What checkpoints hold: numbers, lists, text, choices.
type State = (u64, Vec<f32>, BTreeMap<String, Vec<f64>>, Option<Vec<Vec<u32>>>);

fn a_state() -> State {
    (7, vec![1.0, 2.0, 3.0], BTreeMap::from([("momentum".to_owned(), vec![0.5; 4])]), Some(vec![vec![1, 2], vec![]]))
}

fn state(path: &Path) -> bool {
    checkpoint::load::<State>(path, KIND).is_ok()
}

fn checkpoints() -> Vec<Vec<u8>> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("state.ckpt");
    checkpoint::save(&path, KIND, &a_state()).expect("a checkpoint");
    vec![fs::read(path).expect("a checkpoint")]
}

/// Magic, version and kind; then the payload's length (8 bytes) and the checksum (4), then the payload.
const PREFIX: usize = 16 + KIND.len();

fn payloads() -> Vec<Vec<u8>> {
    checkpoints().iter().map(|file| file[PREFIX + 12..].to_vec()).collect()
}

/// A payload in a file whose length and checksum are right.
fn sealed(payload: &[u8]) -> Vec<u8> {
    thread_local!(static HEAD: Vec<u8> = checkpoints()[0][..PREFIX].to_vec());
    let mut bytes = HEAD.with(Clone::clone);
    bytes.extend((payload.len() as u64).to_le_bytes());
    let mut crc = crc32fast::Hasher::new();
    crc.update(&bytes);
    crc.update(payload);
    bytes.extend(crc.finalize().to_le_bytes());
    bytes.extend(payload);
    bytes
}

// Distilled posteriors.

fn generators() -> Vec<Vec<u8>> {
    let network = Network::mlp(&[2, 2]);
    let rows = Array2::from_shape_fn((8, network.dim()), |(i, j)| (i * j) as f32 * 0.1 - i as f32);
    let small = Config { hidden: 3, latent: 2, batch: 2, iterations: 1, ..Config::gan1() };
    let gan = Trainer::new(rows.clone(), small.clone(), Seed::root(1)).expect("finite rows").into_generator();
    let subspace = |format, coefficients, residual| {
        let config = SubspaceConfig {
            rank: 2,
            components: 4,
            format,
            coefficients,
            residual,
            gan: small.clone(),
            ..SubspaceConfig::default()
        };
        Distilled::Subspace(Subspace::fit(&rows, &config, Seed::root(1)).expect("finite rows"))
    };
    let conditional = |residuals| {
        let adversary = AdversaryConfig { hidden: 3, critic_hidden: 3, batch: 2, iterations: 1, ..Default::default() };
        let config = ConditionalConfig { rank: 2, frequencies: 1, residuals, adversary, ..Default::default() };
        Distilled::Conditional(Conditional::fit(&rows, &config, Seed::root(1)).expect("finite rows"))
    };
    [
        Distilled::Gan(gan),
        subspace(Format::Int8, CoefficientModel::Kernel, 0.0),
        subspace(Format::F16, CoefficientModel::Gaussian, 0.5),
        subspace(Format::F32, CoefficientModel::Gan, 0.0),
        Distilled::Subsample(Subsample::new(rows.view(), Some(&vec![0.1; network.dim()]), Format::Int8)),
        conditional(ResidualModel::Gaussian),
        conditional(ResidualModel::Adversarial),
    ]
    .iter()
    .map(|posterior| posterior.to_safetensors(&network.layout(), &BTreeMap::new()).expect("its own layout"))
    .collect()
}

// Text.

fn configs() -> Vec<Vec<u8>> {
    let config = RunConfig::new(apd_data::Dataset::Digits, NetName::Fc1, Profile::Quick);
    let config = complete(config, TASKS).expect("the defaults are complete");
    vec![
        b"dataset = \"digits\"\ntasks = [\"ood\"]\n[sgld]\nchains = 3\nlr = 1e-3\n".to_vec(),
        config.to_toml().into_bytes(),
    ]
}

fn results() -> Vec<Vec<u8>> {
    let mut results = Results::new("0.1.0", serde_json::json!({ "seed": 1 }));
    results.insert(Row::new("ood", "digits", "fc1", "sgld", "auroc", 0.9).score("bald").ood("noise").spread(0.1, 3));
    results.time("sgld", 1.5, Some(100));
    vec![results.to_json().into_bytes()]
}
