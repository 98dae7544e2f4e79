//! `apd reproduce` and `apd sample-posterior`: the command line's options laid over a settings file, then the run.

use std::path::Path;

use anyhow::{Context, Result, bail};
use apd_tasks::{Config, Error, Launch, OnDivergence};

use crate::arguments::{Reproduce, SamplePosterior};
use crate::progress::{Terminal, stop_on_signals};
use crate::usage::Usage;

/// Runs the experiments and writes results, report, figures, bank and generator.
pub(crate) fn reproduce(arguments: &Reproduce) -> Result<()> {
    let config = config(arguments)?;
    let out = arguments.out.clone().unwrap_or_else(|| config.default_out());
    threads(arguments.threads)?;
    stop_on_signals()?;
    let resume = format!("add --resume to the same command to go on (folder {})", out.display());
    let terminal = Terminal::new().checkpoint_every(arguments.checkpoint_seconds)?;
    let launch = Launch { resume: arguments.resume, force: arguments.force };
    let outcome = match apd_tasks::reproduce(config, &out, launch, &terminal) {
        Err(Error::Stopped) => bail!("stopped; everything so far is kept: {resume}"),
        other => other?,
    };
    print!("{}", apd_report::markdown(&outcome.report, &outcome.results));
    println!("\nreport:    {}", out.join("report.html").display());
    println!("results:   {}", out.join("results.json").display());
    println!("generator: {}", out.join("generator.safetensors").display());
    println!("rerun:     cargo xtask reproduce --config {}", out.join("config.toml").display());
    Ok(())
}

/// Samples a posterior into a bank.
pub(crate) fn sample_posterior(arguments: &SamplePosterior) -> Result<()> {
    let mut table = settings(&arguments.config)?;
    set_all(&mut table, &arguments.set)?;
    set_on_divergence(&mut table, arguments.on_divergence)?;
    let config = validated(&table)?;
    threads(arguments.threads)?;
    stop_on_signals()?;
    let terminal = Terminal::new().checkpoint_every(arguments.checkpoint_seconds)?;
    let launch = Launch { resume: arguments.resume, force: arguments.force };
    let info = match apd_tasks::sample_posterior(config, &arguments.out, launch, &terminal) {
        Err(Error::Stopped) => bail!("stopped; add --resume to the same command to go on"),
        other => other?,
    };
    println!("{info}");
    Ok(())
}

/// A settings file as a table; a mistake in it is one of usage, told with its path.
fn settings(path: &Path) -> Result<toml::Table> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(text.parse().map_err(|e| Usage(format!("{}: not TOML: {e}", path.display())))?)
}

fn validated(table: &toml::Table) -> Result<Config> {
    Ok(Config::from_toml(&toml::to_string(table)?).map_err(|e| Usage(e.to_string()))?)
}

/// The settings file (or nothing), with the options of the command line over it.
fn config(arguments: &Reproduce) -> Result<Config> {
    let mut table = match &arguments.config {
        Some(path) => settings(path)?,
        None => toml::Table::new(),
    };
    set_all(&mut table, &arguments.set)?;
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
        let names: Vec<toml::Value> = arguments.only.iter().map(|task| task.name().into()).collect();
        set("tasks", names.into());
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
    set_on_divergence(&mut table, arguments.on_divergence)?;
    validated(&table)
}

/// Lays `key=value` over the settings; a value that is no TOML is text.
fn set_all(table: &mut toml::Table, settings: &[String]) -> Result<()> {
    for setting in settings {
        let refuse = |why: &str| Usage(format!("--set {setting}: {why}"));
        let (key, value) = setting.split_once('=').ok_or_else(|| refuse("expected KEY=VALUE"))?;
        let parsed = format!("value = {value}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("value"));
        let value = parsed.unwrap_or_else(|| value.into());
        let mut section = &mut *table;
        let mut path: Vec<&str> = key.split('.').collect();
        let name = path.pop().filter(|name| !name.is_empty()).ok_or_else(|| refuse("expected KEY=VALUE"))?;
        for part in path {
            let inner = section.entry(part).or_insert_with(|| toml::Table::new().into());
            section = inner.as_table_mut().ok_or_else(|| refuse(&format!("`{part}` is not a section")))?;
        }
        section.insert(name.into(), value);
    }
    Ok(())
}

fn set_on_divergence(table: &mut toml::Table, wanted: Option<OnDivergence>) -> Result<()> {
    let Some(wanted) = wanted else { return Ok(()) };
    let sgld = table.entry("sgld").or_insert_with(|| toml::Table::new().into());
    let sgld = sgld.as_table_mut().ok_or_else(|| Usage("[sgld]: not a section".into()))?;
    sgld.insert("on-divergence".into(), toml::Value::try_from(wanted)?);
    Ok(())
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
