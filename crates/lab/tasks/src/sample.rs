//! From the data to the posterior bank: several chains at once, each with its own part of the bank.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use apd_nn::Model as _;
use apd_points::Layout;
use apd_sgmcmc::Summary;
use apd_store::{Bank, BankInfo, BankWriter, ChainWriter, Header, checkpoint};
use apd_uncertainty::accuracy;
use rayon::prelude::*;

use crate::config::{Config, SgldConfig};
use crate::context::Context;
use crate::diagnose::agreement;
use crate::error::{self, Error, Result};
use crate::estimate::ResourceEstimate;
use crate::experiment::{Experiment, RunOptions};
use crate::named_posterior::averaged;
use crate::stage::{Stage, drive, saved};
use crate::supervised_chain::{PipelineChain, PipelineState, Recipe, SupervisedChain};

/// Steps between checks of the clock, the stop flag and the progress bar.
const STRIDE: u64 = 200;
/// Looks at the first chain's accuracy during a run.
const LOOKS: u64 = 50;
/// Validation images of one evaluation.
const LOOK_IMAGES: usize = 2_000;
/// Parts of the steps after burn-in; after each the chains are compared.
const ROUNDS: u64 = 8;
const KIND: &str = "chain";

/// A sampled posterior.
pub struct Sampled {
    /// What the sampler's settings amount to.
    pub summary: String,
    /// Chains that diverged and what became of them, a sentence each.
    pub diverged: Vec<String>,
}

/// Samples the experiment's posterior into the bank at `path`; goes on with the bank and its chains where there are any.
pub fn sample(context: Context<'_>, experiment: &Experiment, path: &Path) -> Result<Sampled> {
    let chains = experiment.config.sgld.chains;
    sample_chains(context, experiment, path, 0..chains as u32, chains)
}

/// The same of some of its chains, where so many chains and networks in all are trained at the same time.
pub(crate) fn sample_chains(
    context: Context<'_>,
    experiment: &Experiment,
    path: &Path,
    numbers: Range<u32>,
    concurrent: usize,
) -> Result<Sampled> {
    let Experiment { config, network, split, .. } = experiment;
    let sgld = &config.sgld;
    let recipe = Recipe::new(experiment, concurrent);
    let writer = match path.join("manifest.json").exists() {
        true => BankWriter::resume(path)?,
        false => BankWriter::create(path, header(config, &network.row_layout()))?,
    };
    let mut left = Vec::new();
    for number in numbers.clone() {
        let writer = writer.chain(number)?;
        let state = saved::<SupervisedChain<PipelineState>>(&state_path(path, number), KIND)?;
        // A repair took them; going on from there would leave a gap.
        let gap = state.as_ref().is_some_and(|state| state.chain.last_sample > writer.last_step());
        if gap {
            context.progress.warn(&format!(
                "chain {number}: the bank has lost rows from before the chain's checkpoint; it starts again, and what is there stays"
            ));
        }
        left.push((number, state.filter(|_| !gap), writer));
    }
    let begin = |(number, state, writer): (u32, Option<SupervisedChain<PipelineState>>, ChainWriter)| {
        let supervised = match state {
            None => recipe.start(context, number)?,
            Some(state) => state.resume(&recipe)?,
        };
        Ok((supervised, writer))
    };
    let chains = left.into_par_iter().with_max_len(1).map(begin).collect::<Vec<Result<_>>>();
    let chains: Vec<(SupervisedChain<PipelineChain>, ChainWriter)> = error::all(chains)?;
    // Of its start, though the chain may have gone on: a run that was interrupted says the same.
    let mut first = recipe.start(context, numbers.start)?;
    let summary = first.chain.summary()?;
    let Summary { unmoved, dim, .. } = summary;
    if unmoved > 0 {
        context
            .progress
            .warn(&format!("{unmoved} of {dim} coordinates do not move: steps are below half an ulp of them"));
    }
    let summary = match first.tuning {
        Some(tuning) => format!("{summary}\nmeasured at its start: {tuning}"),
        None => summary.to_string(),
    };
    context.progress.note(&summary);

    let total = sgld.steps * u64::from(numbers.end - numbers.start);
    let done = AtomicU64::new(chains.iter().map(|(supervised, _)| supervised.chain.progress().step).sum());
    context.progress.begin("sgld", total, done.load(Ordering::Relaxed));
    let validation = split.validation.take(LOOK_IMAGES);
    let look = |position: &[f32]| -> Result<String> {
        let images = validation.images.pixels.view();
        let row = experiment.row(position);
        let predictive = averaged(network, [&row], images);
        let accuracy = accuracy(predictive.mean().view(), &validation.labels)?;
        Ok(format!("validation accuracy of one sample {:.2} %", 100.0 * accuracy))
    };
    let look_every = (sgld.steps / LOOKS).max(1);
    let advance = |before: u64, supervised: &SupervisedChain<PipelineChain>| -> Result<()> {
        let chain = &supervised.chain;
        let step = chain.progress().step;
        let taken = done.fetch_add(step - before, Ordering::Relaxed) + (step - before);
        // The first chain speaks for all.
        let due = chain.chain() == numbers.start && step / look_every > before / look_every;
        context.progress.advance(taken, if due { Some(look(&supervised.theta())?) } else { None });
        Ok(())
    };
    let begin = |(supervised, writer): (SupervisedChain<PipelineChain>, ChainWriter)| {
        let path = state_path(path, supervised.chain.chain());
        Sampling { recipe: &recipe, supervised, writer, path, until: 0, failed: None, advance: &advance }
    };
    let mut chains: Vec<Sampling<'_>> = chains.into_iter().map(begin).collect();
    for round in 1..=ROUNDS {
        let until = sgld.burn_in.min(sgld.steps) + sgld.steps.saturating_sub(sgld.burn_in) * round / ROUNDS;
        chains.par_iter_mut().with_max_len(1).for_each(|chain| chain.run_until(context, until));
        if chains.iter().any(|chain| matches!(chain.failed, Some(Error::Stopped))) {
            break;
        }
        let Some(found) = agreement(experiment, &Bank::open(path)?, until) else { continue };
        context.progress.advance(done.load(Ordering::Relaxed), Some(format!("after {until} steps {found}")));
        // A goal is that of all chains: one that is a job of its own goes to its end.
        if numbers.len() == sgld.chains && sgld.until_ess.is_some_and(|goal| found.ess >= goal) {
            break;
        }
    }
    let outcomes: Vec<Result<Option<String>>> = chains.into_iter().map(Sampling::finish).collect();
    let diverged: Vec<String> = error::all(outcomes)?.into_iter().flatten().collect();
    context.progress.end();
    diverged.iter().for_each(|what| context.progress.warn(what));
    if Bank::open(path)?.is_empty() {
        return Err(Error::Config(format!("no chain has kept a sample: {}", diverged.join("; "))));
    }
    Ok(Sampled { summary, diverged })
}

