//! Is the distilled posterior the posterior, and is it worth its bytes?
//!
//! Every way of keeping a bank in fewer bytes is fitted to the same rows and judged by rows that none of them has seen.

use std::time::Instant;

use apd_data::Images;
use apd_diagnostics::mean_sd;
use apd_distill::{
    CoefficientModel, Format, Pca, Subsample, Subspace, SubspaceConfig,
    fidelity::{moments, nearest, nearest_neighbor_test, sliced_wasserstein},
};
use apd_nn::Network;
use apd_points::{Points as _, Posterior};
use apd_report::Row;
use apd_store::Bank;
use apd_uncertainty::{self as uncertainty, ClassPredictive, Score, detection};
use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

use crate::config::Config;
use crate::context::Context;
use crate::distill::train;
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::holdout::{BankSubset, Sampled};
use crate::methods::{DISTILLED, nearest as nearest_form};
use crate::named_posterior::{NamedPosterior, averaged, network_rows};
use crate::rows::{Rows, upper_median};
use crate::smallest::MOST_DIRECTIONS;
use crate::stacked::Stacked;
use crate::tasks::classify::compute::ECE_BINS;
use crate::tasks::fidelity::chains;
use crate::tasks::fidelity::settings::FidelityConfig;

const TASK: &str = "fidelity";
/// Networks of each cloud in the comparisons in weight space; for every fourth of them the nearest row is searched for.
pub(crate) const CLOUD: usize = 200;
const SEARCHED_EVERY: isize = 4;
/// … and for every twentieth, with its hidden units in other orders too.
const ALIGNED_EVERY: usize = 20;
/// Noise of `rows+noise`, in standard deviations of each weight.
pub(crate) const NOISE: f32 = 0.1;
/// The scores whose detection is compared.
const SCORES: [Score; 2] = [Score::Entropy, Score::Bald];

/// What the task found.
pub struct Fidelity {
    /// A row per baseline, size and metric. Of a baseline of several sizes, `at` is the budget in networks' bytes.
    pub rows: Vec<Row>,
    /// Seconds that fitting took, by what was fitted.
    pub seconds: Vec<(String, f64)>,
    /// Training rows, held-out rows, and rows of other chains.
    pub counts: [usize; 3],
}

/// One way of keeping the posterior.
struct Baseline<'a> {
    name: &'static str,
    /// The budget in networks' bytes that it was fitted to, where it comes in several sizes.
    budget: Option<f64>,
    posterior: Box<dyn Posterior + 'a>,
}

/// Fits every baseline at every size and compares it with held-out rows of the bank: predictions on the test images and on each
/// out-of-distribution set, and the networks themselves.
///
/// Of four chains or more, a quarter is held out as a whole beside one row in five of the others: rows of the same chains judge what
/// distilling loses, other chains what sampling had not found.
///
/// **Errors**: a bank too small to hold rows out.
pub fn fidelity(
    context: Context<'_>,
    experiment: &Experiment,
    bank: &Bank,
    ensemble: Option<&Array2<f32>>,
    inside: &Images,
    sets: &[Images],
) -> Result<Fidelity> {
    let Experiment { config, .. } = experiment;
    let settings = config.settings::<FidelityConfig>();
    let chains = (0..bank.len()).map(|i| bank.meta(i).chain).max().map_or(0, |last| last as usize + 1);
    let others = if chains >= 4 { chains / 4 } else { 0 };
    let of_others = |place: &usize| bank.meta(*place).chain as usize >= chains - others;
    let [training, held_out] = BankSubset::folds(bank, (0..bank.len()).filter(|place| !of_others(place)));
    let others = BankSubset { bank, places: (0..bank.len()).filter(of_others).collect() };
    if training.len() < 2 || held_out.len() < 2 {
        let rows = bank.len();
        return Err(Error::Config(format!("fidelity: a bank of {rows} rows has too few to hold out (one in five)")));
    }
    let mut seconds = Vec::new();
    let baselines = baselines(context, experiment, &training, ensemble, &mut seconds)?;
    let evaluator = Evaluator::new(experiment, &training, &held_out, &others, inside, sets)?;
    let mut rows = Rows::new(config, TASK);
    evaluator.reference(&mut rows)?;
    context.progress.begin(TASK, (baselines.len() * settings.draws) as u64, 0);
    for (i, baseline) in baselines.iter().enumerate() {
        let label = baseline
            .budget
            .map_or(baseline.name.to_owned(), |budget| format!("{} at {budget} networks", baseline.name));
        evaluator.evaluate(baseline, &mut rows, &mut |draw| {
            context.progress.advance((i * settings.draws + draw) as u64, Some(label.clone()));
            !context.control.stop_requested()
        })?;
    }
    context.progress.end();
    Ok(Fidelity { rows: rows.finish(), seconds, counts: [training.len(), held_out.len(), others.len()] })
}

