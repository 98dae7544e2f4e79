use apd_seed::Seed;

use super::{SamplerConfig, SamplerState};
use crate::sampler::contract::{resumes_to_the_bit, sees_every_bad_gradient};
use crate::testing::{Kept, Terms, keep};
use crate::{Baoab, Chain, ChainConfig, ChainError, Gamma, Mclmc, Psgld, Sampler, Schedule, Sgd, Sghmc, Sgld, Sgnht};

const SCHEDULE: Schedule = Schedule::Polynomial { a: 0.05, b: 1.0, gamma: 0.3 };

fn all() -> [SamplerConfig; 8] {
    let psgld = Psgld::new(SCHEDULE, 1.0, 7).with_damping(0.3);
    [
        Sgld::new(SCHEDULE, 1.0).into(),
        psgld.into(),
        psgld.with_gamma(Gamma::Included).into(),
        Sghmc::new(SCHEDULE, 1.0, 0.2).with_gradient_noise(1.0).into(),
        Sgnht::new(SCHEDULE, 1.0, 0.2).into(),
        Baoab::new(SCHEDULE, 1.0, 0.2).into(),
        Mclmc::new(SCHEDULE, 1.0, 0.2).into(),
        Sgd::new(SCHEDULE, 0.9).into(),
    ]
}

#[test]
fn each_keeps_the_samplers_contract() {
    for sampler in all() {
        resumes_to_the_bit(&sampler);
        sees_every_bad_gradient(&sampler);
        assert_eq!(sampler.validate(), Ok(()));
    }
}

#[test]
fn it_is_the_sampler_that_it_names() {
    fn kept<S: Sampler>(sampler: S) -> (Vec<Kept>, &'static str, f64, Option<f64>) {
        let said = (sampler.name(), sampler.temperature(), sampler.noise_temperature(0.1, 3.0));
        let config = ChainConfig { steps: 20, burn_in: 0, thinning: 1, batch_size: 2 };
        let model = Terms::mean(&[0.3, 2.9, -1.2, 1.8], 1.0);
        let (mut chain, mut kept) =
            (Chain::new(0, model, sampler, config, Seed::root(55), vec![0.5]).unwrap(), Vec::new());
        chain.run(&mut keep(&mut kept)).unwrap();
        (kept, said.0, said.1, said.2)
    }
    let both = |sampler| kept::<SamplerConfig>(sampler);
    let psgld = Psgld::new(SCHEDULE, 1.0, 7).with_gamma(Gamma::Included);
    assert_eq!(both(psgld.into()), kept(psgld));
    let baoab = Baoab::new(SCHEDULE, 0.5, 0.2);
    assert_eq!(both(baoab.into()), kept(baoab));
}

#[test]
fn settings_name_their_kind() {
    for (sampler, kind) in all().into_iter().zip(["sgld", "psgld", "psgld", "sghmc", "sgnht", "baoab", "mclmc", "sgd"])
    {
        let text = serde_json::to_string(&sampler).unwrap();
        assert!(text.starts_with(&format!(r#"{{"kind":"{kind}","#)), "{text}");
        assert_eq!(serde_json::from_str::<SamplerConfig>(&text).unwrap(), sampler);
        assert!(serde_json::from_str::<SamplerConfig>(&text.replace("step_size", "size")).is_err());
        let state = serde_json::to_string(&sampler.init(3)).unwrap();
        assert_eq!(serde_json::from_str::<SamplerState>(&state).unwrap(), sampler.init(3));
    }
    assert!(serde_json::from_str::<SamplerConfig>(r#"{"kind":"hmc"}"#).is_err());
}

#[test]
fn the_state_of_another_kind_is_refused() {
    let [sgld, .., sgd] = all();
    assert!(matches!(sgld.check(&sgd.init(2), 2), Err(ChainError::Origin { what: "sampler", .. })));
    assert!(matches!(sgd.check(&sgd.init(3), 2), Err(ChainError::Buffer { name: "velocity", .. })));
}
