//! Writes a small bank of two chains into the folder named on the command line, and both kinds of export beside it, for a
//! look at them from Python (`read_bank.py`).

use apd_points::Layout;
use apd_store::{Bank, BankWriter, Error, Header};

fn main() -> Result<(), Error> {
    let dir = std::path::PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "bank".to_owned()));
    let mut header = Header::new(5);
    header.rows_per_shard = 4;
    header.layout = Layout::new([("weight".to_owned(), vec![2, 2]), ("bias".to_owned(), vec![1])]);
    header.metadata.insert("made by".to_owned(), "an example".to_owned());
    let mut writer = BankWriter::create(&dir, header)?;
    for chain in 0..2 {
        for step in 0..10_u64 {
            let x = (step + 100 * u64::from(chain)) as f32;
            writer.push(chain, step, 1.0, f64::from(x) / 2.0, &[x, x + 0.25, x + 0.5, x + 0.75, -x])?;
        }
    }
    writer.finish()?;
    let bank = Bank::open(&dir)?;
    bank.verify()?;
    bank.export_safetensors(dir.with_extension("safetensors"))?;
    bank.export_npy(dir.with_extension("npy"))?;
    println!("{}", bank.info());
    Ok(())
}
