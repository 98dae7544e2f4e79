use apd_data::Dataset;

use super::*;
use crate::config::{NetName, Profile, SgldConfig, UserOod};
use crate::tasks::TASKS;

fn read(text: &str) -> Result<Config> {
    let table = text.parse().map_err(|e: toml::de::Error| Error::Config(format!("not TOML: {e}")))?;
    let config = configure(table, TASKS)?;
    check(&config, TASKS)?;
    Ok(config)
}

fn defaults(dataset: Dataset, net: NetName, profile: Profile) -> Config {
    complete(Config::new(dataset, net, profile), TASKS).unwrap()
}

#[test]
fn every_default_is_valid_and_survives_its_own_file() {
    for dataset in [Dataset::Digits, Dataset::Mnist, Dataset::FashionMnist] {
        for net in NetName::ALL {
            for profile in Profile::ALL {
                let mut config = defaults(dataset, *net, *profile);
                config.data_dir = (dataset != Dataset::Digits).then(|| "data".into());
                config.user_ood.push(UserOod { name: "mine".into(), path: "x.npy".into() });
                check(&config, TASKS).unwrap();
                assert_eq!(read(&config.to_toml()).unwrap(), config);
            }
        }
    }
}

#[test]
fn what_is_written_goes_over_the_defaults_that_it_chooses() {
    let config = read("profile = \"full\"\nnet = \"fc2\"\n[sgld]\nchains = 3").unwrap();
    let defaults = defaults(Dataset::Digits, NetName::Fc2, Profile::Full);
    assert_eq!(config.sgld.chains, 3);
    assert_eq!(config, Config { sgld: SgldConfig { chains: 3, ..defaults.sgld.clone() }, ..defaults });
}

#[test]
fn a_loss_comes_with_its_published_settings_and_an_optimizer_replaces_another() {
    use apd_distill::{Loss, Optimizer};
    let distill = |text: &str| read(text).unwrap().distill;
    let default = defaults(Dataset::Digits, NetName::Fc1, Profile::Quick).distill;
    let wgan = distill("[distill]\nloss = \"wgan\"\nhidden = 7");
    assert_eq!(wgan, apd_distill::Config { hidden: 7, ..default.clone().with_loss(Loss::Wgan) });
    let changed = distill("[distill.optimizer.adam]\nlr = 0.5");
    let Optimizer::Adam(adam) = default.optimizer else { panic!("{:?}", default.optimizer) };
    assert_eq!(changed.optimizer, Optimizer::Adam(apd_nn::optim::Adam { lr: 0.5, ..adam }));
    let replaced = distill("[distill.optimizer.rms-prop]\nlr = 0.5\nalpha = 0.9\neps = 1e-6");
    assert!(matches!(replaced.optimizer, Optimizer::RmsProp(rms_prop) if rms_prop.lr == 0.5));
}

