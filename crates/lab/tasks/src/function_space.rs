//! How far a distilled posterior is from its bank where it is used: in the predictions of networks drawn from it.

use std::ops::Range;
use std::sync::Arc;

use apd_bnn::{Likelihood, LikelihoodConfig, Predictive, predict};
use apd_distill::AtLeast;
use apd_nn::{Model as _, Network};
use apd_points::{Layout, Posterior, Rearranged};
use apd_seed::Seed;
use apd_store::Bank;
use apd_uncertainty::{Family as _, Normal, Score, detection, total_variation};
use ndarray::{Array2, s};

use crate::distill::least_variances;
use crate::error::{Error, Result};
use crate::holdout::{BankSubset, Sampled, evenly};
use crate::stacked::Stacked;

/// Networks of one averaged prediction, and averages of which the mean is taken.
const NETWORKS: usize = 200;
const AVERAGES: u64 = 3;
/// Inputs of each set, and rows of the reference, at most.
const INPUTS: usize = 1_000;
const ROWS: usize = 1_000;

/// A network, whose parameters the rows of a bank are, and inputs on which posteriors are compared by what it predicts.
pub struct FunctionSpace {
    network: Network,
    likelihood: Arc<dyn Likelihood>,
    /// The order in which a bank keeps the parameters, where it says so.
    layout: Option<Layout>,
    /// The inputs, and below them the sets that the network has not learned.
    stacked: Stacked,
    sets: usize,
    /// Of a bank's parameters, those that are never drawn below some value.
    bounds: Vec<(Range<usize>, f32)>,
}

impl FunctionSpace {
    /// At most a thousand of the inputs, and of the inputs of each set that is out of distribution, at equal distances.
    ///
    /// A layout of one parameter says nothing.
    ///
    /// **Errors**: no inputs; some of another width; a layout of other parameters than the network's.
    pub fn new(
        network: Network,
        likelihood: LikelihoodConfig,
        layout: &Layout,
        inputs: &Array2<f32>,
        ood: &[Array2<f32>],
    ) -> Result<Self> {
        if let Some(other) = [inputs].into_iter().chain(ood).find(|some| some.ncols() != network.inputs()) {
            let (expected, found) = (network.inputs(), other.ncols());
            return Err(Error::Mismatch { what: "numbers of an input".to_owned(), expected, found });
        }
        let some = |all: &Array2<f32>| all.select(ndarray::Axis(0), &evenly(all.nrows(), INPUTS).collect::<Vec<_>>());
        let blocks: Vec<Array2<f32>> = [inputs].into_iter().chain(ood).map(some).collect();
        if blocks.iter().any(|block| block.is_empty()) {
            return Err(Error::Config("inputs to compare predictions on: there are none".to_owned()));
        }
        let layout = (layout.entries.len() > 1).then(|| layout.clone());
        if let Some(layout) = &layout {
            layout.places_of(&network.row_layout()).map_err(|e| Error::Config(format!("the bank's layout: {e}")))?;
        }
        let stacked = Stacked::new(&blocks.iter().map(|block| block.view()).collect::<Vec<_>>())?;
        Ok(Self { network, likelihood: likelihood.build(), layout, stacked, sets: ood.len(), bounds: Vec::new() })
    }

    /// The same for posteriors of this bank, whose running variances are never drawn below the least of its rows, as from a file.
    #[must_use]
    pub fn bounded_by(mut self, bank: &Bank) -> Self {
        let variances = self.layout.as_ref().map(|layout| least_variances(layout, bank)).unwrap_or_default();
        self.bounds =
            variances.into_iter().map(|(entry, least)| (entry.offset..entry.offset + entry.len(), least)).collect();
        self
    }

    /// The inputs that predictions are compared on.
    pub fn inputs(&self) -> usize {
        self.stacked.block(0).len()
    }

