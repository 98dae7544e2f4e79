//! A table of text: recognized, described, turned into inputs and targets, and new rows that hold something new.

use std::error::Error;

use apd_data::{Dialect, TableSchema, TableSource};
use apd_seed::Seed;

const TREES: &str = "species;height;age;site
oak;21,5;80;north
oak;19,0;75;south
birch;14,2;;north
birch;15,1;33;south
oak;24,8;110;south
birch;?;29;north
";

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // A file, a Parquet file, an npz or a folder of images is `TableSource::open(path)?`.
    let trees = TableSource::of_text("trees", TREES.into(), Dialect::default()).read()?;
    let schema = TableSchema::infer(&trees, "species", &[], None)?;
    for (column, role) in schema.lines() {
        println!("{column:<8} {role}");
    }
    let examples = schema.examples(&trees)?;
    assert_eq!((examples.len(), examples.inputs.ncols()), (6, schema.inputs()));
    println!("\ninputs, standardized\n{:.2}\nclasses {:?}", examples.inputs, examples.targets.labels());

    // Columns may stand in another order; what training rows did not have is said, and encoded as unseen.
    let new = TableSource::of_text("new", "site,age,height\nwest,60,18.0\n".into(), Dialect::default()).read()?;
    let encoding = schema.encode(&new)?;
    for surprise in &encoding.surprises {
        println!("\n{} of {} new rows are a surprise in `{}`", surprise.rows, new.len(), surprise.column);
    }
    assert_eq!(encoding.surprises[0].column, "site");
    assert!(schema.encode(&trees.split(0.5, Seed::root(1)).0)?.surprises.is_empty());
    Ok(())
}
