//! A run's folder: where each thing lies, whose run it is, and what a stage leaves for the next.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apd_points::FileError;
use apd_store::{Lock, checkpoint};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::{Config, OnDivergence};
use crate::error::{Error, Result};
use crate::stage::saved;

/// The folder of one run, which no other process writes to meanwhile.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    root: PathBuf,
    _lock: Option<Arc<Lock>>,
}

impl Folder {
    /// Opens the folder for a run of `config`.
    ///
    /// With `resume`, a folder that holds a run of the same settings is gone on with. Without it, what an earlier run of the
    /// same settings left there is removed first.
    ///
    /// **Errors.** A run with other settings: [`Error::ConfigChanged`], with the difference. A folder whose `config.toml` is
    /// not a run's. A run that is under way there.
    pub fn open(root: &Path, config: &Config, resume: bool) -> Result<Self> {
        let mut folder = Folder { root: root.to_path_buf(), _lock: None };
        // Before the lock, which would leave its file in a folder that is not ours.
        folder.check(config)?;
        fs::create_dir_all(root).map_err(FileError::io(root))?;
        folder._lock = Some(Arc::new(Lock::acquire(root, "run.lock")?));
        if folder.check(config)? && !resume {
            folder.clear()?;
        }
        // The settings first: without them the rest would be somebody else's.
        apd_points::write_atomic(folder.config(), config.to_toml().as_bytes())?;
        fs::create_dir_all(folder.checkpoints()).map_err(FileError::io(&folder.checkpoints()))?;
        // The bank's writer sees to the bank.
        for swept in [root.to_path_buf(), folder.checkpoints(), root.join("figures")] {
            if swept.is_dir() {
                apd_points::remove_temporaries(swept)?;
            }
        }
        Ok(folder)
    }

    /// Whether the folder holds a run of these settings; an error if it holds anything of another's.
    fn check(&self, config: &Config) -> Result<bool> {
        let path = self.config();
        match fs::read_to_string(&path) {
            // Where data lie may change between a run and its resumption; what is in them is checked when they are read.
            Ok(found) => match identity(&found) {
                None => Err(self.not_ours(&path)),
                Some(found) => match difference(&found, &config.identity()) {
                    difference if difference.is_empty() => Ok(true),
                    difference => Err(Error::ConfigChanged { path, difference }),
                },
            },
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                match self.left_by_a_run().iter().find(|path| path.exists()) {
                    Some(theirs) => Err(self.not_ours(theirs)),
                    None => Ok(false),
                }
            }
            Err(e) => Err(FileError::io(&path)(e).into()),
        }
    }

    fn left_by_a_run(&self) -> [PathBuf; 8] {
        let [figures, markdown, html] = ["figures", "report.md", "report.html"].map(|name| self.root.join(name));
        [
            self.bank(),
            self.checkpoints(),
            self.generator(),
            self.apd_generator(),
            self.results(),
            figures,
            markdown,
            html,
        ]
    }

    /// Removes what a run leaves, and nothing else that may lie in the folder.
    fn clear(&self) -> Result<()> {
        for path in self.left_by_a_run() {
            let outcome = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            match outcome {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(FileError::io(&path)(e).into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn not_ours(&self, found: &Path) -> Error {
        Error::Config(format!(
            "--out {}: not a run's folder, but it holds {}; choose another",
            self.root.display(),
            found.display()
        ))
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }
    /// The settings; `apd reproduce --config` of it reruns the run.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.toml")
    }
    /// The posterior bank.
    pub fn bank(&self) -> PathBuf {
        self.root.join("bank")
    }
    /// The distilled posterior.
    pub fn generator(&self) -> PathBuf {
        self.root.join("generator.safetensors")
    }
    /// The one that the paper's GAN distilled.
    pub fn apd_generator(&self) -> PathBuf {
        self.root.join("generator-apd.safetensors")
    }
    /// The numbers of the run.
    pub fn results(&self) -> PathBuf {
        self.root.join("results.json")
    }
    /// States of unfinished stages and products of finished ones.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }
    /// One checkpoint.
    pub fn checkpoint(&self, name: &str) -> PathBuf {
        self.checkpoints().join(format!("{name}.ckpt"))
    }

    /// The product of a short stage: what an earlier run left under this name, or what `work` makes, which then stays.
    pub(crate) fn finished<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let path = self.checkpoint(name);
        if let Some(product) = saved(&path, name)? {
            return Ok(product);
        }
        let product = work()?;
        checkpoint::save(&path, name, &product)?;
        Ok(product)
    }
}

/// What decides whose run a settings file is of; none if it is of no run.
fn identity(text: &str) -> Option<String> {
    let mut table: toml::Table = text.parse().ok()?;
    if ["dataset", "net", "profile", "seed", "tasks"].iter().any(|key| !table.contains_key(*key)) {
        return None;
    }
    // As `Config::identity` has it.
    table.remove("data-dir");
    let on_divergence = toml::Value::try_from(OnDivergence::default()).expect("a string");
    table.get_mut("sgld")?.as_table_mut()?.insert("on-divergence".to_owned(), on_divergence);
    Some(table.to_string())
}

/// The settings in which two configuration files differ, a line each, with the section they are in; nothing if they say the same.
pub(crate) fn difference(found: &str, wanted: &str) -> String {
    fn collect(section: &str, table: toml::Table, lines: &mut Vec<String>) {
        for (key, value) in table {
            match value {
                toml::Value::Table(inner) if section.is_empty() => collect(&key, inner, lines),
                toml::Value::Table(inner) => collect(&format!("{section}.{key}"), inner, lines),
                value if section.is_empty() => lines.push(format!("{key} = {value}")),
                value => lines.push(format!("[{section}] {key} = {value}")),
            }
        }
    }
    let [found, wanted] = [found, wanted].map(|text| {
        let mut lines = Vec::new();
        collect("", text.parse().unwrap_or_default(), &mut lines);
        lines
    });
    let only = |what: &str, here: &[String], there: &[String]| -> Vec<String> {
        here.iter().filter(|line| !there.contains(line)).map(|line| format!("  {what} {line}")).collect()
    };
    [only("there:", &found, &wanted), only("here: ", &wanted, &found)].concat().join("\n")
}

#[cfg(test)]
mod tests;
