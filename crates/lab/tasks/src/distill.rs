//! From the bank to the generator, with a look at the generator every so often.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use apd_data::Labelled;
use apd_distill::{Distilled, Generator, Progress, State, Subspace, Trainer};
use apd_points::Layout;
use apd_points::Posterior;
use apd_report::Row;
use apd_seed::Seed;
use apd_store::{Bank, checkpoint};
use apd_uncertainty::accuracy;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::holdout::BankSubset;
use crate::method::Method;
use crate::rows::Rows;

/// Looks at the generator during a run.
const LOOKS: u64 = 25;
/// Networks drawn, and bank rows read, for one look.
pub(crate) const LOOK_NETWORKS: usize = 50;
pub(crate) const LOOK_ROWS: usize = 200;
/// Validation images of one look.
const LOOK_IMAGES: usize = 2_000;
const KIND: &str = "distill";

/// The distiller's losses and the generator's quality after some iterations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Generator iterations done.
    pub iteration: u64,
    /// The critic's estimate of the Wasserstein-1 distance, up to a factor.
    pub wasserstein: f64,
    /// λ·mean (‖∇‖ − 1)².
    pub penalty: f64,
    /// Validation accuracy of the averaged prediction.
    pub accuracy: f64,
    /// Total variance of generated networks over that of the bank's.
    pub variance_ratio: f64,
}

/// How the distillation went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// One entry per look.
    pub points: Vec<Point>,
    /// What `accuracy` would be for networks of the bank.
    pub bank_accuracy: f64,
}

/// A GAN's generator and how it came about.
pub struct Distillation {
    /// The distilled posterior.
    pub generator: Distilled,
    /// How the distillation went.
    pub history: History,
}

/// Distils the experiment's bank by a GAN; goes on from a checkpoint where there is one.
pub fn distill(context: Context<'_>, experiment: &Experiment, bank: &Bank) -> Result<Distillation> {
    let Experiment { config, folder, seed, .. } = experiment;
    let looks = Looks::new(experiment, bank);
    let path = folder.checkpoint(KIND);
    let (generator, points) =
        train(context, BankSubset::all(bank), &config.distill, seed.child("distill"), &path, |generator, progress| {
            looks.at(generator, progress).map(Some)
        })?;
    let bank_accuracy = looks.accuracy(Method::Bank(bank))?;
    let generator = Distilled::Gan(generator);
    Ok(Distillation { generator, history: History { points, bank_accuracy } })
}

/// Looks at generators while they learn.
pub(crate) struct Looks<'a> {
    experiment: &'a Experiment,
    validation: Labelled,
    bank_variance: f64,
}

impl<'a> Looks<'a> {
    /// Beside this bank.
    pub(crate) fn new(experiment: &'a Experiment, bank: &Bank) -> Self {
        let bank_variance = drawn_variance(Method::Bank(bank), LOOK_ROWS, experiment.seed);
        Self { experiment, validation: experiment.split.validation.take(LOOK_IMAGES), bank_variance }
    }

    pub(crate) fn at(&self, generator: &Generator, progress: &Progress) -> Result<Point> {
        let drawn = Method::Drawn("apd", generator);
        Ok(Point {
            iteration: progress.iteration,
            wasserstein: progress.wasserstein,
            penalty: self.experiment.config.distill.penalty * progress.penalty,
            accuracy: self.accuracy(drawn)?,
            variance_ratio: drawn_variance(drawn, LOOK_ROWS, self.experiment.seed) / self.bank_variance,
        })
    }

    fn accuracy(&self, posterior: Method<'_>) -> Result<f64> {
        let Experiment { network, seed, .. } = self.experiment;
        let images = self.validation.images.pixels.view();
        let predictive = posterior.predict(network, LOOK_NETWORKS, seed.child("look"), images)?;
        Ok(accuracy(predictive.mean().view(), &self.validation.labels)?)
    }
}

/// Distils the experiment's bank into a subspace.
pub fn distill_subspace(context: Context<'_>, experiment: &Experiment, bank: &Bank) -> Result<Distilled> {
    let Experiment { config, seed, .. } = experiment;
    subspace_of_bank(context, bank, &config.subspace, seed.child("subspace"))
}

/// Distils a bank that belongs to no experiment into a subspace.
pub fn subspace_of_bank(
    context: Context<'_>,
    bank: &Bank,
    config: &apd_distill::SubspaceConfig,
    seed: Seed,
) -> Result<Distilled> {
    context.progress.begin("subspace", 1, 0);
    let rows = BankSubset::all(bank);
    let subspace = Subspace::fit(&rows, config, seed)?;
    subspace.notes(config, bank.len()).iter().for_each(|note| context.progress.note(note));
    let (rank, explained) = (subspace.rank(), 100.0 * subspace.explained());
    context.progress.advance(1, Some(format!("{rank} directions, {explained:.1} % of the variance")));
    context.progress.end();
    Ok(Distilled::Subspace(subspace))
}

/// Distils a bank that belongs to no experiment by a GAN.
pub fn distill_bank(
    context: Context<'_>,
    bank: &Bank,
    config: &apd_distill::Config,
    seed: Seed,
    checkpoint: &Path,
) -> Result<Distilled> {
    let bank_variance = drawn_variance(Method::Bank(bank), LOOK_ROWS, seed);
    let (generator, _) = train(context, BankSubset::all(bank), config, seed, checkpoint, |generator, progress| {
        let variance = drawn_variance(Method::Drawn("apd", generator), LOOK_ROWS, seed);
        Ok(Some(Point {
            iteration: progress.iteration,
            wasserstein: progress.wasserstein,
            penalty: config.penalty * progress.penalty,
            accuracy: f64::NAN,
            variance_ratio: variance / bank_variance,
        }))
    })?;
    Ok(Distilled::Gan(generator))
}

