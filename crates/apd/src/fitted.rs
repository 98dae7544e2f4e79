//! A fitted model: what it says of new inputs, and of itself.

use std::sync::{Arc, OnceLock};

use apd_bnn::likelihood::Predictive;
use apd_bnn::{Attack, Likelihood, LikelihoodConfig, PreparedNetworks, TargetRows, predict};
use apd_diagnostics::{DiagnosticError, ess_bulk, median, rhat};
use apd_distill::Distilled;
use apd_nn::{Model, Network};
use apd_points::{Layout, Posterior};
use apd_seed::Seed;
use apd_uncertainty::{ClassPredictive, NumberPredictive};
use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::rows::evenly;
use crate::scaling::Scaling;

/// Training rows whose predictions are followed through the chains.
const FOLLOWED: usize = 50;

/// Most inputs for which the networks lie ready: with more of them, products of matrices are faster.
const FEW: usize = 4;
/// Most bytes that networks may take to lie ready.
const READY: usize = 64 << 20;

/// A distilled posterior of a network, and all that its predictions need.
#[derive(Debug)]
pub struct Fitted {
    pub(crate) model: Box<dyn Model>,
    pub(crate) likelihood: Arc<dyn Likelihood>,
    pub(crate) posterior: Distilled,
    pub(crate) layout: Layout,
    /// Of the networks that are drawn.
    pub(crate) seed: Seed,
    pub(crate) description: Description,
    /// All networks of the posterior, from the first prediction of a few inputs on; `None` where they do not come one by one.
    pub(crate) ready: OnceLock<Option<PreparedNetworks>>,
}

/// What the numbers of a drawn network are: its parameters, those of the likelihood, its buffers.
pub(crate) fn layout(model: &dyn Model, likelihood: &dyn Likelihood) -> Layout {
    let parts = [model.layout(), likelihood.layout(), model.buffer_layout()];
    Layout::new(parts.into_iter().flat_map(|part| part.entries).map(|entry| (entry.name, entry.shape)))
}

/// The version of the file's format that this build writes and reads.
pub(crate) const VERSION: u32 = 1;

/// What a file holds beside the posterior.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    /// Of the file's format.
    pub(crate) version: u32,
    pub(crate) network: Option<Network>,
    pub(crate) likelihood: Option<LikelihoodConfig>,
    pub(crate) scaling: Option<Scaling>,
    pub(crate) classes: Option<Vec<String>>,
    pub(crate) mixing: Mixing,
}

/// Whether the chains agree, by the predictions of training rows.
///
/// Of functions, not of weights: networks whose hidden units are exchanged predict the same. Rows of which all predict the same to the last bit say
/// nothing; if all rows are such though networks differ, the chains agree, and every draw counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Mixing {
    /// Median of R̂; near 1 where chains agree.
    pub rhat_median: f64,
    /// The largest R̂.
    pub rhat_worst: f64,
    /// Median of the effective sample sizes.
    pub ess_median: f64,
}

impl Mixing {
    /// The largest R̂ of chains that agree.
    pub const RHAT_LIMIT: f64 = 1.1;

    /// Whether the worst R̂ is at most [`RHAT_LIMIT`](Self::RHAT_LIMIT).
    pub fn has_mixed(&self) -> bool {
        self.rhat_worst <= Self::RHAT_LIMIT
    }

    /// Of the networks of each chain, by the first output for fifty of the inputs.
    ///
    /// **Shapes**: chains: draws × (weights and what follows them), inputs: N × inputs.
    ///
    /// **Errors**: chains of fewer than four draws, of different lengths, or that stand still.
    pub fn of(
        chains: &[ArrayView2<'_, f32>],
        model: &dyn Model,
        likelihood: &dyn Likelihood,
        inputs: ArrayView2<'_, f32>,
    ) -> Result<Self, Error> {
        let rows = evenly(inputs.nrows(), FOLLOWED);
        let inputs = inputs.select(Axis(0), &rows);
        // Of each input's first output, a series for each chain.
        let mut series = vec![vec![Vec::new(); chains.len()]; rows.len()];
        for (chain, samples) in chains.iter().enumerate() {
            let networks =
                samples.outer_iter().map(|row| row.to_slice().expect("rows are contiguous")[..model.dim()].to_vec());
            apd_bnn::predict_networks(model, likelihood, networks, inputs.view(), |_, outputs| {
                for (row, series) in series.iter_mut().enumerate() {
                    series[chain].push(f64::from(outputs[[row, 0]]));
                }
            });
        }
        let (mut rhats, mut sizes) = (Vec::new(), Vec::new());
        for chains in &series {
            match rhat(chains) {
                // All networks are as sure of this row as numbers allow, and agree.
                Err(DiagnosticError::Constant { .. }) => continue,
                rhat => rhats.push(rhat?),
            }
            sizes.push(ess_bulk(chains)?);
        }
        let moves = |chain: &ArrayView2<'_, f32>| chain.outer_iter().any(|network| network != chain.row(0));
        if rhats.is_empty() && !chains.iter().any(moves) {
            return Err(DiagnosticError::Constant { value: series[0][0][0] }.into());
        }
        let rhat_worst = rhats.iter().copied().reduce(f64::max).unwrap_or(1.0);
        let draws = chains.iter().map(|chain| chain.nrows()).sum::<usize>() as f64;
        Ok(Self { rhat_median: median(rhats).unwrap_or(1.0), rhat_worst, ess_median: median(sizes).unwrap_or(draws) })
    }
}

/// What is predicted for some inputs, averaged over networks.
#[derive(Clone, Debug)]
pub enum Prediction {
    /// Classes and how sure they are.
    Classes(ClassPredictive),
    /// Laws of numbers, in the target's own units.
    Numbers(NumberPredictive),
}

impl Fitted {
    /// Whether the parts of a file, each of which can be read, fit together.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Description { likelihood, scaling, classes, .. } = &self.description;
        let outputs = self.model.outputs();
        match self.likelihood.predictive(0, outputs) {
            Predictive::Classes(predictive) => {
                self.likelihood.check(outputs, TargetRows::Classes(&[])).map_err(|e| e.to_string())?;
                let names = classes.as_ref().map_or(0, Vec::len);
                if scaling.is_some()
                    || (likelihood == &Some(LikelihoodConfig::Categorical) && names != predictive.classes())
                {
                    return Err(format!("{names} names for {} classes", predictive.classes()));
                }
            }
            Predictive::Numbers(predictive) => {
                let none = Array2::zeros((0, predictive.outputs()));
                self.likelihood.check(outputs, TargetRows::Values(none.view())).map_err(|e| e.to_string())?;
                let counts = likelihood == &Some(LikelihoodConfig::Poisson);
                if classes.is_some() || scaling.as_ref().is_some_and(|it| counts || !it.is_valid(predictive.outputs()))
                {
                    return Err("its targets are scaled in a way that cannot be undone".to_owned());
                }
            }
        }
        Ok(())
    }

