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

/// What a run has to end with. Left out are what tells of time (the report has a table of it, and is made of the results and the figures),
/// and states of finished stages.
pub(crate) fn outcome(folder: &Path) -> Result<Files> {
    let mut files = BTreeMap::new();
    collect(folder, folder, &mut files)?;
    let results = files.get_mut(Path::new("results.json")).context("results.json is missing")?;
    let mut value: Value = serde_json::from_slice(results)?;
    value.as_object_mut().context("results.json: no object")?.remove("timings");
    *results = value.to_string().into_bytes();
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
        if !state && !text.starts_with("report.") {
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(())
}

/// Files that only one of two outcomes has, or that differ.
pub(crate) fn differences(expected: &Files, found: &Files) -> Vec<String> {
    let names: BTreeSet<&PathBuf> = expected.keys().chain(found.keys()).collect();
    let differs = |name: &&&PathBuf| expected.get(**name) != found.get(**name);
    names.iter().filter(differs).map(|name| name.display().to_string()).collect()
}
