//! Which sampler? Gradients and seconds to a given error, each sampler with its own automatic tuning.

mod method;
mod page;
mod problem;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use apd::Seed;
use clap::Parser;

use crate::method::Method;
use crate::page::Row;
use crate::problem::{NAMES, Problem};

/// Shares of the longest run, each a run of its own with a warm-up of its own.
const SHARES: [f64; 3] = [1.0 / 16.0, 0.25, 1.0];

/// Compare the samplers, each with its own automatic tuning, and write a page.
#[derive(Parser)]
#[command(name = "apd-compare", bin_name = "cargo xtask compare-samplers", max_term_width = 110)]
struct Arguments {
    /// Folder of the tables, NAME.csv
    #[arg(long, value_name = "DIR")]
    tables: PathBuf,
    /// Folder of MNIST, as for `cargo xtask reproduce`
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Only these problems, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "NAME", value_parser = NAMES)]
    only: Vec<String>,
    /// Only these samplers, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "NAME", value_parser = Method::ALL.map(Method::name))]
    samplers: Vec<String>,
    /// Seeds, each with starts of its own
    #[arg(long, default_value_t = 1, value_name = "N")]
    seeds: u64,
    /// Of the runs of each sampler, those up to this share of the longest
    #[arg(long, default_value_t = 1.0, value_name = "SHARE")]
    share: f64,
    /// Folder of what is found, from which a run that was interrupted goes on, and of the page, README.md
    #[arg(long, default_value = "target/samplers", value_name = "DIR")]
    out: PathBuf,
}

fn main() -> Result<()> {
    let Arguments { tables, data_dir, only, samplers, seeds, share, out } = Arguments::parse();
    ensure!(seeds > 0, "--seeds 0: at least one is needed");
    fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    let path = out.join("rows.jsonl");
    let mut rows: Vec<Row> = match fs::read_to_string(&path) {
        // A line that was cut off by a kill is done again.
        Ok(text) => text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
        Err(_) => Vec::new(),
    };
    let mut file =
        OpenOptions::new().create(true).append(true).open(&path).with_context(|| path.display().to_string())?;
    let asked = |list: &[String], name: &str| list.is_empty() || list.iter().any(|asked| asked == name);
    for name in NAMES.into_iter().filter(|name| asked(&only, name)) {
        let problem = Problem::load(name, &tables, &data_dir).with_context(|| name.to_owned())?;
        for number in 0..seeds {
            let seed = Seed::root(number).child(name);
            let starts = problem.starts(seed)?;
            for method in Method::ALL.into_iter().filter(|method| asked(&samplers, method.name())) {
                for share in SHARES.into_iter().filter(|&of| of <= share) {
                    let is_done = |row: &Row| {
                        (&*row.problem, &*row.sampler, row.seed, row.share) == (name, method.name(), number, share)
                    };
                    if rows.iter().any(is_done) {
                        continue;
                    }
                    let Some(row) = measure(&problem, method, &starts, share, number)? else { continue };
                    println!("{row}");
                    writeln!(file, "{}", serde_json::to_string(&row)?).with_context(|| path.display().to_string())?;
                    rows.push(row);
                }
            }
        }
    }
    let page = out.join("README.md");
    fs::write(&page, page::page(&rows)).with_context(|| page.display().to_string())?;
    println!("{}", page.display());
    Ok(())
}

/// One run of one sampler; `None` where the sampler is not for it.
fn measure(problem: &Problem, method: Method, starts: &[Vec<f32>], share: f64, number: u64) -> Result<Option<Row>> {
    let seed = Seed::root(number).child(problem.name).child("chains");
    let row = Row {
        problem: problem.name.to_owned(),
        what: problem.what.clone(),
        sampler: method.name().to_owned(),
        seed: number,
        share,
        found: None,
    };
    let run = match method.run(problem, starts, share, seed) {
        Ok(Some(run)) => run,
        Ok(None) => return Ok(None),
        Err(error) if method::is_divergence(&error) => return Ok(Some(row)),
        Err(error) => return Err(error),
    };
    let judged = problem.judge(&run.chains)?;
    Ok(Some(Row { found: Some(page::Found::new(&run, judged)), ..row }))
}
