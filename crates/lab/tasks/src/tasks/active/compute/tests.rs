use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::config::NetName;
use crate::context::Context;
use crate::methods::learners;
use crate::tasks::active::settings::Start;
use crate::testing::{StopAfter, on_threads, quick};

/// A run of a second: everything is there, nothing is large.
fn tiny() -> Config {
    let mut config = quick(NetName::Fc1, &["active"]);
    let active = config.settings_mut::<ActiveConfig>();
    (active.seeds, active.rounds, active.candidates, active.test_images) = (2, 2, 50, 60);
    (active.networks, active.sgd_steps) = (5, 30);
    (active.sgld.chains, active.sgld.steps, active.sgld.burn_in, active.sgld.thinning) = (2, 40, 20, 5);
    (active.distill.iterations, active.distill.hidden, active.distill.latent, active.distill.batch) = (3, 4, 4, 8);
    config
}

fn run_in(context: Context<'_>, path: &Path, config: &Config, resume: bool) -> Result<Active> {
    active(context, &Experiment::new(config.clone(), path, resume)?)
}

#[test]
fn every_method_has_a_curve_for_every_acquisition_that_it_has() {
    let (dir, config) = (tempfile::tempdir().unwrap(), tiny());
    let found = run_in(Context::default(), dir.path(), &config, false).unwrap();
    // Six methods with four acquisitions, one network with two, over two seeds.
    assert_eq!(found.curves.len(), (6 * 4 + 2) * 2);
    assert!(found.curves.iter().all(|curve| curve.accuracy.len() == 3 && !curve.diverged));
    let at: BTreeSet<u64> = found.rows.iter().filter_map(|row| Some(row.at? as u64)).collect();
    assert_eq!(at.into_iter().collect::<Vec<_>>(), [20, 30, 40]);
    let count = |metric: &str| found.rows.iter().filter(|row| row.metric == metric).count();
    assert_eq!((count("accuracy"), count("gain_over_random"), count("gain_over_sgld")), (26 * 3, 19, 8));

    // The first training has seen no acquisition yet: equal labels, equal networks.
    let first = |method, acquisition, seed| {
        found.curves.iter().find(|c| c.plan == Plan { method, acquisition, seed }).unwrap().accuracy[0]
    };
    for method in learners().filter(|method| method.name() != "sgd") {
        let method = method.name();
        assert_eq!(first(method, Acquisition::Random, 0), first(method, Acquisition::Bald, 0));
    }

    // What each run labeled: the same first labels in a seed, ten more in each round, none twice.
    let experiment = Experiment::new(config, dir.path(), true).unwrap();
    let mut start = BTreeMap::new();
    for curve in &found.curves {
        let state = load(&experiment, &curve.plan).unwrap();
        assert_eq!(state.labeled.len(), 40);
        assert_eq!(state.labeled.iter().collect::<BTreeSet<_>>().len(), 40);
        let first = state.labeled[..20].to_vec();
        assert_eq!(*start.entry(curve.plan.seed).or_insert_with(|| first.clone()), first);
    }
    assert_ne!(start[&0], start[&1]);
}

#[test]
fn neither_threads_nor_interruptions_change_a_number() {
    for start in [Start::Cold, Start::Warm] {
        let mut config = tiny();
        config.settings_mut::<ActiveConfig>().start = start;
        config.settings_mut::<ActiveConfig>().seeds = 1;
        let whole = tempfile::tempdir().unwrap();
        let whole = on_threads(1, || run_in(Context::default(), whole.path(), &config, false)).unwrap();
        let dir = tempfile::tempdir().unwrap();
        for (resume, advances) in [(false, 5), (true, 11)] {
            let outcome = on_threads(3, || run_in(Context::of(&StopAfter::new(advances)), dir.path(), &config, resume));
            assert!(matches!(outcome, Err(Error::Stopped)), "{start:?}");
        }
        let resumed = on_threads(2, || run_in(Context::default(), dir.path(), &config, true)).unwrap();
        assert_eq!(resumed.curves, whole.curves);
        assert_eq!(resumed.rows, whole.rows);
    }
}

