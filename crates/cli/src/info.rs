//! `apd info`: any file of ours in words.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use apd::TableModel;
use apd_distill::Distilled;
use apd_points::Posterior;
use apd_store::Bank;

use crate::arguments::Info;
use crate::output::say;

/// Metadata under which a model of a table is known.
const MODEL: &str = "apd.table";

pub(crate) fn info(arguments: &Info) -> Result<()> {
    let path = &arguments.file;
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    match &ending[..] {
        _ if path.is_dir() => say(Bank::open(path)?.info()),
        "toml" => settings(path),
        "json" => results(path),
        "safetensors" => tensors(path),
        _ => say(Bank::open(path)?.info()),
    }
}

/// A model, a generator, or the rows of a bank.
fn tensors(path: &Path) -> Result<()> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let is_ours = apd_points::safetensors::parse(&bytes).is_ok_and(|tensors| tensors.metadata.contains_key("apd"));
    if !is_ours {
        return say(Bank::open(path)?.info());
    }
    let file = Distilled::from_safetensors(&bytes).with_context(|| path.display().to_string())?;
    if file.metadata.contains_key(MODEL) {
        return say(format_args!("{}: {}", path.display(), TableModel::load(path)?.describe()));
    }
    let kind = match &file.generator {
        Distilled::Gan(_) => "a GAN's generator",
        Distilled::Subspace(_) => "a subspace",
        Distilled::Subsample(_) => "rows of a bank",
        Distilled::Conditional(it) if it.is_adversarial() => "a conditional GAN, a basis for each chain",
        Distilled::Conditional(_) => "the path of each chain",
    };
    let (dim, bytes) = (file.generator.dim(), file.generator.bytes());
    say(format_args!(
        "{}: a distilled posterior: {kind}\n  {dim} parameters a network, {:.1} KB = {:.1} networks",
        path.display(),
        bytes as f64 / 1e3,
        bytes as f64 / (4 * dim) as f64
    ))?;
    for entry in &file.layout.entries {
        say(format_args!("  {:<32} {:?}", entry.name.escape_debug().to_string(), entry.shape))?;
    }
    for (key, value) in &file.metadata {
        say(format_args!("  {}: {}", key.escape_debug(), value.escape_debug()))?;
    }
    Ok(())
}

fn settings(path: &Path) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let table: toml::Table = text.parse().with_context(|| format!("{}: not a settings file", path.display()))?;
    say(format_args!("{}: settings of a run (`apd reproduce --config` runs it)", path.display()))?;
    for (key, value) in &table {
        match value {
            toml::Value::Table(section) => say(format_args!("  [{}] {} settings", key.escape_debug(), section.len()))?,
            value => say(format_args!("  {} = {value}", key.escape_debug()))?,
        }
    }
    Ok(())
}

fn results(path: &Path) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    if let Ok(metrics) = serde_json::from_str::<apd::Metrics>(&text) {
        return say(format_args!("{}: metrics of a model\n{metrics}", path.display()));
    }
    let results =
        apd_report::Results::load(path).with_context(|| format!("{}: neither results nor metrics", path.display()))?;
    let mut tasks: Vec<&str> = results.rows.iter().map(|row| row.task.as_str()).collect();
    tasks.sort_unstable();
    tasks.dedup();
    let (rows, version) = (results.rows.len(), &results.project_version);
    say(format_args!(
        "{}: results of a run by version {version}: {rows} numbers of {}",
        path.display(),
        tasks.join(", ")
    ))
}
