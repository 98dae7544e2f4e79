//! Our NUTS beside that of nuts-rs: effective draws per gradient and seconds, on densities at every scale.
//!
//! `cargo run --release --manifest-path benches/nuts_rs/Cargo.toml`: for each density and each way to learn the mass, from the same starts,
//! medians over the seeds. Both run four chains of 1000 draws after 1000 of a warm-up, a thread for each, seed by seed in turn.
//!
//! `… -- NAME SEEDS` keeps the densities whose names contain NAME, and runs as many seeds.
//!
//! * **ESS/gradient**: of the coordinate whose bulk effective size is least, over the gradients of the draws that are kept.
//! * **by error**: independent draws whose means would be as wrong as those that are known, over the same gradients: 1 over the mean square, over
//!   seeds and coordinates, of the error in standard deviations. A chain that leaves a region out has draws that agree with each other, and are wrong.
//! * **z**: the largest |error| of a mean that is known, in Monte Carlo standard errors.
//! * **divergent**: draws that are kept whose trajectory diverged, of 4000.
//! * **CPU s**: seconds of all threads together, warm-up included: half as many pass on two cores that do nothing else.
//! * **ratio**: ours over theirs, each with the metric that does best by that measure; of ESS/CPU s, effective draws in a second of warm-up and
//!   sampling, 1 is as quick.

use std::collections::HashMap;
use std::convert::Infallible;

use anyhow::Result;
use apd_diagnostics::diagnose;
use apd_seed::Seed;
use apd_sgmcmc::{FromFn64, HamiltonianConfig, Metric, sample};
use apd_verify::{Density, Posterior, posteriors};
use cpu_time::ProcessTime;
use nuts_rs::rand::{SeedableRng as _, rngs::StdRng};
use nuts_rs::{
    Chain as _, CpuLogpFunc, CpuMath, CpuMathError, DiagNutsSettings, HasDims, LogpError, LowRankNutsSettings, Settings,
};

const CHAINS: u32 = 4;
const WARMUP: u64 = 1_000;
const DRAWS: u64 = 1_000;
/// Seeds of a density: an error is known to a fifth by forty.
const SEEDS: u64 = 40;
/// Seeds of one that takes seconds.
const FEW_SEEDS: u64 = 9;

/// What a run gave.
struct Run {
    per_gradient: f64,
    gradients: f64,
    /// The mean of (error/sd)² over the coordinates that are known.
    squared_error: f64,
    seconds: f64,
    z: f64,
    divergent: f64,
}

