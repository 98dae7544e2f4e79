//! Classification: is the averaged prediction right, and does it know how sure to be?

use apd_diagnostics::mean_sd;
use apd_uncertainty::{self as uncertainty, ClassPredictive, MetricError, ReliabilityBin, Score};
use ndarray::Array2;

use crate::context::Context;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::named_posterior::{NamedPosterior, Role};
use crate::pictures;
use crate::rows::Rows;

/// Equal-width reliability bins on the largest probability.
pub const ECE_BINS: usize = 15;

/// What the task found.
pub struct Classification {
    /// A row per method and metric.
    pub rows: Vec<apd_report::Row>,
    /// The calibration of each method's first draw.
    pub reliability: Vec<(String, Vec<ReliabilityBin>)>,
    /// What the first distilled posterior, or else the bank, is least sure of in its first draw.
    pub least_sure: Option<LeastSure>,
}

/// The test images that a method is least sure of.
pub struct LeastSure {
    /// The method.
    pub method: String,
    /// Their places among the test images, the least sure first, and what each is taken for.
    pub images: Vec<(u32, u32)>,
}

/// Averages the predictions of `config.evaluation.networks` networks of each method on the test set, over independent
/// draws: accuracy, mean NLL (nats), ECE (15 bins) and Brier score; and how far the generator's predictions are from
/// the bank's, next to how far another draw from the bank is.
pub fn classify(
    context: Context<'_>,
    experiment: &Experiment,
    posteriors: &[NamedPosterior<'_>],
) -> Result<Classification> {
    let Experiment { config, network, split, .. } = experiment;
    let (test, seed) = (&split.test, experiment.seed.child("classify"));
    let mut rows = Rows::new(config, "classify");
    let mut reliability = Vec::new();
    let mut least_sure: Option<(Role, LeastSure)> = None;
    let mut bank_means: Vec<Array2<f64>> = Vec::new();
    let draws = |posterior: NamedPosterior<'_>| if posterior.is_random() { config.evaluation.draws } else { 1 };
    let total: usize = posteriors.iter().map(|&p| draws(p)).sum();
    context.progress.begin("classify", total as u64, 0);
    let mut done = 0;
    for &posterior in posteriors {
        let mut means = Vec::new();
        for draw in 0..draws(posterior) {
            let seed = seed.child(posterior.name).index(draw as u64);
            let predictive = posterior.predict(network, config.evaluation.networks, seed, test.images.pixels.view())?;
            means.push(predictive.mean());
            let better = match posterior.role {
                Role::Bank => least_sure.is_none(),
                Role::Distilled => least_sure.as_ref().is_none_or(|(role, _)| *role == Role::Bank),
                Role::Baseline | Role::Online => false,
            };
            if draw == 0 && better {
                least_sure = Some((posterior.role, least_sure_of(posterior.name, &predictive)));
            }
            done += 1;
            let accuracy = uncertainty::accuracy(means[draw].view(), &test.labels)?;
            context.progress.advance(done, Some(format!("{} accuracy {:.2} %", posterior.name, 100.0 * accuracy)));
            context.stop_if_asked()?;
        }
        let over_draws = |metric: &dyn Fn(&Array2<f64>) -> Result<f64, MetricError>| -> Result<Vec<f64>> {
            Ok(means.iter().map(metric).collect::<Result<Vec<f64>, MetricError>>()?)
        };
        let labels = &test.labels;
        for (metric, values) in [
            ("accuracy", over_draws(&|p| uncertainty::accuracy(p.view(), labels))?),
            ("nll", over_draws(&|p| uncertainty::nll(p.view(), labels))?),
            ("ece", over_draws(&|p| Ok(uncertainty::ece(&uncertainty::reliability(p.view(), labels, ECE_BINS)?)))?),
            ("brier", over_draws(&|p| uncertainty::brier(p.view(), labels))?),
        ] {
            rows.push(posterior.name, metric, mean_sd(&values), values.len());
        }
        reliability.push((posterior.name.to_string(), uncertainty::reliability(means[0].view(), labels, ECE_BINS)?));
        match posterior.role {
            Role::Bank => {
                distance_rows(&mut rows, "sgld", &means, &rotated(&means))?;
                bank_means = means;
            }
            Role::Distilled | Role::Online if !bank_means.is_empty() => {
                distance_rows(&mut rows, posterior.name, &means, &bank_means)?;
            }
            Role::Baseline | Role::Distilled | Role::Online => {}
        }
    }
    context.progress.end();
    Ok(Classification { rows: rows.finish(), reliability, least_sure: least_sure.map(|(_, found)| found) })
}

/// By entropy; of images that are equally unsure, the first.
fn least_sure_of(method: &str, predictive: &ClassPredictive) -> LeastSure {
    let (entropy, seen) = (predictive.score(Score::Entropy), pictures::classes(&predictive.mean()));
    let mut order: Vec<usize> = (0..entropy.len()).collect();
    order.sort_by(|&a, &b| entropy[b].total_cmp(&entropy[a]));
    let images = order.into_iter().take(pictures::SHOWN).map(|place| (place as u32, seen[place])).collect();
    LeastSure { method: method.to_owned(), images }
}

/// Each draw beside the next one: what redrawing alone changes.
fn rotated(means: &[Array2<f64>]) -> Vec<Array2<f64>> {
    let mut rotated = means.to_vec();
    rotated.rotate_left(1);
    rotated
}

/// Agreement and total variation against draws from the bank.
fn distance_rows(rows: &mut Rows<'_>, method: &str, means: &[Array2<f64>], bank: &[Array2<f64>]) -> Result<()> {
    if means.len() < 2 {
        return Ok(()); // one draw from the bank beside itself says nothing
    }
    // Two draws beside each other are one pair, not two.
    let count = if means.len() == 2 && method == "sgld" { 1 } else { means.len() };
    let pairs = || means.iter().zip(bank).take(count);
    let agreement: Vec<f64> =
        pairs().map(|(p, q)| uncertainty::agreement(p.view(), q.view())).collect::<Result<_, MetricError>>()?;
    let tv: Vec<f64> =
        pairs().map(|(p, q)| uncertainty::total_variation(p.view(), q.view())).collect::<Result<_, MetricError>>()?;
    rows.push(method, "agreement", mean_sd(&agreement), agreement.len());
    rows.push(method, "tv", mean_sd(&tv), tv.len());
    Ok(())
}
