//! The main job: train, sample, distill, compare, write up.

use std::path::{Path, PathBuf};
use std::time::Instant;

use apd_report::{Palette, Report, Results, Row, Section};

use crate::clock::Clock;
use crate::config::Config;
use crate::configure::{check, chosen, complete};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::estimate::ResourceEstimate;
use crate::experiment::{Experiment, RunOptions};
use crate::method::Method;
use crate::methods::METHODS;
use crate::models::Models;
use crate::named_posterior::Role;
use crate::plan;
use crate::sections;
use crate::sizes::Sizes;
use crate::task::{Needs, Prepared, Task};
use crate::tasks::TASKS;

/// What a run fits and what it does with that. By default [`METHODS`] and [`TASKS`].
#[derive(Clone)]
pub struct Laboratory<'a> {
    /// What is fitted, in the order of the tables.
    pub methods: Vec<&'a dyn Method>,
    /// What can be asked of it, in the order of the report.
    pub tasks: Vec<&'a dyn Task>,
}

impl Default for Laboratory<'_> {
    fn default() -> Self {
        Self { methods: METHODS.to_vec(), tasks: TASKS.to_vec() }
    }
}

impl<'a> Laboratory<'a> {
    /// One method more.
    pub fn with_method(mut self, method: &'a dyn Method) -> Self {
        self.methods.push(method);
        self
    }

    /// One task more.
    pub fn with_task(mut self, task: &'a dyn Task) -> Self {
        self.tasks.push(task);
        self
    }
}

/// What a finished run leaves.
pub struct Outcome {
    /// Every number.
    pub results: Results,
    /// The numbers in words, tables and figures.
    pub report: Report,
    /// The files that were written for people.
    pub files: Vec<PathBuf>,
}

/// What [`reproduce`] will write and hold.
///
/// **Errors**: a task that is not among `tasks`.
pub fn estimate(experiment: &Experiment, tasks: &[&dyn Task]) -> Result<ResourceEstimate> {
    Ok(estimate_of(experiment, &chosen(&experiment.config, tasks)?))
}

fn estimate_of(experiment: &Experiment, tasks: &[&dyn Task]) -> ResourceEstimate {
    let needs = Needs::of(tasks);
    let (config, sizes) = (&experiment.config, Sizes::of(experiment, needs.ood_images));
    let costs = tasks.iter().map(|task| (task.name(), task.cost(&sizes, config)));
    ResourceEstimate::of(config, &sizes, needs.models, costs)
}

/// Fits the methods of the laboratory (the posterior's samples go into `out/bank`, what they are distilled into is
/// `out/generator.safetensors`), runs those of its tasks that `config` names (all if it names none) and writes results, report and figures.
///
/// The stages keep checkpoints. With [`RunOptions::resume`], a run that was interrupted goes on where its last checkpoint is and ends
/// with the same numbers, bit for bit, as one that was not.
///
/// **Errors.** Anything in [`crate::Error`]; after [`crate::Error::Stopped`] the folder is ready to be resumed.
pub fn reproduce(
    context: Context<'_>,
    config: Config,
    laboratory: &Laboratory<'_>,
    out: &Path,
    options: RunOptions,
) -> Result<Outcome> {
    let Laboratory { methods, tasks } = laboratory;
    let config = complete(config, tasks)?;
    check(&config, tasks)?;
    let tasks = chosen(&config, tasks)?;
    let needs = Needs::of(&tasks);
    let experiment = Experiment::in_memory(config)?;
    let estimate = estimate_of(&experiment, &tasks);
    context.progress.note(&format!("this run takes {}", estimate.check(out, options.force)?));
    let experiment = experiment.in_folder(out, options.resume)?;
    // Read now, so that a missing file is told before hours of sampling, not after.
    let images = if needs.ood_images { Some(experiment.ood_images()?) } else { None };
    let Experiment { config, folder, .. } = &experiment;
    let mut clock = Clock::load(folder.checkpoint("clock"))?;
    let mut results = Results::new(env!("CARGO_PKG_VERSION"), config.to_json());
    let mut report = Report::new(
        &format!("A posterior, distilled: {} on {}", config.net, config.dataset),
        "Only tasks that need no models were asked for.",
    )
    .palette(Palette::new(methods.iter().map(|method| (method.name(), method.doc(), method.color()))));
    let fitted = methods.iter().filter(|method| needs.models && method.is_enabled(config, &experiment.network));
    let prepared = needs.models.then_some(["training", "diagnose"]).into_iter().flatten();
    let after =
        fitted.filter(|method| matches!(method.role(), Role::Distilled | Role::Online)).map(|method| method.name());
    let stages = prepared.chain(after).chain(tasks.iter().map(|task| task.name()));
    context.progress.plan(&plan::stages(stages));
    let models = if needs.models { Some(Models::fit(context, &experiment, methods, &mut clock)?) } else { None };
    if let Some(models) = &models {
        (results, report) = models.sections(&experiment, results, report);
    }
    for task in tasks {
        // As text, because rows and figures leave out what they do not have, and read again also where nothing was interrupted: so both
        // ways show the same.
        let name = format!("task-{}", task.name());
        context.progress.enter(task.name());
        let text: String = folder.finished(&name, || {
            let started = Instant::now();
            let (models, images, results) = (models.as_ref(), images.as_ref(), &results);
            let found = task.run(context, &Prepared { experiment: &experiment, results, models, images })?;
            for (part, seconds) in &found.seconds {
                clock.set(part, *seconds)?;
            }
            clock.add(task.name(), started.elapsed().as_secs_f64(), None)?;
            Ok(serde_json::to_string(&(found.rows, found.section)).expect("rows and sections are JSON"))
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
    if let Some(models) = &models {
        let (summary, section) = sections::answers::answers(config, &results, models);
        report.summary = summary;
        report.sections.insert(0, section);
    }
    let files = apd_report::render(&report, &results, out)?;
    Ok(Outcome { results, report, files })
}
