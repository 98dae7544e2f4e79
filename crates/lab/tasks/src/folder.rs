//! A run's folder: where each thing lies, whose run it is, and what a stage leaves for the next.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apd_store::{Lock, checkpoint};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::Config;
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
        fs::create_dir_all(root).map_err(io(root))?;
        folder._lock = Some(Arc::new(Lock::acquire(root, "run.lock")?));
        if folder.check(config)? && !resume {
            folder.clear()?;
        }
        // The settings first: without them the rest would be somebody else's.
        apd_points::write_atomic(folder.config(), config.to_toml().as_bytes())?;
        fs::create_dir_all(folder.checkpoints()).map_err(io(&folder.checkpoints()))?;
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
            Ok(found) => match Config::from_toml(&found) {
                Ok(found) if found.identity() == config.identity() => Ok(true),
                Ok(found) => {
                    let difference = difference(&found.identity(), &config.identity());
                    Err(Error::ConfigChanged { path, difference })
                }
                Err(_) => Err(self.not_ours(&path)),
            },
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                match self.left_by_a_run().iter().find(|path| path.exists()) {
                    Some(theirs) => Err(self.not_ours(theirs)),
                    None => Ok(false),
                }
            }
            Err(e) => Err(io(&path)(e)),
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
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::Io { path, source: e }),
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

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let path = path.to_path_buf();
    move |source| Error::Io { path, source }
}

/// The settings in which two configuration files differ, a line each, with the section they are in.
pub(crate) fn difference(found: &str, wanted: &str) -> String {
    fn settings(text: &str) -> Vec<String> {
        let mut section = "";
        let mut settings = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.starts_with('[') {
                true => section = line,
                false => settings.push(format!("{section} {line}").trim().to_string()),
            }
        }
        settings
    }
    let (found, wanted) = (settings(found), settings(wanted));
    let only = |what: &str, here: &[String], there: &[String]| -> Vec<String> {
        here.iter().filter(|line| !there.contains(line)).map(|line| format!("  {what} {line}")).collect()
    };
    [only("there:", &found, &wanted), only("here: ", &wanted, &found)].concat().join("\n")
}

#[cfg(test)]
mod tests;
