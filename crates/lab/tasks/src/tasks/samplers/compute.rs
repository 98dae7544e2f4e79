//! Which sampler? All of them on one small network, beside long runs of NUTS that have no bias.
//!
//! Every sampler makes equally many minibatch gradients, at each of several step sizes; what it is judged by is the total
//! variation between its averaged predictions and those of NUTS, which holds the bias of the step size *and* what the chains have
//! not yet seen. Another NUTS run shows the least that can be reached.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use apd_bnn::{Categorical, Data, NetworkPotential, predict_networks, prior};
use apd_data::{Dataset, Labelled};
use apd_diagnostics::median;
use apd_distill::Swag;
use apd_nn::{Model as _, Network};
use apd_points::Posterior as _;
use apd_report::Row;
use apd_seed::Seed;
use apd_sgmcmc::{
    Chain, ChainConfig, ChainError, ControlVariate, FullBatch, HamiltonianChain, HamiltonianConfig, MarkovChain,
    Potential, RunError, Sample, SamplerConfig, Schedule, Sgd, Sink, Svrg, Trajectory,
};
use apd_uncertainty as uncertainty;
use ndarray::Array2;
use rayon::prelude::*;

use crate::config::{Config, FRICTION, SamplerKind, SamplerSettings};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::tasks::samplers::settings::SamplersConfig;

/// Held-out images, the functions of which diagnostics are taken.
const FUNCTIONS: usize = 100;

/// A way to sample the small posterior.
#[derive(Clone, Copy, PartialEq, Debug)]
struct SamplerCase {
    name: &'static str,
    /// What makes the steps; what SWAG collects is the path of gradient descent.
    kind: Option<SamplerKind>,
    /// Whether the step size falls and rises again.
    cyclical: bool,
    gradient: Gradient,
}

/// How a gradient is estimated.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Gradient {
    /// From a minibatch.
    Minibatch,
    /// From the difference to a mode's.
    ControlVariate,
    /// From the difference to that at an earlier position.
    Svrg,
}

const CASES: [SamplerCase; 10] = [
    case("SGLD", SamplerKind::Sgld),
    case("pSGLD", SamplerKind::Psgld),
    case("SGHMC", SamplerKind::Sghmc),
    case("SGNHT", SamplerKind::Sgnht),
    case("BAOAB", SamplerKind::Baoab),
    SamplerCase { cyclical: true, ..case("cyclical SGLD", SamplerKind::Sgld) },
    SamplerCase { cyclical: true, ..case("cyclical SGHMC", SamplerKind::Sghmc) },
    SamplerCase { gradient: Gradient::ControlVariate, ..case("SGLD-CV", SamplerKind::Sgld) },
    SamplerCase { gradient: Gradient::Svrg, ..case("SVRG-LD", SamplerKind::Sgld) },
    SamplerCase { kind: None, ..case("SWAG", SamplerKind::Sgld) },
];

const fn case(name: &'static str, kind: SamplerKind) -> SamplerCase {
    SamplerCase { name, kind: Some(kind), cyclical: false, gradient: Gradient::Minibatch }
}

impl SamplerCase {
    /// The sampler whose long-run motion per step is that of SGLD with step size `epsilon`.
    fn sampler(self, epsilon: f64, terms: usize, config: &SamplersConfig) -> SamplerConfig {
        // The mean of (1 + cos)/2 over a cycle is one half.
        let schedule = |epsilon| match self.cyclical {
            false => Schedule::Constant(epsilon),
            true => Schedule::Cyclical { initial: 2.0 * epsilon, length: (config.steps / 10).max(1), sampling: 0.7 },
        };
        match self.kind {
            Some(kind) => SamplerSettings { kind, ..SamplerSettings::default() }.at_pace(schedule, epsilon, 1.0, terms),
            None => Sgd::new(schedule(epsilon), 1.0 - FRICTION).into(),
        }
    }

    /// Minibatch gradients of one step; the full gradients of the variance reduction come on top.
    fn gradients(self) -> u64 {
        if self.gradient == Gradient::Minibatch { 1 } else { 2 }
    }
}

/// One sampler at one step size, beside NUTS.
#[derive(Clone, PartialEq, Debug)]
pub struct Compared {
    /// The sampler.
    pub name: String,
    /// ε of the SGLD that moves as far per step; none where steps are not its matter.
    pub step_size: Option<f64>,
    /// Total variation between the averaged predictions and those of the reference.
    pub tv: f64,
    /// Share of images that both give the same class.
    pub agreement: f64,
    /// Of the averaged prediction.
    pub accuracy: f64,
    /// Of the averaged prediction, nats.
    pub nll: f64,
    /// Median over functions; none where draws are independent by construction.
    pub rhat: Option<f64>,
    /// Bulk effective sample size, the median over functions.
    pub ess: Option<f64>,
    /// Evaluations of the gradient of one minibatch; full-data gradients count as N/B of them.
    pub gradients: u64,
    /// Seconds of one thread that the chains took.
    pub seconds: f64,
}

