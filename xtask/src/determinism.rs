//! The same bits for any number of threads, in debug and release, run after run; the same numbers, nearly, on any processor.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::outcome::{Files, clear, command, differences, outcome};

#[cfg(test)]
mod tests;

/// What the stages came to when they were last changed on purpose.
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/determinism/golden.json");

/// Numbers of threads: one, more than a small machine has cores, and one for each of its cores.
const THREADS: [usize; 3] = [1, 7, 2];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write down what the stages come to, instead of comparing it with what was written down
    #[arg(long)]
    pub(crate) bless: bool,
    /// One run with one thread and one with seven, of the program that the tests compile, no more
    #[arg(long)]
    pub(crate) quick: bool,
    /// Say how far the numbers of a run with another seed are from those written down, and nothing else
    #[arg(long, value_name = "SEED")]
    pub(crate) seed: Option<u64>,
    /// Where the runs are kept
    #[arg(long, default_value = "target/determinism", value_name = "FOLDER")]
    pub(crate) out: PathBuf,
}

/// What the stages came to.
#[derive(Default, Serialize, Deserialize)]
struct Golden {
    /// The CRC-32 of each stage's files, or of its rows of the results.
    hashes: BTreeMap<String, String>,
    /// Where they were found.
    processors: Vec<String>,
    /// Numbers of the results that are near these on any processor.
    values: BTreeMap<String, f64>,
}

/// Runs every stage with each number of threads, again, and in a debug build, and compares; then compares with what was written down.
pub(crate) fn run(options: &Options) -> Result<()> {
    let release = crate::experiment::apd(options.quick)?;
    clear(&options.out)?;
    let attempt = |program: &Path, name: &str, option: &str, value: &str| -> Result<Files> {
        let (mut command, log) = command(program, &options.out, name)?;
        let status = command.args([option, value]).status().context("apd did not start")?;
        ensure!(status.success(), "{name}: {status}:\n{}", fs::read_to_string(log)?);
        outcome(&options.out.join(name))
    };
    if let Some(seed) = options.seed {
        let golden = serde_json::from_str(&fs::read_to_string(GOLDEN)?).with_context(|| GOLDEN.to_owned())?;
        println!("{}", near(&golden, &values(&attempt(&release, "seed", "--seed", &seed.to_string())?)?)?);
        return Ok(());
    }
    let debug = if options.quick { None } else { Some(crate::experiment::build_debug()?) };
    let with = |threads: usize| (format!("{threads}-threads"), release.as_path(), threads);
    let mut runs: Vec<(String, &Path, usize)> = THREADS[..2].iter().copied().map(with).collect();
    if let Some(debug) = &debug {
        runs.push(with(THREADS[2]));
        runs.push(("again".to_owned(), &release, THREADS[2]));
        runs.push(("debug".to_owned(), debug, THREADS[2]));
    }
    let mut first: Option<Files> = None;
    for (name, program, threads) in &runs {
        let files = attempt(program, name, "--threads", &threads.to_string())?;
        let expected = first.get_or_insert_with(|| files.clone());
        let differences = differences(expected, &files);
        ensure!(differences.is_empty(), "{name}: other than with {}: {}", runs[0].0, differences.join(", "));
        println!("{name:<12} {} files, identical", files.len());
    }
    let files = first.context("there was no run")?;
    let (processor, hashes, values) = (processor(), hashes(&files)?, values(&files)?);
    let mut golden: Golden = match fs::read_to_string(GOLDEN) {
        Ok(text) => serde_json::from_str(&text).with_context(|| GOLDEN.to_owned())?,
        Err(_) if options.bless => Golden::default(),
        Err(e) => return Err(e).context(GOLDEN),
    };
    if options.bless {
        if golden.hashes != hashes {
            golden = Golden { hashes, ..Golden::default() };
        }
        if !golden.processors.contains(&processor) {
            golden.processors.push(processor);
        }
        golden.values = values;
        fs::write(GOLDEN, serde_json::to_string_pretty(&golden)? + "\n")?;
        println!("written down: {GOLDEN}");
        return Ok(());
    }
    for line in compare(&golden, &processor, &hashes, &values)? {
        println!("{line}");
    }
    Ok(())
}

/// The same bits, or on a processor that has not given them before: every number within its tolerance.
fn compare(
    golden: &Golden,
    processor: &str,
    hashes: &BTreeMap<String, String>,
    values: &BTreeMap<String, f64>,
) -> Result<Vec<String>> {
    let advice = "if that is on purpose: cargo xtask determinism --bless";
    let names: BTreeSet<&String> = golden.hashes.keys().chain(hashes.keys()).collect();
    let differs = |name: &&String| golden.hashes.get(*name) != hashes.get(*name);
    let changed: Vec<&str> = names.into_iter().filter(differs).map(String::as_str).collect();
    if changed.is_empty() {
        return Ok(vec![format!("the bits of all {} stages are those that were written down", hashes.len())]);
    }
    let changed = format!("{}: other bits than were written down: {}", processor, changed.join(", "));
    ensure!(!golden.processors.iter().any(|known| known == processor), "{changed}; {advice}");
    let mut lines = vec![changed];
    lines.push(near(golden, values).with_context(|| advice)?);
    Ok(lines)
}

