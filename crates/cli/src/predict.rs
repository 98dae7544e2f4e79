//! `apd predict`: averaged predictions and their scores for inputs of the user's own.

use std::path::Path;

use anyhow::{Context, Result, bail};
use apd_points::npy;
use apd_seed::Seed;
use apd_store::Bank;
use apd_tasks::Method;
use apd_uncertainty::Score;
use ndarray::Array2;

use crate::arguments::Predict;
use crate::generator;
use crate::reproduce::threads;
use crate::usage::Usage;

/// Networks averaged unless the user says otherwise.
const NETWORKS: usize = 200;

pub(crate) fn predict(arguments: &Predict) -> Result<()> {
    let scores: Vec<Score> = arguments
        .scores
        .iter()
        .map(|name| name.parse().map_err(|e| Usage(format!("--scores: {e}"))))
        .collect::<Result<_, Usage>>()?;
    threads(arguments.threads)?;
    let inputs = inputs(&arguments.inputs)?;
    if inputs.is_empty() {
        bail!("{}: no inputs (shape {:?})", arguments.inputs.display(), inputs.shape());
    }
    arguments.net.takes(inputs.ncols()).map_err(|e| Usage(e.to_string()))?;
    let network = arguments.net.network(inputs.ncols(), arguments.classes.get());
    let (bank, generated);
    let posterior = match (&arguments.bank, &arguments.generator) {
        (Some(path), None) => {
            bank = Bank::open(path)?;
            Method::bank(&bank)
        }
        (None, Some(path)) => {
            generated = generator::open(path)?;
            Method::distilled("generator", &generated)
        }
        _ => bail!(Usage("exactly one of --bank and --generator is needed".into())),
    };
    let count = arguments.count.map_or(NETWORKS, std::num::NonZeroUsize::get);
    let predictive = posterior.predict(&network, count, Seed::root(arguments.seed), inputs.view())?;
    npy::write_matrix_f32(&arguments.out, predictive.mean().mapv(|p| p as f32).view())?;
    println!("{}: {} × {} probabilities", arguments.out.display(), inputs.nrows(), arguments.classes);
    if !scores.is_empty() {
        let mut columns = Array2::zeros((inputs.nrows(), scores.len()));
        for (mut column, &score) in columns.columns_mut().into_iter().zip(&scores) {
            for (cell, value) in column.iter_mut().zip(predictive.score(score)) {
                *cell = value as f32;
            }
        }
        let path = arguments.out.with_extension("scores.npy");
        npy::write_matrix_f32(&path, columns.view())?;
        let names: Vec<String> = scores.iter().map(ToString::to_string).collect();
        println!("{}: columns {}", path.display(), names.join(", "));
    }
    Ok(())
}

/// An n×d float32 array as it is, or images brought to [−1, 1].
fn inputs(path: &Path) -> Result<Array2<f32>> {
    if path.extension().is_some_and(|extension| extension == "npy") {
        Ok(npy::read_matrix_f32(path)?)
    } else {
        let images = apd_data::idx::read_images(path).context("the inputs are neither .npy nor IDX images")?;
        let (count, height, width) = images.dim();
        let pixels = images.into_shape_with_order((count, height * width))?;
        Ok(pixels.mapv(|byte| f32::from(byte) / 127.5 - 1.0))
    }
}
