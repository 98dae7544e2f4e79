//! From the bank to the generator, which is evaluated every so often.

use std::collections::BTreeMap;
use std::path::Path;

use apd_data::Labelled;
use apd_distill::{AtLeast, Distilled, Generator, Progress, State, Trainer};
use apd_points::{Entry, Layout, Points};
use apd_seed::Seed;
use apd_store::{Bank, checkpoint};
use apd_uncertainty::accuracy;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::holdout::{BankSubset, Sampled};
use crate::named_posterior::NamedPosterior;
use crate::stage::{Stage, drive, saved};

/// Evaluations of the generator during a run.
const EVALUATIONS: u64 = 25;
/// Networks drawn, and bank rows read, for one evaluation.
pub(crate) const EVALUATION_NETWORKS: usize = 50;
pub(crate) const EVALUATION_ROWS: usize = 200;
/// Validation images of one evaluation.
const EVALUATION_IMAGES: usize = 2_000;
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
    /// One entry per evaluation.
    pub points: Vec<Point>,
    /// What `accuracy` would be for networks of the bank.
    pub bank_accuracy: f64,
}

/// Distills the experiment's bank by a GAN; goes on from a checkpoint where there is one.
pub fn distill(context: Context<'_>, experiment: &Experiment, bank: &Bank) -> Result<(Generator, History)> {
    let Experiment { config, folder, seed, .. } = experiment;
    let evaluator = Evaluator::new(experiment, bank);
    let path = folder.checkpoint(KIND);
    let (generator, points) =
        train(context, BankSubset::all(bank), &config.distill, seed.child("distill"), &path, |generator, progress| {
            evaluator.evaluate(generator, progress).map(Some)
        })?;
    Ok((generator, evaluator.history(bank, points)?))
}

/// Evaluates generators while they learn.
pub(crate) struct Evaluator<'a> {
    experiment: &'a Experiment,
    validation: Labelled,
    bank_variance: f64,
}

impl<'a> Evaluator<'a> {
    /// Beside this bank.
    pub(crate) fn new(experiment: &'a Experiment, bank: &Bank) -> Self {
        let bank_variance = drawn_variance(NamedPosterior::bank(bank), EVALUATION_ROWS, experiment.seed);
        Self { experiment, validation: experiment.split.validation.take(EVALUATION_IMAGES), bank_variance }
    }

    pub(crate) fn evaluate(&self, generator: &Generator, progress: &Progress) -> Result<Point> {
        let drawn = NamedPosterior::distilled("apd", generator);
        Ok(Point {
            iteration: progress.iteration,
            wasserstein: progress.wasserstein,
            penalty: self.experiment.config.distill.penalty * progress.penalty,
            accuracy: self.accuracy(drawn)?,
            variance_ratio: drawn_variance(drawn, EVALUATION_ROWS, self.experiment.seed) / self.bank_variance,
        })
    }

    /// What was seen, and the bank beside it.
    pub(crate) fn history(&self, bank: &Bank, points: Vec<Point>) -> Result<History> {
        Ok(History { points, bank_accuracy: self.accuracy(NamedPosterior::bank(bank))? })
    }

    fn accuracy(&self, posterior: NamedPosterior<'_>) -> Result<f64> {
        let Experiment { network, seed, .. } = self.experiment;
        let images = self.validation.images.pixels.view();
        let predictive = posterior.predict(network, EVALUATION_NETWORKS, seed.child("look"), images)?;
        Ok(accuracy(predictive.mean().view(), &self.validation.labels)?)
    }
}

/// Distills rows of a bank that belongs to no experiment by a GAN.
pub(crate) fn gan_of_rows(
    context: Context<'_>,
    rows: &BankSubset<'_>,
    config: &apd_distill::Config,
    seed: Seed,
    checkpoint: &Path,
) -> Result<Generator> {
    let sampled = Sampled(rows.clone());
    let bank_variance = drawn_variance(NamedPosterior::distilled("rows", &sampled), EVALUATION_ROWS, seed);
    let (generator, _) = train(context, rows.clone(), config, seed, checkpoint, |generator, progress| {
        let variance = drawn_variance(NamedPosterior::distilled("apd", generator), EVALUATION_ROWS, seed);
        Ok(Some(Point {
            iteration: progress.iteration,
            wasserstein: progress.wasserstein,
            penalty: config.penalty * progress.penalty,
            accuracy: f64::NAN,
            variance_ratio: variance / bank_variance,
        }))
    })?;
    Ok(generator)
}