/// What the comparison found.
pub struct Comparison {
    /// A row per sampler, step size and metric.
    pub rows: Vec<Row>,
    /// The reference beside its other half, HMC, then each sampler at each step size.
    pub compared: Vec<Compared>,
    /// Samplers and step sizes ε of which a chain diverged.
    pub diverged: Vec<(String, f64)>,
    /// The network, such as `64-10-10`.
    pub net: String,
    /// Its parameters.
    pub dim: usize,
    /// Training images.
    pub terms: usize,
    /// Divergent draws of the reference, and its E-BFMI at worst.
    pub reference_health: (u64, f64),
}

/// The posterior that all sample.
struct Problem {
    network: Network,
    training: Data,
    precision: f64,
    test: Labelled,
    seed: Seed,
    config: SamplersConfig,
}

/// The kept networks of each chain, and the thread-seconds and gradients that they took.
struct Run {
    chains: Vec<Vec<Vec<f32>>>,
    seconds: f64,
    gradients: u64,
}

/// Compares the samplers on the embedded digits, whatever the run's own dataset.
pub fn compare_samplers(context: Context<'_>, config: &Config) -> Result<Comparison> {
    let problem = Problem::new(config)?;
    let settings = &problem.config;
    let steps: Vec<(SamplerCase, f64)> =
        CASES.iter().flat_map(|&case| settings.step_sizes.iter().map(move |&epsilon| (case, epsilon))).collect();
    context.progress.begin("samplers", steps.len() as u64 + 3, 0);
    let done = AtomicU64::new(0);
    let advance =
        |name: &str| context.progress.advance(done.fetch_add(1, Ordering::Relaxed) + 1, Some(name.to_string()));

    let nuts = HamiltonianConfig::nuts(settings.reference_warmup, settings.reference_draws);
    let (first, health) = problem.hamiltonian(nuts, "reference", settings.chains)?;
    let reference = problem.predict(&first);
    advance("NUTS");
    let (second, _) = problem.hamiltonian(nuts, "second", settings.chains)?;
    let mut compared = vec![problem.compare("NUTS", None, &second, &reference, true)?];
    advance("NUTS again");
    let hmc = Trajectory::Hmc { length: std::f64::consts::FRAC_PI_2, jitter: 0.5, max_steps: 1000 };
    let (run, _) = problem.hamiltonian(HamiltonianConfig { trajectory: hmc, ..nuts }, "hmc", settings.chains)?;
    compared.push(problem.compare("HMC", None, &run, &reference, true)?);
    advance("HMC");
    let mut diverged = Vec::new();
    for (case, epsilon) in steps {
        context.stop_if_asked()?;
        match problem.stochastic(case, epsilon) {
            Ok(run) => {
                let correlated = case.kind.is_some();
                compared.push(problem.compare(case.name, Some(epsilon), &run, &reference, correlated)?);
            }
            Err(Error::Chain(ChainError::Diverged { .. })) => diverged.push((case.name.to_string(), epsilon)),
            Err(error) => return Err(error),
        }
        advance(case.name);
    }
    context.progress.end();
    let net = format!("{}-{}-{}", problem.network.inputs(), settings.hidden, problem.network.outputs());
    let rows = compared.iter().flat_map(|found| rows(found, &net)).collect();
    let (dim, terms) = (problem.network.dim(), problem.training.inputs.nrows());
    Ok(Comparison { rows, compared, diverged, net, dim, terms, reference_health: health })
}

impl Problem {
    fn new(config: &Config) -> Result<Self> {
        let (settings, seed) = (config.settings::<SamplersConfig>().clone(), Seed::root(config.seed).child("samplers"));
        // The digits are embedded: nothing is read.
        let split = Dataset::Digits.load(".", seed.child("split"))?;
        let training = split.train.take(settings.images);
        let network = Network::mlp(&[training.images.dim(), settings.hidden, training.classes]);
        let data = Data::classes(training.images.pixels.clone(), training.labels.as_slice());
        let precision = settings.prior_precision;
        Ok(Self { network, training: data, precision, test: split.test, seed, config: settings })
    }

    fn potential(&self) -> Result<NetworkPotential> {
        Ok(NetworkPotential::new(
            &self.network,
            self.training.clone(),
            Arc::new(Categorical),
            Arc::new(prior::Gaussian::isotropic(self.precision)),
        )?)
    }

