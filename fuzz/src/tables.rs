//! Tables, and models of them.

use std::path::Path;

use apd::data::{Table, TableSchema, TableSource, Wanted};
use apd::{Effort, TableFit, TableModel};

use crate::files::{named, npy_file, zip};

/// Reads a table, what its columns are, and the table again as they have it.
fn table(dir: &Path, name: &str, input: &[u8]) -> bool {
    let path = named(dir, name, input);
    let Ok(source) = TableSource::open(path.to_str().expect("a path of letters")) else { return false };
    let Ok(table) = source.clone().read() else { return false };
    let Some(last) = table.columns().last() else { return false };
    if let Ok(schema) = TableSchema::infer(&table, &last.name, &[], None) {
        let mut blocks = source.blocks(&schema, Wanted::Inputs).expect("read before");
        while let Ok(Some(block)) = blocks.next_block() {
            schema.encode(&block).expect("the columns that it was made of");
        }
    }
    true
}

pub(crate) fn text(dir: &Path, input: &[u8]) -> bool {
    table(dir, "table.csv", input)
}

pub(crate) fn texts() -> Vec<Vec<u8>> {
    let commas = "id,x,c,y\n1,0.5,a,1.5\n2,NA,b,2.5\n3,-1e3,\"a\",?\n4,7,b,0\n";
    vec![commas.into(), "\u{feff}x;c\r\n1,5;a\r\n2,5;b\r\n\"3\";b\r\n".into()]
}

pub(crate) fn archive(dir: &Path, input: &[u8]) -> bool {
    table(dir, "table.npz", input)
}

pub(crate) fn archives() -> Vec<Vec<u8>> {
    let (x, y) = (npy_file("<f8", "(3, 2)", &[0x3f; 48]), npy_file("<f4", "(3,)", &[0x40; 12]));
    vec![zip(&[("X.npy", &x), ("y.npy", &y)])]
}

pub(crate) fn parquet(dir: &Path, input: &[u8]) -> bool {
    table(dir, "table.parquet", input)
}

pub(crate) fn parquets() -> Vec<Vec<u8>> {
    vec![include_bytes!("../../crates/data/tests/mixed.parquet").to_vec()]
}

/// An image in a folder of images.
pub(crate) fn image(dir: &Path, input: &[u8]) -> bool {
    let folder = dir.join("images");
    std::fs::create_dir_all(&folder).expect("the workshop is writable");
    named(&folder, "a.jpg", input);
    TableSource::open(folder.to_str().expect("a path of letters")).is_ok()
}

pub(crate) fn images() -> Vec<Vec<u8>> {
    let color = include_bytes!("../../crates/data/tests/color.jpg").to_vec();
    vec![color, include_bytes!("../../crates/data/tests/gray.jpg").to_vec()]
}

fn rows() -> Table {
    apd::data::yacht().select(&(0..30).map(|i| 10 * i).collect::<Vec<_>>())
}

/// Whatever is accepted can be predicted with.
pub(crate) fn model(dir: &Path, input: &[u8]) -> bool {
    let Ok(model) = TableModel::load(named(dir, "model.safetensors", input)) else { return false };
    // Its columns may have other names than the table's: that is an error like any other.
    model.predict(&rows().select(&[0, 7]), &[0.9], Some(2)).ok();
    true
}

pub(crate) fn models() -> Vec<Vec<u8>> {
    let drop = ["position", "prismatic", "displacement", "beam_draught"].map(str::to_owned).to_vec();
    let architecture = "mlp:2".parse().expect("a network");
    let fit = TableFit { effort: Effort::Quick, chains: Some(1), drop, architecture, ..TableFit::default() };
    let model = fit.run(&rows(), "resistance").expect("a fit");
    let file = tempfile::NamedTempFile::new().expect("a file");
    model.save(file.path()).expect("the workshop is writable");
    vec![std::fs::read(file.path()).expect("saved")]
}
