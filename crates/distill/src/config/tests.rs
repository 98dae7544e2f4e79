use super::{Config, Engine, InitialOutput};
use crate::{Error, Standardization};

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
        assert_eq!((config.critic_steps, config.penalty), (5, 10.0));
        assert_eq!((config.adam.lr, config.adam.beta1, config.adam.beta2), (1e-4, 0.5, 0.9));
    }
    assert_eq!(Config::toy2d().iterations, 20_000);
}

#[test]
fn missing_keys_are_defaults_and_unknown_ones_errors() {
    let read = |text: &str| serde_json::from_str::<Config>(text);
    let text = r#"{"hidden": 7, "standardization": "center", "initial-output": "moments", "engine": "general"}"#;
    let expected = Config {
        hidden: 7,
        standardization: Standardization::Center,
        initial_output: InitialOutput::Moments,
        engine: Engine::General,
        ..Config::gan1()
    };
    assert_eq!(read(text).unwrap(), expected);
    assert_eq!(read(&serde_json::to_string(&expected).unwrap()).unwrap(), expected);
    assert!(read(r#"{"hiden": 7}"#).unwrap_err().to_string().contains("hiden"));
    assert!(read(r#"{"standardization": "whiten"}"#).is_err());
}

#[test]
fn settings_outside_their_range_are_named() {
    type Change = fn(&mut Config);
    let cases: [(&str, Change); 9] = [
        ("latent", |config| config.latent = 0),
        ("hidden", |config| config.hidden = 1 << 40),
        ("batch", |config| config.batch = 0),
        ("critic_steps", |config| config.critic_steps = 0),
        ("penalty", |config| config.penalty = f64::NAN),
        ("adam.lr", |config| config.adam.lr = -1.0),
        ("adam.beta1", |config| config.adam.beta1 = 1.0),
        ("adam.beta2", |config| config.adam.beta2 = f64::INFINITY),
        ("adam.eps", |config| config.adam.eps = 0.0),
    ];
    for (setting, change) in cases {
        let mut config = Config::gan1();
        change(&mut config);
        assert!(matches!(config.validate(), Err(Error::Config { name, .. }) if name == setting), "{setting}");
    }
}
