//! What is sampled, and how the samples are judged.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use apd::bnn::likelihood::{HeteroscedasticGaussian, Predictive};
use apd::bnn::prior::Gaussian;
use apd::bnn::{NetworkPotential, PriorConfig, predict};
use apd::data::{Dataset, Examples, TableSchema, Targets, read_csv};
use apd::nn::optim::{Adam, AdamState};
use apd::points::Ensemble;
use apd::seed::Minibatches;
use apd::sgmcmc::{FromFn, Minibatch, Potential};
use apd::uncertainty::{self, regression};
use apd::{Architecture, LikelihoodConfig, Mixing, Network, Scaling, Seed};
use ndarray::Array2;
use rayon::prelude::*;

/// Coordinates of the normal law.
const NORMAL_DIM: usize = 100_000;
/// Coordinates of similar scale that its error is taken over.
const GROUPS: usize = 10;

/// Names of all problems, in the order of the page.
pub(crate) const NAMES: [&str; 8] =
    ["normal", "yacht", "energy", "concrete", "airfoil", "digits", "digits-cnn", "mnist"];

/// A law to be sampled.
pub(crate) struct Problem {
    pub(crate) name: &'static str,
    /// In a few words.
    pub(crate) what: String,
    pub(crate) chains: u32,
    /// Gradients over all data that a chain of the longest run takes, as nearly as its steps allow.
    pub(crate) longest: u64,
    /// Draws of each chain of NUTS in the longest run, after as many of a warm-up; 0 where it takes too long.
    pub(crate) nuts_draws: u64,
    /// Terms of a minibatch; all, where steps go over all of them.
    pub(crate) batch: usize,
    /// The prior's precision τ.
    pub(crate) precision: f64,
    law: Law,
}

enum Law {
    /// Independent normal coordinates of these deviations.
    Normal(Vec<f32>),
    Network(Box<Inference>),
}

struct Inference {
    network: Network,
    likelihood: LikelihoodConfig,
    potential: NetworkPotential,
    training_steps: u64,
    scaling: Option<Scaling>,
    test: Examples,
}

/// How far samples are from right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged {
    /// Of a network: −ln p of a held-out row, nats, of the averaged prediction. Of the normal law: the largest relative error of a variance, each
    /// over ten thousand coordinates of similar scale.
    pub(crate) loss: f64,
    pub(crate) mixing: Option<Mixing>,
}

impl Problem {
    /// Reads its data.
    ///
    /// **Errors**: files that are missing or damaged.
    pub(crate) fn load(name: &'static str, tables: &Path, folder: &Path) -> Result<Self> {
        let of_images = |dataset: Dataset| -> Result<_> {
            let split = dataset.load(folder, Seed::root(1).child("split"))?;
            Ok([split.train, split.test].map(Examples::from))
        };
        Ok(match name {
            "normal" => {
                let scale = |i: usize| 0.1_f32.powf(i as f32 / (NORMAL_DIM - 1) as f32);
                let law = Law::Normal((0..NORMAL_DIM).map(scale).collect());
                let what = format!("Normal law of {NORMAL_DIM} independent coordinates with deviations from 0.1 to 1");
                Self { name, what, chains: 4, longest: 1_600, nuts_draws: 100, batch: 1, precision: 1.0, law }
            }
            "yacht" | "energy" | "concrete" | "airfoil" => {
                let table = read_csv(tables.join(format!("{name}.csv")))?;
                let target = table.columns().last().context("a table without columns")?.name.clone();
                let (training, test) = table.split(0.8, Seed::root(1).child("split"));
                let schema = TableSchema::infer(&training, &target, &[], Some(false))?;
                let network = Architecture::Auto.network(training.len(), &schema, 2)?;
                let examples = [schema.examples(&training)?, schema.examples(&test)?];
                Self { longest: 8_000, nuts_draws: 80, ..Self::network(name, network, examples, 1.0, 1_000)? }
            }
            "digits" => {
                let [training, test] = of_images(Dataset::Digits)?;
                let network = Network::mlp(&[64, 100, 10]);
                Self { longest: 3_200, ..Self::network(name, network, [training, test], 2.2, 500)? }
            }
            "digits-cnn" => {
                let [training, test] = of_images(Dataset::Digits)?;
                let network = Network::cnn_small(8, 8, 1, 10);
                Self { longest: 640, ..Self::network(name, network, [training, test], 2.2, 500)? }
            }
            // Networks by minibatches of 200.
            "mnist" => {
                let [training, test] = of_images(Dataset::Mnist)?;
                let network = Network::mlp(&[784, 100, 10]);
                Self { longest: 48, batch: 200, ..Self::network(name, network, [training, test], 10.0, 6_000)? }
            }
            other => bail!("{other}: no problem of that name"),
        })
    }

