//! A posterior that can be looked at: two blobs in the plane, and what every method predicts around them.
//!
//! The network is small enough for NUTS to say what the posterior really predicts, so each method is compared with SGLD, which the
//! distiller imitates, and from the reference, which SGLD imitates.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use apd_bnn::{Categorical, Data, NetworkPotential, Targets, predict_networks, prior};
use apd_diagnostics::median;
use apd_distill::{CoefficientModel, Format, Pca, Subsample, Subspace, SubspaceConfig};
use apd_nn::{Model as _, Network, Threads};
use apd_points::Posterior;
use apd_report::Row;
use apd_seed::Seed;
use apd_sgmcmc::{ChainConfig, FullBatch, HamiltonianChain, HamiltonianConfig, Schedule, Sgld, from_mean_loss};
use apd_uncertainty::{self as uncertainty, ClassPredictive, Score};
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::methods::descent::{Descent, with_dropout};
use crate::methods::gan::distill_samples;
use crate::methods::langevin::Langevin;
use crate::methods::mc_dropout;
use crate::named_posterior::{averaged, network_rows};
use crate::tasks::fidelity::compute::NOISE;
use crate::tasks::samplers::compute::single;
use crate::tasks::toy2d::settings::Toy2dConfig;

/// Width of both hidden layers.
const HIDDEN: usize = 10;
/// The blobs' centers are (−2, −2) and (2, 2), …
const CENTER: f32 = 2.0;
/// … the covariance of each is 0.3·I.
const VARIANCE: f32 = 0.3;
/// The square [−5, 5]² is looked at.
pub(crate) const REACH: f64 = 5.0;
/// Places of the square, about, whose predictions the reference's diagnostics look at.
const FUNCTIONS: usize = 100;
/// Of NUTS; its usual 0.8 leaves half of the draws with a trajectory that diverges.
const TARGET_ACCEPTANCE: f64 = 0.95;
/// Directions of the subspaces, and samples that are kept, of the baselines.
const DIRECTIONS: usize = 12;
const ROWS: usize = 12;
/// Tells a second chain of SGLD from the one that is distilled.
pub(crate) const SECOND: &str = "sgld-second";

/// What the task found.
pub struct Toy2d {
    /// A row per method and metric.
    pub rows: Vec<Row>,
    /// Each method's predictions on the square.
    pub maps: Vec<Map>,
    /// The training points with their classes.
    pub points: Vec<(f64, f64, u8)>,
    /// Whether the reference may be believed.
    pub reference: Reference,
}

/// One method's predictions on the square, row by row from below.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// The method.
    pub method: &'static str,
    /// How its networks came about, in a few words.
    pub setting: String,
    /// p(y = 1).
    pub probability: Vec<f64>,
    /// Entropy of the averaged prediction, nats.
    pub entropy: Vec<f64>,
    /// Mutual information between prediction and network, nats; nothing where there is one network.
    pub bald: Option<Vec<f64>>,
    /// The averaged predictions, to be compared.
    mean: Array2<f64>,
    /// Mean entropy at the training points, nats.
    entropy_at_points: f64,
    networks: u64,
}

/// The health of the reference chains.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// R̂ of the predictions at places of the square: the median and the largest.
    pub rhat: Option<(f64, f64)>,
    /// Bulk effective sample size of the predictions, the median.
    pub ess: Option<f64>,
    /// R̂ of the weights, the median: large where chains sit in modes that are permutations of each other.
    pub rhat_weights: Option<f64>,
    /// Draws whose trajectory diverged, …
    pub divergences: u64,
    /// … of so many.
    pub draws: u64,
    /// The least E-BFMI of the chains.
    pub e_bfmi: f64,
    /// Total variation between the averages of both halves of the chains: what remains of chance.
    pub tv_between_halves: f64,
}

