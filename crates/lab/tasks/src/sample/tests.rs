use super::*;
use crate::config::{NetName, OnDivergence};
use crate::context::Context;
use crate::testing::{StopAfter, with_sgld};

fn tiny(on_divergence: OnDivergence) -> Config {
    let mut config = with_sgld(NetName::Fc1);
    let sgld = &mut config.sgld;
    (sgld.chains, sgld.steps, sgld.burn_in, sgld.thinning) = (2, 1000, 200, 10);
    sgld.on_divergence = on_divergence;
    config
}

/// Puts the first chain where no chain comes back from.
fn doom(experiment: &Experiment, bank: &Path, weight: f32) {
    let recipe = Recipe::new(experiment, 2);
    let mut state = recipe.start(Context::default(), 0).unwrap().state();
    state.chain.position.fill(weight);
    std::fs::create_dir_all(bank).unwrap();
    checkpoint::save(state_path(bank, 0), KIND, &state).unwrap();
}

/// The rows of each chain, with their steps.
fn rows(bank: &Path) -> [Vec<(u64, Vec<f32>)>; 2] {
    let bank = Bank::open(bank).unwrap();
    let of = |chain: u32| {
        let places = (0..bank.len()).filter(|&i| bank.meta(i).chain == chain);
        places.map(|i| (bank.meta(i).step, bank.row(i).to_vec())).collect()
    };
    [of(0), of(1)]
}

#[test]
fn a_chain_that_diverges_is_what_was_asked_for_and_the_other_one_never_notices() {
    let dir = tempfile::tempdir().unwrap();
    let experiment = |policy| Experiment::in_memory(tiny(policy)).unwrap();
    let whole = dir.path().join("whole");
    assert!(sample(Context::default(), &experiment(OnDivergence::Stop), &whole).unwrap().diverged.is_empty());
    let [_, healthy] = rows(&whole);
    assert_eq!(healthy.len(), 80);

    for policy in [OnDivergence::Stop, OnDivergence::Drop, OnDivergence::Restart] {
        let (experiment, bank) = (experiment(policy), dir.path().join(format!("{policy:?}")));
        doom(&experiment, &bank, 1e15);
        let outcome = sample(Context::default(), &experiment, &bank);
        let [doomed, other] = rows(&bank);
        assert_eq!(other, healthy, "{policy:?}");
        match policy {
            OnDivergence::Stop => {
                let error = outcome.err().unwrap().to_string();
                assert!(error.contains("chain 0 diverged at step"), "{error}");
                assert!(doomed.is_empty());
            }
            OnDivergence::Drop => {
                let said = outcome.unwrap().diverged;
                assert!(
                    said.len() == 1 && said[0].contains("chain 0 diverged") && said[0].contains("dropped"),
                    "{said:?}"
                );
                assert!(doomed.is_empty());
            }
            OnDivergence::Restart => {
                let said = outcome.unwrap().diverged;
                assert!(said.len() == 1 && said[0].contains("restarted 1 time"), "{said:?}");
                assert_eq!(doomed.len(), 80);
                assert!(doomed.iter().all(|(_, row)| row.iter().all(|x| x.abs() < 100.0)));
                // Stopped on the way and gone on with, it is the same.
                let again = dir.path().join("again");
                doom(&experiment, &again, 1e15);
                for advances in [1, 3] {
                    let outcome = sample(Context::of(&StopAfter::new(advances)), &experiment, &again);
                    assert!(matches!(outcome, Err(Error::Stopped)), "{advances}");
                }
                assert_eq!(sample(Context::default(), &experiment, &again).unwrap().diverged, said);
                assert_eq!(rows(&again), [doomed, healthy.clone()]);
            }
        }
    }
}

#[test]
fn chains_that_all_diverge_leave_no_bank_to_go_on_with() {
    for policy in [OnDivergence::Drop, OnDivergence::Restart] {
        let dir = tempfile::tempdir().unwrap();
        let mut config = tiny(policy);
        config.sgld.lr = 1e9;
        let error = sample(Context::default(), &Experiment::in_memory(config).unwrap(), &dir.path().join("bank"))
            .err()
            .unwrap();
        assert!(error.to_string().contains("diverged"), "{error}");
    }
}

#[test]
fn positions_of_a_diverging_chain_are_no_samples() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = tiny(OnDivergence::Drop);
    config.sgld.burn_in = 0;
    let (experiment, bank) = (Experiment::in_memory(config).unwrap(), dir.path().join("bank"));
    // Finite, and the prior takes thousands of steps to bring it back.
    doom(&experiment, &bank, 1e3);
    let said = sample(Context::default(), &experiment, &bank).unwrap().diverged;
    assert!(said[0].contains("chain 0 diverged at step 10 and was dropped: 0 samples"), "{said:?}");
    assert_eq!(rows(&bank).map(|rows| rows.len()), [0, 100]);
}

