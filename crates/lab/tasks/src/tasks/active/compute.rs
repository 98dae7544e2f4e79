//! Active learning: does the posterior know which labels it lacks?
//!
//! Start with a few labels, train, label the images that the trained networks are least sure of, train again. Every method is combined with
//! every acquisition that it has, over several seeds; random acquisition is what all others must beat.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use apd_data::Labelled;
use apd_diagnostics::mean_sd;
use apd_nn::Network;
use apd_report::Row;
use apd_seed::Seed;
use apd_sgmcmc::ChainError;
use apd_store::checkpoint;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::methods::{METHODS, named};
use crate::named_posterior::Role;
use crate::named_posterior::{averaged, network_rows};
use crate::rows::Rows;
use crate::stage::{Stage, drive, saved};
use crate::tasks::active::model::{End, Fitted, Learner};
use crate::tasks::active::pool::Pool;
use crate::tasks::active::scores::Question;
use crate::tasks::active::settings::{AccuracyOn, Acquisition, ActiveConfig};

/// Accuracies that the labels needed for are counted.
pub(crate) const TARGETS: [(f64, &str, &str); 2] =
    [(0.90, "labels_to_90", "reached_90"), (0.95, "labels_to_95", "reached_95")];
const KIND: &str = "active";

/// What the task found.
pub struct Active {
    /// A row per method, acquisition and number of labels; then what sums them up.
    pub rows: Vec<Row>,
    /// Every run's curve.
    pub curves: Vec<Curve>,
}

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    /// Where the networks come from: the name of a method.
    pub method: &'static str,
    /// What is labeled next.
    pub acquisition: Acquisition,
    /// The repetition.
    pub seed: usize,
}

/// How a run went.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The run.
    pub plan: Plan,
    /// Accuracy after each training: the first with the initial labels only.
    pub accuracy: Vec<f64>,
    /// Whether the run ended early because a chain or the distiller diverged.
    pub diverged: bool,
}

/// A run after a round, as its checkpoint holds it.
#[derive(Default, Serialize, Deserialize)]
struct State {
    accuracy: Vec<f64>,
    /// With the labels acquired after the last training.
    labeled: Vec<u32>,
    /// Where the last training of the method that acquires ended, …
    end: End,
    /// … and that of the judge, if there is one.
    judge_end: End,
    diverged: bool,
}

/// Runs every method with every acquisition that it has over `config.active.seeds` repetitions, several runs at a time and each on one
/// thread. A run leaves a checkpoint after each round.
///
/// The point of a curve, `at`, is the number of labels; a row's `score` is the acquisition.
///
/// **Errors**: too few training images for the rounds; a judge that network or settings leave out; [`Error::Stopped`].
pub fn active(context: Context<'_>, experiment: &Experiment) -> Result<Active> {
    let (settings, split) = (experiment.config.settings::<ActiveConfig>(), &experiment.split);
    let wanted = settings.labels(split.train.classes, settings.rounds);
    if wanted > split.train.len() {
        return Err(Error::Config(format!(
            "active: {} rounds of {} labels need {wanted} training images, there are {}",
            settings.rounds,
            settings.acquire,
            split.train.len()
        )));
    }
    if let Some(judge) = settings.judge.as_deref().and_then(named)
        && !judge.is_enabled(&experiment.config, &experiment.network)
    {
        let reason = format!("active.judge: net {} or the settings leave {} out", experiment.config.net, judge.name());
        return Err(Error::Config(reason));
    }
    let plans = plans(&experiment.config, &experiment.network);
    let seed = experiment.seed.child("active");
    let judged_on = match settings.accuracy_on {
        AccuracyOn::Test => &split.test,
        AccuracyOn::Validation => &split.validation,
    };
    let test = match settings.test_images {
        0 => judged_on.clone(),
        count => judged_on.sample(seed.child("test"), count),
    };
    let mut done = 0;
    for plan in &plans {
        done += load(experiment, plan)?.accuracy.len() as u64;
    }
    context.progress.begin("active", (settings.rounds as u64 + 1) * plans.len() as u64, done);
    let done = AtomicU64::new(done);
    let curves = each_on_one_thread(plans.len(), |i| run(context, experiment, plans[i], &test, &done))?;
    let curves: Vec<Curve> = curves.into_iter().collect::<Result<_>>()?;
    context.progress.end();
    Ok(Active { rows: rows(&experiment.config, split.train.classes, &curves), curves })
}

