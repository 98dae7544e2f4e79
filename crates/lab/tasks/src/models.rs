//! What is trained, sampled and distilled before the tasks compare it.

use apd_distill::Distilled;
use apd_nn::Model as _;
use apd_report::{Report, Results};
use apd_store::Bank;

use crate::baselines::Baselines;
use crate::clock::Clock;
use crate::context::Context;
use crate::diagnose::{Diagnosed, diagnose};
use crate::distill::Distillation;
use crate::error::{self, Result};
use crate::experiment::Experiment;
use crate::named_posterior::NamedPosterior;
use crate::online::{Chains, Online, distill_online};
use crate::sample::Sampled;
use crate::shared_progress::SharedProgress;
use crate::{distill, online, sample, sections};

/// What the tasks compare, and how it came about.
pub(crate) struct Models {
    pub(crate) baselines: Baselines,
    sampled: Sampled,
    pub(crate) bank: Bank,
    diagnosed: Diagnosed,
    distilled: Distillation,
    subspace: Distilled,
    online: Vec<Online>,
}

impl Models {
    /// Trains, samples and distils, or takes from the folder what an earlier run has done.
    pub(crate) fn fit(context: Context<'_>, experiment: &Experiment, clock: &mut Clock) -> Result<Self> {
        let Experiment { config, folder, .. } = experiment;
        // They depend on nothing but the data, and a thread is best busy with one of them.
        let (networks, chains) = (Baselines::runs(experiment), config.sgld.chains);
        let walked = config.sgld.steps * chains as u64;
        let steps = Baselines::steps(experiment) + walked;
        let (baselines, sampled) = clock.time("training", steps, || {
            let shared = SharedProgress::begin(context, "training", steps);
            let (trained, sampled) = rayon::join(
                || Baselines::train_concurrently(experiment, chains, &shared),
                || shared.run(|context| sample::sample_concurrently(context, experiment, &folder.bank(), networks)),
            );
            let both = error::both(trained, sampled)?;
            shared.end();
            Ok(both)
        })?;
        let bank = Bank::open(folder.bank())?;
        let diagnosed = clock.time("diagnose", bank.len() as u64, || diagnose(context, experiment, &bank))?;
        let distilled =
            clock.time("distill", config.distill.iterations, || distill::distill(context, experiment, &bank))?;
        apd_points::write_atomic(folder.apd_generator(), &distill::generator_file(&distilled.generator, &bank)?)?;
        let rank = config.subspace.rank as u64;
        let subspace = clock.time("subspace", rank, || distill::distill_subspace(context, experiment, &bank))?;
        apd_points::write_atomic(folder.generator(), &distill::generator_file(&subspace, &bank)?)?;
        let kinds: &[Chains] = match (config.online.rounds, config.online.infinite) {
            (0, _) => &[],
            (_, false) => &[Chains::GoOn],
            (_, true) => &[Chains::GoOn, Chains::Restart],
        };
        let mut online = Vec::new();
        for &chains in kinds {
            let found = clock.time(chains.method(), walked, || distill_online(context, experiment, &bank, chains))?;
            online.push(found);
        }
        Ok(Self { baselines, sampled, bank, diagnosed, distilled, subspace, online })
    }

    pub(crate) fn posteriors(&self) -> Vec<NamedPosterior<'_>> {
        let Self { baselines, bank, distilled, subspace, .. } = self;
        let mut posteriors = baselines.methods();
        posteriors.extend([
            NamedPosterior::bank(bank),
            NamedPosterior::distilled("subspace", subspace),
            NamedPosterior::distilled("apd", &distilled.generator),
        ]);
        posteriors
    }

    pub(crate) fn online_posteriors(&self) -> Vec<NamedPosterior<'_>> {
        self.online.iter().map(|online| NamedPosterior::distilled(online.name(), &online.generator)).collect()
    }

    pub(crate) fn write_up(&self, experiment: &Experiment, mut results: Results, report: Report) -> (Results, Report) {
        let Self { sampled, bank, diagnosed, distilled, subspace, online, .. } = self;
        let Experiment { config, split, seed, .. } = experiment;
        diagnosed.rows.iter().for_each(|row| results.insert(row.clone()));
        distill::rows(experiment, distilled, subspace, bank).into_iter().for_each(|row| results.insert(row));
        online.iter().flat_map(|online| online::rows(experiment, online)).for_each(|row| results.insert(row));
        let images = &split.train.images;
        // What one unit of the first layer weighs: the whole image, or a window.
        let image = match experiment.network.layout().entries[0].shape[..] {
            [_, _, height, width] => (height, width),
            _ => (images.height, images.width),
        };
        let mut report = report
            .section(sections::sampling::sampling(config, sampled, bank))
            .section(sections::mixing::mixing(config, &results, diagnosed))
            .section(sections::distillation::distillation(
                config,
                &distilled.history,
                bank,
                [&distilled.generator, subspace],
                image,
                *seed,
            ));
        if !online.is_empty() {
            report = report.section(sections::online::online(config, &distilled.history, bank, online));
        }
        (results, report)
    }
}
