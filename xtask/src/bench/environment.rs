//! Peers, and the Python environments they live in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// A peer: a script of `benches/` that speaks `peer_protocol.py`, and the packages it needs. Adding one is one entry.
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) script: &'static str,
    pub(super) packages: &'static [&'static str],
}

pub(super) const PEERS: &[Entry] = &[
    Entry { name: "pytorch", script: "pytorch_peer.py", packages: &["torch==2.15.0", "numpy==2.4.6"] },
    Entry {
        name: "jax",
        script: "jax_peer.py",
        packages: &["jax==0.10.2", "jaxlib==0.10.2", "blackjax==1.7.1", "numpy==2.4.6"],
    },
];

/// The Python of `target/bench-venv/NAME`, made on first use and whenever its packages change.
pub(super) fn create(root: &Path, entry: &Entry) -> Result<PathBuf> {
    let folder = root.join("target/bench-venv").join(entry.name);
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let stamp = folder.join("packages.txt");
    let wanted = entry.packages.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    println!("making {} with {}", folder.display(), entry.packages.join(", "));
    let system = if cfg!(windows) { "python" } else { "python3" };
    run(Command::new(system).args(["-m", "venv", "--clear"]).arg(&folder))
        .context("a Python 3 with its `venv` module is needed to measure peers (Debian: python3-venv)")?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(entry.packages))?;
    // Only a complete environment has its stamp.
    fs::write(&stamp, wanted)?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?} did not start"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}