/// A chain on its way into the bank.
struct Sampling<'a> {
    recipe: &'a Recipe<'a>,
    supervised: SupervisedChain<PipelineChain>,
    writer: ChainWriter,
    path: PathBuf,
    /// The step at which the round ends.
    until: u64,
    /// What ended it for good.
    failed: Option<Error>,
    /// Told of the step before, and the chain.
    advance: &'a (dyn Fn(u64, &SupervisedChain<PipelineChain>) -> Result<()> + Sync),
}

impl Sampling<'_> {
    /// Goes on to a step, unless it has failed; its rows are in the bank then.
    fn run_until(&mut self, context: Context<'_>, until: u64) {
        self.until = until;
        if self.failed.is_none() {
            // Whatever ends the chain, the rows before it are good.
            let outcome = drive(context, self).and(self.writer.flush().map_err(Error::from));
            self.failed = outcome.err();
        }
    }

    /// What there is to say if it diverged.
    fn finish(self) -> Result<Option<String>> {
        let Self { supervised, writer, failed, .. } = self;
        let rows = writer.rows();
        writer.finish()?;
        failed.map_or(Ok(()), Err)?;
        Ok(supervised.said().map(|said| match supervised.was_dropped() {
            true => format!("{said}: {rows} samples stay"),
            false => said,
        }))
    }
}

impl Stage for Sampling<'_> {
    fn is_finished(&self) -> bool {
        self.supervised.was_dropped() || self.supervised.chain.progress().step >= self.until
    }

    fn step(&mut self, _context: Context<'_>) -> Result<()> {
        let Self { recipe, supervised, writer, advance, until, .. } = self;
        let before = supervised.chain.progress().step;
        supervised.run_until(recipe, (*until).min(before + STRIDE), &mut |sample| {
            // A chain that went back to its checkpoint gives the rows after it once more.
            if writer.last_step().is_none_or(|last| sample.step > last) {
                let row = recipe.experiment.row(sample.position);
                writer.push(sample.step, sample.weight, sample.potential, &row)?;
            }
            Ok(())
        })?;
        advance(before, supervised)
    }

    /// A chain that was dropped leaves the state before that: a run that goes on may restart it instead.
    fn save(&mut self) -> Result<()> {
        if self.supervised.was_dropped() {
            return Ok(());
        }
        self.writer.flush()?;
        Ok(checkpoint::save(&self.path, KIND, &self.supervised.state())?)
    }
}

