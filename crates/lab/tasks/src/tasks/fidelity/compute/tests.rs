use apd_nn::Model as _;
use apd_store::{BankWriter, Header};

use apd_points::Ensemble;
use apd_seed::Seed;

use super::*;
use crate::config::NetName;
use crate::context::Context;
use crate::testing::{on_threads, quick};

fn experiment(dir: &std::path::Path) -> Experiment {
    let mut config = quick(NetName::Fc1, &["fidelity"]);
    let settings = config.settings_mut::<FidelityConfig>();
    (settings.truth, settings.networks, settings.draws, settings.sizes) = (20, 12, 2, vec![2.0, 8.0]);
    (settings.gan_rank, settings.adversarial, settings.apd) = (3, vec![8.0], true);
    settings.conditional.adversary.iterations = 2;
    config.distill = apd_distill::Config { hidden: 4, batch: 5, iterations: 2, ..config.distill };
    config.subspace.gan = apd_distill::Config { hidden: 4, batch: 5, iterations: 2, ..config.subspace.gan };
    (config.subspace.rank, config.subspace.components) = (10, 20);
    config.evaluation.ood_count = 30;
    Experiment::new(config, dir, false).unwrap()
}

/// Rows of `chains` chains around different networks.
fn bank(dir: &std::path::Path, experiment: &Experiment, chains: u32) -> Bank {
    let dim = experiment.network.row_len();
    let path = dir.join("rows");
    let mut writer = BankWriter::create(&path, Header::new(dim)).unwrap();
    let seed = Seed::root(3);
    let (mut center, mut row) = (vec![0.0; dim], vec![0.0; dim]);
    for chain in 0..chains {
        seed.child("centre").normals().fill(u64::from(chain), 0, &mut center);
        for step in 0..40 {
            seed.child("row").normals().fill(u64::from(chain) * 1000 + step, 0, &mut row);
            row.iter_mut().zip(&center).for_each(|(x, &center)| *x = 0.1 * center + 0.02 * *x);
            writer.push(chain, step, 1.0, 0.0, &row).unwrap();
        }
    }
    writer.finish().unwrap();
    Bank::open(&path).unwrap()
}

fn run(chains: u32) -> Fidelity {
    let dir = tempfile::tempdir().unwrap();
    let experiment = experiment(dir.path());
    let bank = bank(dir.path(), &experiment, chains);
    let (inside, sets) = experiment.ood_images().unwrap();
    let ensemble = Ensemble::of([bank.row(0), bank.row(40 * chains as usize - 1)]);
    fidelity(Context::default(), &experiment, &bank, Some(&ensemble.members().to_owned()), &inside, &sets).unwrap()
}

#[test]
fn every_rival_is_judged_and_keeps_its_budget() {
    let found = run(2);
    assert_eq!(found.counts, [64, 16, 0]);
    let value = |method: &str, metric: &str, at: Option<f64>| {
        let is = |row: &&Row| row.method == method && row.metric == metric && row.at == at && row.ood.is_none();
        found.rows.iter().find(is).unwrap_or_else(|| panic!("{method} {metric} {at:?}")).value
    };
    for method in ["bank", "distilled", "subspace-gan", "ensemble", "apd"] {
        assert!(value(method, "tv", None).is_finite(), "{method}");
    }
    let sized = ["rows", "rows-int8", "rows+noise", "subspace-int8", "subspace-f32", "gaussian", "gaussian+diagonal"];
    for method in sized.into_iter().chain(["path", "adversarial"]) {
        let bytes = value(method, "bytes_in_networks", Some(8.0));
        assert!((4.0..=8.01).contains(&bytes), "{method}: {bytes}");
    }
    // One network says less of the posterior than many; and copies of rows are at no distance from them.
    assert!(value("bank", "tv", None) < value("rows", "tv", Some(2.0)));
    assert!(value("rows", "novelty", Some(8.0)) < 0.01 && value("subspace-int8", "novelty", Some(8.0)) > 0.1);
    assert!(value("bank", "novelty_aligned", None) < 0.01 && value("ensemble", "novelty_aligned", None).is_finite());
    assert!((value("bank", "variance_ratio", None) - 1.0).abs() < 0.2);
    assert!(value("diagonal", "tv", Some(2.0)) > 0.0);
    // The reference is at no distance from itself.
    assert_eq!(value("held-out", "tv", None), 0.0);
    assert_eq!(value("held-out", "agreement", None), 1.0);
}

#[test]
fn of_four_chains_one_is_held_out_as_a_whole() {
    let found = run(4);
    assert_eq!(found.counts, [96, 24, 40]);
    let to_others =
        |method: &str| found.rows.iter().find(|row| row.method == method && row.metric == "tv_chains").unwrap().value;
    let tv = |method: &str| found.rows.iter().find(|row| row.method == method && row.metric == "tv").unwrap().value;
    // Random networks around other centers predict otherwise.
    assert!(to_others("bank") > 2.0 * tv("bank"), "{} {}", to_others("bank"), tv("bank"));
}

#[test]
fn threads_do_not_matter() {
    let [one, many] = [1, 3].map(|threads| on_threads(threads, || run(1).rows));
    assert_eq!(one, many);
}

#[test]
fn a_bank_without_rows_to_hold_out_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let experiment = experiment(dir.path());
    let path = dir.path().join("few");
    let mut writer = BankWriter::create(&path, Header::new(experiment.network.row_len())).unwrap();
    for step in 0..6 {
        writer.push(0, step, 1.0, 0.0, &vec![0.1; experiment.network.row_len()]).unwrap();
    }
    writer.finish().unwrap();
    let (inside, sets) = experiment.ood_images().unwrap();
    let error = fidelity(Context::default(), &experiment, &Bank::open(&path).unwrap(), None, &inside, &sets);
    assert!(error.err().unwrap().to_string().contains("6 rows"));
}

#[test]
fn rows_whose_units_were_shuffled_do_not_pass_for_new() {
    let dir = tempfile::tempdir().unwrap();
    let experiment = experiment(dir.path());
    let bank = bank(dir.path(), &experiment, 2);
    let [training, held_out] = BankSubset::folds(&bank, 0..bank.len());
    let Network::Mlp(mlp) = &experiment.network else { unreachable!("fc1 is a perceptron") };
    // Each row with its hidden units turned round.
    let (linears, mut turned) = (mlp.linears(), bank.gather(&training.places));
    let (below, above) = (&linears[0], &linears[1]);
    for (mut to, from) in turned.outer_iter_mut().zip(training.places.iter().map(|&place| bank.row(place))) {
        for i in 0..below.outputs {
            let unit = below.outputs - 1 - i;
            let rows = (0..below.inputs).map(|k| (i * below.inputs + k, unit * below.inputs + k));
            let columns = (0..above.outputs).map(|k| k * above.inputs).map(|at| (at + i, at + unit));
            rows.for_each(|(t, f)| to[below.weight.start + t] = from[below.weight.start + f]);
            columns.for_each(|(t, f)| to[above.weight.start + t] = from[above.weight.start + f]);
            to[below.bias.start + i] = from[below.bias.start + unit];
        }
    }
    let fresh = bank.gather(&held_out.places);
    let of = |networks: &Array2<f32>| aligned_distance(&experiment.network, networks, &training).unwrap();
    assert!(upper_median(nearest(turned.view(), &training)) > upper_median(nearest(fresh.view(), &training)));
    // As far as rounding a row of 7 510 weights relative to another.
    assert!(of(&turned) < 0.01 * of(&fresh), "{} {}", of(&turned), of(&fresh));
}
