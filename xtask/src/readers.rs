//! Readers of model files without us, beside the command.

use std::fs;

use anyhow::Result;

use crate::python::{Environment, succeed};

/// Damaged files of each model.
const DAMAGED: &str = "100";

/// Predicts a thousand digits and two tables by the command, by numpy, C, JavaScript and ONNX Runtime, and prints the five columns; then hands
/// damaged files to those that are ours. `debug` takes the command as the tests have compiled it.
pub(crate) fn run(debug: bool) -> Result<()> {
    let root = fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    let (scripts, out) = (root.join("tests/readers"), root.join("target/readers"));
    let environment = Environment::with(&root, &scripts.join("requirements.txt"))?;
    let apd = crate::experiment::apd(debug)?;
    let mut compare = environment.command("python");
    compare.arg(scripts.join("compare.py")).arg("--apd").arg(apd).arg("--out").arg(&out);
    succeed(&mut compare)?;
    let mut damaged = environment.command("python");
    damaged.arg(scripts.join("damaged.py")).args(["--files", DAMAGED]);
    damaged.args(["digits", "yacht", "digits-cnn"].map(|name| out.join(name).with_extension("safetensors")));
    succeed(&mut damaged)
}