    fn network(
        name: &'static str,
        network: Network,
        [training, test]: [Examples; 2],
        precision: f64,
        training_steps: u64,
    ) -> Result<Self> {
        ensure!(!test.is_empty(), "{name}: no rows are held out");
        let (likelihood, scaling) = match &training.targets {
            Targets::Classes { .. } => (LikelihoodConfig::Categorical, None),
            Targets::Numbers { .. } => (
                LikelihoodConfig::HeteroscedasticGaussian(HeteroscedasticGaussian::default()),
                Scaling::of(&training.targets),
            ),
        };
        let data = Scaling::data(scaling.as_ref(), &training);
        let prior = PriorConfig::Gaussian(Gaussian::isotropic(precision)).build();
        let potential = NetworkPotential::new(&network, data, likelihood.build(), prior)?;
        let what = format!(
            "{} of {} parameters on {} rows, prior N(0, 1/{precision})",
            if matches!(network, Network::Cnn(_)) { "Convolutional network" } else { "Perceptron" },
            potential.dim(),
            training.len()
        );
        let batch = training.len();
        let inference = Inference { network, likelihood, potential, training_steps, scaling, test };
        let law = Law::Network(Box::new(inference));
        Ok(Self { name, what, chains: 6, longest: 0, nuts_draws: 0, batch, precision, law })
    }

    /// The law as U.
    pub(crate) fn potential(&self) -> Box<dyn Potential> {
        match &self.law {
            Law::Normal(scales) => {
                let precisions: Vec<f32> = scales.iter().map(|s| s.powi(-2)).collect();
                Box::new(FromFn::new(scales.len(), 1, move |x: &[f32], _: Minibatch<'_>, gradient: &mut [f32]| {
                    let mut twice = 0.0;
                    for ((g, x), p) in gradient.iter_mut().zip(x).zip(&precisions) {
                        *g = p * x;
                        twice += f64::from(*g * x);
                    }
                    0.5 * twice
                }))
            }
            Law::Network(inference) => Box::new(inference.potential.clone()),
        }
    }

    /// Where the chains start: points of N(0, I), or networks that were trained by Adam.
    ///
    /// **Errors**: those of the potential.
    pub(crate) fn starts(&self, seed: Seed) -> Result<Vec<Vec<f32>>> {
        let of_chain = |chain: u32| seed.child("start").index(chain.into());
        match &self.law {
            Law::Normal(scales) => Ok((0..self.chains)
                .map(|chain| {
                    let mut start = vec![0.0; scales.len()];
                    of_chain(chain).normals().fill(0, 0, &mut start);
                    start
                })
                .collect()),
            Law::Network(inference) => {
                let potentials: Vec<_> = (0..self.chains).map(|chain| (chain, inference.potential.clone())).collect();
                let (steps, batch) = (inference.training_steps, self.batch);
                let train = |(chain, potential)| train(potential, steps, batch, of_chain(chain));
                potentials.into_par_iter().with_max_len(1).map(train).collect()
            }
        }
    }

    /// Judges the kept positions of each chain.
    ///
    /// **Errors**: predictions that are none, as where a chain stood still.
    pub(crate) fn judge(&self, chains: &[Array2<f32>]) -> Result<Judged> {
        match &self.law {
            Law::Normal(scales) => {
                let draws = chains.iter().map(Array2::nrows).sum::<usize>() as f64;
                let group = scales.len() / GROUPS;
                let errors = (0..GROUPS).map(|g| {
                    let coordinates = g * group..(g + 1) * group;
                    let square = |i: usize| {
                        let of_chain =
                            |c: &Array2<f32>| c.column(i).iter().map(|x| f64::from(x / scales[i]).powi(2)).sum::<f64>();
                        chains.iter().map(of_chain).sum::<f64>() / draws
                    };
                    (coordinates.map(square).sum::<f64>() / group as f64 - 1.0).abs()
                });
                Ok(Judged { loss: errors.fold(0.0, f64::max), mixing: None })
            }
            Law::Network(inference) => inference.judge(chains),
        }
    }
}