fn main() -> Result<()> {
    println!(
        "{:<28} {:<8} {:<9} {:>12} {:>9} {:>14} {:>9} {:>6} {:>9}",
        "density", "sampler", "metric", "ESS/gradient", "by error", "gradients/draw", "CPU s", "z", "divergent"
    );
    let mut arguments = std::env::args().skip(1);
    let wanted = arguments.next().unwrap_or_default();
    let seeds: Option<u64> = arguments.next().map(|seeds| seeds.parse()).transpose()?;
    for posterior in posteriors().iter().filter(|posterior| posterior.name.contains(&wanted)) {
        let low_rank = Metric::LowRank { rank: 10 };
        let runs: [(&str, &str, &dyn Fn(u64) -> Result<Run>); 5] = [
            ("apd", "diagonal", &|seed| ours(posterior, Metric::Diagonal, seed)),
            ("apd", "low rank", &|seed| ours(posterior, low_rank, seed)),
            ("apd", "dense", &|seed| ours(posterior, Metric::Dense, seed)),
            ("nuts-rs", "diagonal", &|seed| {
                theirs(posterior, DiagNutsSettings { num_tune: WARMUP, num_draws: DRAWS, ..Default::default() }, seed)
            }),
            ("nuts-rs", "low rank", &|seed| {
                theirs(
                    posterior,
                    LowRankNutsSettings { num_tune: WARMUP, num_draws: DRAWS, ..Default::default() },
                    seed,
                )
            }),
        ];
        // Of a thousand coordinates that are independent, only the diagonal: a low-rank mass takes nuts-rs minutes there.
        let kept: Vec<_> = runs.iter().filter(|(_, metric, _)| *metric == "diagonal" || posterior.dim <= 100).collect();
        let mut found: Vec<Vec<Run>> = kept.iter().map(|_| Vec::new()).collect();
        for seed in 1..=seeds.unwrap_or(if posterior.dim > 10 { FEW_SEEDS } else { SEEDS }) {
            for ((.., run), found) in kept.iter().zip(&mut found) {
                found.push(run(seed)?);
            }
        }
        let mut best: HashMap<&str, [f64; 3]> = HashMap::new();
        for ((sampler, metric, _), runs) in kept.into_iter().zip(&found) {
            let median = |of: fn(&Run) -> f64| {
                let mut values: Vec<f64> = runs.iter().map(of).collect();
                values.sort_by(f64::total_cmp);
                values[values.len() / 2]
            };
            let (per_gradient, seconds) = (median(|run| run.per_gradient), median(|run| run.seconds));
            let mean = |of: fn(&Run) -> f64| runs.iter().map(of).sum::<f64>() / runs.len() as f64;
            let by_error = 1.0 / (mean(|run| run.squared_error) * mean(|run| run.gradients));
            println!(
                "{:<28} {sampler:<8} {metric:<9} {per_gradient:>12.4} {by_error:>9.5} {:>14.1} {seconds:>9.3} {:>6.1} {:>9}",
                posterior.name,
                median(|run| run.gradients) / (f64::from(CHAINS) * DRAWS as f64),
                median(|run| run.z),
                median(|run| run.divergent)
            );
            let best = best.entry(sampler).or_insert([f64::NEG_INFINITY; 3]);
            let per_second = median(|run| run.per_gradient * run.gradients / run.seconds);
            for (best, found) in best.iter_mut().zip([per_gradient, by_error, per_second]) {
                *best = best.max(found);
            }
        }
        let [per_gradient, by_error, per_second] = std::array::from_fn(|i| best["apd"][i] / best["nuts-rs"][i]);
        println!(
            "{:<28} ratio: ESS/gradient {per_gradient:.2}, by error {by_error:.2}, ESS/CPU s {per_second:.2}",
            posterior.name
        );
    }
    Ok(())
}

/// z ~ N(0, I): where a chain begins, with either sampler.
fn start(posterior: &Posterior, seed: u64, chain: u32) -> Vec<f64> {
    let mut position = vec![0.0; posterior.dim];
    Seed::root(seed).child("start").normals().fill_f64(chain.into(), 0, &mut position);
    position
}

fn ours(posterior: &Posterior, metric: Metric, seed: u64) -> Result<Run> {
    let density = posterior.density.clone();
    let potential = FromFn64::new(posterior.dim, move |theta: &[f64], gradient: &mut [f64]| density(theta, gradient));
    let config = HamiltonianConfig { metric, ..HamiltonianConfig::nuts(WARMUP, DRAWS) };
    let begun = ProcessTime::now();
    let init = |chain| start(posterior, seed, chain);
    let draws = sample(CHAINS, potential).with(config).seed(Seed::root(seed)).init(init).run()?;
    let seconds = begun.elapsed().as_secs_f64();
    let chains = (0..CHAINS as usize).map(|chain| draws.positions(chain).flatten().copied().collect()).collect();
    let transitions = (0..CHAINS as usize).flat_map(|chain| draws.transitions(chain));
    let (gradients, divergent) = transitions.fold((0, 0), |(gradients, divergent), transition| {
        (gradients + u64::from(transition.leapfrogs), divergent + u64::from(transition.divergent))
    });
    judge(posterior, chains, gradients, divergent, seconds)
}