#[test]
fn a_warm_start_is_another_run_than_a_cold_one() {
    let run = |start| {
        let mut config = tiny();
        config.settings_mut::<ActiveConfig>().start = start;
        let active = config.settings_mut::<ActiveConfig>();
        (active.seeds, active.methods) = (1, vec!["sgld".to_owned()]);
        run_in(Context::default(), tempfile::tempdir().unwrap().path(), &config, false).unwrap().curves
    };
    let (cold, warm) = (run(Start::Cold), run(Start::Warm));
    assert_eq!(cold[0].accuracy[0], warm[0].accuracy[0]);
    assert_ne!(cold, warm);
}

/// Who learns: with one GAN across rounds if `gan_start` is warm, judged by `judge`.
fn learning(methods: &[&str], acquisition: Acquisition, change: impl Fn(&mut ActiveConfig)) -> Vec<Curve> {
    let mut config = tiny();
    let active = config.settings_mut::<ActiveConfig>();
    (active.seeds, active.start) = (1, Start::Cold);
    active.methods = methods.iter().map(|&name| name.to_owned()).collect();
    active.acquisitions = vec![Acquisition::Random, acquisition];
    active.acquisitions.dedup();
    change(active);
    let curves = run_in(Context::default(), tempfile::tempdir().unwrap().path(), &config, false).unwrap().curves;
    curves.into_iter().filter(|curve| curve.plan.acquisition == acquisition).collect()
}

#[test]
fn a_judge_is_trained_on_the_labels_of_others() {
    let judged = |methods: &[&str], acquisition, start| {
        learning(methods, acquisition, |active| (active.judge, active.start) = (Some("sgld".to_owned()), start))
    };
    for start in [Start::Cold, Start::Warm] {
        // With random labels it is the same whoever asked for them; that sgld is its own judge changes nothing.
        let random = judged(&["sgld", "apd", "ensemble"], Acquisition::Random, start);
        assert_eq!(random.len(), 3);
        assert!(random.iter().all(|curve| curve.accuracy == random[0].accuracy), "{random:?}");
        let own = learning(&["sgld"], Acquisition::Random, |active| active.start = start);
        assert_eq!(own[0].accuracy, random[0].accuracy);
        // With labels of its own choice each has the judge do otherwise.
        let asked = judged(&["sgld", "ensemble"], Acquisition::Entropy, start);
        assert_eq!(asked[0].accuracy[0], asked[1].accuracy[0]);
        assert_ne!(asked[0].accuracy, asked[1].accuracy);
    }
}

#[test]
fn a_judge_that_the_network_leaves_out_is_refused() {
    let mut config = quick(NetName::Cnn, &["active"]);
    config.settings_mut::<ActiveConfig>().judge = Some("mc-dropout".to_owned());
    let error = run_in(Context::default(), tempfile::tempdir().unwrap().path(), &config, false).err().unwrap();
    assert!(error.to_string().contains("active.judge: net cnn or the settings leave mc-dropout out"), "{error}");
}

#[test]
fn one_gan_learns_on_from_round_to_round() {
    let apd = |start| learning(&["apd"], Acquisition::Entropy, |active| active.gan_start = start);
    let (cold, warm) = (apd(Start::Cold), apd(Start::Warm));
    assert_eq!(cold[0].accuracy[0], warm[0].accuracy[0]);
    assert_ne!(cold[0].accuracy, warm[0].accuracy);

    // Its state is part of the checkpoint.
    let mut config = tiny();
    let active = config.settings_mut::<ActiveConfig>();
    (active.gan_start, active.start, active.seeds) = (Start::Warm, Start::Cold, 1);
    active.methods = vec!["apd".to_owned()];
    active.acquisitions = vec![Acquisition::Random, Acquisition::Entropy];
    let dir = tempfile::tempdir().unwrap();
    let stop = StopAfter::new(2);
    let outcome = on_threads(1, || run_in(Context::of(&stop), dir.path(), &config, false));
    assert!(matches!(outcome, Err(Error::Stopped)));
    let resumed = run_in(Context::default(), dir.path(), &config, true).unwrap().curves;
    assert!(resumed.contains(&warm[0]), "{resumed:?}");
}

#[test]
fn batches_and_predictions_are_asked_too() {
    for acquisition in [Acquisition::BatchBald, Acquisition::Epig] {
        let (ensemble, bald) =
            (learning(&["ensemble"], acquisition, |_| ()), learning(&["ensemble"], Acquisition::Bald, |_| ()));
        assert_eq!((ensemble[0].accuracy.len(), ensemble[0].accuracy[0]), (3, bald[0].accuracy[0]));
        assert_ne!(ensemble[0].accuracy, bald[0].accuracy);
    }
}