/// Trains a GAN on points; its state is saved at `path` every so often, and gone on with where there is one.
pub(crate) fn train<P: Points>(
    context: Context<'_>,
    rows: P,
    config: &apd_distill::Config,
    seed: Seed,
    path: &Path,
    evaluate: impl FnMut(&Generator, &Progress) -> Result<Option<Point>>,
) -> Result<(Generator, Vec<Point>)> {
    let mut training = Training::new(rows, config, seed, path, evaluate)?;
    context.progress.begin(KIND, config.iterations, training.trainer.iteration());
    if training.trainer.iteration() > 0 {
        let iteration = training.trainer.iteration();
        context.progress.note(&format!("going on from iteration {iteration} of {}", path.display()));
    }
    drive(context, &mut training)?;
    context.progress.end();
    Ok((training.trainer.generator(), training.points))
}

struct Training<'a, P, L> {
    trainer: Trainer<P>,
    points: Vec<Point>,
    /// Of the points that are learned from.
    fingerprint: u64,
    iterations: u64,
    path: &'a Path,
    evaluate: L,
}

impl<'a, P: Points, L> Training<'a, P, L> {
    fn new(rows: P, config: &apd_distill::Config, seed: Seed, path: &'a Path, evaluate: L) -> Result<Self> {
        let fingerprint = fingerprint(&rows);
        let (trainer, points) = match saved::<(State<'static>, Vec<Point>, u64)>(path, KIND)? {
            None => (Trainer::new(rows, config.clone(), seed)?, Vec::new()),
            Some((state, points, of)) => {
                if state.config != *config || state.seed != seed || of != fingerprint {
                    let what =
                        "the state of a distillation of another bank, or with other settings; remove it to start anew";
                    return Err(Error::Config(format!("{}: {what}", path.display())));
                }
                (Trainer::resume(rows, state)?, points)
            }
        };
        Ok(Self { trainer, points, fingerprint, iterations: config.iterations, path, evaluate })
    }
}

impl<P: Points, L: FnMut(&Generator, &Progress) -> Result<Option<Point>>> Stage for Training<'_, P, L> {
    fn is_finished(&self) -> bool {
        self.trainer.iteration() >= self.iterations
    }

    fn step(&mut self, context: Context<'_>) -> Result<()> {
        let progress = self.trainer.step()?;
        let (iteration, every) = (progress.iteration, (self.iterations / EVALUATIONS).max(1));
        let mut message = None;
        if iteration == 1 || iteration % every == 0 || iteration == self.iterations {
            let mut text = format!("critic distance {:.3}", progress.wasserstein);
            if let Some(point) = (self.evaluate)(&self.trainer.generator(), &progress)? {
                text = format!("variance ratio {:.2}, {text}", point.variance_ratio);
                if !point.accuracy.is_nan() {
                    text = format!("accuracy {:.2} %, {text}", 100.0 * point.accuracy);
                }
                self.points.push(point);
            }
            message = Some(text);
        }
        context.progress.advance(iteration, message);
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        Ok(checkpoint::save(self.path, KIND, &(self.trainer.state(), &self.points, self.fingerprint))?)
    }
}

/// A fingerprint of points: FNV-1a over the bits of up to 64 rows.
fn fingerprint(rows: &impl Points) -> u64 {
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
fn drawn_variance(posterior: NamedPosterior<'_>, count: usize, seed: Seed) -> f64 {
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
/// single parameter `theta`. Running variances are never drawn below the least of the bank.
pub fn generator_file(generator: &Distilled, bank: &Bank) -> Result<Vec<u8>> {
    let layout = match &bank.header().layout {
        unknown if unknown.entries.is_empty() => Layout::new([("theta".to_string(), vec![bank.dim()])]),
        known => known.clone(),
    };
    let mut metadata = BTreeMap::from([("bank-rows".to_string(), bank.len().to_string())]);
    let bounds = least_variances(&layout, bank).into_iter().map(|(entry, least)| (entry.name.clone(), least)).collect();
    metadata.extend(AtLeast::metadata(&bounds));
    Ok(generator.to_safetensors(&layout, &metadata)?)
}

/// The variances that batch normalizations divide by, by their names, which are PyTorch's, and the least value of each.
pub(crate) fn least_variances<'a>(layout: &'a Layout, bank: &Bank) -> Vec<(&'a Entry, f32)> {
    let variances = layout.entries.iter().filter(|entry| entry.name.ends_with("running_var"));
    let least = |entry: &'a Entry| {
        let values = bank.rows().flat_map(|row| &row[entry.offset..entry.offset + entry.len()]);
        (entry, values.copied().fold(f32::INFINITY, f32::min))
    };
    variances.map(least).filter(|(_, least)| *least > 0.0 && least.is_finite()).collect()
}