/// Another way of keeping the samples: its name, its setting, and what networks are drawn from.
type Baseline = (&'static str, String, Box<dyn Posterior>);

/// Chains of networks, as checkpoints hold them.
type Chains = Vec<Vec<Vec<f32>>>;

/// The kept draws of NUTS, with the divergences and the E-BFMI of each chain.
#[derive(Serialize, Deserialize)]
struct Nuts {
    chains: Chains,
    divergences: u64,
    e_bfmi: f64,
}

/// Trains, samples and distills, and compares the predictions on the square. Each finished stage stays in the folder.
pub fn toy2d(context: Context<'_>, experiment: &Experiment) -> Result<Toy2d> {
    let (settings, folder) = (experiment.config.settings::<Toy2dConfig>(), &experiment.folder);
    let problem = Problem::new(settings, experiment.seed.child("toy2d"))?;
    let draws = settings.hmc_chains as u64 * (settings.hmc_warmup + settings.hmc_draws);
    context.progress.begin("toy2d", draws + settings.distill.iterations, 0);
    let nuts = folder.finished("toy2d-hmc", || problem.nuts(context))?;
    let baselines = &experiment.config.baselines;
    let descent = problem.descent();
    let start = |seed: Seed| problem.network.initialize(seed.child("initial"));
    let sgd = folder.finished("toy2d-sgd", || {
        let seed = problem.seed.child("sgd");
        descent.end(context, seed, start(seed))
    })?;
    let dropout = match baselines.dropout {
        p if p > 0.0 => {
            let seed = problem.seed.child("mc-dropout");
            let network = with_dropout(&problem.network, p);
            let train = || Descent { network: &network, ..descent }.end(context, seed, start(seed));
            let theta = folder.finished("toy2d-mc-dropout", train)?;
            Some((p, mc_dropout::posterior(&network, theta)))
        }
        _ => None,
    };
    let ensemble: Vec<Vec<f32>> = folder.finished("toy2d-ensemble", || {
        let seeds = (0..baselines.ensemble).map(|i| problem.seed.child("ensemble").index(i as u64));
        seeds.map(|seed| descent.end(context, seed, start(seed))).collect()
    })?;
    let swag: Vec<Vec<f32>> = match baselines.swag_epochs {
        0 | 1 => Vec::new(),
        // As many draws as SGLD has samples.
        _ => folder.finished("toy2d-swag", || {
            let seed = problem.seed.child("swag");
            let (swag, _) = descent.swag(context, baselines.swag_rank, settings.thinning, seed, start(seed))?;
            let draws = swag.draw(seed, (settings.steps / settings.thinning) as usize);
            Ok(network_rows(&draws).map(<[f32]>::to_vec).collect())
        })?,
    };
    let sgld = folder.finished("toy2d-sgld", || problem.sgld(context, 0))?;
    let second = folder.finished("toy2d-sgld-second", || problem.sgld(context, 1))?;
    let count = sgld.len();
    let drawn = folder.finished("toy2d-apd", || problem.distill(context, &sgld, draws))?;
    context.progress.end();

    let averaged = |networks: &[Vec<f32>], inputs: ArrayView2<'_, f32>| averaged(&problem.network, networks, inputs);
    let mut maps = vec![problem.map("sgd", "one network".into(), |x| averaged(std::slice::from_ref(&sgd), x))];
    if let Some((p, dropout)) = &dropout {
        let networks = dropout.draw(problem.seed.child("passes"), count);
        maps.push(problem.map("mc-dropout", format!("p = {p}, {count} passes"), |x| {
            crate::named_posterior::averaged(&problem.network, network_rows(&networks), x)
        }));
    }
    if !ensemble.is_empty() {
        let setting = format!("{} networks", ensemble.len());
        maps.push(problem.map("ensemble", setting, |x| averaged(&ensemble, x)));
    }
    if !swag.is_empty() {
        maps.push(problem.map("swag", format!("{} draws", swag.len()), |x| averaged(&swag, x)));
    }
    maps.push(problem.map("sgld", format!("{count} samples"), |x| averaged(&sgld, x)));
    maps.push(problem.map(SECOND, format!("{count} samples, another chain"), |x| averaged(&second, x)));
    let iterations = settings.distill.iterations;
    maps.push(problem.map("apd", format!("{count} draws, {iterations} iterations"), |x| averaged(&drawn, x)));
    for (method, setting, baseline) in problem.baselines(&sgld)? {
        let networks = baseline.draw(problem.seed.child(method), count);
        maps.push(
            problem.map(method, setting, |x| {
                crate::named_posterior::averaged(&problem.network, network_rows(&networks), x)
            }),
        );
    }
    let flat = nuts.chains.concat();
    let setting = format!("{} chains × {} draws", nuts.chains.len(), settings.hmc_draws);
    maps.push(problem.map("hmc", setting, |x| averaged(&flat, x)));

    let reference = problem.diagnose(&nuts)?;
    let rows = rows(&problem, &maps, &reference)?;
    Ok(Toy2d { rows, maps, points: problem.points(), reference })
}

/// The posterior that all look at.
struct Problem<'a> {
    settings: &'a Toy2dConfig,
    network: Network,
    data: Data,
    /// ε of SGLD.
    step_size: f64,
    /// τ.
    precision: f64,
    /// The middles of the square's cells.
    grid: Array2<f32>,
    seed: Seed,
}

