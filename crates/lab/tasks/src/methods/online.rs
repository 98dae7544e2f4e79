//! Online distillation: chains and generator go on at the same time, and no more samples are held than a buffer takes.
//!
//! Round by round, the generator learns from the buffer while the chains walk on; then their new samples enter the buffer and the
//! oldest leave. What a round's chains do does not depend on what its generator does, and both have finished before anything is
//! exchanged: the result does not depend on which is faster, nor on the number of threads.

use std::path::PathBuf;

use apd_distill::{Buffer, Generator, Progress, State, Trainer};
use apd_nn::{Model as _, Network};
use apd_points::Posterior;
use apd_report::Color;
use apd_seed::Seed;
use apd_store::{Bank, checkpoint};
use rayon::prelude::*;

use crate::config::Config;
use crate::context::Context;
use crate::distill::{Evaluator, Point};
use crate::error::Result;
use crate::experiment::Experiment;
use crate::method::{Effort, Fitted, Given, Method};
use crate::named_posterior::{Role, network_rows};
use crate::rows::{Rows, push_bytes, push_spread};
use crate::stage::{Stage, drive, saved};
use crate::supervised_chain::{PipelineChain, PipelineState, Recipe, SupervisedChain};

const KIND: &str = "online";
/// Steps of a chain between checks of the stop flag.
const STRIDE: u64 = 200;

/// A generator that learns while the chains walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OnlineGan {
    /// Infinite chains: they restart from networks of the generator in each round, where else the samples are those of the bank.
    pub(crate) restarts: bool,
}

impl Method for OnlineGan {
    fn name(&self) -> &'static str {
        if self.restarts { "apd-online-infinite" } else { "apd-online" }
    }

    fn doc(&self) -> &'static str {
        match self.restarts {
            false => "The samples, distilled by the GAN while the chains walk",
            true => "The same, the chains restarting from networks of the generator",
        }
    }

    fn color(&self) -> Option<Color> {
        Some(Color(if self.restarts { 0x0088_2255 } else { 0x00A0_522D }))
    }

    fn role(&self) -> Role {
        Role::Online
    }

    fn is_enabled(&self, config: &Config, _network: &Network) -> bool {
        config.online.rounds > 0 && (config.online.infinite || !self.restarts)
    }

    fn effort(&self, experiment: &Experiment) -> Effort {
        let sgld = &experiment.config.sgld;
        Effort { steps: sgld.steps * sgld.chains as u64, concurrent: 0 }
    }

    fn fit(&self, context: Context<'_>, given: &Given<'_>) -> Result<Fitted> {
        distill_online(context, given.experiment, given.bank(), *self)
    }
}

/// Distills while sampling, with as many steps (burn-in included) as the bank took: after burn-in they are cut into
/// `config.online.rounds` equal pieces.
///
/// Points are standardized by the moments of the first buffer, for good: scaling anew would change the units of both networks and
/// of all their optimizer's moments under way, to cure what the networks learn by themselves. The restart of round k uses the
/// generator of round k − 2, because that of k − 1 is learned at the same time.
///
/// After each round its state is saved; a run that was interrupted goes on from there with the same numbers. `bank` is looked at for
/// comparison only.
///
/// Reference: Wang et al., *Adversarial distillation of Bayesian neural network posteriors*, ICML 2018, algorithm 2 and §3.2.
fn distill_online(context: Context<'_>, experiment: &Experiment, bank: &Bank, method: OnlineGan) -> Result<Fitted> {
    let (config, name) = (&experiment.config, method.name());
    context.progress.begin(name, config.online.rounds * config.online.iterations, 0);
    let mut rounds = Rounds::new(context, experiment, bank, method)?;
    drive(context, &mut rounds)?;
    context.progress.end();
    let Rounds { buffered, trainer, points, drawn, evaluator, .. } = rounds;
    buffered.iter().filter_map(|buffered| buffered.chain.said()).for_each(|said| context.progress.warn(&said));
    let buffer_bytes = trainer.rows().bytes() + config.online.staged(&config.sgld) * 4 * experiment.network.row_len();
    let (generator, history) = (trainer.into_generator(), evaluator.history(bank, points)?);
    let mut rows = Rows::new(config, "distill");
    push_bytes(&mut rows, name, &generator);
    rows.push(name, "buffer_bytes", (buffer_bytes as f64, None), 1);
    rows.push(name, "samples_drawn", (drawn as f64, None), 1);
    push_spread(&mut rows, name, &history);
    Ok(Fitted { rows: rows.finish(), history: Some(history), ..Fitted::new(generator) })
}

/// Chains and generator, round by round.
struct Rounds<'a> {
    experiment: &'a Experiment,
    method: OnlineGan,
    recipe: Recipe<'a>,
    evaluator: Evaluator<'a>,
    path: PathBuf,
    /// Of each chain, to the bank's last sample: fewer than the settings' where a goal ended it.
    steps: u64,
    /// Those that are over.
    round: u64,
    drawn: u64,
    points: Vec<Point>,
    buffered: Vec<BufferedChain>,
    trainer: Trainer<Buffer>,
}

