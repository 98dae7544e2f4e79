//! The `apd` command: sample a posterior, distill it, draw and predict with networks, and reproduce the experiments.
//!
//! The only crate that prints, and the only one that reads arguments. Exit codes: 0 done, 2 a mistake on the command
//! line, 1 everything else.
//!
//! ```text
//! apd fit penguins --target species --out p.safetensors  # a table, a model's file; then predict, evaluate, check
//! apd reproduce                                        # embedded digits, every task
//! apd distill --bank ROWS.npy --out GEN.safetensors    # a bank sampled elsewhere
//! apd draw --generator GEN.safetensors --count 200 --out NETWORKS.npy
//! apd verify-samplers --quick                          # are the samplers right?
//! apd predict --generator GEN.safetensors --net fc1 --inputs X.npy --out P.npy --scores entropy,bald
//! ```

mod arguments;
mod bank;
mod distill;
mod evaluate;
mod evaluation_report;
mod export;
mod fetch;
mod fit;
mod generator;
mod info;
mod output;
mod paths;
mod predict;
mod progress;
mod reproduce;
mod serve;
mod stages;
mod table_predict;
mod tables;
mod usage;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use usage::Usage;

fn main() -> ExitCode {
    let arguments = Arguments::parse(); // exits with 2 on a mistake, 0 on --help
    let outcome = match &arguments.command {
        Command::Fit(arguments) => fit::fit(arguments),
        Command::Evaluate(arguments) => evaluate::evaluate(arguments),
        Command::Check(arguments) => evaluate::check(arguments),
        Command::Serve(arguments) => serve::serve(arguments),
        Command::Export(arguments) => export::export(arguments),
        Command::Info(arguments) => info::info(arguments),
        Command::Reproduce(arguments) => reproduce::reproduce(arguments),
        Command::FetchData(arguments) => fetch::fetch(arguments),
        Command::SamplePosterior(arguments) => reproduce::sample_posterior(arguments),
        Command::Distill(arguments) => distill::distill(arguments),
        Command::Draw(arguments) => generator::draw(arguments),
        Command::Predict(arguments) => predict::predict(arguments),
        Command::Bank(command) => bank::bank(command),
        Command::VerifySamplers(arguments) => verify::verify(arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}