/// Every run, the costly ones first, so that none of them is left to be waited for at the end.
fn plans(config: &Config, network: &Network) -> Vec<Plan> {
    let settings = config.settings::<ActiveConfig>();
    let mut plans = Vec::new();
    for method in METHODS.iter().rev().filter(|method| method.is_enabled(config, network)) {
        let Some(learner) = method.few_labels() else { continue };
        if !settings.methods.iter().any(|name| name == method.name()) {
            continue;
        }
        for seed in 0..settings.seeds {
            for &acquisition in &settings.acquisitions {
                if learner.has_spread() || !acquisition.needs_spread() {
                    plans.push(Plan { method: method.name(), acquisition, seed });
                }
            }
        }
    }
    plans
}

fn checkpoint_name(plan: &Plan) -> String {
    format!("active-{}-{}-{}", plan.method, plan.acquisition.name(), plan.seed)
}

/// The state of a run that an earlier one left, or that of a new one.
fn load(experiment: &Experiment, plan: &Plan) -> Result<State> {
    Ok(saved(&experiment.folder.checkpoint(&checkpoint_name(plan)), KIND)?.unwrap_or_default())
}

/// Trains, predicts the test images, acquires; again and again.
fn run(context: Context<'_>, experiment: &Experiment, plan: Plan, test: &Labelled, done: &AtomicU64) -> Result<Curve> {
    let Experiment { config, split, folder, .. } = experiment;
    let train = &split.train;
    // Of the repetition alone: methods and acquisitions start with the same labels and choose among the same candidates.
    let seed = experiment.seed.child("active").index(plan.seed as u64);
    let mut state = load(experiment, &plan)?;
    let per_class = config.settings::<ActiveConfig>().initial_per_class;
    let pool = match state.labeled.is_empty() {
        true => Pool::new(&train.labels, train.classes, per_class, seed.child("initial-labels"))?,
        false => Pool::resume(std::mem::take(&mut state.labeled), train.len())?,
    };
    let path = folder.checkpoint(&checkpoint_name(&plan));
    let mut rounds = Rounds { experiment, plan, test, seed, done, state, pool, path };
    drive(context, &mut rounds)?;
    let State { accuracy, diverged, .. } = rounds.state;
    Ok(Curve { plan, accuracy, diverged })
}

/// A run, round by round.
struct Rounds<'a> {
    experiment: &'a Experiment,
    plan: Plan,
    test: &'a Labelled,
    seed: Seed,
    /// Rounds of all runs.
    done: &'a AtomicU64,
    state: State,
    pool: Pool,
    path: PathBuf,
}

impl Stage for Rounds<'_> {
    fn is_finished(&self) -> bool {
        self.state.diverged || self.state.accuracy.len() > self.experiment.config.settings::<ActiveConfig>().rounds
    }

    fn step(&mut self, context: Context<'_>) -> Result<()> {
        let Self { experiment, plan, test, seed, state, pool, .. } = self;
        let Experiment { config, network, split, .. } = experiment;
        let (settings, train, round) = (config.settings::<ActiveConfig>(), &split.train, state.accuracy.len() as u64);
        let learner = Learner::new(context, config, network, &train.select(pool.labeled()), round, *seed);
        let fit = |name: &str, start: &End| learner.fit(named(name).expect("the name of a method"), start);
        let fitted = fit(plan.method, &state.end).and_then(|fitted| match &settings.judge {
            Some(judge) if judge != plan.method => Ok((fitted, Some(fit(judge, &state.judge_end)?))),
            _ => Ok((fitted, None)),
        });
        match fitted {
            Ok((Fitted { networks, end }, judge)) => {
                let judging = judge.as_ref().map_or(&networks, |judge| &judge.networks);
                let mean = averaged(network, network_rows(judging), test.images.pixels.view()).mean();
                // A network whose predictions are no numbers is right about nothing.
                state.accuracy.push(apd_uncertainty::accuracy(mean.view(), &test.labels).unwrap_or(0.0));
                if state.accuracy.len() <= settings.rounds {
                    let candidates = pool.candidates(settings.candidates, seed.child("candidates").index(round));
                    let question = Question {
                        acquisition: plan.acquisition,
                        network,
                        networks: &networks,
                        images: &train.images,
                        pool,
                        count: settings.acquire,
                        seed: seed.child("acquisition").index(round),
                    };
                    let scores = question.scores(&candidates);
                    pool.acquire(&candidates, &scores, settings.acquire);
                    state.end = end;
                    state.judge_end = judge.map(|judge| judge.end).unwrap_or_default();
                }
            }
            Err(Error::Chain(ChainError::Diverged { .. }))
            | Err(Error::Distill(apd_distill::Error::Diverged { .. })) => {
                state.diverged = true;
            }
            Err(error) => return Err(error),
        }
        let accuracy = state.accuracy.last().copied().unwrap_or(0.0);
        let message = format!(
            "{}, {}: accuracy {:.1} % with {} labels",
            plan.method,
            plan.acquisition.name(),
            100.0 * accuracy,
            settings.labels(train.classes, round as usize)
        );
        context.progress.advance(self.done.fetch_add(1, Ordering::Relaxed) + 1, Some(message));
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        self.state.labeled = self.pool.labeled().to_vec();
        Ok(checkpoint::save(&self.path, KIND, &self.state)?)
    }

    fn saves_every_step(&self) -> bool {
        true
    }
}

