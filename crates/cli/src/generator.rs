//! `apd distill` and `apd draw`: from a bank to a generator, and from a generator to networks.

use std::path::Path;

use anyhow::{Context, Result, bail};
use apd_distill::{
    ConditionalConfig, Config, Distilled, Format, GeneratorFile, Loss, ResidualModel, Standardization, SubspaceConfig,
};
use apd_points::{Posterior, npy, write_atomic};
use apd_seed::Seed;
use apd_store::{Bank, checkpoint};
use apd_tasks::{Error, Progress};
use ndarray::Array2;

use crate::arguments::{Bits, Distill, Distiller, Draw, Preparation};
use crate::output::say;
use crate::paths::with_ending;
use crate::progress::{Terminal, stop_on_signals};
use crate::reproduce::threads;
use crate::usage::Usage;

/// Distills a bank, ours or any n×d float32 array, into a generator file.
pub(crate) fn distill(arguments: &Distill) -> Result<()> {
    threads(arguments.threads)?;
    let of_a_gan = arguments.iterations.is_some() || arguments.standardization.is_some();
    let distiller = arguments.distiller.unwrap_or(if of_a_gan { Distiller::Apd } else { Distiller::Subspace });
    let preset = match distiller {
        Distiller::Subspace | Distiller::Path | Distiller::Adversarial if of_a_gan => bail!(Usage(
            "--iterations and --standardization are settings of a GAN of all weights: --distiller apd, say".into()
        )),
        Distiller::Subspace | Distiller::Path | Distiller::Adversarial => return in_directions(arguments, distiller),
        _ if arguments.rank.is_some() || arguments.format.is_some() => {
            bail!(Usage("--rank and --format are settings of --distiller subspace, path or adversarial".into()))
        }
        Distiller::Apd | Distiller::Gan1 => Config::gan1(),
        Distiller::MnistBs32 => Config::mnist_bs32(),
        Distiller::Toy2d => Config::toy2d(),
        Distiller::Cnn => Config::cnn(),
        Distiller::WganGp => Config::gan1(),
        Distiller::Wgan => Config::gan1().with_loss(Loss::Wgan),
        Distiller::Dcgan => Config::gan1().with_loss(Loss::Dcgan),
        Distiller::Lsgan => Config::gan1().with_loss(Loss::Lsgan),
    };
    let mut config = preset.with_moments();
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
    stop_on_signals()?;
    let bank = rows(&arguments.bank)?;
    let terminal = Terminal::new();
    let state = with_ending(&arguments.out, "ckpt");
    let generator = match apd_tasks::distill_bank(
        apd_tasks::Context::of(&terminal),
        &bank,
        &config,
        Seed::root(arguments.seed),
        &state,
    ) {
        Err(Error::Stopped) => bail!("stopped; the same command goes on from {}", state.display()),
        other => other?,
    };
    save(&terminal, &generator, &bank, arguments)?;
    Ok(checkpoint::remove(&state)?)
}

/// The same into a few directions: too short to be interrupted.
fn in_directions(arguments: &Distill, distiller: Distiller) -> Result<()> {
    let format = match arguments.format {
        None | Some(Bits::Int8) => Format::Int8,
        Some(Bits::F32) => Format::F32,
        Some(Bits::F16) => Format::F16,
    };
    let bank = rows(&arguments.bank)?;
    let terminal = Terminal::new();
    let (context, seed) = (apd_tasks::Context::of(&terminal), Seed::root(arguments.seed));
    let generator = if distiller == Distiller::Subspace {
        let default = SubspaceConfig::default();
        let config = SubspaceConfig { rank: arguments.rank.unwrap_or(default.rank), format, ..default };
        apd_tasks::subspace_of_bank(context, &bank, &config, seed)?
    } else {
        let default = ConditionalConfig::default();
        let residuals = if distiller == Distiller::Path { ResidualModel::Gaussian } else { ResidualModel::Adversarial };
        let rank = arguments.rank.unwrap_or(default.rank);
        let config = ConditionalConfig { rank, format, residuals, ..default };
        config.validate().map_err(|e| Usage(e.to_string()))?;
        apd_tasks::conditional_of_bank(context, &bank, &config, seed)?
    };
    save(&terminal, &generator, &bank, arguments)
}

/// A bank to distill.
fn rows(path: &Path) -> Result<Bank> {
    let bank = Bank::open(path)?;
    if !bank.has_equal_weights() {
        bail!(
            "{}: rows of unequal weights, where a distiller takes all for equal: resample them by their weights",
            path.display()
        );
    }
    Ok(bank)
}

fn save(terminal: &Terminal, generator: &Distilled, bank: &Bank, arguments: &Distill) -> Result<()> {
    write_atomic(&arguments.out, &apd_tasks::generator_file(generator, bank)?)?;
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
    let generator = open(&arguments.generator)?.generator;
    let (count, dim) = (arguments.count.get(), generator.dim());
    let mut values: Vec<f32> = Vec::new();
    let room = count.checked_mul(dim).is_some_and(|len| values.try_reserve_exact(len).is_ok());
    if !room {
        bail!("{count} networks of {dim} parameters do not fit in memory: draw fewer at a time");
    }
    values.resize(count * dim, 0.0);
    let mut networks = Array2::from_shape_vec((count, dim), values)?;
    generator.draw_into(Seed::root(arguments.seed), 0, networks.view_mut());
    npy::write_matrix_f32(&arguments.out, networks.view())?;
    say(format_args!("{}: {} networks of {} parameters", arguments.out.display(), networks.nrows(), networks.ncols()))?;
    Ok(())
}

/// Reads a generator file.
pub(crate) fn open(path: &Path) -> Result<GeneratorFile> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    Distilled::from_safetensors(&bytes).with_context(|| path.display().to_string())
}
