//! What an experiment is to the run that it is part of.

use apd_data::Images;
use apd_report::{Results, Row, Section};
use apd_store::Bank;

use crate::config::Config;
use crate::context::Context;
use crate::error::Result;

use crate::experiment::Experiment;
use crate::models::Models;
use crate::named_posterior::NamedPosterior;
use crate::resources::Cost;
use crate::settings::Settings;
use crate::sizes::Sizes;

/// An experiment: a set of rows in the results and a section of the report.
///
/// [`TASKS`](crate::TASKS) are those that come with this crate; [`reproduce`](crate::reproduce) takes any.
///
/// ```
/// use apd_data::Dataset;
/// use apd_report::{Row, Section};
/// use apd_tasks::{
///     Config, Context, Findings, Laboratory, NetName, Prepared, Profile, Result, RunOptions, Settings, Task, reproduce,
/// };
/// use serde::{Deserialize, Serialize};
///
/// /// How many training images show each digit?
/// struct Balance;
///
/// #[derive(Clone, Debug, Serialize, Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct BalanceConfig {
///     class: u32,
/// }
///
/// impl Task for Balance {
///     fn name(&self) -> &'static str {
///         "balance"
///     }
///     fn doc(&self) -> &'static str {
///         "Training images of one class"
///     }
///     fn defaults(&self, _config: &Config) -> Option<Box<dyn Settings>> {
///         Some(Box::new(BalanceConfig { class: 3 }))
///     }
///     fn run(&self, _context: Context<'_>, prepared: &Prepared<'_>) -> Result<Findings> {
///         let (config, train) = (&prepared.experiment.config, &prepared.experiment.split.train);
///         let class = config.settings::<BalanceConfig>().class;
///         let share = train.labels.iter().filter(|&&label| label == class).count() as f64 / train.len() as f64;
///         let rows = vec![Row::new(self.name(), config.dataset.name(), config.net.name(), "data", "share", share)];
///         Ok(Findings { rows, section: Section::new("Balance"), seconds: Vec::new() })
///     }
/// }
///
/// let mut config = Config::new(Dataset::Digits, NetName::Fc1, Profile::Quick);
/// config.tasks = vec!["balance".into()];
/// let out = tempfile::tempdir().unwrap();
/// let outcome = reproduce(Context::default(), config, &Laboratory::default().with_task(&Balance), out.path(), RunOptions::default())?;
/// assert!((outcome.results.rows[0].value - 0.1).abs() < 0.02);
/// # Ok::<(), apd_tasks::Error>(())
/// ```
pub trait Task: Sync {
    /// Its name on the command line, in results and of its section of the settings file.
    fn name(&self) -> &'static str;

    /// What it is about, in a line.
    fn doc(&self) -> &'static str;

    /// What a run prepares for it.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// The default settings of its section; none: it has no section.
    fn defaults(&self, _config: &Config) -> Option<Box<dyn Settings>> {
        None
    }

    /// Refuses settings that it could not honor, before anything is done.
    ///
    /// **Errors**: a setting with its name, its value and what is allowed.
    fn check(&self, _config: &Config) -> Result<()> {
        Ok(())
    }

    /// What it takes beside what the run holds anyway, at most.
    fn cost(&self, _sizes: &Sizes, _config: &Config) -> Cost {
        Cost::default()
    }

    /// Does it. Long work asks the context whether to stop, and keeps what it has in the folder of the experiment.
    fn run(&self, context: Context<'_>, prepared: &Prepared<'_>) -> Result<Findings>;
}

/// What a run prepares for a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The run's point estimate, baselines, bank and generators.
    pub models: bool,
    /// Out-of-distribution images.
    pub ood_images: bool,
}

/// What a task found.
pub struct Findings {
    /// Its numbers.
    pub rows: Vec<Row>,
    /// What they say, for people.
    pub section: Section,
    /// Seconds that parts of it took, by what was done; a part that is done anew replaces its time.
    pub seconds: Vec<(String, f64)>,
}

/// What a run has prepared for a task.
pub struct Prepared<'a> {
    /// Settings, data, network, folder and seed.
    pub experiment: &'a Experiment,
    pub(crate) results: &'a Results,
    pub(crate) models: Option<&'a Models<'a>>,
    pub(crate) images: Option<&'a (Images, Vec<Images>)>,
}

impl<'a> Prepared<'a> {
    /// The results so far with these rows among them, for sections to select from.
    pub fn results_with(&self, rows: &[Row]) -> Results {
        let mut results = self.results.clone();
        rows.iter().for_each(|row| results.insert(row.clone()));
        results
    }

    /// The methods of the run.
    ///
    /// **Panics** where the task does not say that it needs models.
    #[track_caller]
    pub fn posteriors(&self) -> Vec<NamedPosterior<'a>> {
        self.models().posteriors()
    }

    /// Those that were distilled while sampling.
    ///
    /// **Panics** as [`posteriors`](Self::posteriors) does.
    #[track_caller]
    pub fn online_posteriors(&self) -> Vec<NamedPosterior<'a>> {
        self.models().online_posteriors()
    }

    /// The posterior bank.
    ///
    /// **Panics** as [`posteriors`](Self::posteriors) does.
    #[track_caller]
    pub fn bank(&self) -> &'a Bank {
        &self.models().bank
    }

    /// Test images, and the sets that are to be told from them.
    ///
    /// **Panics** where the task does not say that it needs them.
    #[track_caller]
    pub fn ood_images(&self) -> (&'a Images, &'a [Images]) {
        let (inside, sets) = self.images.expect("a task that needs out-of-distribution images says so");
        (inside, sets)
    }

    #[track_caller]
    pub(crate) fn models(&self) -> &'a Models<'a> {
        self.models.expect("a task that needs models says so")
    }
}

impl Needs {
    /// Of all these together.
    pub(crate) fn of(tasks: &[&dyn Task]) -> Self {
        tasks.iter().map(|task| task.needs()).fold(Self::default(), |all, needs| Self {
            models: all.models || needs.models,
            ood_images: all.ood_images || needs.ood_images,
        })
    }
}
