//! `apd bank`: what a bank holds, whether it is whole, copies of it in one file, and one bank of several.

use anyhow::{Result, bail};
use apd_store::BankInfo;

use crate::arguments::Bank;
use crate::output::say;
use crate::paths::with_ending;
use crate::usage::Usage;

pub(crate) fn bank(command: &Bank) -> Result<()> {
    match command {
        Bank::Info { bank } => say(apd_store::Bank::open(bank)?.info())?,
        Bank::Export { bank, format, out } => {
            let default = with_ending(bank, format);
            if out.is_none() && default.exists() {
                bail!("{}: there is a file already; name it with --out to replace it", default.display());
            }
            let out = out.as_ref().unwrap_or(&default);
            let opened = apd_store::Bank::open(bank)?;
            match format.as_str() {
                "npy" => opened.export_npy(out)?,
                "safetensors" => opened.export_safetensors(out)?,
                other => return Err(Usage(format!("--format {other}: must be npy or safetensors")).into()),
            }
            say(format_args!("{}: {} networks of {} parameters", out.display(), opened.len(), opened.dim()))?;
        }
        Bank::Merge { banks, out } => say_bank(&apd_tasks::merge_banks(banks, out)?)?,
        Bank::Verify { bank, repair: true } => say(apd_store::repair(bank)?)?,
        Bank::Verify { bank, repair: false } => {
            let opened = apd_store::Bank::open(bank)?;
            let found = match opened.verify()?.checksums {
                true => "every checksum matches",
                false => "every number is finite (there are no checksums)",
            };
            say(format_args!("{}: {} networks, {found}", bank.display(), opened.len()))?;
        }
    }
    Ok(())
}

/// What has become of a bank; `apd bank info` says all of it.
pub(crate) fn say_bank(info: &BankInfo) -> Result<()> {
    let BankInfo { path, rows, dim, chains, .. } = info;
    say(format_args!("{}: {rows} networks of {dim} parameters, {} chain(s)", path.display(), chains.len()))
}