#[test]
fn accuracy_is_taken_on_validation_images_where_settings_are_chosen() {
    let on = |part| learning(&["sgd"], Acquisition::Random, |active| active.accuracy_on = part)[0].accuracy.clone();
    assert_ne!(on(AccuracyOn::Test), on(AccuracyOn::Validation));
}

#[test]
fn what_diverges_ends_its_own_runs_only() {
    let (dir, mut config) = (tempfile::tempdir().unwrap(), tiny());
    config.settings_mut::<ActiveConfig>().seeds = 1;
    config.settings_mut::<ActiveConfig>().sgld.lr = 1e12;
    let found = run_in(Context::default(), dir.path(), &config, false).unwrap();
    for curve in &found.curves {
        let sampled = ["sgld", "distilled", "apd"].contains(&curve.plan.method);
        assert_eq!(curve.diverged, sampled, "{:?}", curve.plan);
    }
    // No numbers from runs that ended, but for the share of them that got anywhere: none.
    let fair = |row: &Row| {
        row.value.is_finite()
            && (!["sgld", "distilled"].contains(&row.method.as_str()) || row.metric.starts_with("reached"))
    };
    assert!(found.rows.iter().all(fair));
    // And it is over: to resume does not try again.
    assert_eq!(run_in(Context::default(), dir.path(), &config, true).unwrap().curves, found.curves);
}

#[test]
fn too_few_images_are_told_before_any_training() {
    let mut config = tiny();
    config.settings_mut::<ActiveConfig>().rounds = 200;
    let error =
        run_in(Context::default(), tempfile::tempdir().unwrap().path(), &config, false).err().unwrap().to_string();
    assert!(error.contains("need 2020 training images, there are 1097"), "{error}");
}

#[test]
fn jobs_come_back_in_order_and_stay_on_their_thread() {
    for threads in [1, 2, 5] {
        let found = on_threads(threads, || each_on_one_thread(20, |i| (i, rayon::current_num_threads()))).unwrap();
        assert_eq!(found, (0..20).map(|i| (i, 1)).collect::<Vec<_>>());
    }
    assert!(each_on_one_thread(0, |i| i).unwrap().is_empty());
}

#[test]
fn curves_are_summed_up_seed_by_seed() {
    let mut config = tiny();
    let active = config.settings_mut::<ActiveConfig>();
    (active.methods, active.rounds) = (vec!["sgld".to_owned(), "apd".to_owned()], 1);
    let curve = |method, acquisition, seed, accuracy: [f64; 2]| Curve {
        plan: Plan { method, acquisition, seed },
        accuracy: accuracy.to_vec(),
        diverged: false,
    };
    let (sgld, apd) = ("sgld", "apd");
    let curves = [
        curve(sgld, Acquisition::Random, 0, [0.5, 0.7]),
        curve(sgld, Acquisition::Random, 1, [0.7, 0.9]),
        curve(sgld, Acquisition::Bald, 0, [0.5, 0.9]),
        curve(sgld, Acquisition::Bald, 1, [0.7, 0.99]),
        curve(apd, Acquisition::Bald, 1, [0.7, 0.89]),
    ];
    let rows = rows(&config, 10, &curves);
    let value = |method: &str, acquisition: &str, metric: &str| {
        let of = |row: &&Row| row.method == method && row.score.as_deref() == Some(acquisition) && row.metric == metric;
        rows.iter().find(of).map(|row| ((1e6 * row.value).round() / 1e6, row.n))
    };
    assert_eq!(value("sgld", "bald", "gain_over_random"), Some((0.0725, Some(2))));
    assert_eq!(value("sgld", "random", "gain_over_random"), None);
    assert_eq!(value("apd", "bald", "gain_over_random"), None); // no random run of its own to compare with
    assert_eq!(value("apd", "bald", "gain_over_sgld"), Some((-0.05, Some(1))));
    assert_eq!(value("sgld", "bald", "labels_to_90"), Some((30.0, Some(2))));
    assert_eq!(value("sgld", "random", "labels_to_90"), Some((30.0, Some(1))));
    assert_eq!(value("sgld", "random", "reached_90"), Some((0.5, Some(2))));
    assert_eq!(value("sgld", "random", "labels_to_95"), None);
    assert_eq!(value("sgld", "random", "reached_95"), Some((0.0, Some(2))));
}
