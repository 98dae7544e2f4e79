//! The distillers that go chain by chain.

use std::time::Instant;

use apd_bnn::{Categorical, Predictive, predict};
use apd_distill::{ChainBases, Conditional, ConditionalConfig, ResidualModel};
use apd_points::Points as _;
use ndarray::s;

use crate::context::Context;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::holdout::BankSubset;
use crate::named_posterior::averaged;
use crate::noise::with_nearest_noise;
use crate::smallest::conditional_within;
use crate::tasks::fidelity::settings::FidelityConfig;

/// Inputs on which the noise is chosen, and rows that say what is right, at most.
const COMPARED: usize = 1_000;
const ROWS: usize = 1_000;
/// Networks that an average is taken over meanwhile.
const NETWORKS: usize = 200;

/// A conditional distiller that was fitted to a budget in networks' bytes.
pub(super) struct Fitted {
    pub(super) name: &'static str,
    pub(super) budget: f64,
    pub(super) posterior: Conditional,
}

/// `path` at every budget, `adversarial` at those that it was asked for, where they have room for one direction of each chain and not for too
/// many in all.
pub(super) fn fit(
    context: Context<'_>,
    experiment: &Experiment,
    training: &BankSubset<'_>,
    seconds: &mut Vec<(String, f64)>,
) -> Result<Vec<Fitted>> {
    let Experiment { config, network, split, .. } = experiment;
    let (settings, seed) = (config.settings::<FidelityConfig>(), experiment.seed.child("fidelity"));
    let within = |residuals, size: f64| {
        let config = ConditionalConfig { residuals, ..settings.conditional.clone() };
        Some((size, conditional_within(config, (size * (4 * training.dim()) as f64) as usize, training)?))
    };
    let paths = settings.sizes.iter().filter_map(|&size| within(ResidualModel::Gaussian, size));
    let adversaries = settings.adversarial.iter().filter_map(|&size| within(ResidualModel::Adversarial, size));
    let wanted: Vec<_> =
        paths.map(|wanted| ("path", wanted)).chain(adversaries.map(|wanted| ("adversarial", wanted))).collect();
    let Some(rank) = wanted.iter().map(|(_, (_, config))| config.rank).max() else { return Ok(Vec::new()) };

    context.progress.begin("fidelity: chain by chain", wanted.len() as u64, 0);
    let started = Instant::now();
    let bases = ChainBases::of(training, rank, seed.child("chains"))?;
    let inputs = split.validation.images.pixels.view();
    let inputs = inputs.slice(s![..inputs.nrows().min(COMPARED), ..]);
    let rows = training.spread(ROWS);
    let rows = Predictive::Classes(averaged(network, rows.into_iter().map(|place| training.bank.row(place)), inputs));
    seconds.push(("fidelity: directions of each chain".to_owned(), started.elapsed().as_secs_f64()));
    let mut fitted = Vec::new();
    for (name, (budget, config)) in wanted {
        let started = Instant::now();
        let posterior = Conditional::of(&bases, &config, seed.child(name))?;
        // Of inputs whose labels nobody looks at.
        let (share, posterior) = with_nearest_noise(&posterior, &rows, |drawn| {
            Ok(predict(drawn, network, &Categorical, inputs, NETWORKS, seed.child("noise"))?)
        })?;
        let (rank, explained) = (posterior.rank(), 100.0 * posterior.explained());
        let found =
            format!("{rank} directions a chain, {explained:.1} % of the variance, noise of {share} of the rest");
        context.progress.advance(fitted.len() as u64 + 1, Some(format!("{name} at {budget} networks: {found}")));
        seconds.push((format!("fidelity: {name} at {budget} networks"), started.elapsed().as_secs_f64()));
        fitted.push(Fitted { name, budget, posterior });
    }
    context.progress.end();
    Ok(fitted)
}
