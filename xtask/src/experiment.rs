//! Builds one of our commands in the release profile and hands over to it.

use std::ffi::OsString;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use cargo_metadata::Message;

/// Runs `PROGRAM [SUBCOMMAND] ARGUMENTS…` of a package in the caller's working directory; its exit code becomes ours.
pub(crate) fn run(package: &str, program: &[&str], arguments: &[OsString]) -> Result<ExitCode> {
    let mut command = Command::new(build(package, program[0])?);
    command.args(&program[1..]).args(arguments);
    hand_over(command)
}

/// What `cargo run --release` would start, in two halves, so that a failed build (cargo says 101) is our 1 and the
/// experiment can be handed over to.
pub(crate) fn build(package: &str, binary: &str) -> Result<PathBuf> {
    program(&mut release(package, binary), binary)
}

/// The same of a build that is held to AVX2, beside the other.
pub(crate) fn build_avx2(package: &str, binary: &str) -> Result<PathBuf> {
    let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/avx2");
    program(release(package, binary).env("RUSTFLAGS", "--cfg apd_avx2").env("CARGO_TARGET_DIR", target), binary)
}

fn release(package: &str, binary: &str) -> Command {
    let mut cargo = crate::cargo();
    cargo.args(["build", "--release", "--package", package, "--bin", binary]);
    cargo
}

/// `apd` as `cargo test --workspace` compiles it, so that nothing has to be compiled after that.
pub(crate) fn build_debug() -> Result<PathBuf> {
    program(crate::cargo().args(["test", "--no-run", "--workspace", "--test", "cli"]), "apd")
}

/// `apd`, in the release profile or as the tests have compiled it.
pub(crate) fn apd(debug: bool) -> Result<PathBuf> {
    if debug { build_debug() } else { build("apd-cli", "apd") }
}

/// The program that cargo makes by this command.
fn program(command: &mut Command, binary: &str) -> Result<PathBuf> {
    let mut cargo = command
        .args(["--message-format", "json-render-diagnostics", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo did not start")?;
    let mut program = None;
    for message in Message::parse_stream(BufReader::new(cargo.stdout.take().context("cargo has no output")?)) {
        if let Message::CompilerArtifact(artifact) = message?
            && artifact.target.name == binary
            && let Some(path) = artifact.executable
        {
            program = Some(path.into_std_path_buf());
        }
    }
    if !cargo.wait()?.success() {
        bail!("the build of {binary} failed");
    }
    program.with_context(|| format!("the build made no program named {binary}"))
}

/// The experiment replaces this process, so that every signal, whoever it was sent by, reaches the experiment itself:
/// there is nobody left in between who could die first.
#[cfg(unix)]
fn hand_over(mut command: Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(error).with_context(|| format!("{} did not start", command.get_program().display()))
}

/// The console sends Ctrl-C to both processes; this one waits for the other to stop at a step boundary.
#[cfg(not(unix))]
fn hand_over(mut command: Command) -> Result<ExitCode> {
    ctrlc::set_handler(|| ())?;
    let status = command.status().with_context(|| format!("{} did not start", command.get_program().display()))?;
    Ok(match status.code() {
        Some(0) => ExitCode::SUCCESS,
        Some(2) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    })
}