/// Directions that the baselines need, the largest of them: one of 8 bits takes a quarter of a network's bytes.
pub(crate) fn directions(config: &Config) -> usize {
    let sizes = config.settings::<FidelityConfig>().sizes.iter();
    let largest = sizes.fold(config.subspace.rank as f64, |most, &size| most.max(4.0 * size));
    (largest as usize).min(MOST_DIRECTIONS)
}

/// Every baseline, fitted to the training rows.
fn baselines<'a>(
    context: Context<'_>,
    experiment: &Experiment,
    training: &BankSubset<'a>,
    ensemble: Option<&Array2<f32>>,
    seconds: &mut Vec<(String, f64)>,
) -> Result<Vec<Baseline<'a>>> {
    let Experiment { config, folder, network, split, .. } = experiment;
    let (settings, dim, seed) = (config.settings::<FidelityConfig>(), training.dim(), experiment.seed.child(TASK));
    let bytes = (4 * dim) as f64;
    let mut baselines = vec![Baseline { name: "bank", budget: None, posterior: Box::new(Sampled(training.clone())) }];

    // What users get: the default, from the rows to something that can be drawn from.
    context.progress.begin("fidelity: distilled", 1, 0);
    let started = Instant::now();
    let inputs = split.validation.images.pixels.view();
    let (default, _) = nearest_form(training, config, network, inputs, seed.child(DISTILLED))?;
    seconds.push(("fidelity: distilled".to_owned(), started.elapsed().as_secs_f64()));
    context.progress.end();
    baselines.push(Baseline { name: DISTILLED, budget: None, posterior: Box::new(default) });

    let rank = directions(config);
    context.progress.begin("fidelity: directions", 1, 0);
    let principal = Pca::of(training, rank, seed.child("principal"))?;
    context
        .progress
        .advance(1, Some(format!("{rank} directions, {:.1} % of the variance", 100.0 * principal.explained(rank))));
    context.progress.end();
    let subspace = |config: &SubspaceConfig| -> Result<Box<dyn Posterior>> {
        Ok(Box::new(Subspace::of(&principal, config, seed.child("rivals"))?))
    };
    let rows = |count: usize| training.bank.gather(&training.spread(count));
    let plain = SubspaceConfig {
        format: Format::F32,
        coefficients: CoefficientModel::Gaussian,
        residual: 0.0,
        ..config.subspace.clone()
    };
    let noise: Vec<f32> = principal.sd.iter().map(|sd| NOISE * sd).collect();
    for &size in &settings.sizes {
        let budget = size * bytes;
        let mut add = |name, posterior: Box<dyn Posterior>| {
            // A baseline of few directions may not have come down to the budget.
            if posterior.bytes() as f64 <= budget * 1.001 {
                baselines.push(Baseline { name, budget: Some(size), posterior });
            }
        };
        let count = size as usize;
        if count >= 1 && count <= training.len() {
            add("rows", Box::new(Subsample::new(rows(count).view(), None, Format::F32)));
        }
        for (name, format) in [("rows-int8", Format::Int8), ("rows-int6", Format::Int6)] {
            let count = (budget / format.row_bytes(dim) as f64) as usize;
            if (1..=training.len()).contains(&count) {
                add(name, Box::new(Subsample::new(rows(count).view(), None, format)));
            }
        }
        if count >= 2 && count <= training.len() {
            add("rows+noise", Box::new(Subsample::new(rows(count - 1).view(), Some(&noise), Format::F32)));
        }
        // As many directions as there is room for.
        for (name, base, format) in [
            ("subspace-int8", &config.subspace, Format::Int8),
            ("subspace-f16", &config.subspace, Format::F16),
            ("subspace-f32", &config.subspace, Format::F32),
            ("gaussian-int8", &plain, Format::Int8),
            ("gaussian", &plain, Format::F32),
        ] {
            let wanted = SubspaceConfig { format, ..base.clone() }.within(budget as usize, dim, training.len());
            if let Some(wanted) = wanted.filter(|wanted| (1..=rank).contains(&wanted.rank)) {
                add(name, subspace(&wanted)?);
            }
        }
        let swag = SubspaceConfig { residual: 1.0, ..plain.clone() }.within(budget as usize, dim, training.len());
        if let Some(swag) = swag.filter(|swag| (1..=rank).contains(&swag.rank)) {
            add("gaussian+diagonal", subspace(&swag)?);
        }
        if size == 2.0 {
            add("diagonal", subspace(&SubspaceConfig { rank: 0, residual: 1.0, ..plain.clone() })?);
        }
    }
    let fitted = chains::fit(context, experiment, training, seconds)?;
    baselines.extend(fitted.into_iter().map(|chains::Fitted { name, budget, posterior }| {
        let (budget, posterior): (_, Box<dyn Posterior>) = (Some(budget), Box::new(posterior));
        Baseline { name, budget, posterior }
    }));
    if settings.gan_rank > 0 {
        let gan = SubspaceConfig {
            rank: settings.gan_rank.min(rank),
            coefficients: CoefficientModel::Gan,
            ..config.subspace.clone()
        };
        context.progress.begin("fidelity: subspace-gan", 1, 0);
        let started = Instant::now();
        baselines.push(Baseline { name: "subspace-gan", budget: None, posterior: subspace(&gan)? });
        seconds.push(("fidelity: subspace-gan".to_owned(), started.elapsed().as_secs_f64()));
        context.progress.end();
    }
    if let Some(ensemble) = ensemble {
        let posterior = Box::new(Subsample::new(ensemble.view(), None, Format::F32));
        baselines.push(Baseline { name: "ensemble", budget: None, posterior });
    }
    if settings.apd {
        let started = Instant::now();
        let path = folder.checkpoint("fidelity-apd");
        let (generator, _) =
            train(context, training.clone(), &config.distill, seed.child("apd"), &path, |_, _| Ok(None))?;
        seconds.push(("fidelity: apd".to_owned(), started.elapsed().as_secs_f64()));
        baselines.push(Baseline { name: "apd", budget: None, posterior: Box::new(generator) });
    }
    Ok(baselines)
}