    /// The averaged prediction of `networks` networks for each input.
    ///
    /// **Shapes**: inputs: N × inputs. **Errors**: inputs of another width, or not finite; no networks.
    pub fn predict(&self, inputs: ArrayView2<'_, f32>, networks: usize) -> Result<Prediction, Error> {
        self.check_inputs(&inputs)?;
        let ready = if inputs.nrows() <= FEW && networks == crate::stored::networks(&self.posterior) {
            self.ready()
        } else {
            None
        };
        Ok(match ready {
            Some(ready) => self.in_units(ready.predict(&*self.likelihood, inputs)),
            None => self.predict_by(&self.posterior, inputs, networks)?,
        })
    }

    /// As [`predict`](Self::predict), by any posterior, of inputs that have been checked.
    pub(crate) fn predict_by(
        &self,
        posterior: &Distilled,
        inputs: ArrayView2<'_, f32>,
        networks: usize,
    ) -> Result<Prediction, Error> {
        Ok(self.in_units(predict(posterior, &*self.model, &*self.likelihood, inputs, networks, self.seed)?))
    }

    fn ready(&self) -> Option<&PreparedNetworks> {
        let prepare = || {
            let Distilled::Subsample(points) = &self.posterior else { return None };
            let (model, likelihood) = (&*self.model, &*self.likelihood);
            PreparedNetworks::new(points, model, likelihood, points.count(), self.seed, READY).ok().flatten()
        };
        // Whoever comes first does it, and so does whoever comes meanwhile: to wait would be to wait on a thread that Rayon may have given this
        // very prediction.
        if self.ready.get().is_none() {
            let _ = self.ready.set(prepare());
        }
        self.ready.get().and_then(Option::as_ref)
    }

    fn check_inputs(&self, inputs: &ArrayView2<'_, f32>) -> Result<(), Error> {
        let expected = self.model.inputs();
        if inputs.ncols() != expected {
            return Err(Error::Inputs { expected, found: inputs.ncols() });
        }
        if let Some(((row, column), &value)) = inputs.indexed_iter().find(|(_, value)| !value.is_finite()) {
            return Err(Error::NotFinite { row, column, value });
        }
        Ok(())
    }

    /// The prediction in the target's own units.
    fn in_units(&self, predictive: Predictive) -> Prediction {
        match predictive {
            Predictive::Classes(classes) => Prediction::Classes(classes),
            Predictive::Numbers(numbers) => Prediction::Numbers(match &self.description.scaling {
                Some(scaling) => scaling.undo(numbers),
                None => numbers,
            }),
        }
    }

    /// Inputs that are changed so as to mislead `networks` networks.
    ///
    /// **Shapes**: inputs and result: N × inputs. **Panics** as [`Attack::run`].
    #[track_caller]
    pub fn attack(
        &self,
        attack: &Attack,
        inputs: ArrayView2<'_, f32>,
        targets: TargetRows<'_>,
        networks: usize,
    ) -> Array2<f32> {
        let networks = self.posterior.draw(self.seed, networks);
        let points: Vec<&[f32]> =
            networks.outer_iter().map(|row| row.to_slice().expect("rows are contiguous")).collect();
        attack.run(&*self.model, &*self.likelihood, &points, inputs, targets)
    }

    /// The distilled posterior: whole networks can be drawn from it.
    pub fn posterior(&self) -> &Distilled {
        &self.posterior
    }

    /// The names of the classes, if classes are predicted.
    pub fn classes(&self) -> Option<&[String]> {
        self.description.classes.as_deref()
    }

    /// Whether the chains agree.
    pub fn mixing(&self) -> Mixing {
        self.description.mixing
    }
}