/// What a checkpoint holds of [`Rounds`].
type Saved = (u64, u64, Vec<Point>, Vec<SupervisedChain<PipelineState>>, Buffer, State<'static>);

impl<'a> Rounds<'a> {
    fn new(context: Context<'_>, experiment: &'a Experiment, bank: &Bank, method: OnlineGan) -> Result<Self> {
        let Experiment { config, network, folder, seed, .. } = experiment;
        let (name, evaluator) = (method.name(), Evaluator::new(experiment, bank));
        let path = folder.checkpoint(name);
        // The cores are shared with the distiller: one chain, one core.
        let recipe = Recipe::new(experiment, usize::MAX);
        let steps = (0..bank.len()).map(|row| bank.meta(row).step).max().unwrap_or(0);
        let (round, drawn, points, buffered, trainer) = match saved::<Saved>(&path, KIND)? {
            Some((round, drawn, points, states, buffer, state)) => {
                context.progress.note(&format!("going on from round {round} of {}", path.display()));
                let resume = |state: SupervisedChain<PipelineState>| Ok(BufferedChain::new(state.resume(&recipe)?));
                let buffered = states.into_iter().map(resume).collect::<Result<Vec<_>>>()?;
                (round, drawn, points, buffered, Trainer::resume(buffer, state)?)
            }
            None => {
                let start = |number| Ok(BufferedChain::new(recipe.start(context, number)?));
                let mut buffered = (0..config.sgld.chains as u32).map(start).collect::<Result<Vec<_>>>()?;
                advance(context, &recipe, &mut buffered, config.online.until(&config.sgld, steps, 0))?;
                let mut buffer = Buffer::new(network.row_len(), config.online.buffer);
                let drawn = collect(&mut buffered, &mut buffer);
                (0, drawn, Vec::new(), buffered, Trainer::new(buffer, config.distill.clone(), seed.child(name))?)
            }
        };
        Ok(Self { experiment, method, recipe, evaluator, path, steps, round, drawn, points, buffered, trainer })
    }
}

impl Stage for Rounds<'_> {
    fn is_finished(&self) -> bool {
        self.round >= self.experiment.config.online.rounds
    }

    /// A round.
    fn step(&mut self, context: Context<'_>) -> Result<()> {
        let Self { recipe, buffered, trainer, drawn, .. } = self;
        let Experiment { config, seed, .. } = self.experiment;
        let more = self.round + 1 < config.online.rounds;
        if more && self.round > 0 && self.method.restarts {
            restart(buffered, &trainer.generator(), seed.child("restart").index(self.round));
        }
        let until = config.online.until(&config.sgld, self.steps, self.round + 1);
        let (learned, walked) = rayon::join(
            || learn(context, trainer, config.online.iterations),
            || if more { advance(context, recipe, buffered, until) } else { Ok(()) },
        );
        let progress = learned?;
        walked?;
        let point = self.evaluator.evaluate(&trainer.generator(), &progress)?;
        let Point { accuracy, variance_ratio, .. } = point;
        let message = format!("accuracy {:.2} %, variance ratio {variance_ratio:.2}", 100.0 * accuracy);
        context.progress.advance(progress.iteration, Some(message));
        self.points.push(point);
        trainer.change_rows(|buffer| *drawn += collect(buffered, buffer));
        self.round += 1;
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        let states: Vec<_> = self.buffered.iter().map(|buffered| buffered.chain.state()).collect();
        let state = (self.round, self.drawn, &self.points, states, self.trainer.rows(), self.trainer.state());
        Ok(checkpoint::save(&self.path, KIND, &state)?)
    }

    fn saves_every_step(&self) -> bool {
        true
    }
}

/// A chain, and the samples of the round under way, as [`Experiment::row`] makes them.
struct BufferedChain {
    chain: SupervisedChain<PipelineChain>,
    samples: Vec<f32>,
}

impl BufferedChain {
    fn new(chain: SupervisedChain<PipelineChain>) -> Self {
        Self { chain, samples: Vec::new() }
    }
}

/// Takes all chains to step `until`, at once; those that were dropped stay where they are.
fn advance(context: Context<'_>, recipe: &Recipe<'_>, buffered: &mut [BufferedChain], until: u64) -> Result<()> {
    let outcomes: Vec<Result<()>> = buffered
        .par_iter_mut()
        .with_max_len(1)
        .map(|BufferedChain { chain, samples }| {
            while !chain.was_dropped() && chain.chain.progress().step < until {
                // As sampling into a bank does: its potential is looked at at the same steps.
                let stride = (chain.chain.progress().step / STRIDE + 1) * STRIDE;
                chain.run_until(recipe, until.min(stride), &mut |sample| {
                    samples.extend(recipe.experiment.row(sample.position));
                    Ok(())
                })?;
                if chain.chain.progress().step == stride {
                    context.stop_if_asked()?;
                }
            }
            Ok(())
        })
        .collect();
    outcomes.into_iter().collect()
}

/// The chains' new samples enter the buffer, in turns, so that the oldest of all chains leave alike; returns their number.
fn collect(buffered: &mut [BufferedChain], buffer: &mut Buffer) -> u64 {
    let dim = apd_points::Points::dim(buffer);
    let count = buffered.iter().map(|buffered| buffered.samples.len() / dim).max().unwrap_or(0);
    let mut entered = 0;
    for i in 0..count {
        for sample in buffered.iter().filter_map(|buffered| buffered.samples.chunks_exact(dim).nth(i)) {
            buffer.push(sample);
            entered += 1;
        }
    }
    buffered.iter_mut().for_each(|buffered| buffered.samples.clear());
    entered
}

fn restart(buffered: &mut [BufferedChain], generator: &Generator, seed: Seed) {
    let starts = generator.draw(seed, buffered.len());
    for (buffered, start) in buffered.iter_mut().zip(network_rows(&starts)) {
        // Without the buffers, which are a function of θ.
        let dim = buffered.chain.chain.position().len();
        if !buffered.chain.was_dropped() {
            buffered.chain.restart_from(&start[..dim]);
        }
    }
}

fn learn(context: Context<'_>, trainer: &mut Trainer<Buffer>, iterations: u64) -> Result<Progress> {
    let mut last = trainer.step()?;
    for _ in 1..iterations {
        context.progress.advance(last.iteration, None);
        context.stop_if_asked()?;
        last = trainer.step()?;
    }
    Ok(last)
}

#[cfg(test)]
mod tests;
