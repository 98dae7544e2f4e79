use super::*;

#[test]
fn every_default_is_valid_and_survives_its_own_file() {
    for dataset in [Dataset::Digits, Dataset::Mnist, Dataset::FashionMnist] {
        for net in NetName::ALL {
            for profile in Profile::ALL {
                let mut config = Config::new(dataset, *net, *profile);
                config.data_dir = (dataset != Dataset::Digits).then(|| "data".into());
                config.user_ood.push(UserOod { name: "mine".into(), path: "x.npy".into() });
                config.validate().unwrap();
                assert_eq!(Config::from_toml(&config.to_toml()).unwrap(), config);
            }
        }
    }
}

#[test]
fn what_is_written_goes_over_the_defaults_that_it_chooses() {
    let config = Config::from_toml("profile = \"full\"\nnet = \"fc2\"\n[sgld]\nchains = 3").unwrap();
    let defaults = Config::new(Dataset::Digits, NetName::Fc2, Profile::Full);
    assert_eq!(config.sgld.chains, 3);
    assert_eq!(config, Config { sgld: SgldConfig { chains: 3, ..defaults.sgld.clone() }, ..defaults });
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
        ("[sgld]\nsteps = 10\nburn-in = 5\nthinning = 6", "keep no sample"),
        ("dataset = \"mnist\"", "fetch-data"),
        ("tasks = [\"ood\", \"ood\"]", "named twice"),
        ("x", "TOML"),
    ] {
        let error = Config::from_toml(text).unwrap_err().to_string();
        assert!(error.contains(fact), "`{fact}` is missing in `{error}`");
    }
}
