//! What a run of every stage ends with, file by file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

#[cfg(test)]
mod tests;

/// Settings of a run that has every stage and takes seconds.
pub(crate) const SETTINGS: &str = include_str!("small.toml");

/// Words in the heads of columns that tell of time.
const CLOCKS: [&str; 2] = ["time", "per second"];

/// Contents by name.
pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// The command that runs them into the folder `name` of `out`, and the file that its messages go to.
pub(crate) fn command(program: &Path, out: &Path, name: &str) -> Result<(Command, PathBuf)> {
    let (settings, log) = (out.join("settings.toml"), out.join(format!("{name}.log")));
    fs::write(&settings, SETTINGS)?;
    let mut command = Command::new(program);
    command.args(["reproduce", "--config"]).arg(&settings).arg("--out").arg(out.join(name));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
    Ok((command, log))
}

/// An empty folder.
pub(crate) fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(fs::create_dir_all(folder)?)
}

/// What a run has to end with. Left out are what tells of time, the report as a web page (it is made of what the Markdown is made of), and
/// states of finished stages.
pub(crate) fn outcome(folder: &Path) -> Result<Files> {
    let mut files = BTreeMap::new();
    collect(folder, folder, &mut files)?;
    let results = files.get_mut(Path::new("results.json")).context("results.json is missing")?;
    let mut value: Value = serde_json::from_slice(results)?;
    value.as_object_mut().context("results.json: no object")?.remove("timings");
    *results = value.to_string().into_bytes();
    if let Some(report) = files.get_mut(Path::new("report.md")) {
        *report = timeless(&String::from_utf8_lossy(report)).into_bytes();
    }
    for wanted in ["bank/manifest.json", "generator.safetensors", "generator-apd.safetensors"] {
        ensure!(files.contains_key(Path::new(wanted)), "{wanted} is missing");
    }
    Ok(files)
}

fn collect(root: &Path, folder: &Path, files: &mut Files) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.strip_prefix(root)?.to_owned();
        if path.is_dir() {
            if name != Path::new("checkpoints") {
                collect(root, &path, files)?;
            }
            continue;
        }
        let text = name.to_string_lossy();
        let state = text.ends_with(".ckpt") || text.ends_with(".ckpt.prev") || text.ends_with(".lock");
        if !state && text != "report.html" {
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(())
}

/// A report without the columns of its tables that tell of time. As they widen others, spaces go too; and so does the mark of a column's
/// best, which may stand in one of them.
fn timeless(markdown: &str) -> String {
    let mut clocks: Vec<bool> = Vec::new();
    let mut lines = String::new();
    for line in markdown.lines() {
        let Some(cells) = line.strip_prefix('|') else {
            clocks.clear();
            lines.push_str(line);
            lines.push('\n');
            continue;
        };
        let rule = |cell: &str| cell.bytes().all(|byte| byte == b'-' || byte == b':');
        let cells = cells.split('|').map(|cell| cell.trim().trim_matches('*'));
        let cells: Vec<&str> = cells.map(|cell| if rule(cell) { "" } else { cell }).collect();
        if clocks.is_empty() {
            clocks = cells.iter().map(|cell| CLOCKS.iter().any(|word| cell.to_lowercase().contains(word))).collect();
        }
        let kept = cells.iter().zip(&clocks).filter(|(_, clock)| !**clock).map(|(cell, _)| *cell);
        lines.push_str(&kept.collect::<Vec<&str>>().join("|"));
        lines.push('\n');
    }
    lines
}

/// Files that only one of two outcomes has, or that differ.
pub(crate) fn differences(expected: &Files, found: &Files) -> Vec<String> {
    let names: BTreeSet<&PathBuf> = expected.keys().chain(found.keys()).collect();
    let differs = |name: &&&PathBuf| expected.get(**name) != found.get(**name);
    names.iter().filter(differs).map(|name| name.display().to_string()).collect()
}