#[test]
fn the_sampler_is_a_setting_and_a_stopped_run_of_any_goes_on_to_the_same_bank() {
    let mut banks = Vec::new();
    for (kind, tuned) in
        [("sgld", false), ("psgld", false), ("sghmc", false), ("sgnht", false), ("baoab", false), ("baoab", true)]
    {
        let mut config = tiny(OnDivergence::Stop);
        config.sampler = toml::from_str(&format!("kind = \"{kind}\"\ntuned = {tuned}")).unwrap();
        config.sgld.training_steps = if tuned { 200 } else { 0 };
        let (dir, experiment) = (tempfile::tempdir().unwrap(), Experiment::in_memory(config).unwrap());
        let [whole, stopped] = ["whole", "stopped"].map(|name| dir.path().join(name));
        sample(Context::default(), &experiment, &whole).unwrap();
        let outcome = sample(Context::of(&StopAfter::new(4)), &experiment, &stopped);
        assert!(matches!(outcome, Err(Error::Stopped)), "{kind}");
        sample(Context::default(), &experiment, &stopped).unwrap();
        assert!(rows(&whole) == rows(&stopped), "{kind}");
        let bank = Bank::open(&whole).unwrap();
        let networks = (0..bank.len()).step_by(4).map(|i| bank.row(i).to_vec());
        let test = &experiment.split.test;
        let mean = averaged(&experiment.network, networks, test.images.pixels.view()).mean();
        assert!(accuracy(mean.view(), &test.labels).unwrap() > 0.8, "{kind}");
        banks.push(rows(&whole));
    }
    assert!((1..banks.len()).all(|i| !banks[..i].contains(&banks[i])), "two kinds of samplers are one");
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    // How often a chain was saved is no matter.
    let last = |path: &PathBuf| path.extension().is_none_or(|ending| ending != "prev");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(last);
    let named =
        |path: PathBuf| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap());
    entries.map(named).collect()
}

#[test]
fn chains_are_jobs_that_make_the_same_bank_and_more_of_them_may_follow() {
    let dir = tempfile::tempdir().unwrap();
    let config = |chains, steps| {
        let mut config = tiny(OnDivergence::Stop);
        (config.sgld.chains, config.sgld.steps) = (chains, steps);
        config
    };
    let path = |name: &str| dir.path().join(name);
    let run = |config: Config, name: &str, chain, resume| {
        sample_posterior(Context::default(), config, &path(name), chain, RunOptions { resume, force: false })
    };
    let merge =
        |names: &[&str], out: &str| merge_banks(&names.iter().map(|name| path(name)).collect::<Vec<_>>(), &path(out));

    run(config(2, 400), "whole", None, false).unwrap();
    run(config(2, 400), "one", Some(1), false).unwrap();
    run(config(2, 400), "zero", Some(0), false).unwrap();
    merge(&["one", "zero"], "merged").unwrap();
    assert!(files(&path("merged")) == files(&path("whole")));

    // More steps, and then another chain, in place and from a job of its own.
    run(config(3, 500), "merged", None, true).unwrap();
    run(config(3, 500), "two", Some(2), false).unwrap();
    run(config(2, 500), "whole", None, true).unwrap();
    let info = merge(&["whole", "two"], "three").unwrap();
    assert_eq!(info.chains.values().map(|chain| chain.rows).collect::<Vec<_>>(), [30; 3]);
    let theta = |name: &str| {
        let bank = Bank::open(path(name)).unwrap();
        (0..bank.len()).map(|i| bank.row(i).to_vec()).collect::<Vec<_>>()
    };
    run(config(3, 500), "at-once", None, false).unwrap();
    assert!(theta("merged") == theta("at-once") && theta("three") == theta("at-once"));

    // Fewer than there are, another seed (and with it another split), a chain that none has, one that both have.
    let refused = |outcome: Result<BankInfo>, words: &str| {
        let error = outcome.map(drop).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(run(config(2, 500), "merged", None, true), "chains = 2");
    refused(run(config(3, 400), "merged", None, true), "steps = 400");
    for none in [2, u32::MAX] {
        refused(run(config(2, 400), "zero", Some(none), true), "sgld.chains = 2");
    }
    run(Config { seed: 7, ..config(2, 400) }, "other", Some(1), false).unwrap();
    refused(merge(&["zero", "other"], "none"), "seed = 7");
    refused(merge(&["zero", "whole"], "none"), "chain 0, which");
    assert!(!path("none").exists());
}

/// Looked at after 300, 400, … steps: a goal that is met early ends the chains there, interrupted or not, and one that is out of reach does not; a chain
/// alone knows of no goal.
#[test]
fn a_goal_ends_all_chains_at_one_step_and_no_chain_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let config = |goal| {
        let mut config = tiny(OnDivergence::Stop);
        config.sgld.until_ess = Some(goal);
        config
    };
    let last = |goal: f64, name: &str| {
        let (experiment, path) = (Experiment::in_memory(config(goal)).unwrap(), dir.path().join(name));
        sample(Context::default(), &experiment, &path).unwrap();
        rows(&path).map(|rows| rows.last().unwrap().0)
    };
    let [met, out_of_reach] = [last(2.5, "met"), last(1e6, "far")];
    assert!(met[0] == met[1] && met[0] < 1_000 && met[0] % 100 == 0, "{met:?}");
    assert_eq!(out_of_reach, [1_000; 2]);

    let (experiment, again) = (Experiment::in_memory(config(2.5)).unwrap(), dir.path().join("again"));
    assert!(matches!(sample(Context::of(&StopAfter::new(2)), &experiment, &again), Err(Error::Stopped)));
    sample(Context::default(), &experiment, &again).unwrap();
    assert!(rows(&again) == rows(&dir.path().join("met")));

    let alone = dir.path().join("alone");
    sample_posterior(Context::default(), config(2.5), &alone, Some(1), RunOptions::default()).unwrap();
    assert_eq!(rows(&alone)[1].last().unwrap().0, 1_000);
}
