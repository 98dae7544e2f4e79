//! `apd reproduce` and `apd sample-posterior`: the command line's options laid over a settings file, then the run.

use std::num::{IntErrorKind, ParseIntError};
use std::path::Path;

use anyhow::{Context, Result, bail};
use apd_tasks::{Config, Error, Laboratory, RunOptions, TASKS};

use crate::arguments::{Reproduce, Run, SamplePosterior};
use crate::bank::say_bank;
use crate::output::say;
use crate::progress::{Terminal, stop_on_signals};
use crate::usage::Usage;

/// Runs the experiments and writes results, report, figures, bank and generator.
pub(crate) fn reproduce(arguments: &Reproduce) -> Result<()> {
    let config = config(arguments)?;
    let out = arguments.out.clone().unwrap_or_else(|| config.default_out());
    let (terminal, options) = start(&arguments.run)?;
    let resume = format!("add --resume to the same command to go on (folder {})", out.display());
    let outcome =
        match apd_tasks::reproduce(apd_tasks::Context::of(&terminal), config, &Laboratory::default(), &out, options) {
            Err(Error::Stopped) => bail!("stopped; everything so far is kept: {resume}"),
            other => other?,
        };
    terminal.finish();
    say(format_args!("\n{}", apd_report::text(&outcome.report, &outcome.results)))?;
    say(format_args!("report:    {}", out.join("report.html").display()))?;
    say(format_args!("results:   {}", out.join("results.json").display()))?;
    say(format_args!("generator: {}", out.join("generator.safetensors").display()))?;
    say(format_args!("rerun:     cargo xtask reproduce --config {}", out.join("config.toml").display()))?;
    Ok(())
}

/// Samples a posterior into a bank.
pub(crate) fn sample_posterior(arguments: &SamplePosterior) -> Result<()> {
    let mut table = settings(&arguments.config)?;
    lay_over(&mut table, &arguments.run)?;
    let config = typed(table, Config::check_sampling)?;
    let (terminal, options) = start(&arguments.run)?;
    let (context, chain) = (apd_tasks::Context::of(&terminal), arguments.chain);
    let info = match apd_tasks::sample_posterior(context, config, &arguments.out, chain, options) {
        Err(Error::Stopped) => bail!("stopped; add --resume to the same command to go on"),
        other => other?,
    };
    say_bank(&info)
}

/// A settings file as a table; a mistake in it is one of usage, told with its path.
fn settings(path: &Path) -> Result<toml::Table> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(text.parse().map_err(|e| Usage(format!("{}: not TOML: {e}", path.display())))?)
}

/// The table as a configuration whose settings are in range; a mistake in them is one of usage.
fn typed(table: toml::Table, check: impl FnOnce(&Config) -> Result<(), Error>) -> Result<Config> {
    let typed = apd_tasks::configure(table, TASKS).and_then(|config| check(&config).map(|()| config));
    Ok(typed.map_err(|e| Usage(e.to_string()))?)
}

/// The settings file (or nothing), with the options of the command line over it.
fn config(arguments: &Reproduce) -> Result<Config> {
    let mut table = match &arguments.config {
        Some(path) => settings(path)?,
        None => toml::Table::new(),
    };
    lay_over(&mut table, &arguments.run)?;
    // These choose the defaults of all other settings, which a file that names them may have pinned.
    let chosen = [
        ("dataset", arguments.dataset.map(|dataset| dataset.name())),
        ("net", arguments.net.map(|net| net.name())),
        ("profile", arguments.profile.map(|profile| profile.name())),
    ];
    for (key, wanted) in chosen {
        let Some(wanted) = wanted else { continue };
        match table.get(key).and_then(toml::Value::as_str) {
            Some(there) if there != wanted => {
                let message = format!("--{key} {wanted}: the settings file is for {key} {there}");
                return Err(Usage(message).into());
            }
            _ => {
                table.insert(key.into(), wanted.into());
            }
        }
    }
    let mut set = |key: &str, value: toml::Value| table.insert(key.into(), value);
    if let Some(dir) = &arguments.data_dir {
        set("data-dir", utf8(dir)?.into());
    }
    if let Some(seed) = arguments.seed {
        let seed = i64::try_from(seed).map_err(|_| Usage(format!("--seed {seed}: must be below 2^63")))?;
        set("seed", seed.into());
    }
    if !arguments.only.is_empty() {
        set("tasks", arguments.only.clone().into());
    }
    if !arguments.ood.is_empty() {
        let mut sets = Vec::new();
        for pair in &arguments.ood {
            let Some((name, path)) = pair.split_once('=').filter(|(name, path)| !name.is_empty() && !path.is_empty())
            else {
                return Err(Usage(format!("--ood {pair}: expected NAME=PATH")).into());
            };
            sets.push(toml::Value::Table(
                [("name", name), ("path", path)].map(|(k, v)| (k.into(), v.into())).into_iter().collect(),
            ));
        }
        set("user-ood", sets.into());
    }
    typed(table, |config| apd_tasks::check(config, TASKS))
}

/// Sizes the thread pool, and arranges for a run to be watched and stopped.
fn start(run: &Run) -> Result<(Terminal, RunOptions)> {
    threads(run.threads)?;
    stop_on_signals()?;
    let terminal = Terminal::new().checkpoint_every(run.checkpoint_seconds)?;
    Ok((terminal, RunOptions { resume: run.resume, force: run.force }))
}

/// Lays `--set` over the settings, where a value that is no TOML is text (but a number too large for TOML is a mistake), `--until` and
/// `--on-divergence` over those.
fn lay_over(table: &mut toml::Table, run: &Run) -> Result<()> {
    for setting in &run.set {
        let split = setting.split_once('=').filter(|(key, _)| !key.is_empty());
        let (key, value) = split.ok_or_else(|| Usage(format!("--set {setting}: expected KEY=VALUE")))?;
        let parsed = format!("value = {value}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("value"));
        let overflows = |e: &ParseIntError| matches!(e.kind(), IntErrorKind::PosOverflow | IntErrorKind::NegOverflow);
        if parsed.is_none() && value.trim().parse::<i64>().is_err_and(|e| overflows(&e)) {
            return Err(Usage(format!("--set {setting}: whole numbers are from -2^63 to 2^63 - 1")).into());
        }
        set(table, key, parsed.unwrap_or_else(|| value.into()))?;
    }
    if let Some(ess) = run.until {
        set(table, "sgld.until-ess", ess.into())?;
    }
    match run.on_divergence {
        Some(wanted) => set(table, "sgld.on-divergence", toml::Value::try_from(wanted)?),
        None => Ok(()),
    }
}

/// Sets `section.key`.
fn set(table: &mut toml::Table, key: &str, value: toml::Value) -> Result<()> {
    match key.split_once('.') {
        None => {
            table.insert(key.into(), value);
            Ok(())
        }
        Some((section, rest)) => {
            let inner = table.entry(section).or_insert_with(|| toml::Table::new().into());
            let inner = inner.as_table_mut().ok_or_else(|| Usage(format!("{key}: `{section}` is not a section")))?;
            set(inner, rest, value)
        }
    }
}

fn utf8(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{}: not a UTF-8 path", path.display()))
}

/// Sizes the thread pool; the numbers do not depend on it.
pub(crate) fn threads(threads: Option<usize>) -> Result<()> {
    match threads {
        Some(0) => Err(Usage("--threads 0: at least one is needed".into()).into()),
        threads => {
            rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build_global()?;
            Ok(())
        }
    }
}
