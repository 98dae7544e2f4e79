//! What else people fit to tables: a linear model, a network, an ensemble of them. All by Adam on the posterior's mode.

use anyhow::Result;
use apd::bnn::likelihood::{HeteroscedasticGaussian, Predictive};
use apd::bnn::prior::Gaussian;
use apd::bnn::{NetworkPotential, PriorConfig, predict};
use apd::data::{Examples, Targets};
use apd::nn::optim::{Adam, AdamState};
use apd::points::Ensemble;
use apd::sgmcmc::{Minibatch, Potential as _};
use apd::{LikelihoodConfig, Network, Scaling, Seed};
use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::scores;

/// Steps of Adam, on all rows.
const STEPS: u64 = 3_000;
/// Steps between looks at the rows that are held out.
const LOOK_EVERY: u64 = 25;
/// One row in so many is held out, and decides where training stops.
const HELD_OUT: usize = 10;

/// Networks that predict together.
pub(crate) struct Baseline {
    network: Network,
    likelihood: LikelihoodConfig,
    members: Ensemble,
    scaling: Option<Scaling>,
}

impl Baseline {
    /// Trains `members` networks, each stopped where it does best on rows that it does not learn from.
    ///
    /// **Errors**: data and network that do not fit together.
    pub(crate) fn fit(network: Network, training: &Examples, members: u64, seed: Seed) -> Result<Self> {
        let likelihood = match &training.targets {
            Targets::Classes { .. } => LikelihoodConfig::Categorical,
            Targets::Numbers { .. } => LikelihoodConfig::HeteroscedasticGaussian(HeteroscedasticGaussian::default()),
        };
        let order = seed.child("held-out").stream().permutation(training.len());
        let order: Vec<usize> = order.into_iter().map(|row| row as usize).collect();
        let (held_out, others) = order.split_at(training.len() / HELD_OUT);
        let mut baseline = Self {
            network,
            likelihood,
            members: Ensemble::of([[0.0_f32; 0]; 0]),
            scaling: Scaling::of(&training.targets),
        };
        let [held_out, others] = [held_out, others].map(|rows| training.select(rows));
        let member = |i: u64| baseline.train(&others, &held_out, seed.child("member").index(i));
        let members = (0..members).into_par_iter().map(member).collect::<Result<Vec<_>>>()?;
        baseline.members = Ensemble::of(members);
        Ok(baseline)
    }

    /// A network where it did best on rows that it did not learn from.
    fn train(&self, training: &Examples, held_out: &Examples, seed: Seed) -> Result<Vec<f32>> {
        const RATE: f64 = 0.01;
        let prior = PriorConfig::Gaussian(Gaussian::isotropic(1.0));
        let data = Scaling::data(self.scaling.as_ref(), training);
        let mut potential = NetworkPotential::new(&self.network, data, self.likelihood.build(), prior.build())?;
        let mut theta = potential.initialize(seed.child("initial"));
        let (mut state, mut gradient) = (AdamState::new(theta.len()), vec![0.0; theta.len()]);
        let (mut best, mut least) = (theta.clone(), f64::INFINITY);
        for step in 0..STEPS {
            potential.gradient(&theta, Minibatch::Full, &mut gradient)?;
            let left = 1.0 - step as f64 / STEPS as f64;
            Adam { lr: RATE * left, ..Adam::default() }.step(&mut state, &mut theta, &gradient);
            if step % LOOK_EVERY == LOOK_EVERY - 1 {
                let nll = scores::nll(&self.predict_by(&Ensemble::of([&theta]), held_out.inputs.view())?, held_out)?;
                if nll < least {
                    (least, best) = (nll, theta.clone());
                }
            }
        }
        Ok(best)
    }

    /// The averaged prediction, in the target's own units.
    ///
    /// **Errors**: inputs of another width.
    pub(crate) fn predict(&self, inputs: ArrayView2<'_, f32>) -> Result<Predictive> {
        self.predict_by(&self.members, inputs)
    }

    fn predict_by(&self, members: &Ensemble, inputs: ArrayView2<'_, f32>) -> Result<Predictive> {
        let count = members.members().nrows();
        let predictive = predict(members, &self.network, &*self.likelihood.build(), inputs, count, Seed::root(0))?;
        Ok(match (predictive, &self.scaling) {
            (Predictive::Numbers(numbers), Some(scaling)) => Predictive::Numbers(scaling.undo(numbers)),
            (other, _) => other,
        })
    }
}
