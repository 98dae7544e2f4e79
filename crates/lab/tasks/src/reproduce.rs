//! The main job: train, sample, distil, compare, write up.

use std::path::{Path, PathBuf};
use std::time::Instant;

use apd_distill::Distilled;
use apd_nn::Model as _;
use apd_report::{Report, Results, Row, Section};
use apd_store::{Bank, checkpoint};

use crate::baselines::Baselines;
use crate::config::{Config, TaskName};
use crate::context::Context;
use crate::diagnose::{Diagnosed, diagnose};
use crate::distill::Distillation;
use crate::error::{self, Error, Result};
use crate::estimate::ResourceEstimate;
use crate::experiment::{Experiment, RunOptions};
use crate::method::Method;
use crate::online::{Chains, Online, distill_online};
use crate::sample::Sampled;
use crate::shared_progress::SharedProgress;
use crate::tasks::samplers::compute::compare_samplers;
use crate::tasks::{active, adversarial, classify, curves, fidelity, gan_losses, ood, samplers, toy2d};
use crate::{distill, online, sample, sections};

/// What a finished run leaves.
pub struct Outcome {
    /// Every number.
    pub results: Results,
    /// The numbers in words, tables and figures.
    pub report: Report,
    /// The files that were written for people.
    pub files: Vec<PathBuf>,
}

