//! The benchmarks: criterion, our table, and the same work side by side with peers.

mod environment;
mod machine;
mod peer;
mod rounds;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use environment::PEERS;
use peer::Peer;
use rounds::Plan;

/// Between these lines of `docs/benchmarks.md` stands what was measured; the rest is written by people.
const BEGIN: &str = "<!-- measured: begin (cargo xtask bench --against-pytorch) -->";
const END: &str = "<!-- measured: end -->";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Measure peers on the same work in alternation and write docs/benchmarks.md (the first time installs them)
    #[arg(long)]
    against_pytorch: bool,
    /// Rounds of every measurement; the table shows medians
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds of one measurement
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Only works whose name contains one of these, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "TEXT")]
    only: Vec<String>,
    /// Leave out criterion's own run
    #[arg(long)]
    no_criterion: bool,
    /// A Python that has the peers' packages, instead of the environment made under target/
    #[arg(long, value_name = "PROGRAM")]
    python: Option<PathBuf>,
    /// Where the side-by-side table is written
    #[arg(long, value_name = "FILE", default_value = "docs/benchmarks.md")]
    out: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(options.seconds > 0.0 && options.seconds.is_finite(), "--seconds must be positive");
    let root = fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    if !options.against_pytorch && !options.no_criterion {
        criterion(&root, &options.only)?;
    }
    let program = crate::experiment::build("apd-benches", "apd-peer")?;
    let mut ours = Peer::start(std::process::Command::new(program)).context("our own side")?;
    let plan = Plan { rounds: options.rounds as usize, seconds: options.seconds, only: &options.only };
    println!("measuring: {} rounds of {} s each; leave the machine alone", plan.rounds, plan.seconds);
    let alone = plan.alone(&mut ours)?;
    ensure!(!alone.is_empty(), "no work is named like {:?}", options.only);
    let table = table::ours(&alone);
    println!("\n{table}");
    if !options.against_pytorch {
        return Ok(());
    }

    let mut text = format!("{}\n## Our rates\n\n{table}\n", table::preamble(&root, &plan, &ours));
    for entry in PEERS {
        let python = match &options.python {
            Some(program) => program.clone(),
            None => environment::create(&root, entry)?,
        };
        let mut command = std::process::Command::new(python);
        command.arg(root.join("benches").join(entry.script)).env("PYTHONDONTWRITEBYTECODE", "1");
        let mut peer = Peer::start(command).with_context(|| format!("{} did not start", entry.name))?;
        let pairs = plan.alternate(&mut ours, &mut peer)?;
        let table = table::side_by_side(&peer, &pairs);
        println!("\n{table}");
        text.push_str(&format!("\n## Against {}\n\n{table}\n", peer.name()));
    }
    write(&root.join(&options.out), &text)?;
    println!("written: {}", options.out.display());
    Ok(())
}

/// One criterion run per name, or one of everything.
fn criterion(root: &Path, only: &[String]) -> Result<()> {
    let filters = if only.is_empty() { vec![String::new()] } else { only.to_vec() };
    for filter in filters {
        let mut cargo = crate::cargo();
        cargo.current_dir(root).args(["bench", "--package", "apd-benches", "--bench", "benches"]);
        if !filter.is_empty() {
            cargo.args(["--", &filter]);
        }
        if !cargo.status()?.success() {
            bail!("criterion failed");
        }
    }
    Ok(())
}

/// Replaces what was measured and keeps what people wrote.
fn write(path: &Path, measured: &str) -> Result<()> {
    let before = fs::read_to_string(path).unwrap_or_else(|_| format!("# Benchmarks\n\n{BEGIN}\n{END}\n"));
    let after = splice(&before, measured).with_context(|| format!("{} has lost its markers", path.display()))?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, after).with_context(|| format!("cannot write {}", path.display()))
}

fn splice(text: &str, measured: &str) -> Option<String> {
    let (head, rest) = text.split_once(BEGIN)?;
    let (_, tail) = rest.split_once(END)?;
    Some(format!("{head}{BEGIN}\n\n{}\n\n{END}{tail}", measured.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_stays() {
        let text = format!("# Title\nprose\n{BEGIN}\nold\n{END}\nmore prose\n");
        let spliced = splice(&text, "\nnew\n").expect("markers");
        assert_eq!(spliced, format!("# Title\nprose\n{BEGIN}\n\nnew\n\n{END}\nmore prose\n"));
        assert_eq!(splice(&spliced, "new").expect("markers"), spliced);
    }

    #[test]
    fn a_page_without_markers_is_not_overwritten() {
        assert_eq!(splice("# Title\nprose\n", "new"), None);
    }
}