impl<'a> Problem<'a> {
    fn new(settings: &'a Toy2dConfig, seed: Seed) -> Result<Self> {
        let n = 2 * settings.points;
        let mut inputs = Array2::<f32>::zeros((n, 2));
        let mut labels = Vec::with_capacity(n);
        let normals = seed.child("points").normals();
        for (i, mut row) in inputs.rows_mut().into_iter().enumerate() {
            let class = i % 2;
            let mut noise = [0.0; 2];
            normals.fill(i as u64, 0, &mut noise);
            let center = if class == 0 { -CENTER } else { CENTER };
            row.iter_mut().zip(noise).for_each(|(x, z)| *x = center + VARIANCE.sqrt() * z);
            labels.push(class as u32);
        }
        let cells = settings.grid;
        let middle = |i: usize| (REACH * (2.0 * (i as f64 + 0.5) / cells as f64 - 1.0)) as f32;
        let grid =
            Array2::from_shape_fn(
                (cells * cells, 2),
                |(i, axis)| {
                    if axis == 0 { middle(i % cells) } else { middle(i / cells) }
                },
            );
        let (step_size, precision) = from_mean_loss(settings.lr, settings.weight_decay, n);
        Ok(Self {
            settings,
            network: Network::mlp(&[2, HIDDEN, HIDDEN, 2]),
            data: Data::classes(inputs, labels),
            step_size,
            precision,
            grid,
            seed,
        })
    }

    fn potential(&self) -> Result<NetworkPotential> {
        Ok(NetworkPotential::new(
            &self.network,
            self.data.clone(),
            Arc::new(Categorical),
            Arc::new(prior::Gaussian::isotropic(self.precision)),
        )?)
    }

    /// The posterior's networks by NUTS, chains in parallel.
    fn nuts(&self, context: Context<'_>) -> Result<Nuts> {
        // Logits are in the hundreds: a trajectory that misclassifies one point climbs as many nats, and needs short steps to turn.
        let config = HamiltonianConfig {
            target_acceptance: TARGET_ACCEPTANCE,
            ..HamiltonianConfig::nuts(self.settings.hmc_warmup, self.settings.hmc_draws)
        };
        let (seed, done) = (self.seed.child("hmc"), AtomicU64::new(0));
        let run = |number: usize| -> Result<_> {
            let initial = self.network.initialize(seed.child("initial").index(number as u64));
            let mut chain =
                HamiltonianChain::new(number as u32, FullBatch::new(self.potential()?), config, seed, initial)?;
            let mut kept = Vec::new();
            for _ in 0..config.warmup + config.draws {
                kept.extend(chain.step()?.map(|sample| single(sample.position)));
                context.progress.advance(done.fetch_add(1, Ordering::Relaxed) + 1, None);
                context.stop_if_asked()?;
            }
            let statistics = chain.statistics();
            Ok((kept, statistics.divergences(), statistics.e_bfmi().unwrap_or(f64::NAN)))
        };
        let chains = self.settings.hmc_chains;
        let runs: Vec<_> = (0..chains).into_par_iter().with_max_len(1).map(run).collect::<Result<_>>()?;
        Ok(Nuts {
            divergences: runs.iter().map(|run| run.1).sum(),
            e_bfmi: runs.iter().map(|run| run.2).fold(f64::INFINITY, f64::min),
            chains: runs.into_iter().map(|run| run.0).collect(),
        })
    }

