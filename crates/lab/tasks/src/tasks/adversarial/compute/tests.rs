use apd_nn::Network;
use apd_points::Ensemble;

use super::*;
use crate::config::NetName;
use crate::error::Error;
use crate::method::Given;
use crate::methods::sgd;
use crate::testing::{StopAfter, quick};

/// A run on the digits with a network of one small hidden layer, and three trained networks.
fn trained(out: &std::path::Path, settings: AdversarialConfig) -> (Experiment, Vec<Vec<f32>>) {
    let mut config = quick(NetName::Fc1, &["adversarial"]);
    config.sgd.steps = 600;
    config.sgd.validate_every = 600;
    *config.settings_mut() = settings;
    let mut experiment = Experiment::new(config, out, false).unwrap();
    experiment.network = Network::mlp(&[64, 20, 10]);
    let train = |number: usize| {
        let name = format!("member-{number}");
        let given = Given { experiment: &experiment, concurrent: 1, baseline: None, bank: None };
        sgd::train(Context::default(), &given, &name, &experiment.network).unwrap()
    };
    let members = (0..3).map(train).collect();
    (experiment, members)
}

fn settings() -> AdversarialConfig {
    AdversarialConfig {
        images: 60,
        draws: 2,
        epsilons: vec![0.1],
        ..quick(NetName::Fc1, &[]).settings::<AdversarialConfig>().clone()
    }
}

#[test]
fn attacks_mislead_and_what_does_nothing_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let (experiment, members) = trained(dir.path(), settings());
    let shown = experiment.split.test.sample(Seed::root(1), 60);
    let pixels = &shown.images.pixels;
    assert!(pixels.iter().all(|x| (-1.0..=1.0).contains(x)), "the attacks' range is that of the inputs");
    let settings = experiment.config.settings::<AdversarialConfig>();
    let ensemble = Ensemble::of(&members);
    let method = NamedPosterior::baseline("ensemble", &ensemble);
    let attack_target = AttackTarget::new(&experiment.network, method, 3, Seed::root(2)).unwrap();
    let evaluate = |images: &ndarray::Array2<f32>| attack_target.evaluate(images.view(), &shown.labels).unwrap();
    let attacked = |kind, epsilon| attack_target.perturb(kind, epsilon, settings, Seed::root(3), &shown);
    let (clean, noise) = (evaluate(pixels), evaluate(&attacked(Kind::Noise, 0.3)));
    assert!(clean.accuracy > 0.85 && noise.accuracy > clean.accuracy - 0.15, "{} {}", clean.accuracy, noise.accuracy);
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_attack()) {
        let images = attacked(kind, 0.3);
        let found = evaluate(&images);
        assert!(
            is_effective(clean.nll, noise.nll, found.nll),
            "{kind}: {} to {}, noise {}",
            clean.nll,
            found.nll,
            noise.nll
        );
        assert!(found.accuracy < noise.accuracy - 0.3, "{kind}: {}", found.accuracy);
        // Controls: no radius, and every pixel moved as far in the other direction.
        let still = evaluate(&attacked(kind, 0.0));
        assert!(!is_effective(clean.nll, noise.nll, still.nll) && still.accuracy == clean.accuracy, "{kind}");
        let mirrored = (2.0 * pixels - &images).mapv(|x| x.clamp(-1.0, 1.0));
        assert!(!is_effective(clean.nll, noise.nll, evaluate(&mirrored).nll), "{kind}");
    }
    // The shortest step misleads as many as the whole one at least, and with less of it none but those that were wrong before.
    let shortest = attacked(Kind::FgsmMinimal, 0.3);
    let (whole, found) = (evaluate(&attacked(Kind::FgsmAverage, 0.3)), evaluate(&shortest));
    assert!(found.accuracy <= whole.accuracy && found.accuracy < 0.5, "{} {}", found.accuracy, whole.accuracy);
    let change = median_change(pixels, &shortest);
    assert!(0.0 < change && change < 0.3, "{change}");
    let fewer = evaluate(&(pixels + &((&shortest - pixels) * 0.9)));
    assert!(fewer.accuracy > found.accuracy + 0.3 && found.nll < whole.nll, "{} {}", fewer.accuracy, found.nll);
    // One network is misled more by its own attack than the average is.
    let alone = attacked(Kind::PgdDraw, 0.3);
    let one = attack_target.evaluate_one(alone.view(), &shown.labels).unwrap();
    assert!(one <= evaluate(&alone).accuracy, "{one}");
}

#[test]
fn a_stopped_run_goes_on_to_the_same_rows() {
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let settings = AdversarialConfig { random_start: true, images: 30, minimal: true, ..settings() };
    let (experiment, members) = trained(whole.path(), settings.clone());
    let (point, ensemble) = (Ensemble::of(&members[..1]), Ensemble::of(&members));
    let posteriors = [NamedPosterior::baseline("sgd", &point), NamedPosterior::baseline("ensemble", &ensemble)];
    let expected = adversarial(Context::default(), &experiment, &posteriors).unwrap();

    let (experiment, again) = trained(parts.path(), settings);
    assert_eq!(again, members);
    let mut stops = 0;
    let found = loop {
        match adversarial(Context::of(&StopAfter::new(3)), &experiment, &posteriors) {
            Err(Error::Stopped) => stops += 1,
            other => break other.unwrap(),
        }
    };
    // 2 radii × (3 attacks on sgd, 5 on the ensemble), and the shortest step of each.
    assert_eq!(stops, 18 / 3);
    assert_eq!(found.rows, expected.rows);
    assert_eq!(found.scores.len(), expected.scores.len());

    let select = |method: &str, source: &str, metric: &str| {
        let fits = |row: &&Row| {
            row.method == method
                && row.source.as_deref() == Some(source)
                && row.metric == metric
                && row.attack.as_deref() == Some("pgd-average")
                && row.at == Some(0.3)
        };
        expected.rows.iter().filter(fits).map(|row| row.value).collect::<Vec<f64>>()
    };
    // What is made on one method misleads the other less than itself.
    assert!(select("ensemble", "ensemble", "accuracy")[0] <= select("sgd", "ensemble", "accuracy")[0]);
    assert!(select("sgd", "sgd", "accuracy")[0] < 0.3);
    // Scores: two of one network, five of several.
    assert_eq!((select("sgd", "sgd", "auroc").len(), select("ensemble", "ensemble", "auroc").len()), (2, 5));
}
