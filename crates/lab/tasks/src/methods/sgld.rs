//! The bank: samples of the posterior.

use apd_points::Ensemble;
use apd_report::Color;
use apd_store::Bank;
use ndarray::{Array2, Axis};

use crate::context::Context;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::method::{Effort, FewLabels, FitFewLabels, Fitted, FittedLabels, Given, Method, SampledLabels};
use crate::named_posterior::Role;
use crate::rows::Rows;
use crate::sample;

/// Samples of the run's chains, SGLD's unless `[sampler]` says otherwise. Its name stays, whatever the sampler: it is what results are
/// selected by.
///
/// Reference: Welling and Teh, *Bayesian learning via stochastic gradient Langevin dynamics*, ICML 2011.
pub(crate) struct PosteriorBank;

impl Method for PosteriorBank {
    fn name(&self) -> &'static str {
        "sgld"
    }

    fn doc(&self) -> &'static str {
        "Samples of the posterior"
    }

    fn color(&self) -> Option<Color> {
        Some(Color(0x0000_72B2))
    }

    fn role(&self) -> Role {
        Role::Bank
    }

    fn effort(&self, experiment: &Experiment) -> Effort {
        let sgld = &experiment.config.sgld;
        Effort { steps: sgld.steps * sgld.chains as u64, concurrent: sgld.chains }
    }

    fn fit(&self, context: Context<'_>, given: &Given<'_>) -> Result<Fitted> {
        let path = given.experiment.folder.bank();
        let chains = 0..given.experiment.config.sgld.chains as u32;
        let sampled = sample::sample_chains(context, given.experiment, &path, chains, given.concurrent)?;
        let bank = Bank::open(path)?;
        let mut rows = Rows::new(&given.experiment.config, "distill");
        rows.push(self.name(), "bytes", (4.0 * (bank.dim() * bank.len()) as f64, None), 1);
        let remarks = [vec![sampled.summary], sampled.diverged].concat();
        Ok(Fitted { rows: rows.finish(), remarks, ..Fitted::new(bank) })
    }

    fn few_labels(&self) -> Option<&dyn FitFewLabels> {
        Some(self)
    }
}

impl FitFewLabels for PosteriorBank {
    fn fit(&self, labels: &FewLabels<'_>) -> Result<FittedLabels> {
        let SampledLabels { rows, ends } = samples(labels)?;
        Ok(FittedLabels::new(Ensemble::new(spread_out(rows, labels.networks)), ends.clone()))
    }
}

/// The samples of the chains that these labels have; whoever asks first takes them.
pub(crate) fn samples<'a>(labels: &FewLabels<'a>) -> Result<&'a SampledLabels> {
    if labels.sampled.get().is_none() {
        let sampled = sample_few(labels)?;
        // Nobody else asks at the same time: a run keeps to one thread.
        let _ = labels.sampled.set(sampled);
    }
    Ok(labels.sampled.get().expect("just set"))
}

fn sample_few(labels: &FewLabels<'_>) -> Result<SampledLabels> {
    let (mut samples, mut ends) = (Vec::new(), Vec::new());
    for number in 0..labels.chains {
        let start = labels.start(labels.chain_seed, number);
        let (kept, end) = labels.langevin.sample(labels.context, number as u32, labels.chain_seed, start)?;
        samples.extend(kept.iter().flat_map(|theta| labels.descent.row(theta)));
        ends.push(end);
    }
    let dim = apd_nn::Model::row_len(labels.network);
    let rows = Array2::from_shape_vec((samples.len() / dim, dim), samples).expect("whole networks were kept");
    Ok(SampledLabels { rows, ends })
}

/// `count` rows at equal distances: the least correlated ones of a chain. All of them where there are no more.
fn spread_out(rows: &Array2<f32>, count: usize) -> Array2<f32> {
    let n = rows.nrows();
    let count = count.min(n);
    // The last of each of `count` equal parts.
    let places: Vec<usize> = (1..=count).map(|i| i * n / count - 1).collect();
    rows.select(Axis(0), &places)
}

#[cfg(test)]
mod tests;
