//! The Python package: its wheel, in an environment of its own, and its tests there.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Builds the wheel, installs it and what its tests need, and runs them.
///
/// The wheel is of the profile that the tests of the workspace have compiled most of; what people install is a release build.
pub(crate) fn run() -> Result<()> {
    let root = fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    let (package, environment) = (root.join("crates/python"), root.join("target/python"));
    let program = |name: &str| environment.join(if cfg!(windows) { "Scripts" } else { "bin" }).join(name);
    if !program("pip").exists() {
        let python = if cfg!(windows) { "python" } else { "python3" };
        succeed(Command::new(python).args(["-m", "venv"]).arg(&environment))?;
    }
    let requirements = package.join("tests/requirements.txt");
    succeed(Command::new(program("pip")).args(["install", "--quiet", "--requirement"]).arg(requirements))?;

    let wheels = environment.join("wheels");
    if wheels.exists() {
        fs::remove_dir_all(&wheels)?;
    }
    let mut maturin = Command::new(program("maturin"));
    maturin.current_dir(&package).args(["build", "--locked", "--profile", "dev", "--out"]).arg(&wheels);
    succeed(&mut maturin)?;
    let wheel = fs::read_dir(&wheels)?.next().context("maturin made no wheel")??.path();
    let install = ["install", "--quiet", "--force-reinstall", "--no-deps"];
    succeed(Command::new(program("pip")).args(install).arg(wheel))?;
    // Not in the package's folder: its sources would be found before what is installed.
    succeed(Command::new(program("python")).current_dir(package.join("tests")).args([
        "-m",
        "pytest",
        "-q",
        "--timeout",
        "300",
        ".",
    ]))
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?} did not start"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}
