//! Are the bank's samples to be believed?
//!
//! R̂ and effective sample sizes of U(θ), of single weights, and of *functions*: the probability of the true class of held-out
//! images. Functions are what predictions are made of; weights may fail to mix merely because hidden units can be permuted.

mod unseen;

use std::fmt;

use apd_bnn::{Categorical, predict_networks};
use apd_diagnostics::spread::{Spread, predicted_spread};
use apd_diagnostics::{Diagnosis, DiagnosticError, mean_sd, median};
use apd_nn::Model as _;
use apd_report::Row;
use apd_sgmcmc::from_mean_loss;
use apd_store::Bank;

use crate::context::Context;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::rows::Rows;

/// Weights whose draws are looked at.
const WEIGHTS: usize = 100;
/// Held-out images whose true class's probability is looked at.
const IMAGES: usize = 100;
/// Samples of a chain that are looked at while it goes on, at least; and of all chains, in units of their goal.
const LOOKED_AT: usize = 400;
const OF_GOAL: f64 = 4.0;
/// A chain of fewer than one in so many of the longest's samples, because it was dropped, would cut all others to its length.
const LONG_ENOUGH: usize = 2;

/// The draws of one scalar, a vector per chain.
pub type Draws = Vec<Vec<f64>>;

/// Scalars of one kind.
pub struct Group {
    /// `potential`, `functions` or `weights`.
    pub name: &'static str,
    /// The draws of each.
    pub draws: Vec<Draws>,
    /// The diagnosis of each that has one, with its place in `draws`; scalars that never move have none.
    pub found: Vec<(usize, Diagnosis)>,
}

/// What the diagnostics say of a bank.
pub struct Diagnosed {
    /// A row per kind of scalar and figure, and of how far some chains are from others.
    pub rows: Vec<Row>,
    /// U(θ), functions, weights.
    pub groups: Vec<Group>,
    /// Chains that have too few samples to be diagnosed beside the others.
    pub left_out: Vec<u32>,
    /// How far the weights of the first chain spread, beside the prior's deviation and that of free weights.
    pub spread: Option<Spread>,
}

/// Diagnoses the chains of `bank`.
pub fn diagnose(context: Context<'_>, experiment: &Experiment, bank: &Bank) -> Result<Diagnosed> {
    let Experiment { config, seed, .. } = experiment;
    let seed = seed.child("diagnose");
    let (chains, left_out) = rows_by_chain(bank);
    let draws = chains.iter().map(Vec::len).min().unwrap_or(0);

    let potential = vec![by_chain(&chains, draws, |row| bank.meta(row).potential)];
    let chosen = seed.child("weights").stream().permutation(bank.dim());
    let weights: Vec<usize> = chosen.into_iter().take(WEIGHTS).map(|i| i as usize).collect();
    let weights = weights.iter().map(|&i| by_chain(&chains, draws, |row| f64::from(bank.row(row)[i]))).collect();

    context.progress.begin("diagnose", bank.len() as u64, 0);
    let functions = functions(experiment, bank, &chains, draws, |done| context.progress.advance(done, None));

    let groups: Vec<Group> = [("potential", potential), ("functions", functions), ("weights", weights)]
        .into_iter()
        .map(|(name, draws)| Group::new(name, draws))
        .collect();
    let mut rows = Rows::new(config, "diagnostics");
    for group in &groups {
        for (metric, values) in group.figures() {
            if !values.is_empty() {
                rows.push("sgld", metric, (summary(metric, &values), mean_sd(&values).1), values.len()).score =
                    Some(group.name.into());
            }
        }
    }
    for unseen in unseen::unseen(experiment, bank, &chains)? {
        let found = unseen.total_variations;
        rows.push("sgld", "tv_to_other_chains", mean_sd(&found), found.len()).at = Some(unseen.chains as f64);
    }
    let spread = spread(experiment, bank, &chains)?;
    context.progress.end();
    Ok(Diagnosed { rows: rows.finish(), groups, left_out, spread })
}

/// How far the chains of an unfinished bank agree on predictions, in the median over images.
pub(crate) struct Agreement {
    pub(crate) rhat: f64,
    /// At least: of long chains some of the samples are looked at.
    pub(crate) ess: f64,
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "R̂ of predictions {:.3}, {:.0} effective samples (medians)", self.rhat, self.ess)
    }
}

/// Of the samples up to a step; `None` where there are too few.
pub(crate) fn agreement(experiment: &Experiment, bank: &Bank, until: u64) -> Option<Agreement> {
    let (mut chains, _) = rows_by_chain(bank);
    chains.iter_mut().for_each(|rows| rows.retain(|&row| bank.meta(row).step <= until));
    let longest = chains.iter().map(Vec::len).max()?;
    chains.retain(|rows| LONG_ENOUGH * rows.len() >= longest);
    let goal = experiment.config.sgld.until_ess.unwrap_or(0.0);
    let stride = longest.div_ceil(LOOKED_AT.max((OF_GOAL * goal) as usize / chains.len())).max(1);
    let chains: Vec<Vec<usize>> = chains.into_iter().map(|rows| rows.into_iter().step_by(stride).collect()).collect();
    let draws = chains.iter().map(Vec::len).min()?;
    let functions = Group::new("functions", functions(experiment, bank, &chains, draws, |_| ()));
    let of = |f: fn(&Diagnosis) -> f64| median(functions.found.iter().map(|(_, diagnosis)| f(diagnosis)));
    Some(Agreement { rhat: of(|d| d.rhat)?, ess: of(|d| d.ess_bulk)? })
}

