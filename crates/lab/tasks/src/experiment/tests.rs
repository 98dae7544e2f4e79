use apd_nn::{Activation, Cnn, CnnLayer, Model as _, Padding};

use super::*;
use crate::clock::Clock;
use crate::config::NetName;
use crate::context::Context;
use crate::methods::METHODS;
use crate::models::Models;
use crate::tasks::active::settings::ActiveConfig;
use crate::tasks::adversarial::settings::AdversarialConfig;
use crate::tasks::{active::compute as active, adversarial::compute as adversarial, classify::compute as classify};
use crate::testing::quick;

/// A network with batch normalization for images of 8×8 pixels.
fn normalized() -> Network {
    let conv = |outputs| CnnLayer::Conv { outputs, kernel: 3, padding: Padding::Same, batch_norm: true };
    let layers = vec![
        conv(6),
        CnnLayer::MaxPool { size: 2 },
        conv(8),
        CnnLayer::MaxPool { size: 2 },
        CnnLayer::Linear { outputs: 10 },
    ];
    Network::Cnn(Cnn { height: 8, width: 8, channels: 1, layers, activation: Activation::LeakyRelu(0.2) })
}

#[test]
fn samples_of_a_normalized_network_carry_its_buffers_through_the_house() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = quick(NetName::Cnn, &[]);
    (config.sgd.steps, config.sgd.validate_every) = (300, 100);
    (config.sgld.steps, config.sgld.burn_in, config.sgld.thinning) = (400, 200, 10);
    config.sgld.chains = 1;
    (config.baselines.ensemble, config.baselines.swag_epochs) = (2, 2);
    config.distill.iterations = 20;
    (config.evaluation.networks, config.evaluation.draws) = (5, 2);
    (config.online.rounds, config.online.iterations) = (2, 10);
    let active = config.settings_mut::<ActiveConfig>();
    (active.seeds, active.rounds, active.sgd_steps) = (1, 1, 20);
    (active.sgld.steps, active.sgld.burn_in, active.sgld.thinning) = (20, 10, 2);
    (active.candidates, active.test_images, active.distill.iterations) = (30, 50, 3);
    let attacks = config.settings_mut::<AdversarialConfig>();
    (attacks.images, attacks.networks, attacks.draws, attacks.steps) = (20, 3, 1, 10);
    attacks.epsilons.clear();
    let mut experiment = Experiment::new(config, dir.path(), false).unwrap();
    experiment.network = normalized();
    let network = &experiment.network;

    let mut clock = Clock::load(experiment.folder.checkpoint("clock")).unwrap();
    let models = Models::fit(Context::default(), &experiment, METHODS, &mut clock).unwrap();
    let posteriors = models.posteriors();
    // A network has no dropout.
    assert_eq!(
        posteriors.iter().map(|posterior| posterior.name).collect::<Vec<_>>(),
        ["sgd", "ensemble", "swag", "sgld", "distilled", "apd"]
    );
    assert_eq!(posteriors[1].posterior.available(), Some(2));
    assert_eq!((posteriors[0].posterior.dim(), network.buffers()), (network.row_len(), 2 * (6 + 8)));
    let bank = &models.bank;
    assert_eq!(bank.dim(), network.row_len());
    assert!(bank.header().layout.get("layers.1.running_var").is_some_and(|entry| entry.shape == [6]));
    // A stored row is θ and what it is calibrated to; others differ.
    assert_eq!(experiment.row(&bank.row(3)[..network.dim()]), bank.row(3));
    assert_ne!(bank.row(3)[network.dim()..], bank.row(9)[network.dim()..]);

    let with_online = [&posteriors[..], &models.online_posteriors()].concat();
    let found = classify::classify(Context::default(), &experiment, &with_online).unwrap();
    let accuracy = |method: &str| {
        found.rows.iter().find(|row| row.method == method && row.metric == "accuracy").map(|row| row.value).unwrap()
    };
    for method in ["sgd", "sgld", "apd", "apd-online-infinite"] {
        assert!(accuracy(method) > 0.6, "{method}: {}", accuracy(method));
    }
    // Active learning calibrates its networks to the images that have a label.
    let curves = active::active(Context::default(), &experiment).unwrap().curves;
    assert!(curves.iter().all(|curve| curve.accuracy.len() == 2 && !curve.diverged), "{curves:?}");
    // The attack has the gradient of the network that is asked: what it finds, it finds.
    let attacked = adversarial::adversarial(Context::default(), &experiment, &posteriors).unwrap();
    let under = |method: &str, attack: Option<&str>| {
        let fits = |row: &&apd_report::Row| {
            row.method == method
                && row.metric == "accuracy"
                && row.attack.as_deref() == attack
                && row.source.as_deref().is_none_or(|source| source == method)
        };
        attacked.rows.iter().find(fits).map(|row| row.value).unwrap()
    };
    for method in ["sgd", "sgld", "apd"] {
        assert!(under(method, Some("pgd-average")) < under(method, None) - 0.3, "{method}");
    }
}