/// Every number within its tolerance; says which is the farthest.
fn near(golden: &Golden, values: &BTreeMap<String, f64>) -> Result<String> {
    let (mut far, mut farthest) = (Vec::new(), (0.0, ""));
    for (name, &expected) in &golden.values {
        let found = *values.get(name).with_context(|| format!("the results have no {name}"))?;
        let distance = (found - expected).abs() / tolerance(name, expected);
        if distance > farthest.0 {
            farthest = (distance, name);
        }
        // Not a number is far from anything.
        if distance.is_nan() || distance > 1.0 {
            far.push(format!("{name} is {found}, was {expected}"));
        }
    }
    ensure!(far.is_empty(), "far from what was written down: {}", far.join("; "));
    let (count, share, name) = (golden.values.len(), 100.0 * farthest.0, farthest.1);
    Ok(format!("{count} numbers within their tolerances, {name} the farthest at {share:.0} % of it"))
}

/// The kind of number that a name ends with decides how far it may be on another processor, where a chain rounds otherwise and in the end
/// is another chain: about what these short runs differ by between seeds.
fn tolerance(name: &str, expected: f64) -> f64 {
    match name.rsplit(' ').next().unwrap_or_default() {
        "bytes" => f64::MIN_POSITIVE,
        "accuracy" | "mean_accuracy" | "auroc" | "agreement" | "explained_variance" => 0.1,
        "tv" => 0.05 + 0.3 * expected,
        _ => 0.1 + 0.5 * expected.abs(),
    }
}

/// The stages, and the CRC-32 of what each leaves: files, and the rows of the results.
fn hashes(files: &Files) -> Result<BTreeMap<String, String>> {
    let mut stages: BTreeMap<String, crc32fast::Hasher> = BTreeMap::new();
    let mut add = |stage: String, bytes: &[u8]| stages.entry(stage).or_default().update(bytes);
    for (name, bytes) in files {
        let name = name.to_string_lossy().replace('\\', "/");
        let stage = match name.as_str() {
            "generator-apd.safetensors" => "distill",
            "generator.safetensors" => "distilled",
            "config.toml" => "settings",
            bank if bank.starts_with("bank/") => "sgld",
            _ => continue,
        };
        add(stage.to_owned(), bytes);
    }
    for row in rows(files)? {
        add(format!("task {}", row["task"].as_str().unwrap_or_default()), row.to_string().as_bytes());
    }
    Ok(stages.into_iter().map(|(stage, hash)| (stage, format!("{:08x}", hash.finalize()))).collect())
}

/// The averages over everything else of each metric, by task and method, where they are steady: those of the seeds 2, 3 and 4 are within
/// their tolerances (`cargo xtask determinism --seed 2`).
fn values(files: &Files) -> Result<BTreeMap<String, f64>> {
    const TASKS: [&str; 6] = ["classify", "ood", "curves", "distill", "active", "toy2d"];
    const STEADY: [&str; 10] = [
        "accuracy",
        "mean_accuracy",
        "auroc",
        "agreement",
        "tv",
        "nll",
        "brier",
        "bytes",
        "explained_variance",
        "variance_ratio",
    ];
    // GANs that have learned for an instant; and what depends on which form was nearest.
    let unsteady = |method: &str, metric: &str| {
        method.starts_with("apd") || method == "distilled" && matches!(metric, "bytes" | "explained_variance")
    };
    let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for row in rows(files)? {
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let (metric, value) = (text("metric"), row["value"].as_f64());
        if let Some(value) = value
            && STEADY.contains(&metric.as_str())
            && TASKS.contains(&text("task").as_str())
            && !unsteady(&text("method"), &metric)
        {
            let (sum, count) = sums.entry(format!("{} {} {metric}", text("task"), text("method"))).or_default();
            *sum += value;
            *count += 1.0;
        }
    }
    Ok(sums.into_iter().map(|(name, (sum, count))| (name, sum / count)).collect())
}

fn rows(files: &Files) -> Result<Vec<Value>> {
    let results: Value = serde_json::from_slice(&files[Path::new("results.json")])?;
    results["rows"].as_array().cloned().context("results.json: no rows")
}

/// What decides which instructions are chosen and how products are cut into blocks: instruction sets and caches; and the model.
fn processor() -> String {
    let mut name = std::env::consts::ARCH.to_owned();
    #[cfg(target_arch = "x86_64")]
    {
        for (has, set) in [
            (is_x86_feature_detected!("avx2"), "avx2"),
            (is_x86_feature_detected!("fma"), "fma"),
            (is_x86_feature_detected!("avx512f"), "avx512"),
        ] {
            if has {
                name = format!("{name} {set}");
            }
        }
    }
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    if let Some((_, model)) = model {
        name = format!("{name}, {}", model.trim());
    }
    for index in 0..4 {
        let folder = format!("/sys/devices/system/cpu/cpu0/cache/index{index}");
        let read = |file: &str| fs::read_to_string(format!("{folder}/{file}")).map(|text| text.trim().to_owned());
        if let (Ok(level), Ok(kind), Ok(size)) = (read("level"), read("type"), read("size"))
            && kind != "Instruction"
        {
            name = format!("{name}, L{level} {size}");
        }
    }
    name
}