/// The probability of the true class of each of some validation images: the first `draws` draws of each chain, whose rows these are.
fn functions(
    experiment: &Experiment,
    bank: &Bank,
    chains: &[Vec<usize>],
    draws: usize,
    tell: impl Fn(u64) + Sync,
) -> Vec<Draws> {
    let Experiment { network, split, .. } = experiment;
    let held_out = split.validation.take(IMAGES);
    let rows: Vec<usize> = chains.iter().flat_map(|rows| &rows[..draws]).copied().collect();
    let networks = rows.iter().map(|&row| bank.row(row));
    let mut right = vec![Vec::with_capacity(rows.len()); held_out.len()];
    predict_networks(network, &Categorical, networks, held_out.images.pixels.view(), |done, probabilities| {
        for (right, (probabilities, &label)) in
            right.iter_mut().zip(probabilities.rows().into_iter().zip(&held_out.labels))
        {
            right.push(f64::from(probabilities[label as usize]));
        }
        tell(done as u64 + 1);
    });
    right.iter().map(|of_image| of_image.chunks_exact(draws.max(1)).map(<[f64]>::to_vec).collect()).collect()
}

impl Group {
    fn new(name: &'static str, draws: Vec<Draws>) -> Self {
        let found = draws
            .iter()
            .enumerate()
            .filter_map(|(i, draws)| Some((i, apd_diagnostics::diagnose(draws).ok()?)))
            .collect();
        Self { name, draws, found }
    }

    /// The figures of the table, each with its values over the scalars.
    pub(crate) fn figures(&self) -> [(&'static str, Vec<f64>); 6] {
        let of = |f: fn(&Diagnosis) -> f64| self.found.iter().map(|(_, diagnosis)| f(diagnosis)).collect::<Vec<f64>>();
        [
            ("rhat_median", of(|d| d.rhat)),
            ("rhat_worst", of(|d| d.rhat)),
            ("ess_bulk_median", of(|d| d.ess_bulk)),
            ("ess_bulk_worst", of(|d| d.ess_bulk)),
            ("ess_tail_median", of(|d| d.ess_tail)),
            ("ess_tail_worst", of(|d| d.ess_tail)),
        ]
    }

    /// The scalar that mixes worst.
    pub(crate) fn worst(&self) -> Option<(&Draws, &Diagnosis)> {
        let (i, diagnosis) = self.found.iter().max_by(|a, b| a.1.rhat.total_cmp(&b.1.rhat))?;
        Some((&self.draws[*i], diagnosis))
    }
}

/// The median, or the worst end: a large R̂, a small effective sample size.
fn summary(metric: &str, values: &[f64]) -> f64 {
    let values = values.iter().copied();
    let found = match metric {
        "rhat_worst" => values.max_by(f64::total_cmp),
        _ if metric.ends_with("worst") => values.min_by(f64::total_cmp),
        _ => median(values),
    };
    found.expect("one scalar or more")
}

/// The bank's rows of each chain, in the chain's order; and the chains that are too short.
fn rows_by_chain(bank: &Bank) -> (Vec<Vec<usize>>, Vec<u32>) {
    let mut chains = std::collections::BTreeMap::<u32, Vec<usize>>::new();
    for row in 0..bank.len() {
        chains.entry(bank.meta(row).chain).or_default().push(row);
    }
    let longest = chains.values().map(Vec::len).max().unwrap_or(0);
    let left_out = chains.iter().filter(|(_, rows)| LONG_ENOUGH * rows.len() < longest).map(|(&chain, _)| chain);
    let left_out: Vec<u32> = left_out.collect();
    chains.retain(|chain, _| !left_out.contains(chain));
    (chains.into_values().collect(), left_out)
}

fn by_chain(chains: &[Vec<usize>], draws: usize, value: impl Fn(usize) -> f64) -> Draws {
    chains.iter().map(|rows| rows.iter().take(draws).map(|&row| value(row)).collect()).collect()
}

/// The deviation of each weight over the first chain, beside what a weight that no data bind would show.
fn spread(experiment: &Experiment, bank: &Bank, chains: &[Vec<usize>]) -> Result<Option<Spread>> {
    let Experiment { config, .. } = experiment;
    let sgld = &config.sgld;
    let (epsilon, tau) = from_mean_loss(sgld.lr, sgld.weight_decay, experiment.split.train.len());
    let Some(rows) = chains.first().filter(|rows| rows.len() > 1 && tau > 0.0 && sgld.temperature > 0.0) else {
        return Ok(None);
    };
    // Weights alone: buffers have no prior.
    let dim = experiment.network.dim();
    let (mut mean, mut squares) = (vec![0.0; dim], vec![0.0; dim]);
    for (n, &row) in rows.iter().enumerate() {
        for ((mean, squares), &x) in mean.iter_mut().zip(&mut squares).zip(bank.row(row)) {
            let before = f64::from(x) - *mean;
            *mean += before / (n + 1) as f64;
            *squares += before * (f64::from(x) - *mean);
        }
    }
    let deviations: Vec<f64> = squares.iter().map(|s| (s / (rows.len() - 1) as f64).sqrt()).collect();
    // A tuned chain has a step size and units of its own.
    let free =
        (!config.sampler.tuned).then(|| predicted_spread(sgld.temperature, epsilon, sgld.steps - sgld.burn_in, tau));
    match Spread::of(&deviations, tau.sqrt().recip(), free) {
        Ok(spread) => Ok(Some(spread)),
        Err(DiagnosticError::Empty { .. }) => Ok(None),
        Err(error) => Err(crate::Error::Config(error.to_string())),
    }
}

#[cfg(test)]
mod tests;
