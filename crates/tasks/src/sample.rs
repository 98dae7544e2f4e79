//! From the data to the posterior bank: several SGLD chains at once, each with its own part of the bank.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use apd_bnn::NetworkPotential;
use apd_nn::Layout;
use apd_seed::Seed;
use apd_sgmcmc::{Chain, ChainConfig, ChainError, ChainState, Progress, Schedule, Sgld, from_mean_loss};
use apd_store::{Bank, BankInfo, BankWriter, ChainWriter, Header, checkpoint};
use apd_uncertainty::accuracy;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::budget::Budget;
use crate::config::{Config, OnDivergence};
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::method::Method;
use crate::observer::Observer;
use crate::reproduce::Launch;

/// Steps between looks at the clock, the stop flag and the progress bar.
const STRIDE: u64 = 200;
/// Looks at the first chain's accuracy during a run.
const LOOKS: u64 = 50;
/// Validation images of one look.
const LOOK_IMAGES: usize = 2_000;
const KIND: &str = "chain";

/// Restarts of one chain before it is given up.
const RESTARTS: u32 = 3;
/// A chain explodes above this many times the potential of a network that guesses, whose weights are those of the prior. Chains that
/// sample are below twice of it.
const EXPLODED: f64 = 100.0;

/// A sampled posterior.
pub struct Sampled {
    /// What the sampler's settings amount to.
    pub summary: String,
    /// Chains that diverged and what became of them, a sentence each.
    pub diverged: Vec<String>,
}

/// A chain, and what it takes to go on after it has diverged.
#[derive(Serialize, Deserialize)]
struct Walk<C> {
    chain: C,
    /// Times that it was restarted.
    restarts: u32,
    /// Its last sample.
    last: Option<Vec<f32>>,
}

/// Samples the experiment's posterior into the bank at `path`; goes on with the bank and its chains where there are any.
pub fn sample(experiment: &Experiment, path: &Path, observer: &dyn Observer) -> Result<Sampled> {
    let Experiment { config, network, split, .. } = experiment;
    let sgld = &config.sgld;
    let recipe = Recipe::new(experiment, sgld.chains);
    let seed = recipe.seed;
    let writer = match path.join("manifest.json").exists() {
        true => BankWriter::resume(path)?,
        false => BankWriter::create(path, header(config, &network.row_layout()))?,
    };
    let mut chains: Vec<(Walk<SgldChain>, ChainWriter)> = Vec::new();
    for number in 0..sgld.chains as u32 {
        let state = state_path(path, number);
        let writer = writer.chain(number)?;
        let walk = match checkpoint::exists(&state) {
            false => Walk::new(recipe.start(number)?),
            true => {
                let Walk { chain, restarts, last } = checkpoint::load::<Walk<ChainState>>(&state, KIND)?.value;
                // A repair took them; going on from here would leave a gap.
                if chain.last_sample > writer.last_step() {
                    observer.note(&format!(
                        "chain {number}: the bank has lost rows from before the chain's checkpoint; it walks again from its start, and \
                         what is there stays"
                    ));
                    Walk::new(recipe.start(number)?)
                } else {
                    Walk { chain: recipe.resume(chain)?, restarts, last }
                }
            }
        };
        chains.push((walk, writer));
    }
    let summary = recipe.start(0)?.summary().to_string();
    observer.note(&summary);

    let total = sgld.steps * sgld.chains as u64;
    let done = AtomicU64::new(chains.iter().map(|(walk, _)| walk.chain.progress().step).sum());
    observer.begin("sgld", total, done.load(Ordering::Relaxed));
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
        observer.advance(taken, if due { Some(look(chain.position())?) } else { None });
        Ok(())
    };
    let outcomes: Vec<Result<Option<String>>> = chains
        .into_par_iter()
        .with_max_len(1)
        .map(|(mut walk, mut writer)| {
            let outcome = walk.walk_on(&recipe, &mut writer, path, observer, &advance);
            // Whatever ended the chain, the rows before it are good.
            writer.finish()?;
            outcome
        })
        .collect();
    // That a chain was asked to stop is no news beside what went wrong in another.
    let (stopped, outcomes): (Vec<_>, Vec<_>) =
        outcomes.into_iter().partition(|outcome| matches!(outcome, Err(Error::Stopped)));
    let said = outcomes.into_iter().collect::<Result<Vec<_>>>()?;
    stopped.into_iter().collect::<Result<Vec<_>>>()?;
    let diverged: Vec<String> = said.into_iter().flatten().collect();
    observer.end();
    diverged.iter().for_each(|what| observer.note(what));
    if Bank::open(path)?.is_empty() {
        return Err(Error::Config(format!("no chain has kept a sample: {}", diverged.join("; "))));
    }
    Ok(Sampled { summary, diverged })
}

