//! Mutated inputs for every parser, as many as are asked for, and a table of what came of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use apd_fuzz::{TARGETS, Tally, Target, Watch, Workshop, mutate};
use apd_seed::Seed;
use clap::Parser;

#[global_allocator]
static ALLOCATOR: Watch = Watch;

/// Longer than this for one input is a hang.
const PATIENCE: Duration = Duration::from_secs(10);

/// Gives every parser mutated files; an input that breaks a promise is kept.
#[derive(Parser)]
#[command(name = "cargo xtask fuzz", bin_name = "cargo xtask fuzz")]
struct Arguments {
    /// Inputs, all targets together
    #[arg(long, default_value_t = 1_000_000, value_name = "COUNT")]
    inputs: u64,
    /// Another seed, other inputs
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    seed: u64,
    /// Only this target
    #[arg(long, value_name = "NAME", value_parser = TARGETS.iter().map(|target| target.name).collect::<Vec<_>>())]
    target: Option<String>,
    /// Where an input that breaks a promise is written
    #[arg(long, default_value = "target/fuzz", value_name = "FOLDER")]
    out: PathBuf,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let chosen = |target: &&Target| arguments.target.as_ref().is_none_or(|name| name == target.name);
    let targets: Vec<&Target> = TARGETS.iter().filter(chosen).collect();
    let each = arguments.inputs.div_ceil(targets.len() as u64);
    // Panics are counted; their messages are kept with the first input of each target.
    std::panic::set_hook(Box::new(|_| ()));
    println!("{:<18} {:>9} {:>9} {:>14} {:>10}", "target", "inputs", "accepted", "largest alloc", "slowest");
    let (mut all, mut kept_promises) = (0, true);
    for target in targets {
        let tally = fuzz(target, each, Seed::root(arguments.seed))?;
        let (largest, slowest) = (tally.most.largest, tally.most.time.as_secs_f64() * 1e3);
        println!("{:<18} {:>9} {:>9} {largest:>14} {slowest:>7.1} ms", target.name, tally.inputs, tally.accepted);
        all += tally.inputs;
        if let Some((input, fault)) = tally.fault {
            kept_promises = false;
            println!("  {fault}: {}", keep(&arguments.out, target, &input)?.display());
        }
    }
    println!("{all} inputs: {}", if kept_promises { "no panic, no hang, no large allocation" } else { "FAILED" });
    Ok(if kept_promises { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn fuzz(target: &Target, inputs: u64, seed: Seed) -> anyhow::Result<Tally> {
    let (mut workshop, mut tally, seeds) = (Workshop::new()?, Tally::default(), (target.seeds)());
    let mut stream = seed.child(target.name).stream();
    for _ in 0..inputs {
        tally.attempt(&mut workshop, target, &mutate(&seeds, &mut stream), PATIENCE);
    }
    Ok(tally)
}

fn keep(folder: &Path, target: &Target, input: &[u8]) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("{}.input", target.name));
    fs::write(&path, input)?;
    Ok(path)
}
