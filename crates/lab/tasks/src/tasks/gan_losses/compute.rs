//! Which loss? Every one of the distiller's, with its published settings, on the run's bank.

use std::path::PathBuf;

use apd_diagnostics::mean_sd;
use apd_distill::{Generator, Loss, State, Trainer};
use apd_nn::Model as _;
use apd_points::Posterior;
use apd_report::Row;
use apd_store::{Bank, checkpoint};
use apd_uncertainty as uncertainty;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::distill::total_variance;
use crate::error::{self, Error, Result};
use crate::experiment::Experiment;
use crate::holdout::{BankSubset, HOLDOUT_EVERY};
use crate::named_posterior::{averaged, network_rows};
use crate::rows::Rows;
use crate::shared_progress::SharedProgress;
use crate::stage::{Stage, drive, saved};
use crate::tasks::gan_losses::settings::GanLossesConfig;

const KIND: &str = "gan-losses";
/// Test images of one evaluation.
const EVALUATION_IMAGES: usize = 2_000;

/// The quality of one generator after some iterations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Generator iterations done.
    pub iteration: u64,
    /// Total variation between its averaged prediction and that of the held-out rows, on test images.
    pub tv: f64,
    /// Test accuracy of its averaged prediction.
    pub accuracy: f64,
    /// Mean negative log-likelihood of the test labels, in nats.
    pub nll: f64,
    /// Total variance of generated networks over that of its training rows.
    pub variance_ratio: f64,
}

/// One training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What it played for.
    pub loss: Loss,
    /// Its evaluations, before the first iteration and after that.
    pub evaluations: Vec<Evaluation>,
    /// A loss or a prediction was not finite, or at its end the prediction was worse than the uniform one (NLL above ln K).
    pub diverged: bool,
}

/// What the task found.
pub struct Stability {
    /// A row per loss and metric.
    pub rows: Vec<Row>,
    /// Every run.
    pub runs: Vec<Run>,
    /// The same of training rows, in place of generated networks: what a perfect generator reaches.
    pub bank: Evaluation,
    /// NLL of uniform predictions: ln K.
    pub uniform_nll: f64,
}

/// Trains a generator by each loss with several seeds, for equally many iterations, on four fifths of the bank's rows; compares their
/// predictions with those of the last fifth. The runs' states are saved; an interrupted task goes on with the same numbers.
///
/// Iterations are equal, not work: a Wasserstein loss takes five critic updates in each, the others one.
pub fn gan_losses(context: Context<'_>, experiment: &Experiment, bank: &Bank) -> Result<Stability> {
    let settings = experiment.config.settings::<GanLossesConfig>();
    let evaluator = Evaluator::new(experiment, bank)?;
    let runs: Vec<(Loss, usize)> =
        Loss::ALL.into_iter().flat_map(|loss| (0..settings.seeds).map(move |index| (loss, index))).collect();
    let shared = SharedProgress::begin(context, KIND, runs.len() as u64 * settings.iterations);
    let train = |(loss, index)| shared.run(|context| train(context, &evaluator, loss, index));
    let runs = error::all(runs.into_par_iter().with_max_len(1).map(train).collect::<Vec<_>>())?;
    shared.end();
    let bank = evaluator.evaluate(0, evaluator.training.view())?.ok_or(Error::Empty("sgld"))?;
    let uniform_nll = (experiment.network.outputs() as f64).ln();
    Ok(Stability { rows: rows(experiment, &runs, &bank), runs, bank, uniform_nll })
}

/// A bank that has no rows to hold out.
pub(crate) fn too_few(rows: usize) -> Error {
    Error::Config(format!("gan-losses: a bank of {rows} rows has none to hold out (one in {HOLDOUT_EVERY})"))
}

/// The settings of one loss's runs.
pub(crate) fn config(settings: &GanLossesConfig, loss: Loss) -> apd_distill::Config {
    let &GanLossesConfig { hidden, batch, iterations, .. } = settings;
    apd_distill::Config { hidden, batch, iterations, ..apd_distill::Config::gan1() }.with_loss(loss).with_moments()
}

fn train(context: Context<'_>, evaluator: &Evaluator<'_>, loss: Loss, index: usize) -> Result<Run> {
    let settings = evaluator.experiment.config.settings::<GanLossesConfig>();
    let mut training = Training::new(evaluator, loss, index)?;
    context.progress.begin(&format!("{loss}-{index}"), settings.iterations, training.trainer.iteration());
    drive(context, &mut training)?;
    context.progress.end();
    let Training { mut run, .. } = training;
    let uniform = (evaluator.experiment.network.outputs() as f64).ln();
    run.diverged |= run.evaluations.last().is_none_or(|evaluation| evaluation.nll > uniform);
    Ok(run)
}

struct Training<'a> {
    evaluator: &'a Evaluator<'a>,
    trainer: Trainer<BankSubset<'a>>,
    run: Run,
    path: PathBuf,
}

impl<'a> Training<'a> {
    fn new(evaluator: &'a Evaluator<'a>, loss: Loss, index: usize) -> Result<Self> {
        let Experiment { config, folder, seed, .. } = evaluator.experiment;
        let path = folder.checkpoint(&format!("{KIND}-{loss}-{index}"));
        let rows = evaluator.rows.clone();
        let (trainer, run) = match saved::<(State<'static>, Run)>(&path, KIND)? {
            Some((state, run)) => (Trainer::resume(rows, state)?, run),
            None => {
                let seed = seed.child(KIND).child(loss.name()).index(index as u64);
                let trainer = Trainer::new(rows, self::config(config.settings::<GanLossesConfig>(), loss), seed)?;
                let evaluations = evaluator.evaluate_generator(&trainer.generator(), 0)?.into_iter().collect();
                (trainer, Run { loss, evaluations, diverged: false })
            }
        };
        Ok(Self { evaluator, trainer, run, path })
    }
}

