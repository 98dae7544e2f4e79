//! What else people use for uncertainty: MC-dropout, a deep ensemble, SWAG. Each is trained as the point estimate is.

use apd_bnn::Dropout;
use apd_distill::Swag;
use apd_nn::{Model as _, Network};
use apd_points::Ensemble;
use apd_sgmcmc::{Chain, ChainConfig, Sgd, from_mean_loss};
use rayon::prelude::*;

use crate::config::Config;
use crate::context::Context;
use crate::error::{self, Result};
use crate::experiment::Experiment;
use crate::methods::descent::{to_its_end, with_dropout};
use crate::named_posterior::NamedPosterior;
use crate::sgd::{self, Run};
use crate::shared_progress::SharedProgress;

/// What a run trains apart from its bank; what the settings leave out is not there.
pub struct Baselines {
    /// One network.
    point: Ensemble,
    /// A network with dropout.
    dropout: Option<Dropout>,
    /// Independently trained networks.
    ensemble: Option<Ensemble>,
    /// A Gaussian around the end of the point estimate's path.
    swag: Option<Swag>,
}

impl Baselines {
    /// Trains the point estimate and what `config.baselines` asks for, or takes it from checkpoints: all at the same time, but for SWAG,
    /// which goes on from the point.
    ///
    /// **Errors**: a run that diverges; [`Error::Stopped`](crate::Error::Stopped), after which the folder is ready to be resumed.
    pub fn train(context: Context<'_>, experiment: &Experiment) -> Result<Self> {
        let shared = SharedProgress::begin(context, "training", Self::steps(experiment));
        let trained = Self::train_concurrently(experiment, 0, &shared)?;
        shared.end();
        Ok(trained)
    }

    /// The same beside so many runs of other kinds.
    pub(crate) fn train_concurrently(
        experiment: &Experiment,
        others: usize,
        shared: &SharedProgress<'_>,
    ) -> Result<Self> {
        let Experiment { config, network, .. } = experiment;
        let concurrent = Self::runs(experiment) + others;
        let train = |run: Run| shared.run(|context| sgd::train(context, experiment, &run, concurrent));
        let point_and_swag = || {
            let point = train(Run { name: "sgd".into(), dropout: None })?;
            let swag = match config.baselines.swag_epochs {
                0 | 1 => None,
                _ => Some(shared.run(|context| swag(context, experiment, &point, concurrent))?),
            };
            Ok((point, swag))
        };
        let dropout = dropout(experiment);
        let mut runs: Vec<_> =
            dropout.map(|p| Run { name: "mc-dropout".into(), dropout: Some(p) }).into_iter().collect();
        runs.extend((1..=config.baselines.ensemble).map(|i| Run { name: format!("ensemble-{i}"), dropout: None }));
        // The longest first, which is that with dropout.
        let (networks, first) =
            rayon::join(|| runs.into_par_iter().with_max_len(1).map(train).collect::<Vec<_>>(), point_and_swag);
        let ((point, swag), mut networks) = error::both(first, error::all(networks))?;
        let dropout = dropout.map(|p| {
            let network = with_dropout(network, p);
            Dropout::new(&network.as_mlp().expect("only perceptrons have dropout"), networks.remove(0))
        });
        let ensemble = (!networks.is_empty()).then(|| Ensemble::of(networks));
        Ok(Self { point: Ensemble::of([point]), dropout, ensemble, swag })
    }

    /// Networks that are trained at once.
    pub(crate) fn runs(experiment: &Experiment) -> usize {
        1 + usize::from(dropout(experiment).is_some()) + experiment.config.baselines.ensemble
    }

    /// Updates of all of them, and of SWAG's path.
    pub(crate) fn steps(experiment: &Experiment) -> u64 {
        let Config { sgd, baselines, .. } = &experiment.config;
        Self::runs(experiment) as u64 * sgd.steps + baselines.swag_epochs * epoch(experiment)
    }

    /// The deep ensemble; none where it was left out.
    pub fn ensemble(&self) -> Option<&Ensemble> {
        self.ensemble.as_ref()
    }

    /// Those that there are, the point estimate first.
    pub fn methods(&self) -> Vec<NamedPosterior<'_>> {
        let Self { point, dropout, ensemble, swag } = self;
        let mut methods = vec![NamedPosterior::baseline("sgd", point)];
        methods.extend(dropout.as_ref().map(|dropout| NamedPosterior::baseline("mc-dropout", dropout)));
        methods.extend(ensemble.as_ref().map(|ensemble| NamedPosterior::baseline("ensemble", ensemble)));
        methods.extend(swag.as_ref().map(|swag| NamedPosterior::baseline("swag", swag)));
        methods
    }
}

/// The probability of dropout of MC-dropout; none where it was left out, or the network has no place for it.
fn dropout(experiment: &Experiment) -> Option<f32> {
    let p = experiment.config.baselines.dropout;
    (p > 0.0 && matches!(experiment.network, Network::Mlp(_))).then_some(p)
}

/// Minibatches of one pass over the training images.
fn epoch(experiment: &Experiment) -> u64 {
    (experiment.split.train.len() / experiment.config.sgd.batch).max(1) as u64
}

/// Collects the point estimate's path from its best point on, once an epoch, at the same learning rate.
fn swag(context: Context<'_>, experiment: &Experiment, point: &[f32], concurrent: usize) -> Result<Swag> {
    let Experiment { config, split, folder, seed, .. } = experiment;
    let (sgd, settings, terms) = (&config.sgd, &config.baselines, split.train.len());
    let positions: Vec<Vec<f32>> = folder.finished("swag", || {
        let (_, prior_precision) = from_mean_loss(sgd.lr, sgd.weight_decay, terms);
        let epoch = epoch(experiment);
        let length =
            ChainConfig { steps: settings.swag_epochs * epoch, burn_in: 0, thinning: epoch, batch_size: sgd.batch };
        let sampler = Sgd::from_mean_loss(sgd.lr, sgd.momentum, terms);
        let potential = experiment.potential(prior_precision, concurrent)?;
        let theta = point[..experiment.network.dim()].to_vec();
        let mut chain = Chain::new(0, potential, sampler, length, seed.child("swag"), theta)?;
        let mut positions = Vec::new();
        context.progress.begin("swag", length.steps, 0);
        to_its_end(context, &mut chain, |sample| {
            positions.push(experiment.row(sample.position));
            context.progress.advance(sample.step, None);
        })?;
        context.progress.end();
        Ok(positions)
    })?;
    let mut swag = Swag::new(point.len(), settings.swag_rank)?;
    positions.iter().for_each(|position| swag.collect(position));
    Ok(swag)
}
