//! `apd bank`: what a bank holds, whether it is whole, and copies of it in one file.

use anyhow::Result;

use crate::arguments::Bank;
use crate::usage::Usage;

pub(crate) fn bank(command: &Bank) -> Result<()> {
    match command {
        Bank::Info { bank } => println!("{}", apd_store::Bank::open(bank)?.info()),
        Bank::Export { bank, format, out } => {
            let out = out.clone().unwrap_or_else(|| bank.with_extension(format));
            let opened = apd_store::Bank::open(bank)?;
            match format.as_str() {
                "npy" => opened.export_npy(&out)?,
                "safetensors" => opened.export_safetensors(&out)?,
                other => return Err(Usage(format!("--format {other}: must be npy or safetensors")).into()),
            }
            println!("{}: {} networks of {} parameters", out.display(), opened.len(), opened.dim());
        }
        Bank::Verify { bank, repair: true } => println!("{}", apd_store::repair(bank)?),
        Bank::Verify { bank, repair: false } => {
            let opened = apd_store::Bank::open(bank)?;
            opened.verify()?;
            println!("{}: {} networks, every checksum matches", bank.display(), opened.len());
        }
    }
    Ok(())
}