pub(crate) type SgldChain = Chain<NetworkPotential, Sgld>;

/// How the configuration's chains are made.
pub(crate) struct Recipe<'a> {
    experiment: &'a Experiment,
    /// Chains that run at the same time.
    at_once: usize,
    sampler: Sgld,
    length: ChainConfig,
    prior_precision: f64,
    seed: Seed,
}

impl<'a> Recipe<'a> {
    pub(crate) fn new(experiment: &'a Experiment, at_once: usize) -> Self {
        let sgld = &experiment.config.sgld;
        let (step_size, prior_precision) = from_mean_loss(sgld.lr, sgld.weight_decay, experiment.split.train.len());
        Self {
            experiment,
            at_once,
            sampler: Sgld::new(Schedule::Constant(step_size), sgld.temperature),
            length: ChainConfig {
                steps: sgld.steps,
                burn_in: sgld.burn_in,
                thinning: sgld.thinning,
                batch_size: sgld.batch,
            },
            prior_precision,
            seed: experiment.seed.child("sgld"),
        }
    }

    /// A chain at its start.
    pub(crate) fn start(&self, number: u32) -> Result<SgldChain> {
        let potential = self.experiment.potential(self.prior_precision, self.at_once)?;
        Ok(Chain::new(number, potential, self.sampler, self.length, self.seed, self.initial(number, 0))?)
    }

    /// Where a chain starts, the first time and after some restarts.
    fn initial(&self, number: u32, restarts: u32) -> Vec<f32> {
        let seed = self.seed.child("initial").index(u64::from(number));
        let seed = if restarts == 0 { seed } else { seed.child("restart").index(u64::from(restarts)) };
        self.experiment.network.initialize(seed)
    }

    /// The potential of a network that gives each class the same probability, its weights drawn from the prior: N·ln K + d/2 nats.
    fn guessing(&self) -> f64 {
        let train = &self.experiment.split.train;
        train.len() as f64 * (train.classes as f64).ln() + 0.5 * self.experiment.network.dim() as f64
    }

    /// A chain where it was.
    pub(crate) fn resume(&self, state: ChainState) -> Result<SgldChain> {
        let potential = self.experiment.potential(self.prior_precision, self.at_once)?;
        Ok(Chain::resume(potential, self.sampler, self.length, self.seed, state)?)
    }
}

impl Walk<SgldChain> {
    fn new(chain: SgldChain) -> Self {
        Self { chain, restarts: 0, last: None }
    }

