//! `apd distill` and `apd draw`: from a bank to a generator, and from a generator to networks.

use anyhow::{Context, Result, bail};
use apd_distill::{Config, Standardization};
use apd_seed::Seed;
use apd_store::{Bank, checkpoint, npy, write_atomic};
use apd_tasks::{Error, Observer};

use crate::arguments::{Distill, Distiller, Draw, Preparation};
use crate::progress::{Terminal, stop_on_signals};
use crate::reproduce::threads;
use crate::usage::Usage;

/// Distils a bank, ours or any n×d float32 array, into a generator file.
pub(crate) fn distill(arguments: &Distill) -> Result<()> {
    let preset = match arguments.distiller {
        Distiller::Gan1 => Config::gan1(),
        Distiller::MnistBs32 => Config::mnist_bs32(),
        Distiller::Toy2d => Config::toy2d(),
        Distiller::Cnn => Config::cnn(),
    };
    let mut config = apd_tasks::distiller_defaults(preset);
    if let Some(standardization) = arguments.standardization {
        config.standardization = match standardization {
            Preparation::None => Standardization::None,
            Preparation::Center => Standardization::Center,
            Preparation::Standardize => Standardization::Standardize,
        };
    }
    if let Some(iterations) = arguments.iterations {
        config.iterations = iterations;
    }
    config.validate().map_err(|e| Usage(e.to_string()))?;
    threads(arguments.threads)?;
    stop_on_signals()?;
    let bank = Bank::open(&arguments.bank)?;
    let terminal = Terminal::new();
    let state = arguments.out.with_extension("ckpt");
    let generator = match apd_tasks::distill_bank(&bank, &config, Seed::root(arguments.seed), &state, &terminal) {
        Err(Error::Stopped) => bail!("stopped; the same command goes on from {}", state.display()),
        other => other?,
    };
    write_atomic(&arguments.out, &apd_tasks::generator_file(&generator, &bank)?)?;
    checkpoint::remove(&state)?;
    terminal.note(&format!(
        "{}: {} parameters a network, {:.1} MB = {:.1} networks",
        arguments.out.display(),
        generator.dim(),
        generator.bytes() as f64 / 1e6,
        generator.bytes() as f64 / (4 * generator.dim()) as f64
    ));
    Ok(())
}

/// Draws networks into a count×d float32 array.
pub(crate) fn draw(arguments: &Draw) -> Result<()> {
    let generator = open(&arguments.generator)?;
    let networks = generator.draw(Seed::root(arguments.seed), arguments.count);
    npy::write_matrix_f32(&arguments.out, networks.view())?;
    println!("{}: {} networks of {} parameters", arguments.out.display(), networks.nrows(), networks.ncols());
    Ok(())
}

/// Reads a generator file.
pub(crate) fn open(path: &std::path::Path) -> Result<apd_distill::Generator> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let file = apd_distill::Generator::from_safetensors(&bytes).with_context(|| path.display().to_string())?;
    Ok(file.generator)
}
