//! The Python package: its wheel, in an environment of its own, and its tests there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// An environment of Python for this project's checks.
pub(crate) struct Environment(PathBuf);

impl Environment {
    /// The environment, made if it is not there, with what a file of requirements lists.
    pub(crate) fn with(root: &Path, requirements: &Path) -> Result<Self> {
        let environment = Self(root.join("target/python"));
        if !environment.program("pip").exists() {
            let python = if cfg!(windows) { "python" } else { "python3" };
            succeed(Command::new(python).args(["-m", "venv"]).arg(&environment.0))?;
        }
        succeed(environment.command("pip").args(["install", "--quiet", "--requirement"]).arg(requirements))?;
        Ok(environment)
    }

    fn program(&self, name: &str) -> PathBuf {
        self.0.join(if cfg!(windows) { "Scripts" } else { "bin" }).join(name)
    }

    pub(crate) fn command(&self, name: &str) -> Command {
        Command::new(self.program(name))
    }
}

/// Builds the wheel, installs it and what its tests need, and runs them.
///
/// The wheel is of the profile that the tests of the workspace have compiled most of; what people install is a release build.
pub(crate) fn run() -> Result<()> {
    let root = fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    let package = root.join("crates/python");
    let environment = Environment::with(&root, &package.join("tests/requirements.txt"))?;
    let wheels = environment.0.join("wheels");
    if wheels.exists() {
        fs::remove_dir_all(&wheels)?;
    }
    let mut maturin = environment.command("maturin");
    maturin.current_dir(&package).args(["build", "--locked", "--profile", "dev", "--out"]).arg(&wheels);
    succeed(&mut maturin)?;
    let wheel = fs::read_dir(&wheels)?.next().context("maturin made no wheel")??.path();
    succeed(environment.command("pip").args(["install", "--quiet", "--force-reinstall", "--no-deps"]).arg(wheel))?;
    // Not in the package's folder: its sources would be found before what is installed.
    let mut pytest = environment.command("python");
    pytest.current_dir(package.join("tests")).args(["-m", "pytest", "-q", "--timeout", "300", "."]);
    succeed(&mut pytest)
}

pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?} did not start"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}
