//! All that CI runs, in one order, here and on every other machine: on every push each kind of check, and once a week the checks that take long
//! in full.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Settings of the pipeline: the quick profile, with less of what no promise is checked on.
const PIPELINE: &str = "xtask/src/ci/pipeline.toml";

/// Our NUTS beside another, outside the workspace.
const NUTS_RS: &str = "benches/nuts_rs/Cargo.toml";

/// Where the pipeline runs.
const RUN: &str = "target/apd/ci";

/// What the pipeline leaves behind.
const OUTPUTS: [&str; 5] = ["results.json", "report.md", "report.html", "config.toml", "generator.safetensors"];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these steps, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "STEP", value_parser = STEPS.map(|step| step.name), conflicts_with = "weekly")]
    only: Vec<String>,
    /// The long checks in full, instead of their quick halves
    #[arg(long)]
    weekly: bool,
}

struct Step {
    name: &'static str,
    /// `Ok(Some(_))` says why the step had nothing to run.
    run: fn(&Path) -> Result<Option<String>>,
}

/// Cheap first. Steps that compile come in the order in which each can use what the one before has compiled.
const STEPS: [Step; 14] = [
    Step { name: "fmt", run: |root| cargo(root, &["fmt", "--all", "--check"]) },
    Step { name: "tidy", run: |_| tidy() },
    Step { name: "deny", run: deny },
    Step { name: "package", run: package },
    Step {
        name: "clippy",
        run: |root| cargo(root, &["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    },
    Step { name: "rustdoc", run: rustdoc },
    Step { name: "test", run: |root| cargo(root, &["test", "--locked", "--workspace", "--lib", "--bins", "--tests"]) },
    Step { name: "doctests", run: |root| cargo(root, &["test", "--locked", "--workspace", "--doc"]) },
    Step { name: "python", run: |_| crate::python::run().map(|()| None) },
    Step { name: "readers", run: |_| crate::readers::run(true).map(|()| None) },
    Step { name: "torture", run: |root| torture(root, 4, true) },
    Step { name: "determinism", run: |root| determinism(root, true) },
    Step { name: "pipeline", run: pipeline },
    Step { name: "page", run: |root| crate::page::check(&root.join(RUN).join("report.html")) },
];

/// What takes long, in full. The samplers' quick half is among the tests.
const WEEKLY: [Step; 6] = [
    Step { name: "assertions", run: assertions },
    Step { name: "sanitize", run: |_| crate::sanitize::run() },
    Step { name: "samplers", run: samplers },
    Step { name: "torture", run: |root| torture(root, 100, false) },
    Step { name: "determinism", run: |root| determinism(root, false) },
    Step { name: "nuts-rs", run: |root| cargo(root, &["run", "--release", "--manifest-path", NUTS_RS]) },
];

/// Runs every step, also after one has failed, and ends with a table; whether all passed.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let root = fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    let mut table = Vec::new();
    let steps: &[Step] = if options.weekly { &WEEKLY } else { &STEPS };
    for step in steps {
        if !options.only.is_empty() && options.only.iter().all(|name| name != step.name) {
            continue;
        }
        println!("\n=== {}", step.name);
        let start = Instant::now();
        let outcome = (step.run)(&root);
        if let Err(error) = &outcome {
            eprintln!("error: {error:#}");
        }
        let line = line(step.name, &outcome, start.elapsed());
        println!("{line}");
        table.push((outcome.is_ok(), line));
    }
    println!("\n=== summary");
    for (_, line) in &table {
        println!("{line}");
    }
    Ok(table.iter().all(|(passed, _)| *passed))
}

fn line(name: &str, outcome: &Result<Option<String>>, time: Duration) -> String {
    let verdict = match outcome {
        Ok(None) => "passed".to_owned(),
        Ok(Some(reason)) => format!("NOT RUN: {reason}"),
        Err(_) => "FAILED".to_owned(),
    };
    format!("{name:<12} {:>8.1} s   {verdict}", time.as_secs_f64())
}

fn finish(mut command: Command) -> Result<Option<String>> {
    let shown = format!("{command:?}");
    let status = command.status().with_context(|| format!("{shown} did not start"))?;
    ensure!(status.success(), "{shown}: {status}");
    Ok(None)
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<Option<String>> {
    let mut command = crate::cargo();
    command.current_dir(root).args(arguments);
    finish(command)
}

/// The tests with the assertions of the standard library and ours, among them those of every pointer in the kernels: twice the code to
/// compile.
fn assertions(root: &Path) -> Result<Option<String>> {
    let mut command = crate::cargo();
    command.current_dir(root).env("CARGO_PROFILE_DEV_DEBUG_ASSERTIONS", "true");
    command.args(["test", "--locked", "--workspace", "--lib", "--bins", "--tests"]);
    finish(command)
}

fn rustdoc(root: &Path) -> Result<Option<String>> {
    let mut command = crate::cargo();
    command.current_dir(root).env("RUSTDOCFLAGS", "-D warnings").args(["doc", "--locked", "--workspace", "--no-deps"]);
    finish(command)
}

fn tidy() -> Result<Option<String>> {
    ensure!(crate::tidy::run()?, "the house is not tidy");
    Ok(None)
}

/// Makes the archive of every package that is published, and looks at the manifests in them; compiling each archive again would take as
/// long as all else.
fn package(root: &Path) -> Result<Option<String>> {
    let mut command = crate::cargo();
    command.current_dir(root).args(["package", "--locked", "--workspace", "--allow-dirty", "--no-verify", "--quiet"]);
    for kept in crate::metadata()?.workspace_packages().iter().filter(|it| it.publish.as_deref() == Some(&[])) {
        command.args(["--exclude", &kept.name]);
    }
    finish(command)
}

fn deny(root: &Path) -> Result<Option<String>> {
    let installed = crate::cargo().args(["deny", "--version"]).output().is_ok_and(|it| it.status.success());
    if !installed {
        return Ok(Some("cargo-deny is not installed (cargo install cargo-deny --locked)".to_owned()));
    }
    cargo(root, &["deny", "--workspace", "check"])
}

fn samplers(root: &Path) -> Result<Option<String>> {
    let mut command = Command::new(crate::experiment::build("apd-cli", "apd")?);
    command.current_dir(root).arg("verify-samplers");
    finish(command)
}

fn torture(root: &Path, kills: u64, debug: bool) -> Result<Option<String>> {
    let options = crate::torture::Options { kills, seed: 1, debug, out: root.join("target/torture") };
    crate::torture::run(&options).map(|()| None)
}

fn determinism(root: &Path, quick: bool) -> Result<Option<String>> {
    let options = crate::determinism::Options { bless: false, quick, seed: None, out: root.join("target/determinism") };
    crate::determinism::run(&options).map(|()| None)
}

/// The whole way on the embedded digits with every task, and a look at what came out.
fn pipeline(root: &Path) -> Result<Option<String>> {
    let out = root.join(RUN);
    if out.exists() {
        fs::remove_dir_all(&out).with_context(|| format!("cannot clear {}", out.display()))?;
    }
    // As the tests have compiled it: to compile everything again would take longer than it saves.
    let mut command = Command::new(crate::experiment::apd(true)?);
    command.current_dir(root).args(["reproduce", "--config", PIPELINE, "--out", RUN]);
    finish(command)?;
    inspect(&out)?;
    Ok(None)
}

fn inspect(out: &Path) -> Result<()> {
    let missing: Vec<PathBuf> = OUTPUTS.iter().map(|name| out.join(name)).filter(|path| !path.is_file()).collect();
    ensure!(missing.is_empty(), "the pipeline did not write {missing:?}");
    let path = out.join("results.json");
    let results = serde_json::from_slice(&fs::read(&path)?).with_context(|| format!("{}", path.display()))?;
    check_results(&results)
}

/// The pipeline did what the project promises: sampling costs little accuracy, and distilling little of that.
///
/// The promise is half a point; the gate leaves as much again, for test images are few (half a point is two or
/// three of them) and another processor rounds another way.
fn check_results(results: &Value) -> Result<()> {
    ensure!(results["schema"] == 1, "results.json: schema {} instead of 1", results["schema"]);
    let rows = results["rows"].as_array().context("results.json: no rows")?;
    let accuracy = |method: &str| {
        let of = |row: &&Value| row["task"] == "classify" && row["method"] == method && row["metric"] == "accuracy";
        let value = rows.iter().find(of).and_then(|row| row["value"].as_f64());
        value.with_context(|| format!("results.json: no accuracy of {method}"))
    };
    let (sgd, sgld, apd) = (accuracy("sgd")?, accuracy("sgld")?, accuracy("apd")?);
    let distilled = accuracy("distilled")?;
    ensure!(sgd > 0.9, "the accuracy of sgd is {sgd}");
    ensure!(sgld >= sgd - 0.01, "the accuracy of sgld is {sgld}, of sgd {sgd}");
    // Of several chains the paper's GAN loses much, as its report says; a guesser would be right in a tenth.
    ensure!(apd > 0.4, "the accuracy of apd is {apd}");
    ensure!(distilled >= sgld - 0.01, "the accuracy of distilled is {distilled}, of sgld {sgld}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn results(methods: &[(&str, f64)]) -> Value {
        let row = |(method, value): &(&str, f64)| json!({"task": "classify", "method": method, "metric": "accuracy", "value": value});
        json!({"schema": 1, "rows": methods.iter().map(row).collect::<Vec<_>>()})
    }

    #[test]
    fn results_of_all_methods_pass() {
        let methods = [("sgd", 0.97), ("sgld", 0.96), ("distilled", 0.955), ("apd", 0.95)];
        check_results(&results(&methods)).expect("complete");
    }

    #[test]
    fn a_missing_method_a_guesser_and_another_schema_are_refused() {
        let refused = |sgd, sgld, distilled, apd| {
            let methods = [("sgd", sgd), ("sgld", sgld), ("distilled", distilled), ("apd", apd)];
            assert!(check_results(&results(&methods)).is_err(), "{methods:?}");
        };
        assert!(check_results(&results(&[("sgd", 0.97), ("sgld", 0.96), ("apd", 0.96)])).is_err());
        refused(0.97, 0.97, 0.97, 0.35);
        refused(0.97, 0.97, 0.95, 0.97);
        refused(0.97, 0.95, 0.95, 0.95);
        refused(0.1, 0.1, 0.1, 0.1);
        assert!(check_results(&json!({"schema": 2, "rows": []})).is_err());
    }

    #[test]
    fn a_step_that_had_nothing_to_run_does_not_read_as_passed() {
        let skipped = line("deny", &Ok(Some("not installed".to_owned())), Duration::from_secs(1));
        assert!(skipped.contains("NOT RUN") && !skipped.contains("passed"), "{skipped}");
        assert!(line("test", &Err(anyhow::anyhow!("x")), Duration::ZERO).contains("FAILED"));
    }
}
