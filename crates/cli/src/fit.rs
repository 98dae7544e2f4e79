//! `apd fit`: from a table to a model's file.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use apd::data::{Table, TableSchema};
use apd::{Architecture, Context, Error, TableFit, TableModel};
use apd_store::Lock;

use crate::arguments::{Effort, Fit, Task};
use crate::output::say;
use crate::paths::{check_writable, with_ending};
use crate::progress::stop_on_signals;
use crate::reproduce::threads;
use crate::stages::Stages;
use crate::tables::{blocks, say_verdicts, source, warn};
use crate::usage::Usage;

/// Most widely shown name of a column.
const NAME: usize = 24;
/// The file by which one process at a time writes checkpoints.
const LOCK: &str = "fit.lock";

pub(crate) fn fit(arguments: &Fit) -> Result<()> {
    threads(arguments.threads)?;
    let settings = settings(arguments)?;
    let source = |name: &str| source(name, &arguments.written);
    let (data, test) = (source(&arguments.data)?, arguments.test.as_deref().map(source).transpose()?);
    check_writable(&arguments.out)?;
    let sha256 = data.sha256()?;
    let table = data.read()?;
    let schema = settings.schema(&table, &arguments.target)?;
    say(format_args!("{}: {} rows, {} columns", arguments.data, table.len(), table.columns().len()))?;
    say_schema(&schema)?;

    stop_on_signals()?;
    let left = with_ending(&arguments.out, "ckpt");
    if let Some(chain) = arguments.chain {
        return one_chain(chain, &settings, &schema, &table, &left);
    }
    if left.exists() && !arguments.resume {
        bail!(
            "{}: left by a fit that was interrupted; --resume goes on, removing the folder begins anew",
            left.display()
        );
    }
    fs::create_dir_all(&left).with_context(|| left.display().to_string())?;
    let lock = Lock::acquire(&left, LOCK)?;
    let stages = Stages::default();
    let context = Context { progress: &stages, checkpoints: Some(&left), ..Context::default() };
    let model = settings.run_as(&schema, &table, Some((arguments.data.clone(), sha256)), &context);
    stages.finish();
    let saved = model.and_then(|model| model.save(&arguments.out).map(|()| model));
    drop(lock);
    let model = match saved {
        Ok(model) => model,
        Err(error) => {
            // A fit that had not begun leaves nothing to go on from; a folder with checkpoints is not empty, and stays.
            fs::remove_file(left.join(LOCK)).and_then(|()| fs::remove_dir(&left)).ok();
            match error {
                Error::Stopped => bail!("stopped; the same command with --resume goes on from {}", left.display()),
                error => return Err(error.into()),
            }
        }
    };
    fs::remove_dir_all(&left).with_context(|| left.display().to_string())?;

    warn(model.warnings());
    say_model(&model, &arguments.out)?;
    match test {
        None => {
            say(format_args!("On {} rows that were held out:", model.provenance().held_out))?;
            say_verdicts(model.verdicts())
        }
        Some(test) => {
            let evaluation = model.evaluate(blocks(&test, &model)?, None)?;
            say(format_args!(
                "On the {} rows of {}:",
                evaluation.rows.len(),
                arguments.test.as_deref().unwrap_or_default()
            ))?;
            say(&evaluation.metrics)?;
            say_verdicts(&model.check(&evaluation))
        }
    }
}

/// A chain as a job of its own. The folder is shared by such jobs; each has its own lock and checkpoint, and goes on from it.
fn one_chain(chain: u32, settings: &TableFit, schema: &TableSchema, table: &Table, left: &Path) -> Result<()> {
    let chains = settings.chains();
    if chain >= chains {
        return Err(Usage(format!("--chain {chain}: this fit has the chains 0 to {}", chains - 1)).into());
    }
    fs::create_dir_all(left).with_context(|| left.display().to_string())?;
    let _lock = Lock::acquire(left, &format!("chain-{chain}.lock"))?;
    let stages = Stages::default();
    let context = Context { progress: &stages, checkpoints: Some(left), ..Context::default() };
    let sampled = settings.sample_chain(chain, schema, table, &context);
    stages.finish();
    match sampled {
        Ok(()) => say(format_args!(
            "chain {chain} of 0 to {} is in {}; when all are, the same command with --resume in place of --chain makes the model",
            chains - 1,
            left.display()
        )),
        Err(Error::Stopped) => bail!("stopped; the same command goes on from {}", left.display()),
        Err(error) => Err(error.into()),
    }
}

fn settings(arguments: &Fit) -> Result<TableFit> {
    let architecture = match &arguments.net {
        None => Architecture::Auto,
        Some(file) if file.ends_with(".toml") => Architecture::Network(described(file)?),
        Some(name) => name.parse().map_err(|e| Usage(format!("--net: {e}")))?,
    };
    Ok(TableFit {
        task: arguments.task.map(|task| match task {
            Task::Classification => apd::Task::Classification,
            Task::Regression => apd::Task::Regression,
        }),
        drop: arguments.drop.clone(),
        architecture,
        effort: match arguments.effort {
            Effort::Quick => apd::Effort::Quick,
            Effort::Default => apd::Effort::Default,
            Effort::Thorough => apd::Effort::Thorough,
        },
        chains: arguments.chains.map(std::num::NonZeroU32::get),
        steps: arguments.steps,
        draws: arguments.draws,
        until_ess: arguments.until,
        seed: arguments.seed,
        ..TableFit::default()
    })
}

/// A network by its description.
pub(crate) fn described(file: &str) -> Result<apd::nn::Network> {
    let text = fs::read_to_string(file).with_context(|| file.to_owned())?;
    toml::from_str(&text).with_context(|| format!("{file}: not the description of a network"))
}

/// A line a column, or a few.
fn say_schema(schema: &TableSchema) -> Result<()> {
    let lines = schema.lines();
    let longest = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).min(NAME);
    for (name, said) in lines {
        say(format_args!("  {name:<longest$}  {said}"))?;
    }
    Ok(())
}

fn say_model(model: &TableModel, path: &Path) -> Result<()> {
    let bytes = fs::metadata(path).with_context(|| path.display().to_string())?.len();
    let share = 100.0 * bytes as f64 / model.provenance().sampled_bytes as f64;
    say(format_args!("{}: {}; the file is {share:.1} % of all samples' bytes", path.display(), model.kept()))?;
    if let Some(distilled) = model.held_out().distilled {
        let held_out = model.provenance().held_out;
        say(format_args!("beside all samples, on {held_out} rows that were held out: {distilled}"))?;
    }
    match model.held_out().coverage {
        Some((before, after)) => say(format_args!(
            "90 % intervals held {:.1} % of held-out rows before calibration, {:.1} % after",
            100.0 * before,
            100.0 * after
        )),
        None => Ok(()),
    }
}
