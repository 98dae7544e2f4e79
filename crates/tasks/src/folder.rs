//! A run's folder: where each thing lies, whose run it is, and what a stage leaves for the next.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::error::{Error, Result};

/// The folder of one run.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Opens the folder for a run of `config`.
    ///
    /// With `resume`, a folder that holds a run of the same settings is gone on with. Without it, what an earlier run
    /// left there is removed first.
    ///
    /// **Errors.** With `resume`, a run with other settings: [`Error::ConfigChanged`], with the difference.
    pub fn open(root: &Path, config: &Config, resume: bool) -> Result<Self> {
        let folder = Folder { root: root.to_path_buf() };
        let config_path = folder.config();
        let io = |path: &Path| {
            let path = path.to_path_buf();
            move |source| Error::Io { path, source }
        };
        if resume {
            match fs::read_to_string(&config_path) {
                Ok(found) if found == config.to_toml() => {}
                Ok(found) => {
                    let difference = difference(&found, &config.to_toml());
                    return Err(Error::ConfigChanged { path: config_path, difference });
                }
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(io(&config_path)(e)),
            }
        } else {
            folder.clear()?;
        }
        fs::create_dir_all(folder.checkpoints()).map_err(io(&folder.checkpoints()))?;
        apd_store::write_atomic(&config_path, config.to_toml().as_bytes())?;
        Ok(folder)
    }

    /// Removes what a run leaves, and nothing else that may lie in the folder.
    ///
    /// **Errors.** Folders and files of those names in a folder that is not a run's: they are somebody else's.
    fn clear(&self) -> Result<()> {
        let folders = [self.bank(), self.checkpoints(), self.root.join("figures")];
        let files = [self.generator(), self.results(), self.root.join("report.md"), self.root.join("report.html")];
        let theirs = folders.iter().chain(&files).find(|path| path.exists());
        if let (false, Some(path)) = (self.config().exists(), theirs) {
            return Err(Error::Config(format!(
                "--out {}: not a run's folder, but it holds {}; choose another",
                self.root.display(),
                path.display()
            )));
        }
        for path in &folders {
            remove(fs::remove_dir_all(path), path)?;
        }
        for path in &files {
            remove(fs::remove_file(path), path)?;
        }
        Ok(())
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
    /// The distilled generator.
    pub fn generator(&self) -> PathBuf {
        self.root.join("generator.safetensors")
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
}

fn remove(outcome: std::io::Result<()>, path: &Path) -> Result<()> {
    match outcome {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::Io { path: path.to_path_buf(), source: e }),
        _ => Ok(()),
    }
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
