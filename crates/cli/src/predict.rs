//! `apd predict`: averaged predictions and their scores for inputs of the user's own; those of a model of a table are in [`predict_table`].

use std::path::Path;

use anyhow::{Context, Result, bail};
use apd::data::Dialect;
use apd_nn::Model;
use apd_points::{Posterior, Rearranged, npy};
use apd_seed::Seed;
use apd_store::Bank;
use apd_tasks::{NamedPosterior, NetName};
use apd_uncertainty::Score;
use ndarray::Array2;

use crate::arguments::Predict;
use crate::generator;
use crate::output::say;
use crate::paths::with_ending;
use crate::reproduce::threads;
use crate::table_predict::predict_table;
use crate::usage::Usage;

/// Classes that are tried where a file's width is another than the network's.
const MOST_CLASSES: usize = 1000;
/// Networks averaged unless the user says otherwise.
const NETWORKS: usize = 200;

pub(crate) fn predict(arguments: &Predict) -> Result<()> {
    let scores: Vec<Score> = arguments
        .scores
        .iter()
        .map(|name| name.parse().map_err(|e| Usage(format!("--scores: {e}"))))
        .collect::<Result<_, Usage>>()?;
    threads(arguments.threads)?;
    if let (Some(model), Some(data)) = (&arguments.model, &arguments.data) {
        return predict_table(model, data, arguments);
    }
    if arguments.written.dialect() != Dialect::default() {
        bail!(Usage("--delimiter, --decimal-comma and --missing are for the rows of a table".into()));
    }
    let (Some(net), Some(inputs)) = (arguments.net, &arguments.inputs) else {
        bail!(Usage("either a model and its data, or --net and --inputs are needed".into()));
    };
    let inputs = apd_data::user_inputs(inputs)?;
    net.takes(inputs.ncols()).map_err(|e| Usage(e.to_string()))?;
    let network = net.network(inputs.ncols(), arguments.classes.get());
    let (bank, generated, bounded);
    let (path, name, drawn, layout): (_, _, &dyn Posterior, _) = match (&arguments.bank, &arguments.generator) {
        (Some(path), None) => {
            bank = Bank::open(path)?;
            (path, "bank", &bank, &bank.header().layout)
        }
        (None, Some(path)) => {
            generated = generator::open(path)?;
            bounded = generated.posterior().with_context(|| path.display().to_string())?;
            (path, "generator", &bounded, &generated.layout)
        }
        _ => bail!(Usage("exactly one of --bank and --generator is needed".into())),
    };
    check_width(net, arguments.classes.get(), path, drawn.dim(), inputs.ncols())?;
    // A file that knows no more than the length of a row has no layout, or one parameter `theta`.
    let known = layout.entries.len() > 1;
    let rearranged = match known.then(|| Rearranged::new(drawn, layout, &network.row_layout())) {
        None => None,
        Some(rearranged) => {
            rearranged.with_context(|| format!("{}: not the parameters of --net {net}", path.display()))?
        }
    };
    let drawn = rearranged.as_ref().map_or(drawn, |rearranged| rearranged);
    let posterior = NamedPosterior::distilled(name, drawn);
    let count = arguments.count.map_or(NETWORKS, std::num::NonZeroUsize::get);
    let count = drawn.available().map_or(count, |available| count.min(available));
    let predictive = posterior.predict(&network, count, Seed::root(arguments.seed), inputs.view())?;
    let mean = predictive.mean();
    if let Some(((row, class), p)) = mean.indexed_iter().find(|(_, p)| !p.is_finite()) {
        let advice = "a parameter of some network is not finite, or too large (`apd bank verify` finds the first kind in a bank)";
        bail!("{}: the probability of class {class} for row {row} of the inputs is {p}: {advice}", path.display());
    }
    npy::write_matrix_f32(&arguments.out, mean.mapv(|p| p as f32).view())?;
    say(format_args!("{}: {} × {} probabilities", arguments.out.display(), inputs.nrows(), arguments.classes))?;
    if !scores.is_empty() {
        let mut columns = Array2::zeros((inputs.nrows(), scores.len()));
        for (mut column, &score) in columns.columns_mut().into_iter().zip(&scores) {
            for (cell, value) in column.iter_mut().zip(predictive.score(score)) {
                *cell = value as f32;
            }
        }
        let is_npy = arguments.out.extension().is_some_and(|extension| extension == "npy");
        let stem = if is_npy { arguments.out.with_extension("") } else { arguments.out.clone() };
        let path = with_ending(&stem, "scores.npy");
        npy::write_matrix_f32(&path, columns.view())?;
        let names: Vec<String> = scores.iter().map(ToString::to_string).collect();
        say(format_args!("{}: columns {}", path.display(), names.join(", ")))?;
    }
    Ok(())
}

/// Whether rows are as long as those of the network; the message says which classes they would fit.
pub(crate) fn check_width(net: NetName, classes: usize, path: &Path, found: usize, inputs: usize) -> Result<()> {
    let width = |classes| net.network(inputs, classes).row_len();
    let expected = width(classes);
    if found == expected {
        return Ok(());
    }
    let fits = (1..=MOST_CLASSES).find(|&classes| width(classes) == found);
    let advice = fits.map_or("no number of classes fits".to_owned(), |classes| format!("--classes {classes} fits"));
    bail!(
        "{}: {found} parameters a network, where {net} with {inputs} inputs and {classes} classes has {expected}; {advice}",
        path.display()
    )
}
