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
    /// Its matrix products are MKL's.
    mkl: bool,
}

pub(super) const PEERS: &[Entry] = &[
    Entry { name: "pytorch", script: "pytorch_peer.py", packages: &["torch==2.15.0", "numpy==2.4.6"], mkl: true },
    Entry {
        name: "jax",
        script: "jax_peer.py",
        packages: &["jax==0.10.2", "jaxlib==0.10.2", "blackjax==1.7.1", "numpy==2.4.6"],
        mkl: false,
    },
];

/// What holds peers to AVX2.
pub(super) const PEERS_AVX2: [(&str, &str); 4] = [
    ("MKL_ENABLE_INSTRUCTIONS", "AVX2"),
    ("ONEDNN_MAX_CPU_ISA", "AVX2"),
    ("ATEN_CPU_CAPABILITY", "avx2"),
    ("XLA_FLAGS", "--xla_cpu_max_isa=AVX2"),
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

/// A library that, loaded before MKL, lets it use AVX-512 on AMD's processors (`benches/mkl_on_amd.c` says how); for peers that use MKL.
pub(super) fn mkl_on_amd(root: &Path, entry: &Entry) -> Result<Option<PathBuf>> {
    if !entry.mkl {
        return Ok(None);
    }
    let library = root.join("target/bench-venv/libmkl_on_amd.so");
    run(Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(root.join("benches/mkl_on_amd.c")))
        .context("a C compiler is needed for --mkl-on-amd")?;
    Ok(Some(library))
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?} did not start"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}
