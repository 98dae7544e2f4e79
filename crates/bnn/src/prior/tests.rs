use std::sync::Arc;

use apd_seed::Seed;

use super::*;

fn layout() -> Layout {
    Layout::new([("w", vec![4, 9]), ("b", vec![4]), ("v", vec![2, 4])].map(|(name, shape)| (name.to_owned(), shape)))
}

fn priors() -> Vec<Arc<dyn Prior>> {
    [Scaling::Same, Scaling::FanIn]
        .into_iter()
        .flat_map(|scaling| {
            [
                PriorConfig::Gaussian(Gaussian { precision: 1.7, scaling }),
                PriorConfig::Laplace(Laplace { scale: 0.4, scaling }),
                PriorConfig::StudentT(StudentT { dof: 3.0, scale: 0.6, scaling }),
                PriorConfig::LearnedGaussian(LearnedGaussian { scaling, ..LearnedGaussian::default() }),
            ]
        })
        .map(PriorConfig::build)
        .collect()
}

fn theta() -> Vec<f32> {
    let mut theta = vec![0.0; layout().len()];
    Seed::root(1).normals().fill(0, 0, &mut theta);
    theta
}

#[test]
fn slopes_are_finite_differences() {
    for prior in priors() {
        for entry in &layout().entries {
            for weight in [-2.0, -0.3, 0.01, 1.5] {
                let step = 1e-6;
                let [up, down] = [step, -step].map(|step| prior.nlp(entry, weight + step).0);
                let (slope, found) = ((up - down) / (2.0 * step), prior.nlp(entry, weight).1);
                assert!((slope - found).abs() < 1e-7 * (1.0 + slope.abs()), "{prior:?} at {weight}: {found}, {slope}");
            }
        }
    }
}

/// Densities by their own formulas, without what does not depend on the weight.
#[test]
fn densities_are_those_of_their_laws() {
    let layout = layout();
    let (weights, biases) = (&layout.entries[0], &layout.entries[1]);
    let w = 0.7_f64;
    for (prior, of_weights, of_biases) in [
        (priors()[0].clone(), 0.5 * 1.7 * w * w, 0.5 * 1.7 * w * w),
        (priors()[4].clone(), 0.5 * 1.7 * 9.0 * w * w, 0.5 * 1.7 * w * w),
        (priors()[1].clone(), w / 0.4, w / 0.4),
        (priors()[5].clone(), 3.0 * w / 0.4, w / 0.4),
        (priors()[2].clone(), 2.0 * (1.0 + w * w / (3.0 * 0.36)).ln(), 2.0 * (1.0 + w * w / (3.0 * 0.36)).ln()),
        (priors()[6].clone(), 2.0 * (1.0 + w * w / (3.0 * 0.04)).ln(), 2.0 * (1.0 + w * w / (3.0 * 0.36)).ln()),
        (priors()[3].clone(), 0.5 * w * w, 0.5 * w * w),
        (priors()[7].clone(), 0.5 * 9.0 * w * w, 0.5 * w * w),
    ] {
        for (entry, expected) in [(weights, of_weights), (biases, of_biases)] {
            let found = prior.nlp(entry, w).0;
            assert!((found - expected).abs() < 1e-12, "{prior:?} of {}: {found}, {expected}", entry.name);
        }
    }
}

/// However θ is cut into parts, the gradient has the same bits, and −ln p the same value: that of the definition in double precision.
#[test]
fn parts_are_those_of_the_whole() {
    let (layout, theta) = (layout(), theta());
    for prior in priors() {
        let (mut expected, mut slopes) = (0.0, Vec::new());
        for entry in &layout.entries {
            for &weight in &theta[entry.range()] {
                let (value, slope) = prior.nlp(entry, f64::from(weight));
                expected += value;
                slopes.push(slope);
            }
        }
        let mut whole = Vec::new();
        for cuts in [vec![0, 48], vec![0, 36, 40, 48], vec![0, 9, 18, 38, 41, 48]] {
            let (mut gradient, mut nlp) = (vec![f32::NAN; 48], 0.0);
            for pair in cuts.windows(2) {
                let range = pair[0]..pair[1];
                nlp += prior.write_gradient(&layout, range.clone(), &theta[range.clone()], &mut gradient[range]);
            }
            assert!((nlp - expected).abs() < 1e-5 * expected.abs(), "{prior:?}: {nlp}, {expected}");
            for (&found, &slope) in gradient.iter().zip(&slopes) {
                assert!((f64::from(found) - slope).abs() <= 1e-6 * (1.0 + slope.abs()), "{prior:?}");
            }
            if whole.is_empty() {
                whole = gradient.clone();
            }
            assert_eq!(gradient, whole, "{prior:?}");
        }
    }
}

#[test]
fn one_precision_is_known_to_be_one() {
    assert_eq!(Gaussian::isotropic(2.0).precision(), Some(2.0));
    assert_eq!(Gaussian { precision: 2.0, scaling: Scaling::FanIn }.precision(), None);
    assert_eq!(Laplace { scale: 1.0, scaling: Scaling::Same }.precision(), None);
}

#[test]
fn settings_that_are_no_prior_are_errors() {
    for config in [
        PriorConfig::Gaussian(Gaussian::isotropic(-1.0)),
        PriorConfig::Laplace(Laplace { scale: 0.0, scaling: Scaling::Same }),
        PriorConfig::StudentT(StudentT { dof: f64::NAN, scale: 1.0, scaling: Scaling::Same }),
        PriorConfig::StudentT(StudentT { dof: 3.0, scale: f64::INFINITY, scaling: Scaling::Same }),
        PriorConfig::LearnedGaussian(LearnedGaussian {
            log_scale: LogScalePrior { mean: 0.0, sd: 0.0 },
            ..LearnedGaussian::default()
        }),
    ] {
        assert!(matches!(config.build().check(), Err(ModelError::Setting { .. })), "{config:?}");
    }
    assert!(priors().iter().all(|prior| prior.check().is_ok()));
}

#[test]
fn settings_round_trip() {
    let text = r#"{"kind":"laplace","scale":0.1,"scaling":"fan-in"}"#;
    let config = PriorConfig::Laplace(Laplace { scale: 0.1, scaling: Scaling::FanIn });
    assert_eq!(serde_json::from_str::<PriorConfig>(text).unwrap(), config);
    assert_eq!(serde_json::to_string(&config).unwrap(), text);
    let short: PriorConfig = serde_json::from_str(r#"{"kind":"gaussian","precision":1}"#).unwrap();
    assert_eq!(short, PriorConfig::Gaussian(Gaussian::isotropic(1.0)));
}