fn theirs(posterior: &Posterior, settings: impl Settings + Sync, seed: u64) -> Result<Run> {
    let begun = ProcessTime::now();
    let run = |chain: u32| -> Result<(Vec<f64>, u64, u64)> {
        let mut rng = StdRng::seed_from_u64(seed * 1_000 + u64::from(chain));
        let math = CpuMath::new(LogDensity { density: posterior.density.clone(), dim: posterior.dim });
        let mut sampler = settings.new_chain(chain.into(), math, &mut rng)?;
        sampler.set_position(&start(posterior, seed, chain))?;
        let (mut draws, mut gradients, mut divergent) = (Vec::new(), 0, 0);
        for step in 0..WARMUP + DRAWS {
            let (position, progress) = sampler.draw()?;
            if step >= WARMUP {
                draws.extend_from_slice(&position);
                gradients += progress.num_gradients;
                divergent += u64::from(progress.diverging);
            }
        }
        Ok((draws, gradients, divergent))
    };
    let chains: Vec<(Vec<f64>, u64, u64)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CHAINS).map(|chain| scope.spawn(move || run(chain))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no chain panics")).collect::<Result<_>>()
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    let (gradients, divergent) = chains.iter().fold((0, 0), |sums, chain| (sums.0 + chain.1, sums.1 + chain.2));
    judge(posterior, chains.into_iter().map(|(draws, ..)| draws).collect(), gradients, divergent, seconds)
}

/// Looks at draws, of each chain one position after the other.
fn judge(posterior: &Posterior, chains: Vec<Vec<f64>>, gradients: u64, divergent: u64, seconds: f64) -> Result<Run> {
    let coordinate = |i: usize| -> Vec<Vec<f64>> {
        chains.iter().map(|draws| draws.iter().skip(i).step_by(posterior.dim).copied().collect()).collect()
    };
    let mut least = f64::INFINITY;
    for i in 0..posterior.dim {
        least = least.min(diagnose(&coordinate(i)).map_or(0.0, |diagnosis| diagnosis.ess_bulk));
    }
    let (mut z, mut squared_error) = (f64::NAN, 0.0);
    for &(i, mean, sd) in &posterior.known {
        let diagnosis = diagnose(&coordinate(i))?;
        z = z.max(((diagnosis.mean - mean) / diagnosis.mcse_mean).abs());
        squared_error += ((diagnosis.mean - mean) / sd).powi(2);
    }
    Ok(Run {
        per_gradient: least / gradients as f64,
        gradients: gradients as f64,
        squared_error: squared_error / posterior.known.len() as f64,
        seconds,
        z,
        divergent: divergent as f64,
    })
}

/// A density as nuts-rs takes it.
struct LogDensity {
    density: Density,
    dim: usize,
}

impl HasDims for LogDensity {
    fn dim_sizes(&self) -> HashMap<String, u64> {
        HashMap::from([("unconstrained_parameter".to_owned(), self.dim as u64)])
    }
}

/// No density here fails.
#[derive(Debug)]
struct Never(Infallible);

impl std::fmt::Display for Never {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {}
    }
}

impl std::error::Error for Never {}

impl LogpError for Never {
    fn is_recoverable(&self) -> bool {
        true
    }
}

impl CpuLogpFunc for LogDensity {
    type LogpError = Never;
    type ExpandedVector = Vec<f64>;
    type FlowParameters = ();

    fn dim(&self) -> usize {
        self.dim
    }

    fn logp(&mut self, position: &[f64], gradient: &mut [f64]) -> Result<f64, Never> {
        let value = (self.density)(position, gradient);
        gradient.iter_mut().for_each(|g| *g = -*g);
        Ok(-value)
    }

    fn expand_vector<R: nuts_rs::rand::Rng + ?Sized>(
        &mut self,
        _: &mut R,
        position: &[f64],
    ) -> Result<Vec<f64>, CpuMathError> {
        Ok(position.to_vec())
    }
}
