//! What is fitted to each split.

use std::time::Instant;

use anyhow::{Context, Result};
use apd::bnn::likelihood::Predictive;
use apd::data::{Column, Table, TableSchema, Targets};
use apd::uncertainty::{Score, detection};
use apd::{Architecture, Effort, Network, Seed, TableFit, Task};

use crate::baseline::Baseline;
use crate::scores::{self, Scores};

/// What is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// The defaults: what the distilled file predicts.
    Apd,
    /// A linear or logistic model.
    Linear,
    /// One network.
    Point,
    /// Five networks.
    Ensemble,
}

impl Method {
    pub(crate) const ALL: [Self; 4] = [Self::Apd, Self::Linear, Self::Point, Self::Ensemble];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Apd => "apd",
            Self::Linear => "linear",
            Self::Point => "point",
            Self::Ensemble => "ensemble",
        }
    }

    /// Fits it to some rows and judges it by others.
    ///
    /// **Errors**: whatever stops a fit.
    pub(crate) fn judge(
        self,
        task: Task,
        training: &Table,
        test: &Table,
        target: &str,
        effort: Effort,
        seed: u64,
    ) -> Result<Scores> {
        let started = Instant::now();
        let strange = permuted(test, target, Seed::root(seed).child("permuted"));
        let mut scores = match self {
            Self::Apd => {
                let model = TableFit { task: Some(task), effort, seed, ..TableFit::default() }.run(training, target)?;
                let seconds = started.elapsed().as_secs_f64();
                let evaluation = model.evaluate([Ok(test.clone())], None)?;
                let mut scores = scores::of_metrics(&evaluation.metrics);
                let provenance = model.provenance();
                scores.insert("seconds".into(), seconds);
                scores.insert("file_share".into(), kept_bytes(&model) / provenance.sampled_bytes as f64);
                scores.insert("distilling_lost".into(), model.held_out().distilling_lost);
                let ood = model.predict(&strange, &[], None)?.ood;
                scores.insert("auroc_strange".into(), detection(&evaluation.predictions.ood, &ood)?.auroc);
                return Ok(scores);
            }
            Self::Linear | Self::Point | Self::Ensemble => {
                let schema = TableSchema::infer(training, target, &[], Some(task == Task::Classification))?;
                let (training, test) = (schema.examples(training)?, schema.examples(test)?);
                let outputs = match &training.targets {
                    Targets::Classes { names, .. } => names.len(),
                    Targets::Numbers { .. } => 2,
                };
                let network = match self {
                    Self::Linear => Network::mlp(&[schema.inputs(), outputs]),
                    _ => Architecture::Auto.network(training.len(), &schema, outputs)?,
                };
                let members = if self == Self::Ensemble { 5 } else { 1 };
                let baseline = Baseline::fit(network, &training, members, Seed::root(seed).child(self.name()))?;
                let predictive = baseline.predict(test.inputs.view())?;
                let mut scores = scores::of_predictive(&predictive, &test)?;
                let strange = baseline.predict(schema.encode(&strange)?.inputs.view())?;
                if let (Predictive::Classes(inside), Predictive::Classes(outside)) = (predictive, strange) {
                    let [inside, outside] = [inside, outside].map(|classes| classes.score(Score::Entropy));
                    scores.insert("auroc_strange".into(), detection(&inside, &outside)?.auroc);
                }
                scores
            }
        };
        scores.insert("seconds".into(), started.elapsed().as_secs_f64());
        Ok(scores)
    }
}

/// Bytes of the distilled posterior.
fn kept_bytes(model: &apd::TableModel) -> f64 {
    apd::Posterior::bytes(model.fitted().posterior()) as f64
}

/// The same rows with each column in an order of its own: every value is usual, the rows are not.
fn permuted(table: &Table, target: &str, seed: Seed) -> Table {
    let columns = table.columns().iter().filter(|column| column.name != target).enumerate().map(|(i, column)| {
        let order = seed.index(i as u64).stream().permutation(table.len());
        let order: Vec<usize> = order.into_iter().map(|row| row as usize).collect();
        let one = Table::new(vec![Column { name: column.name.clone(), values: column.values.clone() }]);
        one.expect("one column").select(&order).columns()[0].clone()
    });
    Table::new(columns.collect()).context("permuted").expect("columns of one table")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permuted_rows_have_the_values_of_their_columns_and_no_target() {
        let table = apd::data::yacht();
        let strange = permuted(&table, "resistance", Seed::root(1));
        assert_eq!((strange.len(), strange.columns().len()), (308, 6));
        let sum = |table: &Table, name: &str| match &table.column(name).unwrap().values {
            apd::data::Values::Numbers(values) => values.iter().sum::<f64>(),
            _ => unreachable!(),
        };
        let name = &table.columns()[5].name;
        assert!((sum(&table, name) - sum(&strange, name)).abs() < 1e-9);
    }

    #[test]
    fn baselines_learn() {
        let (training, test) = apd::data::penguins().split(0.8, Seed::root(1));
        let judge =
            |method: Method| method.judge(Task::Classification, &training, &test, "species", Effort::Quick, 1).unwrap();
        for method in [Method::Linear, Method::Point, Method::Ensemble] {
            let scores = judge(method);
            assert!(scores["accuracy"] > 0.95 && scores["nll"] < 0.2, "{method:?}: {scores:?}");
            assert!(scores["auroc_strange"] > 0.5, "{method:?}: {scores:?}");
        }
    }
}
