//! `apd draw`: from a generator to networks.

use std::path::Path;

use anyhow::{Context, Result, bail};
use apd_distill::{Distilled, GeneratorFile};
use apd_points::{Posterior, npy};
use apd_seed::Seed;
use ndarray::Array2;

use crate::arguments::Draw;
use crate::output::say;

/// Draws networks into a count×d float32 array.
pub(crate) fn draw(arguments: &Draw) -> Result<()> {
    let file = open(&arguments.generator)?;
    let generator = file.posterior().with_context(|| arguments.generator.display().to_string())?;
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