    /// Takes the chain to its end, its samples into the bank, and its state to disk every so often; what there is to say if it diverged.
    fn walk_on(
        &mut self,
        recipe: &Recipe<'_>,
        writer: &mut ChainWriter,
        bank: &Path,
        observer: &dyn Observer,
        advance: &(dyn Fn(u64, &SgldChain) -> Result<()> + Sync),
    ) -> Result<Option<String>> {
        let (number, steps) = (self.chain.chain(), self.chain.config().steps);
        let mut saved = Instant::now();
        while self.chain.progress().step < steps {
            let before = self.chain.progress().step;
            let outcome = self.stride(recipe, writer);
            let at = self.chain.progress().step;
            match (outcome, recipe.experiment.config.sgld.on_divergence) {
                (Ok(()), _) => {}
                (Err(Error::Chain(ChainError::Diverged { .. }) | Error::Exploded { .. }), OnDivergence::Drop) => {
                    return Ok(Some(format!(
                        "chain {number} diverged at step {at} and was dropped: {} samples stay",
                        writer.rows()
                    )));
                }
                (Err(Error::Chain(ChainError::Diverged { .. }) | Error::Exploded { .. }), OnDivergence::Restart)
                    if self.restarts < RESTARTS =>
                {
                    self.restarts += 1;
                    let start = self.last.clone().unwrap_or_else(|| recipe.initial(number, self.restarts));
                    self.chain.restart_from(&start);
                }
                (outcome, _) => outcome?,
            }
            advance(before, &self.chain)?;
            let (stop, finished) = (observer.stop_requested(), at == steps);
            if stop || finished || saved.elapsed() >= observer.checkpoint_every() {
                writer.flush()?;
                let state = Walk { chain: self.chain.state(), restarts: self.restarts, last: self.last.clone() };
                checkpoint::save(state_path(bank, number), KIND, &state)?;
                saved = Instant::now();
            }
            if stop {
                return Err(Error::Stopped);
            }
        }
        Ok((self.restarts > 0).then(|| format!("chain {number} diverged and was restarted {} time(s)", self.restarts)))
    }

    /// Some steps.
    fn stride(&mut self, recipe: &Recipe<'_>, writer: &mut ChainWriter) -> Result<()> {
        let (before, exploded) = (self.chain.progress().step, EXPLODED * recipe.guessing());
        for _ in before..self.chain.config().steps.min(before + STRIDE) {
            if let Some(sample) = self.chain.step()? {
                let (chain, step, potential) = (sample.chain, sample.step, sample.potential);
                if potential > exploded {
                    return Err(Error::Exploded { chain, step, potential });
                }
                let last = self.last.get_or_insert_default();
                last.clear();
                last.extend_from_slice(sample.position);
                // A chain that went back to its checkpoint gives the rows after it once more.
                if writer.last_step().is_none_or(|last| sample.step > last) {
                    let row = recipe.experiment.row(sample.position);
                    writer.push(sample.step, sample.weight, sample.potential, &row)?;
                }
            }
        }
        let Progress { chain, step, potential, .. } = self.chain.progress();
        if potential > exploded { Err(Error::Exploded { chain, step, potential }) } else { Ok(()) }
    }
}

/// Samples a posterior into a bank, apart from any other stage.
///
/// **Errors.** With [`Launch::resume`], a bank of other settings; without it, a folder that holds a bank already.
pub fn sample_posterior(config: Config, path: &Path, launch: Launch, observer: &dyn Observer) -> Result<BankInfo> {
    let experiment = Experiment::in_memory(config)?;
    observer.note(&format!("this run takes {}", Budget::of_sampling(&experiment).check(path, launch.force)?));
    if path.join("manifest.json").exists() {
        let bank = Bank::open(path)?;
        let (found, wanted) = (settings(bank.header()), experiment.config.identity());
        if !launch.resume {
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
    sample(&experiment, path, observer)?;
    Ok(Bank::open(path)?.info())
}

/// The state of a chain lies beside its rows: a bank that is still being sampled carries what it needs to go on.
fn state_path(bank: &Path, chain: u32) -> PathBuf {
    bank.join(format!("chain-{chain}.ckpt"))
}

fn header(config: &Config, layout: &Layout) -> Header {
    let layout = layout.entries.iter().map(|entry| (entry.name.clone(), entry.shape.clone())).collect::<Vec<_>>();
    let dim = layout.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
    let metadata = BTreeMap::from([("config".to_string(), config.identity())]);
    Header { layout, metadata, ..Header::new(dim) }
}

fn settings(header: &Header) -> String {
    header.metadata.get("config").cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests;