/// `job(0)`, `job(1)`, …, as many at a time as there are threads, in order; each keeps to one thread, whatever it calls.
///
/// Runs would otherwise wait for each other: a job that waits for a piece of its own work takes another whole job up meanwhile.
fn each_on_one_thread<T: Send>(jobs: usize, job: impl Fn(usize) -> T + Sync) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let worker = || -> Result<Vec<(usize, T)>> {
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let alone = alone.map_err(|e| Error::Config(format!("threads: {e}")))?;
        let mine = std::iter::from_fn(|| {
            let i = next.fetch_add(1, Ordering::Relaxed);
            (i < jobs).then(|| (i, alone.install(|| job(i))))
        });
        Ok(mine.collect())
    };
    let workers = rayon::current_num_threads().min(jobs);
    let found: Result<Vec<_>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        let join = |handle: std::thread::ScopedJoinHandle<'_, _>| {
            handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        handles.into_iter().map(join).collect()
    });
    let ordered: BTreeMap<usize, T> = found?.into_iter().flatten().collect();
    Ok(ordered.into_values().collect())
}

/// Means over the seeds, and what sums the curves up.
fn rows(config: &Config, classes: usize, curves: &[Curve]) -> Vec<Row> {
    let settings = config.settings::<ActiveConfig>();
    let mut rows = Rows::new(config, "active");
    let mut push = |method: &str, acquisition: Acquisition, metric: &str, values: &[f64], at: Option<usize>| {
        if !values.is_empty() {
            let row = rows.push(method, metric, mean_sd(values), values.len());
            row.score = Some(acquisition.name().into());
            row.at = at.map(|labels| labels as f64);
        }
    };
    let find = |plan: Plan| curves.iter().find(|curve| curve.plan == plan);
    for method in settings.methods.iter().filter_map(|name| named(name)) {
        let (name, role) = (method.name(), method.role());
        for &acquisition in &settings.acquisitions {
            let mine: Vec<&Curve> = curves
                .iter()
                .filter(|curve| curve.plan.method == name && curve.plan.acquisition == acquisition)
                .collect();
            if mine.is_empty() {
                continue;
            }
            for round in 0..=settings.rounds {
                let values: Vec<f64> = mine.iter().filter_map(|curve| curve.accuracy.get(round).copied()).collect();
                push(name, acquisition, "accuracy", &values, Some(settings.labels(classes, round)));
            }
            let means: Vec<f64> = mine.iter().filter_map(|curve| curve.mean()).collect();
            push(name, acquisition, "mean_accuracy", &means, None);
            for (target, labels_to, reached) in TARGETS {
                let needed: Vec<Option<f64>> = mine
                    .iter()
                    .map(|curve| curve.accuracy.iter().position(|&accuracy| accuracy >= target))
                    .map(|round| round.map(|round| settings.labels(classes, round) as f64))
                    .collect();
                let share: Vec<f64> = needed.iter().map(|needed| f64::from(u8::from(needed.is_some()))).collect();
                push(name, acquisition, labels_to, &needed.into_iter().flatten().collect::<Vec<f64>>(), None);
                push(name, acquisition, reached, &share, None);
            }
            // Seed by seed: both runs of a pair started with the same labels.
            let against = |other: &dyn Fn(Plan) -> Plan| -> Vec<f64> {
                let gain = |curve: &&Curve| Some(curve.mean()? - find(other(curve.plan))?.mean()?);
                mine.iter().filter_map(gain).collect()
            };
            if acquisition != Acquisition::Random {
                let gains = against(&|plan| Plan { acquisition: Acquisition::Random, ..plan });
                push(name, acquisition, "gain_over_random", &gains, None);
            }
            if role == Role::Distilled {
                let gains = against(&|plan| Plan { method: "sgld", ..plan });
                push(name, acquisition, "gain_over_sgld", &gains, None);
            }
        }
    }
    rows.finish()
}

impl Curve {
    /// Mean accuracy over all rounds; none for a run that ended early.
    fn mean(&self) -> Option<f64> {
        let n = self.accuracy.len() as f64;
        (!self.diverged).then(|| self.accuracy.iter().sum::<f64>() / n)
    }
}

#[cfg(test)]
mod tests;