    /// What networks' disagreement is measured by.
    pub fn disagreement_name(&self) -> &'static str {
        match self.likelihood.predictive(0, self.network.outputs()) {
            Predictive::Classes(_) => "mean BALD",
            Predictive::Numbers(_) => "epistemic deviation",
        }
    }

    /// The averaged prediction of `networks` networks for all inputs.
    pub(crate) fn predict(&self, posterior: &dyn Posterior, networks: usize, seed: Seed) -> Result<Predictive> {
        let posterior: &dyn Posterior = &AtLeast::new(posterior, self.bounds.clone());
        let rearranged = match &self.layout {
            None => None,
            Some(layout) => Rearranged::new(posterior, layout, &self.network.row_layout())
                .map_err(|e| Error::Config(format!("the bank's layout: {e}")))?,
        };
        let posterior = rearranged.as_ref().map_or(posterior, |rearranged| rearranged);
        let networks = posterior.available().map_or(networks, |available| available.min(networks));
        Ok(predict(posterior, &self.network, &*self.likelihood, self.stacked.inputs.view(), networks, seed)?)
    }

    /// The averaged prediction of rows, a thousand of them at most, at equal distances, and how many they are.
    pub(crate) fn predict_rows(&self, rows: &BankSubset<'_>) -> Result<(Predictive, usize)> {
        let places = rows.spread(ROWS);
        let count = places.len();
        let rows = Sampled(BankSubset { bank: rows.bank, places });
        Ok((self.predict(&rows, count, Seed::root(0))?, count))
    }

    /// How far one average is from another on the inputs: total variation of classes, or of normals with the networks' means and deviations.
    fn distance(&self, found: &Predictive, reference: &Predictive) -> Result<f64> {
        let inputs = self.stacked.block(0);
        Ok(match (found, reference) {
            (Predictive::Classes(p), Predictive::Classes(q)) => {
                let (p, q) = (p.mean(), q.mean());
                total_variation(p.slice(s![inputs.clone(), ..]), q.slice(s![inputs, ..]))?
            }
            (Predictive::Numbers(p), Predictive::Numbers(q)) => {
                let of = |it: &apd_uncertainty::NumberPredictive| {
                    let (means, deviations) = (it.mean(), it.epistemic_deviation());
                    let rows = s![inputs.clone(), ..];
                    let laws = means.slice(rows).into_iter().copied().zip(deviations.slice(rows).into_iter().copied());
                    laws.collect::<Vec<(f64, f64)>>()
                };
                let (p, q) = (of(p), of(q));
                p.iter().zip(&q).map(|(&p, &q)| total_variation_of_normals(p, q)).sum::<f64>() / p.len() as f64
            }
            _ => unreachable!("predictions of one likelihood"),
        })
    }

    /// AUROC with which each score tells each set from the inputs.
    fn detections(&self, predictive: &Predictive) -> Result<Vec<f64>> {
        let mut scores = vec![disagreement(predictive)];
        if let Predictive::Classes(classes) = predictive {
            scores.push(classes.score(Score::Entropy));
        }
        let of_set = |set: usize, score: &[f64]| {
            Ok(detection(&score[self.stacked.block(0)], &score[self.stacked.block(set)])?.auroc)
        };
        (1..=self.sets)
            .flat_map(|set| scores.iter().map(move |score| (set, score)))
            .map(|(set, s)| of_set(set, s))
            .collect()
    }
}

/// How far a posterior's averaged predictions are from those of held-out rows: means over three averages of 200 networks.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Loss {
    /// Mean total variation: of classes; of numbers, between normals with the networks' means and deviations.
    pub tv: f64,
    /// Mean BALD, or mean epistemic deviation of numbers, over that of held-out rows.
    pub disagreement: f64,
    /// The most AUROC that is lost by entropy or disagreement on any set that is out of distribution, in [0, 1]; none without such sets.
    pub auroc: Option<f64>,
}