    fn terms(&self) -> usize {
        self.training.inputs.nrows()
    }

    fn initial(&self, chain: u32) -> Vec<f32> {
        self.network.initialize(self.seed.child("initial").index(u64::from(chain)))
    }

    /// Chains of HMC or NUTS, in parallel; their divergences and the least E-BFMI.
    fn hamiltonian(&self, config: HamiltonianConfig, name: &str, chains: usize) -> Result<(Run, (u64, f64))> {
        let seed = self.seed.child(name);
        let run = |number: usize| -> Result<_> {
            let (started, number) = (Instant::now(), number as u32);
            let (potential, initial) = (FullBatch::new(self.potential()?), self.initial(number + 100));
            let mut chain = HamiltonianChain::new(number, potential, config, seed, initial)?;
            let kept = collect(&mut chain)?;
            let statistics = chain.statistics();
            let health = (statistics.divergences(), statistics.e_bfmi().unwrap_or(0.0));
            Ok((kept, started.elapsed().as_secs_f64(), chain.gradients(), health))
        };
        let runs: Vec<_> = (0..chains).into_par_iter().with_max_len(1).map(run).collect::<Result<_>>()?;
        let health = runs.iter().fold((0, f64::INFINITY), |a, run| (a.0 + run.3.0, a.1.min(run.3.1)));
        let (seconds, full) = (runs.iter().map(|run| run.1).sum(), runs.iter().map(|run| run.2).sum::<u64>());
        let gradients = full * (self.terms() as u64).div_ceil(self.config.batch as u64);
        Ok((Run { chains: runs.into_iter().map(|run| run.0).collect(), seconds, gradients }, health))
    }

    /// Chains of one stochastic-gradient sampler, in parallel.
    fn stochastic(&self, case: SamplerCase, epsilon: f64) -> Result<Run> {
        let settings = &self.config;
        let seed = self.seed.child(case.name).index(epsilon.to_bits());
        // Two gradients a step are paid for with half the steps.
        let share = |steps: u64| (steps / case.gradients()).max(1);
        let config = ChainConfig {
            steps: share(settings.steps),
            burn_in: share(settings.burn_in),
            thinning: share(settings.thinning),
            batch_size: settings.batch,
        };
        let run = |number: usize| -> Result<(Vec<Vec<f32>>, f64)> {
            let (started, number) = (Instant::now(), number as u32);
            let potential: Box<dyn Potential> = match case.gradient {
                Gradient::ControlVariate => {
                    let center = self.optimum(number, epsilon)?;
                    Box::new(ControlVariate::new(self.potential()?, center).map_err(ChainError::from)?)
                }
                Gradient::Svrg => {
                    // A full gradient at every epoch costs as much as the epoch's own steps.
                    let epoch = (self.terms() / settings.batch).max(1) as u64;
                    Box::new(Svrg::new(self.potential()?, 10 * epoch)?)
                }
                Gradient::Minibatch => Box::new(self.potential()?),
            };
            let sampler = case.sampler(epsilon, self.terms(), settings);
            let mut chain = Chain::new(number, potential, sampler, config, seed, self.initial(number))?;
            let kept = collect(&mut chain)?;
            let kept = match case.kind {
                Some(_) => kept,
                None => self.swag(&kept, seed.index(u64::from(number)))?,
            };
            Ok((kept, started.elapsed().as_secs_f64()))
        };
        let runs: Vec<_> = (0..settings.chains).into_par_iter().with_max_len(1).map(run).collect::<Result<_>>()?;
        let seconds = runs.iter().map(|run| run.1).sum();
        let chains = runs.into_iter().map(|run| run.0).collect();
        Ok(Run { chains, seconds, gradients: config.steps * case.gradients() * settings.chains as u64 })
    }

    /// A mode, by the sampler's own burn-in without noise: the center of a control variate.
    fn optimum(&self, chain: u32, epsilon: f64) -> Result<Vec<f32>> {
        let length = ChainConfig {
            steps: self.config.burn_in,
            burn_in: self.config.burn_in,
            thinning: 1,
            batch_size: self.config.batch,
        };
        let descent = Sgd::new(Schedule::Constant(FRICTION * epsilon), 1.0 - FRICTION);
        let seed = self.seed.child("optimum");
        let mut chain = Chain::new(chain, self.potential()?, descent, length, seed, self.initial(chain))?;
        collect(&mut chain)?;
        Ok(chain.position().to_vec())
    }

