//! Online distillation: chains and generator go on at the same time, and no more samples are held than a buffer takes.
//!
//! Round by round, the generator learns from the buffer while the chains walk on; then their new samples enter the buffer and the
//! oldest leave. What a round's chains do does not depend on what its generator does, and both have finished before anything is
//! exchanged: the result does not depend on which is faster, nor on the number of threads.

use apd_distill::{Buffer, Generator, Progress, State, Trainer};
use apd_points::Posterior;
use apd_report::Row;
use apd_seed::Seed;
use apd_sgmcmc::ChainState;
use apd_store::{Bank, checkpoint};
use rayon::prelude::*;

use crate::config::OnlineConfig;
use crate::distill::{LOOK_ROWS, Looks, Point};
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::method::network_rows;
use crate::observer::Observer;
use crate::rows::Rows;
use crate::walk::{Recipe, SgldChain, Walk};

const KIND: &str = "online";
/// Steps of a chain between looks at the stop flag.
const STRIDE: u64 = 200;

/// What happens to the chains between rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chains {
    /// They go on: the samples are those of the bank.
    GoOn,
    /// Infinite chains: they restart from networks of the generator.
    Restart,
}

/// A generator that was distilled online.
pub struct Online {
    /// What happened to the chains between rounds.
    pub chains: Chains,
    /// The distilled posterior.
    pub generator: Generator,
    /// One entry per round.
    pub points: Vec<Point>,
    /// Samples that have passed through the buffer.
    pub drawn: u64,
    /// Bytes of the buffer, with the samples on their way into it.
    pub buffer_bytes: usize,
}

impl Online {
    /// The method's name in tables and results.
    pub fn name(&self) -> &'static str {
        self.chains.method()
    }
}

impl Chains {
    /// The name of the method.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Chains::GoOn => "apd-online",
            Chains::Restart => "apd-online-infinite",
        }
    }
}