/// Predictions of held-out rows, to hold others against.
pub(crate) struct Evaluator<'a> {
    space: &'a FunctionSpace,
    reference: Predictive,
    /// Mean disagreement of held-out rows on the inputs, as if they were infinitely many.
    disagreement: f64,
    detections: Vec<f64>,
    seed: Seed,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(space: &'a FunctionSpace, held_out: &BankSubset<'_>, seed: Seed) -> Result<Self> {
        let (reference, rows) = space.predict_rows(held_out)?;
        let rows = rows as f64;
        // BALD and variances of S independent networks are on average 1 − 1/S of those of all: to first order, and exactly.
        let scale = match reference {
            Predictive::Classes(_) => rows / (rows - 1.0),
            Predictive::Numbers(_) => (rows / (rows - 1.0)).sqrt(),
        };
        let disagreement = scale * mean(&disagreement(&reference)[space.stacked.block(0)]);
        let detections = space.detections(&reference)?;
        Ok(Self { space, reference, disagreement, detections, seed })
    }

    /// Of networks drawn from `posterior`.
    pub(crate) fn loss(&self, posterior: &dyn Posterior) -> Result<Loss> {
        let losses: Vec<Loss> = (0..AVERAGES).map(|draw| self.of_one(posterior, draw)).collect::<Result<_>>()?;
        let mean = |of: fn(&Loss) -> f64| losses.iter().map(of).sum::<f64>() / losses.len() as f64;
        let auroc = losses[0].auroc.map(|_| mean(|loss| loss.auroc.unwrap_or(0.0)));
        Ok(Loss { tv: mean(|loss| loss.tv), disagreement: mean(|loss| loss.disagreement), auroc })
    }

    fn of_one(&self, posterior: &dyn Posterior, draw: u64) -> Result<Loss> {
        let found = self.space.predict(posterior, NETWORKS, self.seed.index(draw))?;
        let lost = self.space.detections(&found)?.into_iter().zip(&self.detections).map(|(found, held)| held - found);
        Ok(Loss {
            tv: self.space.distance(&found, &self.reference)?,
            disagreement: mean(&disagreement(&found)[self.space.stacked.block(0)]) / self.disagreement,
            auroc: lost.reduce(f64::max),
        })
    }

    /// Of 200 rows of the bank, which is what a distiller that loses nothing comes to.
    pub(crate) fn of_rows(&self, rows: &BankSubset<'_>) -> Result<Loss> {
        self.loss(&Sampled(rows.clone()))
    }
}

/// How much networks disagree on each input: BALD in nats, or the mean deviation of the numbers.
fn disagreement(predictive: &Predictive) -> Vec<f64> {
    match predictive {
        Predictive::Classes(classes) => classes.score(Score::Bald),
        Predictive::Numbers(numbers) => {
            numbers.epistemic_deviation().outer_iter().map(|row| row.mean().unwrap_or(0.0)).collect()
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// sup over sets of |P − Q|, of two normals by mean and deviation: the difference of masses between the points at which their densities cross.
fn total_variation_of_normals(p: (f64, f64), q: (f64, f64)) -> f64 {
    let (wide, narrow) = if p.1 >= q.1 { (p, q) } else { (q, p) };
    if narrow.1 == 0.0 {
        return f64::from(wide != narrow);
    }
    // In units of the narrower: z² = ((z − m)/r)² + 2·ln r.
    let (m, r) = ((wide.0 - narrow.0) / narrow.1, wide.1 / narrow.1);
    let mass = |a: f64, b: f64, (mean, sd)| Normal.cdf(mean, sd, b) - Normal.cdf(mean, sd, a);
    if r - 1.0 < 1e-9 {
        return mass(-0.5 * m.abs(), 0.5 * m.abs(), (0.0, 1.0));
    }
    let (a, half_b) = (r * r - 1.0, m);
    let root = (half_b * half_b + a * (m * m + 2.0 * r * r * r.ln())).sqrt();
    let (low, high) = ((-half_b - root) / a, (-half_b + root) / a);
    mass(low, high, (0.0, 1.0)) - mass(low, high, (m, r))
}

#[cfg(test)]
mod tests;