    /// As many draws as positions, of the Gaussian that SWAG fits to them.
    fn swag(&self, positions: &[Vec<f32>], seed: Seed) -> Result<Vec<Vec<f32>>> {
        let mut swag = Swag::new(self.network.dim(), 20)?;
        positions.iter().for_each(|position| swag.collect(position));
        // Its error: a Gaussian of fewer positions has no draws.
        swag.variance()?;
        Ok(swag.draw(seed.child("draw"), positions.len()).rows().into_iter().map(|row| row.to_vec()).collect())
    }

    /// The averaged prediction of all kept networks.
    fn predict(&self, run: &Run) -> Array2<f64> {
        let mut mean = uncertainty::ClassPredictive::new(self.test.len(), self.network.outputs());
        predict_networks(
            &self.network,
            &Categorical,
            run.chains.iter().flatten(),
            self.test.images.pixels.view(),
            |_, p| mean.add(p),
        );
        mean.mean()
    }

    fn compare(
        &self,
        name: &str,
        step_size: Option<f64>,
        run: &Run,
        reference: &Array2<f64>,
        correlated: bool,
    ) -> Result<Compared> {
        let mean = self.predict(run);
        let (rhat, ess) = if correlated { self.diagnose(run) } else { (None, None) };
        Ok(Compared {
            name: name.into(),
            step_size,
            tv: uncertainty::total_variation(mean.view(), reference.view())?,
            agreement: uncertainty::agreement(mean.view(), reference.view())?,
            accuracy: uncertainty::accuracy(mean.view(), &self.test.labels)?,
            nll: uncertainty::nll(mean.view(), &self.test.labels)?,
            rhat,
            ess,
            gradients: run.gradients,
            seconds: run.seconds,
        })
    }

    /// Median R̂ and bulk effective sample size of the probabilities of the true classes.
    fn diagnose(&self, run: &Run) -> (Option<f64>, Option<f64>) {
        let images = self.test.take(FUNCTIONS);
        let mut draws: Vec<Vec<Vec<f64>>> = vec![Vec::new(); images.len()];
        for chain in &run.chains {
            draws.iter_mut().for_each(|function| function.push(Vec::with_capacity(chain.len())));
            predict_networks(&self.network, &Categorical, chain, images.images.pixels.view(), |_, p| {
                for (image, &label) in images.labels.iter().enumerate() {
                    draws[image].last_mut().expect("pushed above").push(f64::from(p[[image, label as usize]]));
                }
            });
        }
        let found: Vec<_> = draws.iter().filter_map(|function| apd_diagnostics::diagnose(function).ok()).collect();
        (median(found.iter().map(|d| d.rhat)), median(found.iter().map(|d| d.ess_bulk)))
    }
}

impl Compared {
    /// Effective samples per second of one thread.
    pub fn ess_per_second(&self) -> Option<f64> {
        Some(self.ess? / self.seconds)
    }
}

fn rows(found: &Compared, net: &str) -> Vec<Row> {
    let optional = |value: Option<f64>| value.unwrap_or(f64::NAN);
    let values = [
        ("tv", found.tv),
        ("agreement", found.agreement),
        ("accuracy", found.accuracy),
        ("nll", found.nll),
        ("rhat_median", optional(found.rhat)),
        ("ess_bulk_median", optional(found.ess)),
        ("gradients", found.gradients as f64),
    ];
    let row = |(metric, value): (&str, f64)| {
        let row = Row::new("samplers", Dataset::Digits.name(), net, &found.name, metric, value);
        match found.step_size {
            Some(epsilon) => row.at(epsilon),
            None => row,
        }
    };
    // Seconds are no row: rows are the same on every machine, or nearly.
    values.into_iter().filter(|(_, value)| value.is_finite()).map(row).collect()
}

/// Keeps the positions of a chain, as networks have them.
#[derive(Default)]
struct Kept(Vec<Vec<f32>>);

impl<T: Copy + Into<f64>> Sink<T> for Kept {
    type Error = Infallible;

    fn sample(&mut self, sample: Sample<'_, T>) -> Result<(), Infallible> {
        self.0.push(single(sample.position));
        Ok(())
    }
}

/// In single precision.
pub(crate) fn single<T: Copy + Into<f64>>(position: &[T]) -> Vec<f32> {
    position.iter().map(|&x| x.into() as f32).collect()
}

/// Runs a chain to its end; its kept positions.
pub(crate) fn collect(chain: &mut impl MarkovChain<Scalar: Copy + Into<f64>>) -> Result<Vec<Vec<f32>>> {
    let mut kept = Kept::default();
    match chain.run(&mut kept) {
        Ok(_) => Ok(kept.0),
        Err(RunError::Chain(error)) => Err(error.into()),
        Err(RunError::Sink { cause, .. }) => match cause {},
    }
}