/// Trains the point estimate, samples the posterior into `out/bank`, distils it into `out/generator.safetensors`, runs
/// the tasks that `config` names and writes results, report and figures.
///
/// The stages keep checkpoints. With [`RunOptions::resume`], a run that was interrupted goes on where its last checkpoint is and ends
/// with the same numbers, bit for bit, as one that was not.
///
/// **Errors.** Anything in [`crate::Error`]; after [`crate::Error::Stopped`] the folder is ready to be resumed.
pub fn reproduce(context: Context<'_>, config: Config, out: &Path, options: RunOptions) -> Result<Outcome> {
    let experiment = Experiment::in_memory(config)?;
    context.progress.note(&format!("this run takes {}", ResourceEstimate::of(&experiment).check(out, options.force)?));
    let experiment = experiment.in_folder(out, options.resume)?;
    // Read now, so that a missing file is told before hours of sampling, not after.
    let images = match experiment.config.tasks.iter().any(|task| task.reads_ood_images()) {
        true => Some(experiment.ood_images()?),
        false => None,
    };
    let Experiment { config, folder, .. } = &experiment;
    let mut clock = Clock::load(folder.checkpoint("clock"))?;
    let version = env!("CARGO_PKG_VERSION");
    let mut results = Results::new(version, serde_json::to_value(config).expect("a configuration is JSON"));
    let mut report = Report::new(
        &format!("Adversarial posterior distillation: {} on {}", config.net, config.dataset),
        "A Bayesian neural network is sampled by SGLD (sgld), and its samples are distilled: into a few directions of weight space \
         (subspace), and by the paper's GAN (apd). All are compared with a single network trained by SGD (sgd). Wherever subspace or apd \
         falls short of sgld, distillation lost something.",
    );
    let models = match config.tasks.iter().any(|task| task.compares_posteriors()) {
        true => {
            let models = Models::fit(context, &experiment, &mut clock)?;
            (results, report) = models.write_up(&experiment, results, report);
            Some(models)
        }
        false => None,
    };
    let posteriors = models.as_ref().map(Models::posteriors).unwrap_or_default();
    let with_online: Vec<_> =
        posteriors.iter().copied().chain(models.iter().flat_map(Models::online_posteriors)).collect();
    for task in &config.tasks {
        // As text, because rows and figures leave out what they do not have, and read again also where nothing was interrupted: so both
        // ways show the same.
        let name = format!("task-{}", task.name());
        let text: String = folder.finished(&name, || {
            let started = Instant::now();
            let (mut results, before) = (results.clone(), results.rows.len());
            let section = match task {
                TaskName::Classify => {
                    let found = classify::compute::classify(context, &experiment, &with_online)?;
                    found.rows.iter().for_each(|row| results.insert(row.clone()));
                    classify::section::classification(config, &results, &found)
                }
                TaskName::Ood => {
                    let (inside, sets) = images.as_ref().expect("read above for this task");
                    let found = ood::compute::ood(context, &experiment, inside, sets, &with_online)?;
                    found.rows.iter().for_each(|row| results.insert(row.clone()));
                    ood::section::detection_section(config, &results, &found, inside, sets)?
                }
                TaskName::Fidelity => {
                    let (inside, sets) = images.as_ref().expect("read above for this task");
                    let models = models.as_ref().expect("fitted above for this task");
                    let found = fidelity::compute::fidelity(
                        context,
                        &experiment,
                        &models.bank,
                        models.baselines.ensemble(),
                        inside,
                        sets,
                    )?;
                    found.rows.iter().for_each(|row| results.insert(row.clone()));
                    for (stage, seconds) in &found.seconds {
                        clock.set(stage, *seconds)?;
                    }
                    fidelity::section::fidelity(config, &results, &found)
                }
                TaskName::Curves => {
                    let (inside, sets) = images.as_ref().expect("read above for this task");
                    let rows = curves::compute::curves(context, &experiment, inside, sets, &posteriors)?;
                    rows.into_iter().for_each(|row| results.insert(row));
                    curves::section::curves(config, &results, experiment.network.row_len())
                }
                TaskName::GanLosses => {
                    let bank = &models.as_ref().expect("fitted above for this task").bank;
                    let found = gan_losses::compute::gan_losses(context, &experiment, bank)?;
                    found.rows.iter().for_each(|row| results.insert(row.clone()));
                    gan_losses::section::gan_losses(config, &results, &found)
                }
                TaskName::Samplers => {
                    let found = compare_samplers(context, config)?;
                    found.rows.iter().for_each(|row| results.insert(row.clone()));
                    samplers::section::samplers(config, &found)
                }
                TaskName::Adversarial => {
                    let found = adversarial::compute::adversarial(context, &experiment, &posteriors)?;
                    found.rows.iter().for_each(|row| results.insert(row.clone()));
                    adversarial::section::adversarial(config, &results, &found)
                }
                TaskName::Toy2d => {
                    let found = toy2d::compute::toy2d(context, &experiment)?;
                    found.rows.iter().for_each(|row| results.insert(row.clone()));
                    toy2d::section::toy2d(config, &results, &found)
                }
                TaskName::Active => {
                    let found = active::compute::active(context, &experiment)?;
                    found.rows.iter().for_each(|row| results.insert(row.clone()));
                    active::section::active(config, &results, &found)
                }
            };
            clock.add(task.name(), started.elapsed().as_secs_f64(), None)?;
            Ok(serde_json::to_string(&(&results.rows[before..], section)).expect("rows and sections are JSON"))
        })?;
        let (rows, section): (Vec<Row>, Section) = serde_json::from_str(&text).map_err(|e| {
            let path = folder.checkpoint(&name);
            Error::Config(format!(
                "{}: not by this version of apd ({e}); remove it to do the task again",
                path.display()
            ))
        })?;
        rows.into_iter().for_each(|row| results.insert(row));
        report = report.section(section);
    }
    for (stage, seconds, steps) in &clock.stages {
        results.time(stage, *seconds, *steps);
    }
    let files = apd_report::render(&report, &results, out)?;
    Ok(Outcome { results, report, files })
}

/// What the tasks compare, and how it came about.
struct Models {
    baselines: Baselines,
    sampled: Sampled,
    bank: Bank,
    diagnosed: Diagnosed,
    distilled: Distillation,
    subspace: Distilled,
    online: Vec<Online>,
}

