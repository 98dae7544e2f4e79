use super::*;
use apd_nn::Model as _;

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
fn a_loss_comes_with_its_published_settings_and_an_optimiser_replaces_another() {
    use apd_distill::{Loss, Optimizer};
    let distill = |text: &str| Config::from_toml(text).unwrap().distill;
    let default = Config::new(Dataset::Digits, NetName::Fc1, Profile::Quick).distill;
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
        ("[active.sgld]\nburn-in = 1000000", "keep no sample"),
        ("[active.sgld]\nprior-precision = 0.0", "active.sgld.prior-precision"),
        ("[active.sgld]\ntemperature = nan", "active.sgld.temperature"),
        ("[active.distill]\nbatch = 0", "active.distill"),
        ("x", "TOML"),
    ] {
        let error = Config::from_toml(text).unwrap_err().to_string();
        assert!(error.contains(fact), "`{fact}` is missing in `{error}`");
    }
}

#[test]
fn convolutional_networks_name_the_smallest_image() {
    NetName::Cnn.takes(64).unwrap();
    NetName::Cnn.network(64, 10).check().unwrap();
    NetName::CnnLarge.takes(144).unwrap();
    NetName::CnnLarge.network(144, 10).check().unwrap();
    for (net, inputs, facts) in [
        (NetName::CnnLarge, 64, ["12×12", "8×8"]),
        (NetName::Cnn, 49, ["8×8", "7×7"]),
        (NetName::Cnn, 80, ["square", "80"]),
    ] {
        let error = net.takes(inputs).unwrap_err().to_string();
        assert!(facts.iter().all(|fact| error.contains(fact)), "{error}");
    }
    NetName::Fc1.takes(80).unwrap();
}
