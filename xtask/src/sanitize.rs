//! The crates with unsafe code under AddressSanitizer: their tests compare each kernel with its naive version, the sanitiser sees what it
//! reads and writes beyond its slices.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The packages that have unsafe code outside tests.
const PACKAGES: [&str; 2] = ["apd-tensor", "apd-store"];

/// The sanitiser is not stable, but what it needs at run time comes with stable Rust: this flag and that variable are all that nightly
/// would add.
const FLAG: &str = "-Zsanitizer=address";
const UNSTABLE: (&str, &str) = ("RUSTC_BOOTSTRAP", "1");

/// Reads a byte behind a vector.
const CONTROL: &str = "fn main() {
    let bytes = std::hint::black_box(vec![1_u8; 8]);
    std::process::exit(unsafe { *bytes.as_ptr().add(8) } as i32 & 0);
}
";

/// Where there is no sanitiser, why.
pub(crate) fn run() -> Result<Option<String>> {
    let host = host()?;
    if !host.ends_with("-unknown-linux-gnu") {
        return Ok(Some(format!("the sanitiser is used on Linux only, this is {host}")));
    }
    let target = crate::metadata()?.target_directory.join("sanitize");
    fs::create_dir_all(&target)?;

    // A sanitiser that finds nothing anywhere would be no use.
    let (source, program) = (target.join("control.rs"), target.join("control"));
    fs::write(&source, CONTROL)?;
    let mut rustc = Command::new("rustc");
    let status = rustc.env(UNSTABLE.0, UNSTABLE.1).args([FLAG, "-o"]).args([&program, &source]).status();
    ensure!(status.context("rustc did not start")?.success(), "the control does not compile");
    let found = Command::new(&program).output().context("the control did not start")?;
    let said = String::from_utf8_lossy(&found.stderr);
    ensure!(said.contains("heap-buffer-overflow"), "the control reads behind a vector, and nobody minds: {said}");
    println!("control: heap-buffer-overflow is found");

    let mut command = crate::cargo();
    command.env(UNSTABLE.0, UNSTABLE.1).env("RUSTFLAGS", FLAG);
    // With a target named, what runs while compiling is not instrumented.
    command.args(["test", "--locked", "--lib", "--target", &host, "--target-dir"]).arg(&target);
    command.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")]);
    command.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    let status = command.status().context("cargo did not start")?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(None)
}

/// The machine that the compiler compiles for by default.
fn host() -> Result<String> {
    let output = Command::new("rustc").args(["--version", "--verbose"]).output().context("rustc did not start")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say what it compiles for")?.to_owned())
}