impl Models {
    /// Trains, samples and distils, or takes from the folder what an earlier run has done.
    fn fit(context: Context<'_>, experiment: &Experiment, clock: &mut Clock) -> Result<Self> {
        let Experiment { config, folder, .. } = experiment;
        // They depend on nothing but the data, and a thread is best busy with one of them.
        let (networks, chains) = (Baselines::runs(experiment), config.sgld.chains);
        let walked = config.sgld.steps * chains as u64;
        let steps = Baselines::steps(experiment) + walked;
        let (baselines, sampled) = clock.time("training", steps, || {
            let shared = SharedProgress::begin(context, "training", steps);
            let (trained, sampled) = rayon::join(
                || Baselines::train_concurrently(experiment, chains, &shared),
                || shared.run(|context| sample::sample_concurrently(context, experiment, &folder.bank(), networks)),
            );
            let both = error::both(trained, sampled)?;
            shared.end();
            Ok(both)
        })?;
        let bank = Bank::open(folder.bank())?;
        let diagnosed = clock.time("diagnose", bank.len() as u64, || diagnose(context, experiment, &bank))?;
        let distilled =
            clock.time("distill", config.distill.iterations, || distill::distill(context, experiment, &bank))?;
        apd_points::write_atomic(folder.apd_generator(), &distill::generator_file(&distilled.generator, &bank)?)?;
        let rank = config.subspace.rank as u64;
        let subspace = clock.time("subspace", rank, || distill::distill_subspace(context, experiment, &bank))?;
        apd_points::write_atomic(folder.generator(), &distill::generator_file(&subspace, &bank)?)?;
        let kinds: &[Chains] = match (config.online.rounds, config.online.infinite) {
            (0, _) => &[],
            (_, false) => &[Chains::GoOn],
            (_, true) => &[Chains::GoOn, Chains::Restart],
        };
        let mut online = Vec::new();
        for &chains in kinds {
            let found = clock.time(chains.method(), walked, || distill_online(context, experiment, &bank, chains))?;
            online.push(found);
        }
        Ok(Self { baselines, sampled, bank, diagnosed, distilled, subspace, online })
    }

    fn posteriors(&self) -> Vec<Method<'_>> {
        let Self { baselines, bank, distilled, subspace, .. } = self;
        let mut posteriors = baselines.methods();
        posteriors.extend([
            Method::bank(bank),
            Method::distilled("subspace", subspace),
            Method::distilled("apd", &distilled.generator),
        ]);
        posteriors
    }

    fn online_posteriors(&self) -> impl Iterator<Item = Method<'_>> {
        self.online.iter().map(|online| Method::distilled(online.name(), &online.generator))
    }

    fn write_up(&self, experiment: &Experiment, mut results: Results, report: Report) -> (Results, Report) {
        let Self { sampled, bank, diagnosed, distilled, subspace, online, .. } = self;
        let Experiment { config, split, seed, .. } = experiment;
        diagnosed.rows.iter().for_each(|row| results.insert(row.clone()));
        distill::rows(experiment, distilled, subspace, bank).into_iter().for_each(|row| results.insert(row));
        online.iter().flat_map(|online| online::rows(experiment, online)).for_each(|row| results.insert(row));
        let images = &split.train.images;
        // What one unit of the first layer weighs: the whole image, or a window.
        let image = match experiment.network.layout().entries[0].shape[..] {
            [_, _, height, width] => (height, width),
            _ => (images.height, images.width),
        };
        let mut report = report
            .section(sections::sampling::sampling(config, sampled, bank))
            .section(sections::mixing::mixing(config, &results, diagnosed))
            .section(sections::distillation::distillation(
                config,
                &distilled.history,
                bank,
                [&distilled.generator, subspace],
                image,
                *seed,
            ));
        if !online.is_empty() {
            report = report.section(sections::online::online(config, &distilled.history, bank, online));
        }
        (results, report)
    }
}

/// Seconds spent in each stage, over all the runs that it took.
struct Clock {
    path: PathBuf,
    stages: Vec<(String, f64, Option<u64>)>,
}

impl Clock {
    fn load(path: PathBuf) -> Result<Self> {
        let stages = if checkpoint::exists(&path) { checkpoint::load(&path, "clock")?.value } else { Vec::new() };
        Ok(Clock { path, stages })
    }

    /// Adds the stage's time, also when it is stopped.
    fn time<T>(&mut self, stage: &str, steps: u64, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = Instant::now();
        let outcome = work();
        self.add(stage, started.elapsed().as_secs_f64(), Some(steps))?;
        outcome
    }

    /// What is done anew whenever a run goes on.
    fn set(&mut self, stage: &str, seconds: f64) -> Result<()> {
        if let Some((_, total, _)) = self.stages.iter_mut().find(|(name, ..)| name == stage) {
            *total = 0.0;
        }
        self.add(stage, seconds, None)
    }

    fn add(&mut self, stage: &str, seconds: f64, steps: Option<u64>) -> Result<()> {
        match self.stages.iter_mut().find(|(name, ..)| name == stage) {
            Some((_, total, _)) => *total += seconds,
            None => self.stages.push((stage.into(), seconds, steps)),
        }
        Ok(checkpoint::save(&self.path, "clock", &self.stages)?)
    }
}
