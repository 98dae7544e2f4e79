use super::*;
use crate::config::NetName;
use crate::context::Context;
use crate::testing::quick;

fn experiment(dir: &std::path::Path) -> (Experiment, Bank) {
    let mut config = quick(NetName::Fc1, &["gan-losses"]);
    (config.sgld.chains, config.sgld.batch) = (1, 20);
    (config.sgld.burn_in, config.sgld.thinning, config.sgld.steps) = (3_000, 20, 4_000);
    *config.settings_mut() = GanLossesConfig { seeds: 2, iterations: 6, looks: 2, hidden: 6, batch: 5, networks: 10 };
    let experiment = Experiment::new(config, dir, false).unwrap();
    crate::sample(Context::default(), &experiment, &experiment.folder.bank()).unwrap();
    let bank = Bank::open(experiment.folder.bank()).unwrap();
    (experiment, bank)
}

#[test]
fn every_loss_is_measured_and_a_second_run_takes_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let (experiment, bank) = experiment(dir.path());
    let found = gan_losses(Context::default(), &experiment, &bank).unwrap();
    assert_eq!(found.runs.len(), 8);
    for run in &found.runs {
        assert_eq!(
            run.evaluations.iter().map(|evaluation| evaluation.iteration).collect::<Vec<_>>(),
            [0, 3, 6],
            "{}",
            run.loss
        );
    }
    // training Rows predict as the held-out ones do, but for chance; the seeds differ.
    assert!(found.bank.tv < 0.1 && (found.bank.variance_ratio - 1.0).abs() < 1e-9, "{:?}", found.bank);
    assert_ne!(found.runs[0].evaluations, found.runs[1].evaluations);
    let again = gan_losses(Context::default(), &experiment, &bank).unwrap();
    assert_eq!((&found.runs, &found.rows), (&again.runs, &again.rows));
    let tv = found.rows.iter().filter(|row| row.metric == "tv").count();
    assert_eq!(tv, 5);
}

#[test]
fn held_out_rows_are_no_training_rows() {
    let dir = tempfile::tempdir().unwrap();
    let (_, bank) = experiment(dir.path());
    let [training, held_out] = BankSubset::folds(&bank, 0..bank.len());
    assert_eq!((bank.len(), training.places.len(), held_out.places.len()), (50, 40, 10));
    assert!(
        held_out
            .places
            .iter()
            .all(|place| place % HOLDOUT_EVERY == HOLDOUT_EVERY - 1 && !training.places.contains(place))
    );
    assert!(training.places.is_sorted());
    assert_eq!((held_out.spread(2), held_out.spread(99).len()), (vec![4, 29], 10));
}

#[test]
fn a_generator_that_is_not_finite_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let (experiment, bank) = experiment(dir.path());
    let evaluator = Evaluator::new(&experiment, &bank).unwrap();
    let mut networks = evaluator.training.clone();
    assert!(evaluator.evaluate(0, networks.view()).unwrap().is_some());
    networks[[1, 3]] = f32::NAN;
    assert!(evaluator.evaluate(0, networks.view()).unwrap().is_none());
}