#[test]
fn every_mistake_is_named() {
    for (text, fact) in [
        ("sed = 3", "sed"),
        ("[sgld]\nstep = 3", "step"),
        ("[distill]\nhiden = 3", "hiden"),
        ("profile = \"fast\"", "fast"),
        ("profile = 3", "profile"),
        ("seed = \"one\"", "one"),
        ("[sgd]\nmomentum = 1.0", "sgd.momentum"),
        ("[sgd]\nweight-decay = nan", "sgd.weight-decay"),
        ("[sgld]\ntemperature = -1.0", "sgld.temperature"),
        ("[sgld]\nchains = 0", "sgld.chains"),
        ("[sgld]\nlr = inf", "sgld.lr"),
        ("[evaluation]\nood-scales = [1.0, 0.0]", "ood-scales"),
        ("[evaluation]\ndraws = 0", "evaluation.draws"),
        ("[distill]\nhidden = 0", "hidden"),
        ("[adversarial]\nepsilon = 0.0", "adversarial.epsilon"),
        ("[adversarial]\nepsilons = [0.1, -0.1]", "adversarial.epsilons"),
        ("net = \"cnn\"\n[baselines]\ndropout = 0.5", "has no dropout"),
        ("[distill]\nloss = \"gan\"", "wgan-gp"),
        ("[distill.optimizer.rms-prop]\nlr = 0.1", "alpha"),
        ("[distill.adam]\nlr = 0.1", "adam"),
        ("[sgld]\nsteps = 10\nburn-in = 5\nthinning = 6", "keep no sample"),
        ("dataset = \"mnist\"", "fetch-data"),
        ("tasks = [\"ood\", \"ood\"]", "named twice"),
        ("[fidelity]\nsizes = [0.2]", "fidelity.sizes"),
        ("[toy2d]\ngrid = 0", "toy2d.grid"),
        ("[toy2d]\nhmc-chains = 1", "toy2d.hmc-chains"),
        ("[toy2d]\nsteps = 19", "keep no sample"),
        ("[toy2d.distill]\nhidden = 0", "toy2d.distill"),
        ("[active]\nacquire = 0", "active.acquire"),
        ("[active]\nstart = \"tepid\"", "tepid"),
        ("[active]\nacquisitions = [\"bald\"]", "`random` must be among them"),
        ("[active]\nacquisitions = [\"random\", \"random\"]", "`random` is named twice"),
        ("[active]\nmethods = []", "active.methods"),
        ("[active]\njudge = \"apd-online\"", "active.judge: `apd-online` is none of sgd, mc-dropout"),
        ("[active.sgld]\nweight-decay = -1.0", "active.sgld.weight-decay"),
        ("[active]\nmethods = [\"apd-online\"]", "none of sgd, mc-dropout"),
        ("[sampler]\nkind = \"gibbs\"", "baoab"),
        ("[sampler]\nfriction = 0.0", "sampler.friction"),
        ("[sampler]\nkind = \"baoab\"\ntuned = true\ncycle = 5", "sampler.cycle"),
        ("[sampler]\ntuned = false\ncycle = 5\n[sgld]\nburn-in = 10\nthinning = 8", "sgld.thinning = 8"),
        ("[active.sgld]\nburn-in = 1000000", "keep no sample"),
        ("[active.sgld]\nprior-precision = 0.0", "active.sgld.prior-precision"),
        ("[active.sgld]\ntemperature = nan", "active.sgld.temperature"),
        ("[active.distill]\nbatch = 0", "active.distill"),
        ("x", "TOML"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(fact), "`{fact}` is missing in `{error}`");
    }
}

#[test]
fn an_unknown_key_is_told_all_that_there_are() {
    let error = read("[sgdl]\nlr = 1.0").unwrap_err().to_string();
    for key in ["sgdl", "dataset", "data-dir", "user-ood", "sgld", "gan-losses", "toy2d"] {
        assert!(error.contains(key), "`{key}` is missing in `{error}`");
    }
    // Neither a field that is no setting, nor a task that has none.
    assert!(!error.contains("sections") && !error.contains("classify"), "{error}");
}

#[test]
fn only_what_the_run_does_is_checked() {
    let few = "[sgld]\nsteps = 10\nburn-in = 6\nthinning = 2\n[gan-losses]\nseeds = 0\n[sgd]\nlr = -1.0";
    let config = |tasks: &str| configure(format!("tasks = [{tasks}]\n{few}").parse().unwrap(), TASKS).unwrap();
    config("").check_sampling().unwrap();
    check(&config("\"samplers\""), TASKS).unwrap();
    for (tasks, fact) in [("\"classify\"", "sgd.lr"), ("\"active\"", "sgd.lr")] {
        let error = check(&config(tasks), TASKS).unwrap_err().to_string();
        assert!(error.contains(fact), "`{fact}` is missing in `{error}`");
    }
}

#[test]
fn a_settings_file_keeps_its_order() {
    let text = defaults(Dataset::Digits, NetName::Fc1, Profile::Quick).to_toml();
    let sections: Vec<&str> = text.lines().filter(|line| line.starts_with('[') && !line.contains('.')).collect();
    let expected = "[sgd] [baselines] [sampler] [sgld] [distill] [subspace] [online] [gan-losses] [evaluation] [fidelity] [curves] [samplers] \
                    [adversarial] [toy2d] [active]";
    assert_eq!(sections.join(" "), expected);
}
