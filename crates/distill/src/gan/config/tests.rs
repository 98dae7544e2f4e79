use apd_nn::optim::{Adam, RmsProp};

use super::{Config, Engine, InitialOutput};
use crate::{Error, Loss, Optimizer, Standardization};

fn adam(lr: f64, beta2: f64) -> Optimizer {
    Optimizer::Adam(Adam { lr, beta1: 0.5, beta2, eps: 1e-8 })
}

fn rms_prop(lr: f64, alpha: f64, eps: f64) -> Optimizer {
    Optimizer::RmsProp(RmsProp { lr, alpha, eps })
}

#[test]
fn losses_come_with_their_published_settings() {
    for (loss, critic_steps, optimizer) in [
        (Loss::WganGp, 5, adam(1e-4, 0.9)),
        (Loss::Wgan, 5, rms_prop(5e-5, 0.99, 1e-8)),
        (Loss::Dcgan, 1, adam(2e-4, 0.999)),
        (Loss::Lsgan, 1, adam(2e-4, 0.999)),
    ] {
        // Whatever was set before for another loss.
        let config = Config { penalty: 1.0, ..Config::toy2d().with_loss(Loss::Wgan) }.with_loss(loss);
        config.validate().unwrap();
        assert_eq!(config, Config { loss, critic_steps, optimizer, ..Config::toy2d() });
        assert_eq!(config.objective().penalty, (loss == Loss::WganGp).then_some(10.0));
        assert_eq!(config.critic_rule().bound, (loss == Loss::Wgan).then_some(0.01));
        assert_eq!(serde_json::to_value(loss).unwrap(), loss.name());
    }
}

#[test]
fn presets_are_valid_and_as_published() {
    for (config, sizes) in [
        (Config::gan1(), (32, 100, 100)),
        (Config::mnist_bs32(), (100, 100, 32)),
        (Config::toy2d(), (100, 50, 100)),
        (Config::cnn(), (100, 20, 32)),
    ] {
        config.validate().unwrap();
        assert_eq!((config.latent, config.hidden, config.batch), sizes);
        assert_eq!((config.loss, config.critic_steps, config.penalty), (Loss::WganGp, 5, 10.0));
        assert_eq!(config.optimizer, adam(1e-4, 0.9));
    }
    assert_eq!(Config::toy2d().iterations, 20_000);
}

#[test]
fn missing_keys_are_defaults_and_unknown_ones_errors() {
    let read = |text: &str| serde_json::from_str::<Config>(text);
    let text = r#"{"hidden": 7, "standardization": "center", "initial-output": "moments", "engine": "general", "loss": "lsgan",
                   "optimizer": {"rms-prop": {"lr": 1e-3, "alpha": 0.9, "eps": 1e-6}}}"#;
    let expected = Config {
        hidden: 7,
        standardization: Standardization::Center,
        initial_output: InitialOutput::Moments,
        engine: Engine::General,
        loss: Loss::Lsgan,
        optimizer: Optimizer::RmsProp(RmsProp { lr: 1e-3, alpha: 0.9, eps: 1e-6 }),
        ..Config::gan1()
    };
    assert_eq!(read(text).unwrap(), expected);
    assert_eq!(read(&serde_json::to_string(&expected).unwrap()).unwrap(), expected);
    assert_eq!(read(r#"{"initial-output": "glorot"}"#).unwrap().initial_output, InitialOutput::Glorot);
    assert!(read(r#"{"hiden": 7}"#).unwrap_err().to_string().contains("hiden"));
    assert!(read(r#"{"standardization": "whiten"}"#).is_err());
    assert!(read(r#"{"loss": "hinge"}"#).unwrap_err().to_string().contains("wgan-gp"));
    // As it was called when there was no other.
    assert!(read(r#"{"adam": {"lr": 1e-4}}"#).unwrap_err().to_string().contains("adam"));
    assert!(read(r#"{"optimizer": {"adam": {"lr": 1e-4, "beta3": 1}}}"#).is_err());
}

#[test]
fn settings_outside_their_range_are_named() {
    type Change = fn(&mut Config);
    let cases: [(&str, Change); 14] = [
        ("latent", |config| config.latent = 0),
        ("hidden", |config| config.hidden = 1 << 40),
        ("batch", |config| config.batch = 0),
        ("critic_steps", |config| config.critic_steps = 0),
        ("penalty", |config| config.penalty = f64::NAN),
        ("clip", |config| config.clip = 0.0),
        ("initial_spread", |config| config.initial_spread = 0.0),
        ("optimizer.adam.lr", |config| config.optimizer = adam(-1.0, 0.9)),
        ("optimizer.adam.beta2", |config| config.optimizer = adam(1e-4, f64::INFINITY)),
        ("optimizer.adam.beta1", |config| config.optimizer = Optimizer::Adam(Adam { beta1: 1.0, ..Adam::default() })),
        ("optimizer.adam.eps", |config| config.optimizer = Optimizer::Adam(Adam { eps: 0.0, ..Adam::default() })),
        ("optimizer.rms-prop.lr", |config| config.optimizer = rms_prop(0.0, 0.99, 1e-8)),
        ("optimizer.rms-prop.alpha", |config| config.optimizer = rms_prop(1e-3, 1.0, 1e-8)),
        ("optimizer.rms-prop.eps", |config| config.optimizer = rms_prop(1e-3, 0.99, f64::NAN)),
    ];
    for (setting, change) in cases {
        let mut config = Config::gan1();
        change(&mut config);
        assert!(matches!(config.validate(), Err(Error::Config { name, .. }) if name == setting), "{setting}");
    }
}