/// Samples a posterior into a bank, apart from any other stage: all of its chains, or one, as a job of its own
/// ([`merge_banks`] makes one bank of such jobs').
///
/// A chain is a function of data, settings, seed and its number, so that a bank may be gone on with by more chains and longer ones.
///
/// **Errors.** With [`RunOptions::resume`], a bank of another posterior, or one with more or longer chains than these; without it, a folder that holds a
/// bank already; a number that no chain has.
pub fn sample_posterior(
    context: Context<'_>,
    config: Config,
    path: &Path,
    chain: Option<u32>,
    options: RunOptions,
) -> Result<BankInfo> {
    config.check_sampling()?;
    let chains = config.sgld.chains as u32;
    let numbers = match chain {
        None => 0..chains,
        Some(chain) if chain < chains => chain..chain + 1,
        Some(chain) => {
            let last = chains - 1;
            return Err(Error::Config(format!("chain {chain}: sgld.chains = {chains}, they are 0 to {last}")));
        }
    };
    let experiment = Experiment::in_memory(config)?;
    context
        .progress
        .note(&format!("this run takes {}", ResourceEstimate::of_sampling(&experiment).check(path, options.force)?));
    if path.join("manifest.json").exists() {
        let bank = Bank::open(path)?;
        let (found, wanted) = (settings(bank.header()), experiment.config.identity());
        if !options.resume {
            return Err(Error::Config(format!(
                "{}: there is a bank already; --resume goes on with it",
                path.display()
            )));
        }
        if posterior(&found) != posterior(&wanted) {
            return Err(Error::ConfigChanged {
                path: path.to_path_buf(),
                difference: crate::folder::difference(&found, &wanted),
            });
        }
        no_longer(&bank, &experiment.config)?;
    }
    let concurrent = numbers.len();
    sample_chains(context, &experiment, path, numbers, concurrent)?;
    Ok(Bank::open(path)?.info())
}

/// One bank of several that were sampled apart, with the checkpoints of their chains, so that it can be gone on with.
///
/// **Errors.** Banks of other data, another split (which the seed decides) or other settings, but for the number of chains and their
/// steps; a chain that two of them have; a folder that holds a bank already.
pub fn merge_banks(paths: &[PathBuf], out: &Path) -> Result<BankInfo> {
    let banks = paths.iter().map(Bank::open).collect::<Result<Vec<_>, _>>()?;
    let Some(most) = banks.iter().max_by_key(|bank| bank.info().chains.into_keys().max()) else {
        return Err(Error::Config("no banks to merge".to_owned()));
    };
    for bank in &banks {
        let (found, wanted) = (settings(bank.header()), settings(most.header()));
        if posterior(&found) != posterior(&wanted) {
            let difference = crate::folder::difference(&found, &wanted);
            return Err(Error::ConfigChanged { path: bank.path().to_path_buf(), difference });
        }
    }
    apd_store::merge(&banks, out, most.header().clone())?;
    for bank in &banks {
        for chain in bank.info().chains.into_keys() {
            let state = state_path(bank.path(), chain);
            if state.exists() {
                std::fs::copy(&state, state_path(out, chain)).map_err(|e| apd_points::FileError::io(&state)(e))?;
            }
        }
    }
    Ok(Bank::open(out)?.info())
}

/// The settings that decide what chain K is; not how many chains there are, nor how long they are.
fn posterior(identity: &str) -> toml::Table {
    let mut settings: toml::Table = identity.parse().unwrap_or_default();
    if let Some(toml::Value::Table(sgld)) = settings.get_mut("sgld") {
        sgld.remove("chains");
        sgld.remove("steps");
        sgld.remove("until-ess");
    }
    settings
}

/// Refuses a bank that has chains, or steps, that these settings do not want.
fn no_longer(bank: &Bank, config: &Config) -> Result<()> {
    let SgldConfig { chains, steps, .. } = config.sgld;
    let there = bank.info().chains;
    let most = there.keys().max().map_or(0, |chain| chain + 1);
    let last = there.values().map(|chain| chain.last_step).max().unwrap_or(0);
    match most as usize > chains || last > steps {
        true => Err(Error::Config(format!(
            "{}: has {most} chains of up to {last} steps, and sgld.chains = {chains}, sgld.steps = {steps} want fewer",
            bank.path().display()
        ))),
        false => Ok(()),
    }
}

/// The state of a chain lies beside its rows: a bank that is still being sampled carries what it needs to go on.
fn state_path(bank: &Path, chain: u32) -> PathBuf {
    bank.join(format!("chain-{chain}.ckpt"))
}

fn header(config: &Config, layout: &Layout) -> Header {
    let metadata = BTreeMap::from([("config".to_string(), config.identity())]);
    Header { layout: layout.clone(), metadata, ..Header::new(layout.len()) }
}

fn settings(header: &Header) -> String {
    header.metadata.get("config").cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests;