impl Stage for Training<'_> {
    fn is_finished(&self) -> bool {
        self.run.diverged
            || self.trainer.iteration() >= self.evaluator.experiment.config.settings::<GanLossesConfig>().iterations
    }

    fn step(&mut self, context: Context<'_>) -> Result<()> {
        let settings = self.evaluator.experiment.config.settings::<GanLossesConfig>();
        let every = (settings.iterations / settings.looks).max(1);
        match self.trainer.step() {
            Ok(progress) if progress.iteration % every == 0 || progress.iteration == settings.iterations => {
                match self.evaluator.evaluate_generator(&self.trainer.generator(), progress.iteration)? {
                    Some(evaluation) => self.run.evaluations.push(evaluation),
                    None => self.run.diverged = true,
                }
            }
            Ok(_) => {}
            Err(apd_distill::Error::Diverged { .. }) => self.run.diverged = true,
            Err(error) => return Err(error.into()),
        }
        let message =
            self.run.evaluations.last().map(|evaluation| format!("TV {:.4}, NLL {:.4}", evaluation.tv, evaluation.nll));
        context.progress.advance(self.trainer.iteration(), message);
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        Ok(checkpoint::save(&self.path, KIND, &(self.trainer.state(), &self.run))?)
    }
}

/// What runs are measured by.
struct Evaluator<'a> {
    experiment: &'a Experiment,
    /// The training rows.
    rows: BankSubset<'a>,
    test: apd_data::Labelled,
    /// The averaged prediction of held-out rows.
    held_out: Array2<f64>,
    /// As many of the training rows, and their total variance.
    training: Array2<f32>,
    variance: f64,
}

impl<'a> Evaluator<'a> {
    fn new(experiment: &'a Experiment, bank: &'a Bank) -> Result<Self> {
        let count = experiment.config.settings::<GanLossesConfig>().networks;
        let [rows, held_out] = BankSubset::folds(bank, 0..bank.len());
        let held_out = held_out.spread(count);
        if held_out.is_empty() {
            return Err(too_few(bank.len()));
        }
        let training = bank.gather(&rows.spread(count));
        let test = experiment.split.test.take(EVALUATION_IMAGES);
        let mut evaluator = Self {
            experiment,
            rows,
            test,
            held_out: Array2::zeros((0, 0)),
            variance: total_variance(training.view()),
            training,
        };
        evaluator.held_out = evaluator.predict(bank.gather(&held_out).view());
        Ok(evaluator)
    }

    fn predict(&self, networks: ArrayView2<'_, f32>) -> Array2<f64> {
        averaged(&self.experiment.network, network_rows(&networks), self.test.images.pixels.view()).mean()
    }

    fn evaluate_generator(&self, generator: &Generator, iteration: u64) -> Result<Option<Evaluation>> {
        let Experiment { config, seed, .. } = self.experiment;
        let networks = generator.draw(seed.child(KIND).child("look"), config.settings::<GanLossesConfig>().networks);
        self.evaluate(iteration, networks.view())
    }

    /// None if these networks, or their predictions, are not finite.
    fn evaluate(&self, iteration: u64, networks: ArrayView2<'_, f32>) -> Result<Option<Evaluation>> {
        let mean = self.predict(networks);
        let variance_ratio = total_variance(networks) / self.variance;
        if !variance_ratio.is_finite() || mean.iter().any(|p| !p.is_finite()) {
            return Ok(None);
        }
        Ok(Some(Evaluation {
            iteration,
            tv: uncertainty::total_variation(mean.view(), self.held_out.view())?,
            accuracy: uncertainty::accuracy(mean.view(), &self.test.labels)?,
            nll: uncertainty::nll(mean.view(), &self.test.labels)?,
            variance_ratio,
        }))
    }
}

/// Means and deviations over each loss's runs at their last evaluation.
fn rows(experiment: &Experiment, runs: &[Run], bank: &Evaluation) -> Vec<Row> {
    let mut rows = Rows::new(&experiment.config, KIND);
    type Metric = (&'static str, fn(&Evaluation) -> f64);
    let metrics: [Metric; 4] = [
        ("accuracy", |evaluation| evaluation.accuracy),
        ("nll", |evaluation| evaluation.nll),
        ("tv", |evaluation| evaluation.tv),
        ("variance_ratio", |evaluation| evaluation.variance_ratio),
    ];
    for (metric, of) in metrics {
        rows.push("sgld", metric, (of(bank), None), 1);
    }
    for loss in Loss::ALL {
        let of_loss: Vec<&Run> = runs.iter().filter(|run| run.loss == loss).collect();
        for (metric, of) in metrics {
            let values: Vec<f64> = of_loss.iter().filter_map(|run| run.evaluations.last().map(of)).collect();
            if !values.is_empty() {
                rows.push(loss.name(), metric, mean_sd(&values), values.len());
            }
        }
        let diverged = of_loss.iter().filter(|run| run.diverged).count() as f64 / of_loss.len() as f64;
        rows.push(loss.name(), "diverged", (diverged, None), of_loss.len());
    }
    rows.finish()
}

#[cfg(test)]
mod tests;
