use std::ops::RangeInclusive;

use apd_bnn::LikelihoodConfig;
use apd_bnn::likelihood::HeteroscedasticGaussian;
use apd_data::{Examples, Table, TableSchema, Targets};
use apd_distill::{Distilled, Format, Subsample};
use apd_nn::{Model as _, Network};
use apd_seed::Seed;
use apd_uncertainty::{ClassPredictive, NumberPredictive, Score, total_variation};
use ndarray::{Array2, Axis};

use super::model::{Constant, Description};
use super::{DistillationLoss, HeldOut, Provenance, TableFit, TableModel, Task, check};
use crate::calibration::Calibration;
use crate::fit::Sampled;
use crate::reference::Reference;
use crate::rows::ln_p_of_labels;
use crate::{Context, Error, Fit, Fitted, Prediction, Stage};

/// Fewest rows with a target.
const FEWEST: usize = 10;
/// Fewest steps of a chain.
const FEWEST_STEPS: u64 = 8;
/// Draws of a chain that can be asked for: what is kept of all chains has to fit in memory.
const DRAWS: RangeInclusive<u64> = 4..=100_000;

impl TableFit {
    /// What each column of the table is to the model.
    ///
    /// **Errors**: as [`TableSchema::infer`]; for convolutions also as [`TableSchema::infer_images`].
    pub fn schema(&self, table: &Table, target: &str) -> Result<TableSchema, Error> {
        let classification = self.task.map(|task| task == Task::Classification);
        Ok(self.architecture.schema(table, target, &self.drop, classification)?)
    }

    /// Fits a model to a table.
    ///
    /// **Errors**: columns that cannot be used, fewer than ten rows with a target, settings out of range, a chain that diverges.
    pub fn run(&self, table: &Table, target: &str) -> Result<TableModel, Error> {
        self.run_as(&self.schema(table, target)?, table, None, &Context::default())
    }

    /// As [`run`](Self::run), with columns as a schema has them, the name and SHA-256 of the data, and a context.
    ///
    /// **Errors**: as [`run`](Self::run); [`Error::Stopped`] where the context wants it.
    pub fn run_as(
        &self,
        schema: &TableSchema,
        table: &Table,
        data: Option<(String, String)>,
        context: &Context<'_>,
    ) -> Result<TableModel, Error> {
        let Prepared { held_out, training, without_target, network, likelihood, fit } = self.prepare(schema, table)?;
        let seed = Seed::root(self.seed);
        let sampled = fit.sample_network(&network, likelihood, &training, seed.child("fit"), context)?;
        context.progress.begin(Stage::Check.of(1));
        let provenance = Provenance {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            settings: self.clone(),
            data,
            rows: table.len(),
            without_target,
            fitted: training.len(),
            held_out: held_out.len(),
            samples: sampled.bank.nrows(),
            sampled_bytes: 4 * sampled.bank.len(),
        };
        judge(schema, sampled, &training, &held_out, provenance)
    }

    /// Its chains.
    pub fn chains(&self) -> u32 {
        self.chains.unwrap_or(self.effort.chains())
    }

    /// Samples chain `number` alone, from 0, and leaves its checkpoint in the context's folder.
    ///
    /// Chains are jobs of their own, in any process on any machine: [`run_as`](Self::run_as) with a folder that has the checkpoints of all of them
    /// samples no more, and gives the bits of a fit that has sampled them itself. A job that was killed goes on from its checkpoint.
    ///
    /// **Errors**: as [`run_as`](Self::run_as); a number that no chain has; a context without a folder.
    pub fn sample_chain(
        &self,
        number: u32,
        schema: &TableSchema,
        table: &Table,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        let Prepared { training, network, likelihood, fit, .. } = self.prepare(schema, table)?;
        fit.sample_chain(number, &network, likelihood, &training, Seed::root(self.seed).child("fit"), context)
    }