/// The reference, and the inputs that predictions are compared on.
struct Evaluator<'a> {
    experiment: &'a Experiment,
    sets: &'a [Images],
    /// Test images, the detection task's, and each set.
    stacked: Stacked,
    reference: ClassPredictive,
    /// The average of other chains on the test images, if there are any.
    others: Option<Array2<f64>>,
    /// Some held-out networks, and how far they are from the training rows, in the median.
    networks: Array2<f32>,
    training: &'a BankSubset<'a>,
    fresh: f64,
    /// The same of networks whose hidden units were brought into the order of the rows'.
    fresh_aligned: Option<f64>,
}

impl<'a> Evaluator<'a> {
    fn new(
        experiment: &'a Experiment,
        training: &'a BankSubset<'a>,
        held_out: &BankSubset<'_>,
        others: &BankSubset<'_>,
        inside: &Images,
        sets: &'a [Images],
    ) -> Result<Self> {
        let Experiment { config, network, split, .. } = experiment;
        let mut views: Vec<ArrayView2<'_, f32>> = vec![split.test.images.pixels.view(), inside.pixels.view()];
        views.extend(sets.iter().map(|set| set.pixels.view()));
        let stacked = Stacked::new(&views)?;
        let average = |chosen: &BankSubset<'_>, inputs| {
            let places = chosen.spread(config.settings::<FidelityConfig>().truth);
            averaged(network, places.into_iter().map(|place| chosen.bank.row(place)), inputs)
        };
        let reference = average(held_out, stacked.inputs.view());
        let others = (!others.is_empty()).then(|| average(others, split.test.images.pixels.view()).mean());
        let networks = held_out.bank.gather(&held_out.spread(CLOUD));
        let fresh = upper_median(nearest(networks.slice(s![..;SEARCHED_EVERY, ..]), training));
        let fresh_aligned = aligned_distance(network, &networks, training);
        Ok(Self { experiment, sets, stacked, reference, others, networks, training, fresh, fresh_aligned })
    }

    /// What the held-out rows themselves say.
    fn reference(&self, rows: &mut Rows<'_>) -> Result<()> {
        let found = self.predictions(&self.reference)?;
        for (metric, score, set, value) in found {
            let row = rows.push("held-out", metric, (value, None), 1);
            (row.score, row.ood) = (score.map(|score| score.to_string()), set);
        }
        rows.push("held-out", "nearest_row", (self.fresh, None), 1);
        Ok(())
    }

    /// Metrics of one average beside the reference: name, score, set, value.
    #[allow(clippy::type_complexity)]
    fn predictions(
        &self,
        predictive: &ClassPredictive,
    ) -> Result<Vec<(&'static str, Option<Score>, Option<String>, f64)>> {
        let (mean, reference) = (predictive.mean(), self.reference.mean());
        let test = |mean: &Array2<f64>| mean.slice(s![self.stacked.block(0), ..]).to_owned();
        let (on_test, true_on_test) = (test(&mean), test(&reference));
        let labels = &self.experiment.split.test.labels;
        let bald = predictive.score(Score::Bald);
        let mut found = vec![
            ("accuracy", None, None, uncertainty::accuracy(on_test.view(), labels)?),
            ("nll", None, None, uncertainty::nll(on_test.view(), labels)?),
            ("ece", None, None, uncertainty::ece(&uncertainty::reliability(on_test.view(), labels, ECE_BINS)?)),
            ("brier", None, None, uncertainty::brier(on_test.view(), labels)?),
            ("agreement", None, None, uncertainty::agreement(on_test.view(), true_on_test.view())?),
            ("tv", None, None, uncertainty::total_variation(on_test.view(), true_on_test.view())?),
            (
                "mean_bald",
                None,
                None,
                bald[self.stacked.block(0)].iter().sum::<f64>() / self.stacked.block(0).len() as f64,
            ),
        ];
        if let Some(others) = &self.others {
            found.push(("tv_chains", None, None, uncertainty::total_variation(on_test.view(), others.view())?));
        }
        for (i, set) in self.sets.iter().enumerate() {
            let part = |mean: &Array2<f64>| mean.slice(s![self.stacked.block(i + 2), ..]).to_owned();
            let tv = uncertainty::total_variation(part(&mean).view(), part(&reference).view())?;
            found.push(("tv", None, Some(set.name.clone()), tv));
            for score in SCORES {
                let values = predictive.score(score);
                let auroc = detection(&values[self.stacked.block(1)], &values[self.stacked.block(i + 2)])?.auroc;
                found.push(("auroc", Some(score), Some(set.name.clone()), auroc));
            }
        }
        Ok(found)
    }

    fn evaluate(
        &self,
        baseline: &Baseline<'_>,
        rows: &mut Rows<'_>,
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<()> {
        let Experiment { config, network, seed, .. } = self.experiment;
        let settings = config.settings::<FidelityConfig>();
        let seed = seed.child(TASK).child(baseline.name);
        let mut draws = Vec::new();
        for draw in 0..settings.draws {
            let drawn = NamedPosterior::distilled(baseline.name, &*baseline.posterior);
            let predictive =
                drawn.predict(network, settings.networks, seed.index(draw as u64), self.stacked.inputs.view())?;
            draws.push(self.predictions(&predictive)?);
            if !go_on(draw + 1) {
                return Err(Error::Stopped);
            }
        }
        for i in 0..draws[0].len() {
            let (metric, score, set, _) = &draws[0][i];
            let values: Vec<f64> = draws.iter().map(|draw| draw[i].3).collect();
            let row = rows.push(baseline.name, metric, mean_sd(&values), values.len());
            (row.score, row.ood, row.at) = (score.map(|score| score.to_string()), set.clone(), baseline.budget);
        }
        let mut push = |metric: &str, values: &[f64]| {
            rows.push(baseline.name, metric, mean_sd(values), values.len()).at = baseline.budget;
        };
        let one = 4.0 * self.networks.ncols() as f64;
        push("bytes_in_networks", &[baseline.posterior.bytes() as f64 / one]);

        let cloud = baseline.posterior.draw(seed.child("cloud"), self.networks.nrows());
        let found = moments(cloud.view(), self.networks.view());
        push("mean_error", &[found.mean_error]);
        push("variance_ratio", &[found.variance_ratio]);
        push("variance_ratio_05", &[found.variance_ratios[0]]);
        push("variance_ratio_50", &[found.variance_ratios[1]]);
        push("variance_ratio_95", &[found.variance_ratios[2]]);
        push("sliced_wasserstein", &[sliced_wasserstein(cloud.view(), self.networks.view(), seed.child("slices"))]);
        let distinguished = nearest_neighbor_test(cloud.view(), self.networks.view());
        push("neighbour_test_drawn", &[distinguished.generated]);
        push("neighbour_test_held_out", &[distinguished.reference]);
        let distances = nearest(cloud.slice(s![..;SEARCHED_EVERY, ..]), self.training);
        push("novelty", &[upper_median(distances) / self.fresh]);
        // One size of each baseline: putting units in order costs a while.
        if let Some(fresh) = self.fresh_aligned.filter(|_| baseline.budget.is_none()) {
            let found = aligned_distance(network, &cloud, self.training);
            push("novelty_aligned", &[found.map_or(f64::NAN, |distance| distance / fresh)]);
        }
        let single: Vec<f64> = network_rows(&cloud)
            .step_by(SEARCHED_EVERY as usize)
            .map(|theta| {
                let test = self.stacked.inputs.slice(s![self.stacked.block(0), ..]);
                Ok(uncertainty::accuracy(
                    averaged(network, [theta], test).mean().view(),
                    &self.experiment.split.test.labels,
                )?)
            })
            .collect::<Result<_>>()?;
        push("single_accuracy", &single);
        Ok(())
    }
}

/// How far networks are from the nearest row, in the median, where their hidden units may be in any order: they are brought into that of one
/// row of each chain, whose other rows have the same. None for networks whose units have no such order.
fn aligned_distance(network: &Network, networks: &Array2<f32>, training: &BankSubset<'_>) -> Option<f64> {
    let Network::Mlp(mlp) = network else { return None };
    let references = training.middle_of_each_chain();
    let searched: Vec<&[f32]> = network_rows(networks).step_by(ALIGNED_EVERY).collect();
    // As they are, too.
    let variants = 1 + references.len();
    let orders: Vec<Vec<f32>> = (0..searched.len() * variants)
        .into_par_iter()
        .map(|i| match (searched[i / variants], i % variants) {
            (theta, 0) => theta.to_vec(),
            (theta, chain) => mlp.aligned(theta, training.bank.row(references[chain - 1])),
        })
        .collect();
    let orders = Array2::from_shape_fn((orders.len(), training.dim()), |(i, j)| orders[i][j]);
    let distances = nearest(orders.view(), training);
    let least = |of_network: &[f64]| of_network.iter().copied().fold(f64::INFINITY, f64::min);
    Some(upper_median(distances.chunks(variants).map(least).collect()))
}

#[cfg(test)]
mod tests;
