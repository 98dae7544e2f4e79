//! Out-of-distribution detection: do the scores of images unlike the training data stand out?

use apd_data::Images;
use apd_diagnostics::mean_sd;
use apd_uncertainty::{Score, detection};
use ndarray::Array2;

use crate::context::Context;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::named_posterior::NamedPosterior;
use crate::rows::Rows;
use crate::stacked::Stacked;

/// What the task found.
pub struct OutOfDistribution {
    /// A row per set × scale × method × score × metric.
    pub rows: Vec<apd_report::Row>,
    /// Scores of the first draw, for figures.
    pub scores: Vec<MethodScores>,
}

/// The scores of one method's first draw.
pub struct MethodScores {
    /// The method.
    pub method: String,
    /// The score.
    pub score: Score,
    /// Scores of the test images.
    pub inside: Vec<f64>,
    /// Scores of each set at its unscaled intensity.
    pub outside: Vec<(String, Vec<f64>)>,
}

/// Scores test images against each out-of-distribution set, whose intensities are multiplied by each scale in turn;
/// the test images are not scaled. OOD is the positive class; classes are as large as the sets, and `n` is the number
/// of draws that mean and deviation are over.
pub fn ood(
    context: Context<'_>,
    experiment: &Experiment,
    inside: &Images,
    sets: &[Images],
    posteriors: &[NamedPosterior<'_>],
) -> Result<OutOfDistribution> {
    let Experiment { config, network, .. } = experiment;
    let seed = experiment.seed.child("ood");
    let scaled: Vec<(&Images, f32)> =
        sets.iter().flat_map(|set| config.evaluation.ood_scales.iter().map(move |&scale| (set, scale))).collect();
    let blocks: Vec<Array2<f32>> = std::iter::once(inside.pixels.clone())
        .chain(scaled.iter().map(|(set, scale)| set.scaled(*scale).pixels))
        .collect();
    let views: Vec<_> = blocks.iter().map(|block| block.view()).collect();
    let stacked = Stacked::new(&views)?;
    drop(blocks);

    let mut rows = Rows::new(config, "ood");
    let mut figures = Vec::new();
    let draws = |posterior: NamedPosterior<'_>| if posterior.is_random() { config.evaluation.draws } else { 1 };
    context.progress.begin("ood", posteriors.iter().map(|&p| draws(p) as u64).sum(), 0);
    let mut done = 0;
    for &posterior in posteriors {
        let usable = posterior.scores();
        let mut found = vec![Vec::new(); usable.len() * scaled.len()];
        for draw in 0..draws(posterior) {
            let seed = seed.child(posterior.name).index(draw as u64);
            let predictive = posterior.predict(network, config.evaluation.networks, seed, stacked.inputs.view())?;
            for (s, &score) in usable.iter().enumerate() {
                let values = predictive.score(score);
                let block = |b: usize| &values[stacked.block(b)];
                for b in 0..scaled.len() {
                    found[s * scaled.len() + b].push(detection(block(0), block(b + 1))?);
                }
                if draw == 0 {
                    let outside = (0..scaled.len())
                        .filter(|&b| scaled[b].1 == 1.0)
                        .map(|b| (scaled[b].0.name.clone(), block(b + 1).to_vec()))
                        .collect();
                    let (method, inside) = (posterior.name.to_string(), block(0).to_vec());
                    figures.push(MethodScores { method, score, inside, outside });
                }
            }
            done += 1;
            context.progress.advance(done, Some(posterior.name.to_string()));
            context.stop_if_asked()?;
        }
        for (s, score) in usable.iter().enumerate() {
            for (b, (set, scale)) in scaled.iter().enumerate() {
                let found = &found[s * scaled.len() + b];
                for (metric, values) in [
                    ("auroc", found.iter().map(|d| d.auroc).collect::<Vec<f64>>()),
                    ("aupr_out", found.iter().map(|d| d.aupr_out).collect()),
                    ("aupr_in", found.iter().map(|d| d.aupr_in).collect()),
                    ("fpr95", found.iter().map(|d| d.fpr95).collect()),
                ] {
                    let row = rows.push(posterior.name, metric, mean_sd(&values), values.len());
                    row.score = Some(score.to_string());
                    row.ood = Some(set.name.clone());
                    row.scale = Some(f64::from(*scale));
                }
            }
        }
    }
    context.progress.end();
    Ok(OutOfDistribution { rows: rows.finish(), scores: figures })
}
