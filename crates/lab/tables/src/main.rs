//! What the defaults reach on the standard tables, beside baselines on the same splits.

mod baseline;
mod method;
mod page;
mod scores;
mod set;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use apd::Effort;
use apd::data::{Table, TableSchema};
use clap::Parser;

use crate::method::Method;
use crate::page::Row;
use crate::set::{Kind, SETS, divide};

/// Fit the defaults and baselines to the standard tables, and write a page that compares them.
#[derive(Parser)]
#[command(name = "apd-tables", bin_name = "cargo xtask tables", max_term_width = 110)]
struct Arguments {
    /// Folder of the tables: NAME.csv and NAME.splits.csv
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Only these tables, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "NAME", value_parser = SETS.map(|set| set.name))]
    only: Vec<String>,
    /// Splits of each table, at most
    #[arg(long, default_value_t = 20, value_name = "N")]
    splits: usize,
    /// How much work each fit is: quick, default or thorough
    #[arg(long, default_value = "default", value_name = "EFFORT", value_parser = effort)]
    effort: Effort,
    /// Folder of what is found, from which a run that was interrupted goes on; the page lies beside it, with the ending .md
    #[arg(long, default_value = "target/tables", value_name = "DIR")]
    out: PathBuf,
}

fn effort(text: &str) -> Result<Effort, String> {
    serde_json::from_value(text.into()).map_err(|_| format!("`{text}` is none of quick, default, thorough"))
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let Arguments { data_dir, only, splits, effort, out } = &arguments;
    ensure!(*splits > 0, "--splits 0: at least one is needed");
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let path = out.join("rows.jsonl");
    let mut rows: Vec<Row> = match fs::read_to_string(&path) {
        // A line that was cut off by a kill is done again.
        Ok(text) => text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
        Err(_) => Vec::new(),
    };
    rows.retain(|row| row.effort == *effort);
    let mut file =
        OpenOptions::new().create(true).append(true).open(&path).with_context(|| path.display().to_string())?;
    for set in SETS.iter().filter(|set| only.is_empty() || only.iter().any(|name| name == set.name)) {
        let loaded = set.load(data_dir, *splits).with_context(|| set.name.to_owned())?;
        for (split, (test, seed)) in loaded.splits.iter().enumerate() {
            let (training, test) = divide(&loaded.table, test);
            for method in Method::ALL {
                let is_done = |row: &Row| row.set == set.name && row.split == split && row.method == method.name();
                if rows.iter().any(is_done) {
                    continue;
                }
                let mut scores = method.judge(set.kind.task(), &training, &test, &loaded.target, *effort, *seed)?;
                if set.kind == Kind::OneSplit {
                    scores = scores::standardized(scores, deviation(&training, &loaded.target)?);
                }
                let shown = ["ln_p", "rmse", "nll", "ece", "seconds"];
                let shown = shown.iter().filter_map(|name| Some(format!("{name} {:.4}", scores.get(*name)?)));
                println!("{:<17} {split:>2}  {:<9} {}", set.name, method.name(), shown.collect::<Vec<_>>().join("  "));
                let row =
                    Row { set: set.name.to_owned(), split, method: method.name().to_owned(), effort: *effort, scores };
                writeln!(file, "{}", serde_json::to_string(&row)?).with_context(|| path.display().to_string())?;
                rows.push(row);
            }
        }
    }
    let mut command = "cargo xtask tables --data-dir DIR".to_owned();
    if *effort != Effort::Default {
        command.push_str(&format!(" --effort {}", serde_json::to_value(effort)?.as_str().unwrap_or_default()));
    }
    if *splits != 20 {
        command.push_str(&format!(" --splits {splits}"));
    }
    let page_path = out.with_extension("md");
    fs::write(&page_path, page::page(&rows, &command)).with_context(|| page_path.display().to_string())?;
    println!("{}", page_path.display());
    Ok(())
}

/// Standard deviation of the training rows' target, as scikit-learn standardizes by.
fn deviation(training: &Table, target: &str) -> Result<f64> {
    let examples = TableSchema::infer(training, target, &[], Some(false))?.examples(training)?;
    Ok(examples.targets.numbers().std(0.0))
}