/// Distils while sampling, with as many SGLD steps (burn-in included) as the bank took: after burn-in they are cut into
/// `config.online.rounds` equal pieces.
///
/// Points are standardised by the moments of the first buffer, for good: scaling anew would change the units of both networks and
/// of all their optimiser's moments under way, to cure what the networks learn by themselves. The restart of round k uses the
/// generator of round k − 2, because that of k − 1 is learnt at the same time.
///
/// After each round its state is saved; a run that was interrupted goes on from there with the same numbers. `bank` is looked at for
/// comparison only.
///
/// Reference: Wang et al., *Adversarial distillation of Bayesian neural network posteriors*, ICML 2018, algorithm 1 and §3.2.
pub fn distill_online(experiment: &Experiment, bank: &Bank, chains: Chains, observer: &dyn Observer) -> Result<Online> {
    let Experiment { config, network, folder, seed, .. } = experiment;
    let OnlineConfig { rounds, iterations, buffer: capacity, .. } = config.online;
    let (name, looks) = (chains.method(), Looks::new(experiment, bank));
    let path = folder.checkpoint(name);
    // The cores are shared with the distiller: one chain, one core.
    let recipe = Recipe::new(experiment, usize::MAX);
    let mut points: Vec<Point> = Vec::new();
    let (mut round, mut drawn, mut walkers, mut trainer);
    observer.begin(name, rounds * iterations, 0);
    if checkpoint::exists(&path) {
        let states: Vec<Walk<ChainState>>;
        let (buffer, state): (Buffer, State<'static>);
        (round, drawn, points, states, buffer, state) = checkpoint::load(&path, KIND)?.value;
        walkers =
            states.into_iter().map(|state| Ok(Walker::new(state.resume(&recipe)?))).collect::<Result<Vec<_>>>()?;
        trainer = Trainer::resume(buffer, state)?;
        observer.note(&format!("going on from round {round} of {}", path.display()));
    } else {
        let fresh = (0..config.sgld.chains as u32).map(|number| Ok(Walker::new(Walk::new(recipe.start(number)?))));
        walkers = fresh.collect::<Result<Vec<_>>>()?;
        walk(&recipe, &mut walkers, config.online.until(&config.sgld, 0), observer)?;
        let mut buffer = Buffer::new(network.row_len(), capacity);
        (round, drawn) = (0, collect(&mut walkers, &mut buffer));
        trainer = Trainer::new(buffer, config.distill.clone(), seed.child(name))?;
    }
    while round < rounds {
        let more = round + 1 < rounds;
        if more && round > 0 && chains == Chains::Restart {
            restart(&mut walkers, &trainer.generator(), seed.child("restart").index(round));
        }
        let until = config.online.until(&config.sgld, round + 1);
        let (learned, walked) = rayon::join(
            || learn(&mut trainer, iterations, observer),
            || if more { walk(&recipe, &mut walkers, until, observer) } else { Ok(()) },
        );
        let progress = learned?;
        walked?;
        let point = looks.at(&trainer.generator(), &progress)?;
        observer.advance(
            progress.iteration,
            Some(format!("accuracy {:.2} %, variance ratio {:.2}", 100.0 * point.accuracy, point.variance_ratio)),
        );
        points.push(point);
        trainer.change_rows(|buffer| drawn += collect(&mut walkers, buffer));
        round += 1;
        let states: Vec<Walk<ChainState>> = walkers.iter().map(|walker| walker.walk.state()).collect();
        checkpoint::save(&path, KIND, &(round, drawn, &points, states, trainer.rows(), trainer.state()))?;
        if observer.stop_requested() {
            return Err(Error::Stopped);
        }
    }
    observer.end();
    walkers.iter().filter_map(|walker| walker.walk.said()).for_each(|said| observer.note(&said));
    let buffer_bytes = trainer.rows().bytes() + config.online.staged(&config.sgld) * 4 * network.row_len();
    Ok(Online { chains, generator: trainer.into_generator(), points, drawn, buffer_bytes })
}

/// A chain, and the samples of the round under way, as [`Experiment::row`] makes them.
struct Walker {
    walk: Walk<SgldChain>,
    samples: Vec<f32>,
}

impl Walker {
    fn new(walk: Walk<SgldChain>) -> Self {
        Self { walk, samples: Vec::new() }
    }
}

/// Takes all chains to step `until`, at once; those that were dropped stay where they are.
fn walk(recipe: &Recipe<'_>, walkers: &mut [Walker], until: u64, observer: &dyn Observer) -> Result<()> {
    let outcomes: Vec<Result<()>> = walkers
        .par_iter_mut()
        .with_max_len(1)
        .map(|Walker { walk, samples }| {
            while !walk.was_dropped() && walk.chain.progress().step < until {
                // As sampling into a bank does: looks for an explosion come at the same steps.
                let stride = (walk.chain.progress().step / STRIDE + 1) * STRIDE;
                walk.walk(recipe, until.min(stride), &mut |sample| {
                    samples.extend(recipe.experiment.row(sample.position));
                    Ok(())
                })?;
                if walk.chain.progress().step == stride && observer.stop_requested() {
                    return Err(Error::Stopped);
                }
            }
            Ok(())
        })
        .collect();
    outcomes.into_iter().collect()
}

/// The chains' new samples enter the buffer, in turns, so that the oldest of all chains leave alike; returns their number.
fn collect(walkers: &mut [Walker], buffer: &mut Buffer) -> u64 {
    let dim = apd_points::Points::dim(buffer);
    let count = walkers.iter().map(|walker| walker.samples.len() / dim).max().unwrap_or(0);
    let mut entered = 0;
    for i in 0..count {
        for sample in walkers.iter().filter_map(|walker| walker.samples.chunks_exact(dim).nth(i)) {
            buffer.push(sample);
            entered += 1;
        }
    }
    walkers.iter_mut().for_each(|walker| walker.samples.clear());
    entered
}

fn restart(walkers: &mut [Walker], generator: &Generator, seed: Seed) {
    let starts = generator.draw(seed, walkers.len());
    for (walker, start) in walkers.iter_mut().zip(network_rows(&starts)) {
        // Without the buffers, which are a function of θ.
        let dim = walker.walk.chain.position().len();
        if !walker.walk.was_dropped() {
            walker.walk.chain.restart_from(&start[..dim]);
        }
    }
}

fn learn(trainer: &mut Trainer<Buffer>, iterations: u64, observer: &dyn Observer) -> Result<Progress> {
    let mut last = trainer.step()?;
    for _ in 1..iterations {
        observer.advance(last.iteration, None);
        if observer.stop_requested() {
            return Err(Error::Stopped);
        }
        last = trainer.step()?;
    }
    Ok(last)
}

/// What online distillation holds, and the spread of what it learnt.
pub(crate) fn rows(experiment: &Experiment, online: &Online) -> Vec<Row> {
    let mut rows = Rows::new(&experiment.config, "distill");
    let (name, one) = (online.name(), 4.0 * experiment.network.row_len() as f64);
    rows.push(name, "bytes", (online.generator.bytes() as f64, None), 1);
    rows.push(name, "bytes_in_networks", (online.generator.bytes() as f64 / one, None), 1);
    rows.push(name, "buffer_bytes", (online.buffer_bytes as f64, None), 1);
    rows.push(name, "samples_drawn", (online.drawn as f64, None), 1);
    if let Some(last) = online.points.last() {
        rows.push(name, "variance_ratio", (last.variance_ratio, None), LOOK_ROWS);
    }
    rows.finish()
}

#[cfg(test)]
mod tests;