/// Trains a GAN on points; its state is saved at `path` every so often, and gone on with where there is one.
pub(crate) fn train(
    context: Context<'_>,
    rows: impl apd_points::Points,
    config: &apd_distill::Config,
    seed: Seed,
    path: &Path,
    mut look: impl FnMut(&Generator, &Progress) -> Result<Option<Point>>,
) -> Result<(Generator, Vec<Point>)> {
    let fingerprint = fingerprint(&rows);
    let (mut trainer, mut points): (_, Vec<Point>) = if checkpoint::exists(path) {
        let (state, points, of): (State<'static>, Vec<Point>, u64) = checkpoint::load(path, KIND)?.value;
        if state.config != *config || state.seed != seed || of != fingerprint {
            let what = "the state of a distillation of another bank, or with other settings; remove it to start anew";
            return Err(Error::Config(format!("{}: {what}", path.display())));
        }
        (Trainer::resume(rows, state)?, points)
    } else {
        (Trainer::new(rows, config.clone(), seed)?, Vec::new())
    };
    let every = (config.iterations / LOOKS).max(1);
    let mut saved = Instant::now();
    context.progress.begin(KIND, config.iterations, trainer.iteration());
    if trainer.iteration() > 0 {
        context.progress.note(&format!("going on from iteration {} of {}", trainer.iteration(), path.display()));
    }
    while trainer.iteration() < config.iterations {
        let progress = trainer.step()?;
        let iteration = progress.iteration;
        if iteration == 1 || iteration % every == 0 || iteration == config.iterations {
            let mut message = format!("critic distance {:.3}", progress.wasserstein);
            if let Some(point) = look(&trainer.generator(), &progress)? {
                message = format!("variance ratio {:.2}, {message}", point.variance_ratio);
                if !point.accuracy.is_nan() {
                    message = format!("accuracy {:.2} %, {message}", 100.0 * point.accuracy);
                }
                points.push(point);
            }
            context.progress.advance(iteration, Some(message));
        } else {
            context.progress.advance(iteration, None);
        }
        let stop = context.control.stop_requested();
        if stop || iteration == config.iterations || saved.elapsed() >= context.control.checkpoint_every() {
            checkpoint::save(path, KIND, &(trainer.state(), &points, fingerprint))?;
            saved = Instant::now();
        }
        if stop {
            return Err(Error::Stopped);
        }
    }
    context.progress.end();
    Ok((trainer.generator(), points))
}

/// Tells points apart: FNV-1a over the bits of up to 64 rows.
fn fingerprint(rows: &impl apd_points::Points) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut mix = |word: u64| hash = (hash ^ word).wrapping_mul(0x0100_0000_01b3);
    mix(rows.len() as u64);
    mix(rows.dim() as u64);
    for i in (0..rows.len()).step_by((rows.len() / 64).max(1)) {
        rows.row(i).iter().for_each(|x| mix(u64::from(x.to_bits())));
    }
    hash
}

/// Sum over weights of their variance between drawn networks.
fn drawn_variance(posterior: Method<'_>, count: usize, seed: Seed) -> f64 {
    total_variance(posterior.networks(count, seed.child("variance")).view())
}

/// Sum over weights of their variance between networks, a row each.
pub(crate) fn total_variance(networks: ArrayView2<'_, f32>) -> f64 {
    let n = networks.nrows() as f64;
    let mut mean = vec![0.0_f64; networks.ncols()];
    for row in networks.rows() {
        mean.iter_mut().zip(row).for_each(|(m, &x)| *m += f64::from(x) / n);
    }
    let squares: f64 = networks
        .rows()
        .into_iter()
        .map(|row| row.iter().zip(&mean).map(|(&x, m)| (f64::from(x) - m).powi(2)).sum::<f64>())
        .sum();
    squares / (n - 1.0).max(1.0)
}

/// The bytes of `generator.safetensors`, with the layout of the bank's networks inside; rows of a bank without one are a
/// single parameter `theta`.
pub fn generator_file(generator: &Distilled, bank: &Bank) -> Result<Vec<u8>> {
    let layout = match &bank.header().layout {
        unknown if unknown.entries.is_empty() => Layout::new([("theta".to_string(), vec![bank.dim()])]),
        known => known.clone(),
    };
    Ok(generator.to_safetensors(&layout, &BTreeMap::from([("bank-rows".to_string(), bank.len().to_string())]))?)
}

/// Storage and spread, as rows of results.
pub(crate) fn rows(experiment: &Experiment, distilled: &Distillation, subspace: &Distilled, bank: &Bank) -> Vec<Row> {
    let mut rows = Rows::new(&experiment.config, "distill");
    let one = 4.0 * bank.dim() as f64;
    let generator = distilled.generator.bytes() as f64;
    rows.push("sgld", "bytes", (one * bank.len() as f64, None), 1);
    rows.push("apd", "bytes", (generator, None), 1);
    rows.push("apd", "bytes_in_networks", (generator / one, None), 1);
    rows.push("subspace", "bytes", (subspace.bytes() as f64, None), 1);
    rows.push("subspace", "bytes_in_networks", (subspace.bytes() as f64 / one, None), 1);
    if let Some(subspace) = subspace.subspace() {
        rows.push("subspace", "explained_variance", (subspace.explained(), None), 1);
    }
    if let Some(last) = distilled.history.points.last() {
        rows.push("apd", "variance_ratio", (last.variance_ratio, None), LOOK_ROWS);
    }
    rows.finish()
}
