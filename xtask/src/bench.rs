//! The benchmarks: criterion, our table, and the same work side by side with peers.

mod bars;
mod environment;
mod machine;
mod peer;
mod profile;
mod rounds;
mod scaling;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use environment::PEERS;
use peer::Peer;
use rounds::{Plan, Side};

/// A part of `docs/benchmarks.md` that stands between two lines, and the command that writes it; the rest is written by people.
struct Section {
    name: &'static str,
    command: &'static str,
}

const MEASURED: Section = Section { name: "measured", command: "cargo xtask bench --against-pytorch" };
const SCALING: Section = Section { name: "scaling", command: "cargo xtask bench --scaling" };
const PROFILE: Section = Section { name: "profile", command: "cargo xtask bench --profile" };

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Measure peers on the same work in alternation and write docs/benchmarks.md (the first time installs them)
    #[arg(long)]
    against_pytorch: bool,
    /// Measure what the works cost against parameters, networks, chains and threads, and the memory they take, and write it
    /// to docs/benchmarks.md
    #[arg(long)]
    scaling: bool,
    /// Measure where the time of the three loops goes and write it to docs/benchmarks.md
    #[arg(long)]
    profile: bool,
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
    /// Let PyTorch's MKL use AVX-512 on AMD's processors too, which it does only if a function of its own is replaced (Linux)
    #[arg(long)]
    mkl_on_amd: bool,
    /// Hold both sides to AVX2, on a processor with AVX-512: our build, and MKL, oneDNN, PyTorch and XLA (without criterion's run)
    #[arg(long, conflicts_with = "mkl_on_amd")]
    avx2: bool,
    /// The page that the tables are written to
    #[arg(long, value_name = "FILE", default_value = "docs/benchmarks.md")]
    out: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(options.seconds > 0.0 && options.seconds.is_finite(), "--seconds must be positive");
    let root = fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    let table_only = !(options.against_pytorch || options.scaling || options.profile);
    if table_only && !options.no_criterion && !options.avx2 {
        criterion(&root, &options.only)?;
    }
    let build = if options.avx2 { crate::experiment::build_avx2 } else { crate::experiment::build };
    let program = build("apd-benches", "apd-peer")?;
    let mut ours = Peer::start(Command::new(&program)).context("our own side")?;
    let plan = Plan { rounds: options.rounds as usize, seconds: options.seconds, only: &options.only };
    println!("measuring: {} rounds of {} s each; leave the machine alone", plan.rounds, plan.seconds);
    let page = root.join(&options.out);
    if options.profile {
        let plan = plan.at_most(5, 0.5);
        let text = format!("{}\n{}", table::preamble(&root, &plan, &ours), profile::measure(&plan, &mut ours)?);
        println!("\n{text}");
        write(&page, &PROFILE, &text)?;
    }
    if options.scaling {
        let plan = plan.at_most(5, 0.3);
        let text =
            format!("{}\n{}", table::preamble(&root, &plan, &ours), scaling::measure(&plan, &mut ours, &program)?);
        println!("\n{text}");
        write(&page, &SCALING, &text)?;
    }
    if !table_only && !options.against_pytorch {
        return Ok(());
    }
    let alone = plan.alone(&mut ours)?;
    ensure!(!alone.is_empty(), "no work is named like {:?}", options.only);
    let table = table::ours(&alone);
    println!("\n{table}");
    if !options.against_pytorch {
        return Ok(());
    }

    let mut sides = Vec::new();
    for entry in PEERS {
        let python = match &options.python {
            Some(program) => program.clone(),
            None => environment::create(&root, entry)?,
        };
        let mut command = Command::new(python);
        command.arg(root.join("benches").join(entry.script)).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("PEER_THREADS", ours.introduction["threads"].to_string());
        let preload = if options.mkl_on_amd { environment::mkl_on_amd(&root, entry)? } else { None };
        command.envs(preload.iter().map(|library| ("LD_PRELOAD", library)));
        if options.avx2 {
            command.envs(environment::PEERS_AVX2);
        }
        let mut peer = Peer::start(command).with_context(|| format!("{} did not start", entry.name))?;
        let pairs = plan.alternate(&mut ours, &mut peer)?;
        let told = match (preload.is_some(), options.avx2) {
            (true, _) => "; MKL with AVX-512 by --mkl-on-amd",
            (_, true) => "; held to AVX2 by --avx2",
            _ => "",
        };
        sides.push(Side { peer: peer.name(), versions: peer.versions() + told, pairs });
        // After each peer, so that an interrupted run leaves what it has.
        let text = format!(
            "{}\n## What was asked for\n\n{}\n## The whole job\n\n{}\n{}\n## Our rates\n\n{table}\n",
            table::preamble(&root, &plan, &ours),
            bars::summary(&alone, &sides),
            bars::job(&sides),
            table::side_by_side(&sides),
        );
        println!("\n{text}");
        write(&page, &MEASURED, &text)?;
    }
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
fn write(page: &Path, section: &Section, measured: &str) -> Result<()> {
    let before = fs::read_to_string(page).unwrap_or_else(|_| {
        let empty = |section: &Section| format!("\n{}\n{}\n", section.begin(), section.end());
        format!("# Benchmarks\n{}{}{}", empty(&MEASURED), empty(&SCALING), empty(&PROFILE))
    });
    let after = section
        .splice(&before, measured)
        .with_context(|| format!("{} has lost the lines around “{}”", page.display(), section.name))?;
    if let Some(folder) = page.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(page, after).with_context(|| format!("cannot write {}", page.display()))?;
    println!("written: {}", page.display());
    Ok(())
}

impl Section {
    fn begin(&self) -> String {
        format!("<!-- {}: begin ({}) -->", self.name, self.command)
    }

    fn end(&self) -> String {
        format!("<!-- {}: end -->", self.name)
    }

    fn splice(&self, text: &str, measured: &str) -> Option<String> {
        let (begin, end) = (self.begin(), self.end());
        let (head, rest) = text.split_once(&begin)?;
        let (_, tail) = rest.split_once(&end)?;
        Some(format!("{head}{begin}\n\n{}\n\n{end}{tail}", measured.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_and_the_other_sections_stay() {
        let empty = |section: &Section| format!("{}\nold\n{}", section.begin(), section.end());
        let text = format!("# Title\nprose\n{}\nmore prose\n{}\n", empty(&MEASURED), empty(&SCALING));
        let spliced = MEASURED.splice(&text, "\nnew\n").expect("markers");
        let (begin, end) = (MEASURED.begin(), MEASURED.end());
        assert_eq!(spliced, format!("# Title\nprose\n{begin}\n\nnew\n\n{end}\nmore prose\n{}\n", empty(&SCALING)));
        assert_eq!(MEASURED.splice(&spliced, "new").expect("markers"), spliced);
    }

    #[test]
    fn a_page_without_markers_is_not_overwritten() {
        assert_eq!(MEASURED.splice("# Title\nprose\n", "new"), None);
    }
}
