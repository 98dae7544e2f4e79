use super::{Correction, MicrocanonicalConfig};

#[test]
fn settings_are_checked() {
    let good = MicrocanonicalConfig::langevin(10, 10, 1);
    assert_eq!(good.validate(), Ok(()));
    assert_eq!(MicrocanonicalConfig::adjusted(10, 10).validate(), Ok(()));
    let corrected = |correction| MicrocanonicalConfig { correction, ..good };
    for (config, message) in [
        (MicrocanonicalConfig { temperature: 0.0, ..good }, "temperature is 0; expected a finite number above 0"),
        (MicrocanonicalConfig { thinning: 0, ..good }, "thinning is 0; expected at least 1"),
        (corrected(Correction::None { energy_variance: 0.0 }), "energy variance is 0; expected"),
        (corrected(Correction::Metropolis { target_acceptance: 1.0 }), "target acceptance is 1; expected"),
    ] {
        let error = config.validate().unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
    let text = serde_json::to_string(&good).unwrap();
    assert_eq!(serde_json::from_str::<MicrocanonicalConfig>(&text).unwrap(), good);
    assert!(serde_json::from_str::<MicrocanonicalConfig>(&text.replace("draws", "samples")).is_err());
}