    /// Full-batch gradient descent.
    fn descent(&self) -> Descent<'_> {
        let Toy2dConfig { lr, weight_decay, steps, .. } = *self.settings;
        let (network, data, batch) = (&self.network, &self.data, self.data.len());
        Descent { network, data, threads: Threads::Rayon, lr, momentum: 0.0, weight_decay, batch, steps }
    }

    /// The samples of one SGLD chain.
    fn sgld(&self, context: Context<'_>, number: u32) -> Result<Vec<Vec<f32>>> {
        let seed = self.seed.child("sgld");
        let Toy2dConfig { steps, thinning, .. } = *self.settings;
        let langevin = Langevin {
            potential: self.potential()?,
            sampler: Sgld::new(Schedule::Constant(self.step_size), 1.0),
            length: ChainConfig { steps, burn_in: 0, thinning, batch_size: self.data.len() },
        };
        let initial = self.network.initialize(seed.child("initial").index(u64::from(number)));
        Ok(langevin.sample(context, number, seed, initial)?.0)
    }

    /// As many networks of the generator as there are samples to learn from.
    fn distill(&self, context: Context<'_>, samples: &[Vec<f32>], done: u64) -> Result<Vec<Vec<f32>>> {
        let rows = Array2::from_shape_fn((samples.len(), self.network.dim()), |(i, j)| samples[i][j]);
        let advance = |iteration| context.progress.advance(done + iteration, None);
        let seed = self.seed.child("distill");
        let generator = distill_samples(context, rows, &self.settings.distill, seed, None, advance)?.into_generator();
        let drawn = generator.draw(self.seed.child("apd"), samples.len());
        Ok(drawn.rows().into_iter().map(|row| row.to_vec()).collect())
    }

    /// Other ways of keeping the samples than by a GAN.
    fn baselines(&self, samples: &[Vec<f32>]) -> Result<Vec<Baseline>> {
        let rows = Array2::from_shape_fn((samples.len(), self.network.dim()), |(i, j)| samples[i][j]);
        let seed = self.seed.child("rivals");
        let principal = Pca::of(&rows, DIRECTIONS, seed.child("principal"))?;
        let subspace = |coefficients| -> Result<Box<dyn Posterior>> {
            let config = SubspaceConfig { rank: DIRECTIONS, coefficients, format: Format::F32, ..Default::default() };
            Ok(Box::new(Subspace::of(&principal, &config, seed)?))
        };
        let places: Vec<usize> = (0..ROWS).map(|k| k * samples.len() / ROWS).collect();
        let kept = rows.select(Axis(0), &places);
        let sd = principal.sd.iter().map(|sd| NOISE * sd).collect::<Vec<f32>>();
        Ok(vec![
            ("subspace", format!("{DIRECTIONS} directions"), subspace(CoefficientModel::Kernel)?),
            ("gaussian", format!("{DIRECTIONS} directions, one Gaussian"), subspace(CoefficientModel::Gaussian)?),
            ("rows", format!("{ROWS} samples"), Box::new(Subsample::new(kept.view(), None, Format::F32))),
            (
                "rows+noise",
                format!("{ROWS} samples and noise"),
                Box::new(Subsample::new(kept.view(), Some(&sd), Format::F32)),
            ),
        ])
    }

    /// A method's predictions on the square and at the training points.
    fn map(
        &self,
        method: &'static str,
        setting: String,
        predict: impl Fn(ArrayView2<'_, f32>) -> ClassPredictive,
    ) -> Map {
        let inputs = concatenate(Axis(0), &[self.grid.view(), self.data.inputs.view()]).expect("both are in the plane");
        let (predictive, cells) = (predict(inputs.view()), self.grid.nrows());
        let (mean, mut entropy) = (predictive.mean(), predictive.score(Score::Entropy));
        let at_points = entropy.split_off(cells);
        let mean = mean.slice_axis(Axis(0), (0..cells).into()).to_owned();
        let networks = predictive.networks();
        let mut bald = predictive.score(Score::Bald);
        bald.truncate(cells);
        Map {
            method,
            setting,
            probability: mean.column(1).to_vec(),
            entropy,
            bald: (networks > 1).then_some(bald),
            mean,
            entropy_at_points: average(&at_points),
            networks,
        }
    }

    /// Whether the chains of the reference agree with each other, in what they predict and in what they are.
    fn diagnose(&self, nuts: &Nuts) -> Result<Reference> {
        let stride = (self.grid.nrows() / FUNCTIONS).max(1);
        // A stride that divides the rows' length would look at few columns only.
        let stride = if self.settings.grid.is_multiple_of(stride) { stride + 1 } else { stride };
        let places: Vec<usize> = (0..self.grid.nrows()).step_by(stride).collect();
        let inputs = self.grid.select(Axis(0), &places);
        let mut functions: Vec<Vec<Vec<f64>>> = vec![Vec::new(); places.len()];
        for chain in &nuts.chains {
            functions.iter_mut().for_each(|function| function.push(Vec::with_capacity(chain.len())));
            predict_networks(&self.network, &Categorical, chain, inputs.view(), |_, p| {
                for (function, row) in functions.iter_mut().zip(p.rows()) {
                    function.last_mut().expect("pushed above").push(f64::from(row[1]));
                }
            });
        }
        let weight = |j: usize| -> Vec<Vec<f64>> {
            nuts.chains.iter().map(|chain| chain.iter().map(|theta| f64::from(theta[j])).collect()).collect()
        };
        let found: Vec<_> = functions.iter().filter_map(|f| apd_diagnostics::diagnose(f).ok()).collect();
        let rhat = median(found.iter().map(|d| d.rhat))
            .map(|median| (median, found.iter().map(|d| d.rhat).fold(f64::NEG_INFINITY, f64::max)));
        let half = nuts.chains.len() / 2;
        let halves = [&nuts.chains[..half], &nuts.chains[half..]]
            .map(|chains| averaged(&self.network, chains.concat(), self.grid.view()).mean());
        Ok(Reference {
            rhat,
            ess: median(found.iter().map(|d| d.ess_bulk)),
            rhat_weights: median((0..self.network.dim()).filter_map(|j| apd_diagnostics::rhat(&weight(j)).ok())),
            divergences: nuts.divergences,
            draws: nuts.chains.iter().map(|chain| chain.len() as u64).sum(),
            e_bfmi: nuts.e_bfmi,
            tv_between_halves: uncertainty::total_variation(halves[0].view(), halves[1].view())?,
        })
    }

    fn points(&self) -> Vec<(f64, f64, u8)> {
        let Targets::Classes(labels) = &self.data.targets else { return Vec::new() };
        let place = |(row, &label): (ndarray::ArrayView1<'_, f32>, &u32)| {
            (f64::from(row[0]), f64::from(row[1]), u8::try_from(label).unwrap_or(u8::MAX))
        };
        self.data.inputs.rows().into_iter().zip(labels.iter()).map(place).collect()
    }
}