    /// Rows that are held out and others, and how these are fitted to.
    fn prepare(&self, schema: &TableSchema, table: &Table) -> Result<Prepared, Error> {
        if let Some(steps) = self.steps.filter(|&steps| steps < FEWEST_STEPS) {
            let expected = "at least 8: a warm-up and four draws";
            return Err(Error::Setting { name: "steps", value: steps.to_string(), expected });
        }
        if let Some(draws) = self.draws.filter(|draws| !DRAWS.contains(draws)) {
            return Err(Error::Setting { name: "draws", value: draws.to_string(), expected: "from 4 to 100 000" });
        }
        let name = schema.target().map_or("", |(name, _)| name);
        let problem = |problem: String| Error::Data(apd_data::Error::Column { name: name.to_owned(), problem });
        let (_, with_target) =
            schema.targets(table)?.ok_or_else(|| problem("is missing: it is the target".to_owned()))?;
        if with_target.len() < FEWEST {
            return Err(problem(format!("has {} rows with a value; at least {FEWEST} are needed", with_target.len())));
        }
        let order = Seed::root(self.seed).child("held-out").stream().permutation(with_target.len());
        let held_out = (with_target.len() / 10).clamp(40, 1_000).min(with_target.len() / 5);
        let rows = |order: &[u32]| order.iter().map(|&place| with_target[place as usize]).collect::<Vec<_>>();
        let (held_out, others) = order.split_at(held_out);
        let held_out = table.select(&rows(held_out));
        let training = schema.examples(&table.select(&rows(others)))?;

        let (likelihood, outputs) = match &training.targets {
            Targets::Classes { names, .. } => (LikelihoodConfig::Categorical, names.len()),
            Targets::Numbers { values, .. } => {
                // In units of the target's spread, as the network has it.
                let sd = values.std(0.0);
                let floor = if sd > 0.0 { HeteroscedasticGaussian::rounded(values).floor / sd } else { 0.0 };
                (LikelihoodConfig::HeteroscedasticGaussian(HeteroscedasticGaussian { floor }), 2)
            }
        };
        let network = self.architecture.network(training.len(), schema, outputs);
        let network = network.map_err(|e| Error::Setting {
            name: "network",
            value: e.to_string(),
            expected: "one that can be",
        })?;
        let mut fit = self.effort.fit(training.len(), network.multiplications(), self.steps);
        fit.chains = self.chains();
        fit.sampler = fit.sampler.with_draws(self.draws.unwrap_or(fit.sampler.draws()));
        fit.prior = self.prior.unwrap_or(fit.prior);
        fit.until_ess = self.until_ess;
        let without_target = table.len() - with_target.len();
        Ok(Prepared { held_out, training, without_target, network, likelihood, fit })
    }
}

/// What is fitted, and how.
struct Prepared {
    held_out: Table,
    training: Examples,
    without_target: usize,
    network: Network,
    likelihood: LikelihoodConfig,
    fit: Fit,
}

/// Calibrates a sampled model by held-out rows, and says how right it is there.
fn judge(
    schema: &TableSchema,
    sampled: Sampled,
    training: &Examples,
    held_out: &Table,
    provenance: Provenance,
) -> Result<TableModel, Error> {
    let Sampled { fitted, bank } = sampled;
    let examples = schema.examples(held_out)?;
    let networks = crate::stored::networks(fitted.posterior());
    let kept = fitted.predict(examples.inputs.view(), networks)?;
    let (calibration, coverage) = match (&kept, &examples.targets) {
        (Prediction::Classes(classes), Targets::Classes { labels, .. }) => {
            (Calibration::of_classes(classes, labels), None)
        }
        (Prediction::Numbers(numbers), Targets::Numbers { values, .. }) => {
            let (calibration, coverage) = Calibration::of_numbers(numbers, values.view());
            (calibration, Some(coverage))
        }
        _ => unreachable!("a schema has targets of its model's kind"),
    };
    let distilled = distilled(&fitted, &kept, &bank, &examples)?;
    let distilling_lost = lost(&fitted, kept, &bank, &examples, &calibration)?;
    let description = Description {
        schema: schema.clone(),
        calibration,
        reference: Reference::new(training.inputs.view(), examples.inputs.view()),
        constant: constant(training),
        held_out: HeldOut { metrics: None, coverage, distilling_lost, distilled: Some(distilled) },
        verdicts: Vec::new(),
        provenance,
    };
    let mut model = TableModel::new(fitted, description);
    let mut evaluation = model.evaluate([Ok(held_out.clone())], None)?;
    // The same data, settings and seed give the same file, however long it took.
    evaluation.metrics.set_seconds(0.0);
    let mut verdicts = model.check(&evaluation);
    if let Some((_, corrected)) = coverage {
        // Rows that an interval is corrected by lie in it; each half of them judges the correction by the other.
        let verdict = check::covered(corrected, evaluation.rows.len());
        verdicts.iter_mut().filter(|other| other.concern == verdict.concern).for_each(|other| *other = verdict.clone());
    }
    let description = model.description_mut();
    description.held_out.metrics = Some(evaluation.metrics);
    description.verdicts = verdicts;
    Ok(model)
}

