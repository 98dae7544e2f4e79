//! From the data to the posterior bank: several SGLD chains at once, each with its own part of the bank.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use apd_nn::Model as _;
use apd_points::Layout;
use apd_sgmcmc::ChainState;
use apd_store::{Bank, BankInfo, BankWriter, ChainWriter, Header, checkpoint};
use apd_uncertainty::accuracy;
use rayon::prelude::*;

use crate::config::Config;
use crate::context::Context;
use crate::error::{self, Error, Result};
use crate::estimate::ResourceEstimate;
use crate::experiment::{Experiment, RunOptions};
use crate::method::Method;
use crate::supervised_chain::{Recipe, SgldChain, SupervisedChain};

/// Steps between looks at the clock, the stop flag and the progress bar.
const STRIDE: u64 = 200;
/// Looks at the first chain's accuracy during a run.
const LOOKS: u64 = 50;
/// Validation images of one look.
const LOOK_IMAGES: usize = 2_000;
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
    sample_concurrently(context, experiment, path, 0)
}

/// The same beside so many runs of other kinds.
pub(crate) fn sample_concurrently(
    context: Context<'_>,
    experiment: &Experiment,
    path: &Path,
    others: usize,
) -> Result<Sampled> {
    let Experiment { config, network, split, .. } = experiment;
    let sgld = &config.sgld;
    let recipe = Recipe::new(experiment, sgld.chains + others);
    let seed = recipe.seed;
    let writer = match path.join("manifest.json").exists() {
        true => BankWriter::resume(path)?,
        false => BankWriter::create(path, header(config, &network.row_layout()))?,
    };
    let mut chains: Vec<(SupervisedChain<SgldChain>, ChainWriter)> = Vec::new();
    for number in 0..sgld.chains as u32 {
        let state = state_path(path, number);
        let writer = writer.chain(number)?;
        let supervised = match checkpoint::exists(&state) {
            false => SupervisedChain::new(recipe.start(number)?),
            true => {
                let supervised = checkpoint::load::<SupervisedChain<ChainState>>(&state, KIND)?.value;
                // A repair took them; going on from here would leave a gap.
                if supervised.chain.last_sample > writer.last_step() {
                    context.progress.note(&format!(
                        "chain {number}: the bank has lost rows from before the chain's checkpoint; it starts again, and \
                         what is there stays"
                    ));
                    SupervisedChain::new(recipe.start(number)?)
                } else {
                    supervised.resume(&recipe)?
                }
            }
        };
        chains.push((supervised, writer));
    }
    let summary = recipe.start(0)?.summary()?.to_string();
    context.progress.note(&summary);

    let total = sgld.steps * sgld.chains as u64;
    let done = AtomicU64::new(chains.iter().map(|(supervised, _)| supervised.chain.progress().step).sum());
    context.progress.begin("sgld", total, done.load(Ordering::Relaxed));
    let validation = split.validation.take(LOOK_IMAGES);
    let look = |position: &[f32]| -> Result<String> {
        let images = validation.images.pixels.view();
        let row = experiment.row(position);
        let predictive = Method::Point(&row).predict(network, 1, seed, images)?;
        let accuracy = accuracy(predictive.mean().view(), &validation.labels)?;
        Ok(format!("validation accuracy of one sample {:.2} %", 100.0 * accuracy))
    };
    let look_every = (sgld.steps / LOOKS).max(1);
    let advance = |before: u64, chain: &SgldChain| -> Result<()> {
        let step = chain.progress().step;
        let taken = done.fetch_add(step - before, Ordering::Relaxed) + (step - before);
        // The first chain speaks for all.
        let due = chain.chain() == 0 && step / look_every > before / look_every;
        context.progress.advance(taken, if due { Some(look(chain.position())?) } else { None });
        Ok(())
    };
    let outcomes: Vec<Result<Option<String>>> = chains
        .into_par_iter()
        .with_max_len(1)
        .map(|(mut supervised, mut writer)| {
            let outcome = into_bank(context, &mut supervised, &recipe, &mut writer, path, &advance);
            // Whatever ended the chain, the rows before it are good.
            writer.finish()?;
            outcome
        })
        .collect();
    let diverged: Vec<String> = error::all(outcomes)?.into_iter().flatten().collect();
    context.progress.end();
    diverged.iter().for_each(|what| context.progress.note(what));
    if Bank::open(path)?.is_empty() {
        return Err(Error::Config(format!("no chain has kept a sample: {}", diverged.join("; "))));
    }
    Ok(Sampled { summary, diverged })
}

/// Takes the chain to its end, its samples into the bank, and its state to disk every so often; what there is to say if it diverged.
fn into_bank(
    context: Context<'_>,
    supervised: &mut SupervisedChain<SgldChain>,
    recipe: &Recipe<'_>,
    writer: &mut ChainWriter,
    bank: &Path,
    advance: &(dyn Fn(u64, &SgldChain) -> Result<()> + Sync),
) -> Result<Option<String>> {
    let (number, steps) = (supervised.chain.chain(), supervised.chain.config().steps);
    let mut saved = Instant::now();
    while supervised.chain.progress().step < steps {
        let before = supervised.chain.progress().step;
        supervised.run_until(recipe, steps.min(before + STRIDE), &mut |sample| {
            // A chain that went back to its checkpoint gives the rows after it once more.
            if writer.last_step().is_none_or(|last| sample.step > last) {
                let row = recipe.experiment.row(sample.position);
                writer.push(sample.step, sample.weight, sample.potential, &row)?;
            }
            Ok(())
        })?;
        if supervised.was_dropped() {
            return Ok(supervised.said().map(|said| format!("{said}: {} samples stay", writer.rows())));
        }
        advance(before, &supervised.chain)?;
        let (stop, finished) = (context.control.stop_requested(), supervised.chain.progress().step == steps);
        if stop || finished || saved.elapsed() >= context.control.checkpoint_every() {
            writer.flush()?;
            checkpoint::save(state_path(bank, number), KIND, &supervised.state())?;
            saved = Instant::now();
        }
        if stop {
            return Err(Error::Stopped);
        }
    }
    Ok(supervised.said())
}

/// Samples a posterior into a bank, apart from any other stage.
///
/// **Errors.** With [`RunOptions::resume`], a bank of other settings; without it, a folder that holds a bank already.
pub fn sample_posterior(context: Context<'_>, config: Config, path: &Path, options: RunOptions) -> Result<BankInfo> {
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
        if found != wanted {
            return Err(Error::ConfigChanged {
                path: path.to_path_buf(),
                difference: crate::folder::difference(&found, &wanted),
            });
        }
    }
    sample(context, &experiment, path)?;
    Ok(Bank::open(path)?.info())
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