/// A network by Adam, with a learning rate that falls to 0.
fn train(mut potential: NetworkPotential, steps: u64, batch: usize, seed: Seed) -> Result<Vec<f32>> {
    let mut theta = potential.initialize(seed);
    let (mut state, mut gradient) = (AdamState::new(theta.len()), vec![0.0; theta.len()]);
    let rows = potential.num_data();
    let mut minibatches = Minibatches::new(seed.child("training"), rows, batch.min(rows));
    for step in 0..steps {
        let batch = if batch < rows { Minibatch::Indices(minibatches.indices(step)) } else { Minibatch::Full };
        potential.gradient(&theta, batch, &mut gradient)?;
        let left = 1.0 - step as f64 / steps as f64;
        Adam { lr: 0.003 * left, ..Adam::default() }.step(&mut state, &mut theta, &gradient);
    }
    Ok(theta)
}

impl Inference {
    fn judge(&self, chains: &[Array2<f32>]) -> Result<Judged> {
        let Self { network, likelihood, scaling, test, .. } = self;
        let likelihood = likelihood.build();
        let networks = Ensemble::of(chains.iter().flat_map(|chain| chain.rows()).map(|row| row.to_vec()));
        let count = networks.members().nrows();
        let predictive = predict(&networks, network, &*likelihood, test.inputs.view(), count, Seed::root(0))?;
        let loss = match (predictive, &test.targets) {
            (Predictive::Classes(classes), Targets::Classes { labels, .. }) => {
                uncertainty::nll(classes.mean().view(), labels)?
            }
            (Predictive::Numbers(numbers), Targets::Numbers { values, .. }) => {
                let numbers = scaling.as_ref().map_or(numbers.clone(), |scaling| scaling.undo(numbers));
                regression::nll(&numbers, values.view())?
            }
            _ => bail!("predictions of another kind than the targets"),
        };
        let chains: Vec<_> = chains.iter().map(|chain| chain.view()).collect();
        Ok(Judged { loss, mixing: Some(Mixing::of(&chains, network, &*likelihood, test.inputs.view())?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exact draws are right to what 20 of them tell of ten thousand coordinates at a time, √(2/200 000) = 0.3 %; those of deviations a tenth too large are not.
    #[test]
    fn the_normal_law_is_judged_by_its_variances() {
        let folder = Path::new("none");
        let problem = Problem::load("normal", folder, folder).unwrap();
        let Law::Normal(scales) = &problem.law else { panic!("another law") };
        let draws = |factor: f32| {
            let mut draws = Array2::zeros((20, scales.len()));
            Seed::root(1).normals().fill(0, 0, draws.as_slice_mut().unwrap());
            draws
                .rows_mut()
                .into_iter()
                .for_each(|mut row| row.iter_mut().zip(scales).for_each(|(x, s)| *x *= s * factor));
            draws
        };
        let loss = |factor| problem.judge(&[draws(factor)]).unwrap().loss;
        assert!(loss(1.0) < 0.01, "{}", loss(1.0));
        assert!((loss(1.1) - 0.21).abs() < 0.02, "{}", loss(1.1));
    }
}
