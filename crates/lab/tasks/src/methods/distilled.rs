//! The default distiller: whichever small form predicts most as the samples do.

use apd_bnn::{Categorical, Predictive, predict};
use apd_distill::{Conditional, Distilled, Format, Subsample, Subspace};
use apd_nn::Network;
use apd_points::{Points, Posterior};
use apd_report::Color;
use apd_seed::Seed;
use ndarray::{Array2, ArrayView2, s};

use crate::config::Config;
use crate::context::Context;
use crate::distill::generator_file;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::holdout::{BankSubset, evenly};
use crate::method::{Effort, FewLabels, FitFewLabels, Fitted, FittedLabels, Given, Method, SampledLabels};
use crate::methods::sgld;
use crate::named_posterior::{Role, averaged};
use crate::noise::with_nearest_noise;
use crate::rows::{Rows, push_bytes};
use crate::smallest::{chains, path_in_words, path_within};

/// The method's name.
pub(crate) const DISTILLED: &str = "distilled";
/// Inputs on which predictions are compared, and samples that they are compared with, at most.
const COMPARED: usize = 200;
const SAMPLES: usize = 1_000;
/// The divergence, in nats, that is near enough, and the share of the samples' bytes that may be kept for it.
const LOSS: f64 = 0.005;
pub(crate) const SHARE: f64 = 0.1;

/// The smallest of several forms that is near enough: `generator.safetensors`.
///
/// Near is KL(samples ‖ kept) of the predictions of validation images, whose labels are not looked at.
pub(crate) struct Nearest;

impl Method for Nearest {
    fn name(&self) -> &'static str {
        DISTILLED
    }

    fn doc(&self) -> &'static str {
        "The samples, in whichever small form predicts most as they do"
    }

    fn color(&self) -> Option<Color> {
        Some(Color(0x00E6_9F00))
    }

    fn role(&self) -> Role {
        Role::Distilled
    }

    fn effort(&self, experiment: &Experiment) -> Effort {
        Effort { steps: experiment.config.subspace.rank as u64, concurrent: 0 }
    }

    fn fit(&self, context: Context<'_>, given: &Given<'_>) -> Result<Fitted> {
        let (Experiment { config, folder, network, split, seed, .. }, bank) = (given.experiment, given.bank());
        let inputs = split.validation.images.pixels.view();
        context.progress.begin(self.name(), 1, 0);
        let (kept, said) = nearest(&BankSubset::all(bank), config, network, inputs, seed.child(self.name()))?;
        context.progress.advance(1, Some(said.clone()));
        context.progress.end();
        apd_points::write_atomic(folder.generator(), &generator_file(&kept, bank)?)?;
        let mut rows = Rows::new(config, "distill");
        push_bytes(&mut rows, self.name(), &kept);
        if let Some(subspace) = kept.subspace() {
            rows.push(self.name(), "explained_variance", (subspace.explained(), None), 1);
        }
        Ok(Fitted { rows: rows.finish(), remarks: vec![said], ..Fitted::new(kept) })
    }

    fn few_labels(&self) -> Option<&dyn FitFewLabels> {
        Some(self)
    }
}

impl FitFewLabels for Nearest {
    fn fit(&self, labels: &FewLabels<'_>) -> Result<FittedLabels> {
        let SampledLabels { rows, ends } = sgld::samples(labels)?;
        let FewLabels { config, network, data, seed, .. } = *labels;
        let (kept, _) = nearest(rows, config, network, data.inputs.view(), seed)?;
        Ok(FittedLabels::new(kept, ends.clone()))
    }
}

/// The smallest form that is near enough to the samples: a subspace, or the path of each of several chains, or samples in 8 or in 16 bits in as many
/// bytes, or else in twice as many, and so on; the nearest, where none is. With a sentence that says which it is.
///
/// **Shapes**: inputs is N × inputs.
pub(crate) fn nearest(
    rows: &impl Points,
    config: &Config,
    network: &Network,
    inputs: ArrayView2<'_, f32>,
    seed: Seed,
) -> Result<(Distilled, String)> {
    let inputs = inputs.slice(s![..inputs.nrows().min(COMPARED), ..]);
    let samples = Predictive::Classes(averaged(network, evenly(rows.len(), SAMPLES).map(|i| rows.row(i)), inputs));
    let subspace = Subspace::fit(rows, &config.subspace, seed)?;
    let (dim, mut bytes) = (rows.dim(), subspace.bytes());
    let most = (SHARE * (4 * rows.len() * dim) as f64) as usize;
    let mut candidates = vec![(format!("{} directions", subspace.rank()), Distilled::Subspace(subspace))];
    let mut found: Vec<(f64, String, Distilled)> = Vec::new();
    loop {
        // A bank may be larger than memory: no more is read of it than is kept.
        let some: Vec<f32> = evenly(rows.len(), bytes / dim).flat_map(|i| rows.row(i)).copied().collect();
        let some = Array2::from_shape_vec((some.len() / dim, dim), some).expect("whole rows");
        for (bits, kept) in [
            (8, Subsample::within(some.view(), bytes)),
            (16, Subsample::evenly(some.view(), bytes / (2 * dim), Format::F16)),
        ] {
            candidates.push((format!("{} samples in {bits} bits", kept.count()), Distilled::Subsample(kept)));
        }
        let predicted = |kept: &dyn Posterior, networks| -> Result<Predictive> {
            Ok(predict(kept, network, &Categorical, inputs, networks, seed.child("predict"))?)
        };
        let networks = config.evaluation.networks;
        // The directions of one chain are those of all rows.
        if let Some(path) = path_within(bytes, rows).filter(|_| chains(rows) > 1) {
            let all = Conditional::fit(rows, &path, seed.child("path"))?;
            let (_, path) = with_nearest_noise(&all, &samples, |path| predicted(path, networks))?;
            candidates.push((path_in_words(&path), Distilled::Conditional(path)));
        }
        for (what, kept) in candidates.drain(..) {
            let networks = match &kept {
                Distilled::Subsample(kept) => kept.count(),
                _ => networks,
            };
            found.push((samples.divergence(&predicted(&kept, networks)?), what, kept));
        }
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        bytes *= 2;
        if found[0].0 <= LOSS || bytes > most {
            break;
        }
    }
    let (far, what, kept) = found.swap_remove(0);
    Ok((kept, format!("{what}, {far:.4} nats from the samples' predictions")))
}

#[cfg(test)]
mod tests;