fn rows(problem: &Problem<'_>, maps: &[Map], reference: &Reference) -> Result<Vec<Row>> {
    let net = format!("2-{HIDDEN}-{HIDDEN}-2");
    let row = |method: &str, metric: &str, value: f64| Row::new("toy2d", "blobs", &net, method, metric, value);
    let mut rows = Vec::new();
    for map in maps {
        for other in maps.iter().filter(|other| ["sgld", "hmc"].contains(&other.method) && other.method != map.method) {
            let tv = uncertainty::total_variation(map.mean.view(), other.mean.view())?;
            rows.push(Row { n: Some(map.networks), ..row(map.method, &format!("tv_to_{}", other.method), tv) });
        }
        rows.push(row(map.method, "entropy_at_points", map.entropy_at_points));
        rows.push(row(map.method, "entropy_on_square", average(&map.entropy)));
        if let Some(bald) = &map.bald {
            rows.push(row(map.method, "bald_on_square", average(bald)));
        }
    }
    let diagnostics = [
        ("tv_between_halves", Some(reference.tv_between_halves)),
        ("rhat_median", reference.rhat.map(|rhat| rhat.0)),
        ("rhat_max", reference.rhat.map(|rhat| rhat.1)),
        ("ess_bulk_median", reference.ess),
        ("rhat_weights_median", reference.rhat_weights),
        ("divergences", Some(reference.divergences as f64)),
        ("e_bfmi", Some(reference.e_bfmi)),
    ];
    rows.extend(diagnostics.into_iter().filter_map(|(metric, value)| Some(row("hmc", metric, value?))));
    // What SGLD's chain would need to forget where it started: the time constant of the prior's pull, in steps.
    rows.push(row("sgld", "relaxation_steps", 2.0 / (problem.step_size * problem.precision)));
    Ok(rows)
}

fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests;