/// ln p of what was there, for each row.
fn ln_p(prediction: &Prediction, targets: &Targets) -> Vec<f64> {
    match (prediction, targets) {
        (Prediction::Classes(classes), Targets::Classes { labels, .. }) => {
            ln_p_of_labels(classes.mean().view(), labels)
        }
        (Prediction::Numbers(numbers), Targets::Numbers { values, .. }) => {
            numbers.ln_density(values.view()).iter().copied().collect()
        }
        _ => unreachable!("targets of the prediction's kind"),
    }
}

/// How near what is kept predicts to all samples.
fn distilled(
    fitted: &Fitted,
    kept: &Prediction,
    bank: &Array2<f32>,
    examples: &Examples,
) -> Result<DistillationLoss, Error> {
    let all = Distilled::Subsample(Subsample::new(bank.view(), None, Format::F32));
    let all = fitted.predict_by(&all, examples.inputs.view(), bank.nrows())?;
    // Where no networks disagree, all do so as much.
    let ratio = |kept: f64, all: f64| if kept == all { 1.0 } else { kept / all };
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    Ok(match (kept, &all, &examples.targets) {
        (Prediction::Classes(kept), Prediction::Classes(all), _) => {
            let bald = |it: &ClassPredictive| mean(it.score(Score::Bald));
            DistillationLoss::Classes {
                tv: total_variation(kept.mean().view(), all.mean().view())?,
                bald: ratio(bald(kept), bald(all)),
            }
        }
        (Prediction::Numbers(kept), Prediction::Numbers(all), Targets::Numbers { values, .. }) => {
            let crps = |it: &NumberPredictive| mean(it.crps(values.view()).into_iter().collect());
            let epistemic = |it: &NumberPredictive| mean(it.epistemic_deviation().into_iter().collect());
            DistillationLoss::Numbers {
                crps: ratio(crps(kept), crps(all)),
                epistemic: ratio(epistemic(kept), epistemic(all)),
            }
        }
        _ => unreachable!("targets of the prediction's kind"),
    })
}

/// ln p̄(all samples) − ln p̄(kept), the mean over rows; of numbers as they are calibrated.
///
/// The mixture of a thousand normals merges neighbors, which is right for quantiles but not for the tails of a density, so that each part of
/// the samples predicts by itself.
fn lost(
    fitted: &Fitted,
    kept: Prediction,
    bank: &Array2<f32>,
    examples: &Examples,
    calibration: &Calibration,
) -> Result<f64, Error> {
    const EXACT: usize = 250;
    let mut parts = Vec::new();
    for part in bank.axis_chunks_iter(Axis(0), EXACT) {
        let share = part.nrows() as f64 / bank.nrows() as f64;
        let part = Distilled::Subsample(Subsample::new(part, None, Format::F32));
        parts.push((share, fitted.predict_by(&part, examples.inputs.view(), crate::stored::networks(&part))?));
    }
    // All samples are wider about their common mean.
    let mut mean = Array2::zeros((examples.len(), 1));
    for (share, prediction) in &parts {
        if let Prediction::Numbers(numbers) = prediction {
            mean.scaled_add(*share, &numbers.mean());
        }
    }
    let ln_p_calibrated = |prediction, mean| match prediction {
        Prediction::Numbers(numbers) => {
            ln_p(&Prediction::Numbers(calibration.numbers(numbers, mean)), &examples.targets)
        }
        classes @ Prediction::Classes(_) => ln_p(&classes, &examples.targets),
    };
    let ln_p_kept = ln_p_calibrated(kept, None);
    let mut ratios = vec![0.0; examples.len()];
    for (share, prediction) in parts {
        let ln_p = ln_p_calibrated(prediction, Some(mean.view()));
        for ((ratio, ln_p), ln_p_kept) in ratios.iter_mut().zip(ln_p).zip(&ln_p_kept) {
            *ratio += share * (ln_p - ln_p_kept).exp();
        }
    }
    Ok(ratios.iter().map(|ratio| ratio.ln().min(f64::MAX)).sum::<f64>() / ratios.len() as f64)
}

/// Frequencies with one row more of each class, so that none is impossible; or mean and deviation.
fn constant(training: &Examples) -> Constant {
    match &training.targets {
        Targets::Classes { labels, names } => {
            let mut counts = vec![1.0; names.len()];
            labels.iter().for_each(|&label| counts[label as usize] += 1.0);
            let sum: f64 = counts.iter().sum();
            Constant::Frequencies(counts.into_iter().map(|count| count / sum).collect())
        }
        Targets::Numbers { values, .. } => {
            let sd = values.std(0.0);
            Constant::Normal { mean: values.mean().unwrap_or(0.0), sd: if sd > 0.0 { sd } else { 1.0 } }
        }
    }
}
