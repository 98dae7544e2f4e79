//! What is trained, sampled and distilled before the tasks compare it.

use apd_nn::Model as _;
use apd_report::{Report, Results};
use apd_store::Bank;
use rayon::prelude::*;

use crate::clock::Clock;
use crate::context::Context;
use crate::diagnose::{Diagnosed, diagnose};
use crate::error::{self, Error, Result};
use crate::experiment::Experiment;
use crate::first_look::first_look;
use crate::method::{Fitted, FittedMethod, Given, Method};
use crate::named_posterior::{NamedPosterior, Role};
use crate::sections;
use crate::shared_progress::SharedProgress;

/// What the tasks compare, and how it came about.
pub(crate) struct Models<'a> {
    /// In the order of the tables.
    fitted: Vec<FittedMethod<'a>>,
    pub(crate) bank: Bank,
    diagnosed: Diagnosed,
}

impl<'a> Models<'a> {
    /// Trains, samples and distills, or takes from the folder what an earlier run has done.
    ///
    /// **Errors**: methods without a bank; one that follows a baseline which is not among them; what a method fails with.
    pub(crate) fn fit(
        context: Context<'_>,
        experiment: &Experiment,
        methods: &[&'a dyn Method],
        clock: &mut Clock,
    ) -> Result<Self> {
        let Experiment { config, network, folder, .. } = experiment;
        let methods: Vec<&dyn Method> =
            methods.iter().copied().filter(|method| method.is_enabled(config, network)).collect();
        // Baselines and chains depend on nothing but the data, and a thread is best busy with one of them.
        let early: Vec<&dyn Method> =
            methods.iter().copied().filter(|method| matches!(method.role(), Role::Baseline | Role::Bank)).collect();
        check(&early)?;
        let efforts = || early.iter().map(|method| method.effort(experiment));
        let (steps, concurrent) =
            (efforts().map(|effort| effort.steps).sum(), efforts().map(|effort| effort.concurrent).sum());
        context.progress.enter("training");
        let mut fitted = clock.time("training", steps, || {
            let shared = SharedProgress::begin(context, "training", steps);
            let fitted = fit_early(&shared, experiment, &early, concurrent)?;
            shared.end();
            Ok(fitted)
        })?;
        // What comes next takes longer, and may be no matter to whoever sees this.
        context.progress.note(&first_look(experiment, &fitted)?);
        let bank = Bank::open(folder.bank())?;
        context.progress.enter("diagnose");
        let diagnosed = clock.time("diagnose", bank.len() as u64, || diagnose(context, experiment, &bank))?;
        let given = Given { experiment, concurrent: 1, baseline: None, bank: Some(&bank) };
        for method in methods.into_iter().filter(|method| matches!(method.role(), Role::Distilled | Role::Online)) {
            let steps = method.effort(experiment).steps;
            context.progress.enter(method.name());
            fitted.push(FittedMethod {
                method,
                fitted: clock.time(method.name(), steps, || method.fit(context, &given))?,
            });
        }
        Ok(Self { fitted, bank, diagnosed })
    }

    /// All but those that were distilled while sampling.
    pub(crate) fn posteriors(&self) -> Vec<NamedPosterior<'_>> {
        self.named(|role| role != Role::Online)
    }

    pub(crate) fn online_posteriors(&self) -> Vec<NamedPosterior<'_>> {
        self.named(|role| role == Role::Online)
    }

    fn named(&self, wanted: impl Fn(Role) -> bool) -> Vec<NamedPosterior<'_>> {
        self.fitted.iter().filter(|one| wanted(one.method.role())).map(FittedMethod::named).collect()
    }

    /// What there is to say of them before they are compared.
    pub(crate) fn sections(&self, experiment: &Experiment, mut results: Results, report: Report) -> (Results, Report) {
        let Self { fitted, bank, diagnosed } = self;
        let Experiment { config, split, seed, .. } = experiment;
        let of_fitted = fitted.iter().flat_map(|one| &one.fitted.rows);
        diagnosed.rows.iter().chain(of_fitted).for_each(|row| results.insert(row.clone()));
        let images = &split.train.images;
        // What one unit of the first layer weighs: the whole image, or a window.
        let image = match experiment.network.layout().entries[0].shape[..] {
            [_, _, height, width] => (height, width),
            _ => (images.height, images.width),
        };
        let with = |role| fitted.iter().filter(move |one| one.method.role() == role);
        let remarks: Vec<&String> = with(Role::Bank).flat_map(|one| &one.fitted.remarks).collect();
        let distilled: Vec<_> = with(Role::Distilled).collect();
        let online: Vec<_> = with(Role::Online).collect();
        let mut mixing = sections::mixing::mixing(config, &results, diagnosed)
            .details(sections::sampling::sampling(config, &remarks, bank));
        mixing.verdicts.extend(sections::sampling::diverged(&remarks));
        let mut distillation = sections::distillation::distillation(config, &results, &distilled, bank, image, *seed);
        if !online.is_empty() {
            distillation = distillation.details(sections::online::online(config, &results, &distilled, &online, bank));
        }
        let report = report.section(mixing).section(distillation);
        (results, report)
    }
}

/// Refuses methods that could not be fitted, before any of them is.
fn check(methods: &[&dyn Method]) -> Result<()> {
    if methods.iter().all(|method| method.role() != Role::Bank) {
        return Err(Error::Config("no method of the run samples a bank".into()));
    }
    let leads = |name| methods.iter().any(|method| method.name() == name && method.follows().is_none());
    match methods.iter().find(|method| method.follows().is_some_and(|first| !leads(first))) {
        Some(lost) => {
            Err(Error::Config(format!("{}: the method that it follows is not among those of the run", lost.name())))
        }
        None => Ok(()),
    }
}

/// Fits baselines and bank at the same time, each after the baseline that it follows.
fn fit_early<'a>(
    shared: &SharedProgress<'_>,
    experiment: &Experiment,
    methods: &[&'a dyn Method],
    concurrent: usize,
) -> Result<Vec<FittedMethod<'a>>> {
    let fit = |method: &dyn Method, baseline: Option<&Fitted>| {
        let baseline = baseline.map(|fitted| &*fitted.posterior as _);
        shared.run(|context| method.fit(context, &Given { experiment, concurrent, baseline, bank: None }))
    };
    // One that leads, and those that follow it.
    let group = |first: &&'a dyn Method| -> Result<Vec<FittedMethod<'a>>> {
        let mut group = vec![FittedMethod { method: *first, fitted: fit(*first, None)? }];
        for &method in methods.iter().filter(|method| method.follows() == Some(first.name())) {
            group.push(FittedMethod { method, fitted: fit(method, Some(&group[0].fitted))? });
        }
        Ok(group)
    };
    let leaders: Vec<_> = methods.iter().filter(|method| method.follows().is_none()).collect();
    let groups: Vec<_> = leaders.into_par_iter().with_max_len(1).map(group).collect();
    let mut fitted: Vec<_> = error::all(groups)?.into_iter().flatten().collect();
    fitted.sort_by_key(|one| methods.iter().position(|method| method.name() == one.method.name()));
    Ok(fitted)
}
