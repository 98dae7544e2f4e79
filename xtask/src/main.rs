//! Drives the workspace. It depends on no crate of ours: experiments are always run by a release build of the `apd`
//! command, however this program itself was compiled.

mod bench;
mod ci;
mod determinism;
mod experiment;
mod mutants;
mod outcome;
mod page;
mod python;
mod readers;
mod sanitize;
mod tidy;
mod torture;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Drives the workspace: full pipelines, benchmarks, and all that CI runs.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the whole pipeline: sample, distill, compare, report (`reproduce --help` lists its options)
    #[command(disable_help_flag = true)]
    Reproduce(PassedOn),
    /// Fetch a dataset and check its SHA-256 (`fetch-data --help` lists its options)
    #[command(disable_help_flag = true)]
    FetchData(PassedOn),
    /// Test every sampler against the laws it must obey (`verify-samplers --help` lists its options)
    #[command(disable_help_flag = true)]
    VerifySamplers(PassedOn),
    /// Fit the standard tables with the defaults, beside baselines, and compare (`tables --help` lists its options)
    #[command(disable_help_flag = true)]
    Tables(PassedOn),
    /// Compare the samplers, each with its own automatic tuning (`compare-samplers --help` lists its options)
    #[command(disable_help_flag = true)]
    CompareSamplers(PassedOn),
    /// Put the usual bugs into the samplers, one at a time, and see which test notices
    MutateSamplers(mutants::Options),
    /// Give every parser mutated files (`fuzz --help` lists its options)
    #[command(disable_help_flag = true)]
    Fuzz(PassedOn),
    /// Kill the pipeline at random moments, resume it, and compare what it ends with
    Torture(torture::Options),
    /// Run every stage with several numbers of threads, again, and in a debug build, and compare the bits
    Determinism(determinism::Options),
    /// Build the wheel of the Python package, install it beside what its tests need, and run them
    Python,
    /// Compare the readers of model files in other languages with the command, and hand them damaged files
    Readers,
    /// Test the crates with unsafe code under AddressSanitizer
    Sanitize,
    /// Run the benchmarks and print the table of times, rates and fractions of this machine's peak
    Bench(bench::Options),
    /// Open a run's report in Chromium and measure that nothing is cut and that it is short
    Page(page::Options),
    /// Check what the compiler does not: dependencies between crates, manifests, unsafe blocks, file names
    Tidy,
    /// All that CI runs, in order, each step with its time
    Ci(ci::Options),
}

#[derive(clap::Args)]
struct PassedOn {
    /// Handed to `apd` untouched
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

fn main() -> ExitCode {
    let result = match Arguments::parse_from(protect(std::env::args_os())).command {
        Command::Reproduce(passed) => experiment::run("apd-cli", &["apd", "reproduce"], &passed.arguments),
        Command::FetchData(passed) => experiment::run("apd-cli", &["apd", "fetch-data"], &passed.arguments),
        Command::VerifySamplers(passed) => experiment::run("apd-cli", &["apd", "verify-samplers"], &passed.arguments),
        Command::Fuzz(passed) => experiment::run("apd-fuzz", &["apd-fuzz"], &passed.arguments),
        Command::Tables(passed) => experiment::run("apd-tables", &["apd-tables"], &passed.arguments),
        Command::CompareSamplers(passed) => experiment::run("apd-compare", &["apd-compare"], &passed.arguments),
        Command::MutateSamplers(options) => mutants::run(&options).map(verdict),
        Command::Torture(options) => torture::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Determinism(options) => determinism::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Python => python::run().map(|()| ExitCode::SUCCESS),
        Command::Readers => readers::run(false).map(|()| ExitCode::SUCCESS),
        Command::Sanitize => sanitize::run().map(|skipped| {
            skipped.iter().for_each(|why| println!("not run: {why}"));
            ExitCode::SUCCESS
        }),
        Command::Bench(options) => bench::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Page(options) => page::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Tidy => tidy::run().map(verdict),
        Command::Ci(options) => ci::run(&options).map(verdict),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// The commands that another program carries out.
const PASSED_ON: [&str; 5] = ["reproduce", "fetch-data", "verify-samplers", "fuzz", "tables"];

fn verdict(passed: bool) -> ExitCode {
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Puts a `--` behind those commands, so that none of what follows is read here: not `--help`, not a `--`
/// of the user's own.
fn protect(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    if arguments.get(1).is_some_and(|command| PASSED_ON.iter().any(|name| command == name)) {
        arguments.insert(2, "--".into());
    }
    arguments
}

/// The workspace as cargo sees it, with the resolved graph.
fn metadata() -> Result<cargo_metadata::Metadata> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    Ok(cargo_metadata::MetadataCommand::new().manifest_path(root).other_options(vec!["--locked".into()]).exec()?)
}

/// The cargo that started this program, or the one on the path.
fn cargo() -> std::process::Command {
    std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(arguments: &[&str]) -> Vec<OsString> {
        let line = ["xtask"].iter().chain(arguments).map(OsString::from);
        match Arguments::try_parse_from(protect(line)).unwrap_or_else(|error| panic!("{error}")).command {
            Command::Reproduce(passed)
            | Command::FetchData(passed)
            | Command::VerifySamplers(passed)
            | Command::Fuzz(passed)
            | Command::Tables(passed) => passed.arguments,
            _ => panic!("another command"),
        }
    }

    #[test]
    fn arguments_of_an_experiment_are_passed_on_untouched() {
        for arguments in
            [&["--help"][..], &["-h", "x"], &["--", "--x"], &["a", "--", "b"], &["mnist", "--data-dir", "d"], &[]]
        {
            for command in PASSED_ON {
                let line: Vec<&str> = std::iter::once(command).chain(arguments.iter().copied()).collect();
                assert_eq!(passed(&line), arguments.iter().map(OsString::from).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn an_unknown_command_is_a_usage_error() {
        let error = Arguments::try_parse_from(["xtask", "reprodcue"]).err().expect("refused");
        assert_eq!(error.exit_code(), 2);
    }
}
