use crate::table::{Column, TableSchema, TableSource, Values, Wanted};
use crate::{Dialect, Error};

const MIXED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mixed.parquet");
const LISTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lists.parquet");

#[track_caller]
fn refused<T>(outcome: Result<T, Error>, words: &[&str]) {
    let Err(error) = outcome else { panic!("not refused") };
    let message = error.to_string();
    words.iter().for_each(|word| assert!(message.contains(word), "`{word}` is not in: {message}"));
}

#[test]
fn what_pyarrow_writes_is_read_whatever_it_is_compressed_by() {
    let source = TableSource::open(MIXED).unwrap();
    let table = source.clone().read().unwrap();
    assert_eq!((table.len(), table.columns().len()), (60, 7));
    let numbers = |name: &str| match &table.column(name).unwrap().values {
        Values::Numbers(numbers) => numbers.clone(),
        other => panic!("{name}: {other:?}"),
    };
    for (i, x) in numbers("x").into_iter().enumerate() {
        assert!(if i % 7 == 3 { x.is_nan() } else { x == i as f64 / 3.0 }, "row {i}: {x}");
    }
    assert_eq!(numbers("count")[59], 59.0 * 59.0);
    assert!(numbers("small")[5].is_nan());
    assert_eq!(numbers("small")[6], 0.75);
    // A word that would be a missing value in a text is a category here; the number of rows without one is that of nulls.
    let Values::Categories { codes, levels } = &table.column("kind").unwrap().values else { panic!("no categories") };
    assert_eq!(levels, &["NA", "b c"]);
    assert_eq!(codes.iter().filter(|&&code| code == crate::MISSING).count(), 24);
    let Values::Categories { levels, .. } = &table.column("is_new").unwrap().values else { panic!("no categories") };
    assert_eq!(levels, &["false", "true"]);

    refused(TableSchema::infer(&table, "y", &[], None), &["`day`", "dates", "--drop day"]);
    let schema = TableSchema::infer(&table, "y", &["day".to_owned()], None).unwrap();
    let mut blocks = source.blocks(&schema, Wanted::InputsAndTarget).unwrap();
    let block = blocks.next_block().unwrap().unwrap();
    assert_eq!(schema.encode(&block).unwrap(), schema.encode(&table).unwrap());
    assert_eq!(source.sha256().unwrap().len(), 64);
}

#[test]
fn what_is_no_table_is_refused_with_the_place() {
    let table = TableSource::open(MIXED).unwrap().read().unwrap();
    let text = |name: &str| Column { name: name.to_owned(), values: Values::Numbers(vec![0.5, 3.0, 1.0]) };
    let schema = crate::Table::new(vec![text("kind"), text("y")]).unwrap();
    let schema = TableSchema::infer(&schema, "y", &[], Some(false)).unwrap();
    let mut blocks = TableSource::open(MIXED).unwrap().blocks(&schema, Wanted::Inputs).unwrap();
    refused(blocks.next_block(), &["row 1", "`kind`", "a number", "NA"]);
    assert_eq!(table.len(), 60);

    refused(TableSource::open(LISTS).and_then(TableSource::read), &["`l`", "lists"]);
    let told = Dialect { delimiter: Some(b';'), ..Dialect::default() };
    refused(TableSource::open_as(MIXED, told).map(drop), &["mixed.parquet", "a text file"]);
    let cut = tempfile::NamedTempFile::new().unwrap();
    let bytes = std::fs::read(MIXED).unwrap();
    std::fs::write(cut.path(), &bytes[..bytes.len() - 9]).unwrap();
    refused(TableSource::open(cut.path().to_str().unwrap()).and_then(TableSource::read), &["Parquet"]);
}
