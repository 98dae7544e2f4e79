//! How many networks does an answer need, and what do they cost to keep?

use apd_data::Images;
use apd_diagnostics::mean_sd;
use apd_report::Row;
use apd_uncertainty::{Score, detection};
use ndarray::{ArrayView2, s};

use crate::context::Context;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::named_posterior::{NamedPosterior, Role};
use crate::rows::Rows;
use crate::stacked::Stacked;
use crate::tasks::curves::settings::CurvesConfig;

/// Scores whose detection is followed.
const SCORES: [Score; 2] = [Score::Entropy, Score::Bald];

/// Accuracy, NLL (nats) and the AUROC of each out-of-distribution set against the number of networks that are averaged, for the
/// bank and the generator; mean and deviation over independent draws. The point of the curve, `at`, is the number of networks.
///
/// BALD needs two networks or more.
pub fn curves(
    context: Context<'_>,
    experiment: &Experiment,
    inside: &Images,
    sets: &[Images],
    posteriors: &[NamedPosterior<'_>],
) -> Result<Vec<Row>> {
    let Experiment { config, network, split, .. } = experiment;
    let (settings, seed) = (config.settings::<CurvesConfig>(), experiment.seed.child("curves"));
    let mut views: Vec<ArrayView2<'_, f32>> = vec![split.test.images.pixels.view(), inside.pixels.view()];
    views.extend(sets.iter().map(|set| set.pixels.view()));
    let stacked = Stacked::new(&views)?;

    let random: Vec<NamedPosterior<'_>> =
        posteriors.iter().copied().filter(|posterior| posterior.role != Role::Baseline).collect();
    let total = random.len() * settings.networks.len() * settings.draws;
    context.progress.begin("curves", total as u64, 0);
    let mut rows = Rows::new(config, "curves");
    let mut done = 0;
    for &posterior in &random {
        for &count in &settings.networks {
            if posterior.posterior.available().is_some_and(|available| count > available) {
                done += settings.draws as u64;
                continue;
            }
            let (mut accuracy, mut nll) = (Vec::new(), Vec::new());
            let mut auroc = vec![Vec::new(); SCORES.len() * sets.len()];
            for draw in 0..settings.draws {
                let seed = seed.child(posterior.name).index(count as u64).index(draw as u64);
                let predictive = posterior.predict(network, count, seed, stacked.inputs.view())?;
                let mean = predictive.mean();
                let test = mean.slice(s![stacked.block(0), ..]);
                accuracy.push(apd_uncertainty::accuracy(test.view(), &split.test.labels)?);
                nll.push(apd_uncertainty::nll(test.view(), &split.test.labels)?);
                for (s, &score) in SCORES.iter().enumerate().filter(|(_, score)| count > 1 || **score == Score::Entropy)
                {
                    let values = predictive.score(score);
                    for set in 0..sets.len() {
                        let (within, without) = (&values[stacked.block(1)], &values[stacked.block(set + 2)]);
                        auroc[s * sets.len() + set].push(detection(within, without)?.auroc);
                    }
                }
                done += 1;
                context.progress.advance(done, Some(format!("{} × {count}", posterior.name)));
                context.stop_if_asked()?;
            }
            for (metric, values) in [("accuracy", accuracy), ("nll", nll)] {
                rows.push(posterior.name, metric, mean_sd(&values), values.len()).at = Some(count as f64);
            }
            for (i, values) in auroc.iter().enumerate().filter(|(_, values)| !values.is_empty()) {
                let row = rows.push(posterior.name, "auroc", mean_sd(values), values.len());
                row.score = Some(SCORES[i / sets.len()].to_string());
                row.ood = Some(sets[i % sets.len()].name.clone());
                row.at = Some(count as f64);
            }
        }
        rows.push(posterior.name, "bytes", (posterior.posterior.bytes() as f64, None), 1);
    }
    context.progress.end();
    Ok(rows.finish())
}
