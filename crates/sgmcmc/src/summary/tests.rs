use apd_seed::{Minibatches, Seed};

use crate::testing::{Quadratic, Terms, keep};
use crate::{
    Baoab, Chain, ChainConfig, Minibatch, Potential, Psgld, Sampler, SamplerConfig, Schedule, Sgd, Sghmc, Sgld, Sgnht,
    Summary,
};

const CONFIG: ChainConfig = ChainConfig { steps: 5_000, burn_in: 0, thinning: 1, batch_size: 2 };

fn model() -> Terms<1> {
    Terms::mean(&[1.0, 2.0, 3.0, 4.0, 10.0], 2.0)
}

/// ε = 0.01, T = 1, τ = 2 at θ = 0, where ∇U = −20: all by hand.
#[test]
fn figures_of_a_full_batch() {
    let config = ChainConfig { batch_size: 5, ..CONFIG };
    let sampler = Sgld::new(Schedule::Constant(0.01), 1.0);
    let mut chain = Chain::new(0, model(), sampler, config, Seed::root(61), vec![0.0]).unwrap();
    let summary = chain.summary().unwrap();
    // √(Tεd) = 0.1 against (ε/2)·20 = 0.1.
    assert!((summary.noise_to_drift - 1.0).abs() < 1e-12);
    assert_eq!(summary.relaxation, Some(100.0)); // 2/(0.01·2)
    assert_eq!((summary.temperature, summary.effective_temperature), (1.0, Some(1.0)));
    assert_eq!((summary.dim, summary.num_data, summary.batch, summary.steps), (1, 5, 5, 5_000));
    assert_eq!(
        summary.to_string(),
        "SGLD: d = 1, N = 5, B = 5, 5000 steps (nats, full-data scale)\n  step size ε = 1.000e-2\n  temperature T = 1 \
         injected, 1.0000 with the minibatches' noise at the start\n  prior precision τ = 2\n  relaxation time 2/(ετ) = \
         1.0000e2 steps; this run has 50.00 of them\n  ‖noise‖/‖drift‖ = 1.0000 at the start"
    );
}

/// Several coordinates, a temperature, and a start off the origin: √(0.5·0.04·6)/(0.02·‖g‖), g = Λ(x − c) on three blocks.
#[test]
fn noise_to_drift_is_a_ratio_of_norms() {
    let target = Quadratic { precision: [[2.0, 1.0], [1.0, 3.0]], center: [1.0, -1.0], blocks: 3 };
    let sampler = Sgld::new(Schedule::Constant(0.04), 0.5);
    let mut chain = Chain::new(0, target, sampler, CONFIG, Seed::root(61), vec![2.0; 6]).unwrap();
    let summary = chain.summary().unwrap();
    // x − c = (1, 3): g = (5, 10), thrice.
    let expected = (0.5 * 0.04 * 6.0_f64).sqrt() / (0.02 * (3.0 * 125.0_f64).sqrt());
    assert!((summary.noise_to_drift / expected - 1.0).abs() < 1e-12, "{}", summary.noise_to_drift);
    assert_eq!((summary.prior_precision, summary.relaxation), (None, None));
    assert!(summary.to_string().contains("prior precision not stated"));
}

/// T + ε·v/4 with v from the eight minibatches that begin the first eight epochs of `seed/chain[0]/summary`.
#[test]
fn effective_temperature_counts_the_minibatches_noise() {
    let sampler = Sgld::new(Schedule::Constant(0.01), 1.0);
    let mut chain = Chain::new(0, model(), sampler, CONFIG, Seed::root(62), vec![0.5]).unwrap();
    let summary = chain.summary().unwrap();
    let mut minibatches = Minibatches::new(Seed::root(62).child("chain").index(0).child("summary"), 5, 2);
    let gradients: Vec<f64> = (0..8)
        .map(|epoch| {
            let mut g = [0.0];
            model().gradient(&[0.5], Minibatch::Indices(minibatches.indices(2 * epoch)), &mut g).unwrap();
            f64::from(g[0])
        })
        .collect();
    let mean = gradients.iter().sum::<f64>() / 8.0;
    let variance = gradients.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / 7.0;
    assert!(variance > 1.0, "the minibatches hardly differ");
    assert!((summary.effective_temperature.unwrap() - (1.0 + 0.01 * variance / 4.0)).abs() < 1e-9);
    let ratio = 0.1 / (0.005 * gradients[0].abs());
    assert!((summary.noise_to_drift / ratio - 1.0).abs() < 1e-9, "the drift is that of the first minibatch");
}

/// The estimate is right on average: v = (N/B)²·B·s²·(1 − B/N) for the Gaussian mean.
#[test]
fn effective_temperature_is_unbiased() {
    let sampler = Sgld::new(Schedule::Constant(0.01), 1.0);
    let count = 4_000;
    let estimates: Vec<f64> = (0..count)
        .map(|c| {
            let mut chain = Chain::new(c, model(), sampler, CONFIG, Seed::root(63), vec![0.5]).unwrap();
            (chain.summary().unwrap().effective_temperature.unwrap() - 1.0) * 4.0 / 0.01
        })
        .collect();
    let mean = estimates.iter().sum::<f64>() / f64::from(count);
    let variance = estimates.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / f64::from(count - 1);
    let expected = 2.5_f64.powi(2) * 2.0 * 12.5 * (1.0 - 2.0 / 5.0); // s² = 12.5
    let z = (mean - expected) / (variance / f64::from(count)).sqrt();
    assert!(z.abs() < 4.0, "{mean}, in theory {expected}, z = {z} (α = 6·10⁻⁵)");
}

/// Looking changes nothing, and the figures are those of the next update.
#[test]
fn a_summary_leaves_the_chain_alone() {
    let schedule = Schedule::Polynomial { a: 0.05, b: 1.0, gamma: 0.5 };
    let run = |look: bool| {
        let mut chain = Chain::new(0, model(), Sgld::new(schedule, 1.0), CONFIG, Seed::root(64), vec![0.5]).unwrap();
        let mut kept = Vec::new();
        for until in [3, 8, 20] {
            chain.run_until(until, &mut keep(&mut kept)).unwrap();
            if look {
                assert_eq!(chain.summary().unwrap().step_size, schedule.step_size(until));
            }
        }
        kept
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn an_optimizer_has_no_noise() {
    let sampler = Sgd::from_mean_loss(0.1, 0.9, 5);
    let config = ChainConfig { batch_size: 5, ..CONFIG };
    let mut chain = Chain::new(0, model(), sampler, config, Seed::root(65), vec![0.0]).unwrap();
    let summary = chain.summary().unwrap();
    assert_eq!((summary.temperature, summary.effective_temperature, summary.noise_to_drift), (0.0, Some(0.0), 0.0));
    assert!(summary.to_string().starts_with("SGD: d = 1"), "{summary}");
    // Nor where nothing drives it: 0, not 0/0.
    let target = Quadratic { precision: [[1.0]], center: [0.0], blocks: 2 };
    let still = Chain::new(0, target, Sgd::from_mean_loss(0.1, 0.9, 5), config, Seed::root(65), vec![0.0; 2]);
    assert_eq!(still.unwrap().summary().unwrap().noise_to_drift, 0.0);
}

#[test]
fn a_flat_prior_never_relaxes() {
    let model = Terms { tau: 0.0, ..model() };
    let sampler = Sgld::new(Schedule::Constant(0.01), 1.0);
    let mut chain = Chain::new(0, model, sampler, CONFIG, Seed::root(66), vec![0.0]).unwrap();
    let summary: Summary = chain.summary().unwrap();
    assert_eq!((summary.prior_precision, summary.relaxation), (Some(0.0), None));
    assert!(summary.to_string().contains("τ = 0 (flat: free directions never relax)"), "{summary}");
}

/// The samplers with momentum amplify a minibatch's noise as they do its gradient; one takes out what it is told of, one all.
#[test]
fn the_noise_temperature_is_the_samplers_own() {
    let schedule = Schedule::Constant(0.01);
    fn heat(sampler: &impl Sampler) -> Option<f64> {
        sampler.noise_temperature(0.01, 8.0)
    }
    let sgld = heat(&Sgld::new(schedule, 1.0)).unwrap();
    assert!((sgld - 0.02).abs() < 1e-15);
    assert!((heat(&Sghmc::new(schedule, 1.0, 0.1)).unwrap() / sgld - 10.0).abs() < 1e-12);
    assert!(heat(&Sghmc::new(schedule, 1.0, 0.1).with_gradient_noise(8.0)).unwrap().abs() < 1e-15);
    assert_eq!(heat(&Baoab::new(schedule, 1.0, 1.0)), Some(sgld));
    assert_eq!(heat(&Sgnht::new(schedule, 1.0, 0.1)), Some(0.0));
    assert_eq!(heat(&Psgld::new(schedule, 1.0, 10)), None);
}

/// θ = (1000, 0) and ε = 10⁻¹¹: noise of 3·10⁻⁶ beside an ulp of 6·10⁻⁵.
#[test]
fn steps_below_half_an_ulp_are_warned_of() {
    let samplers = |epsilon| -> [SamplerConfig; 4] {
        let schedule = Schedule::Constant(epsilon);
        [
            Sgld::new(schedule, 1.0).into(),
            Sghmc::new(schedule, 1.0, 0.5).into(),
            Baoab::new(schedule, 1.0, 0.5).into(),
            Sgd::new(schedule, 0.5).into(),
        ]
    };
    let run = |sampler| {
        let target = Quadratic { precision: [[1.0]], center: [0.0], blocks: 2 };
        let mut chain = Chain::new(0, target, sampler, CONFIG, Seed::root(67), vec![1000.0, 0.0]).unwrap();
        let summary = chain.summary().unwrap();
        chain.run(&mut keep(&mut Vec::new())).unwrap();
        (summary, chain.position()[0] == 1000.0)
    };
    for (tiny, usual) in samplers(1e-11).into_iter().zip(samplers(1e-2)) {
        let (summary, still) = run(tiny);
        assert!(summary.unmoved == 1 && still, "{summary}");
        let warning = "warning: 1 of 2 coordinates do not move, steps are below half an ulp of them";
        assert!(summary.to_string().ends_with(warning), "{summary}");
        let (summary, still) = run(usual);
        assert!(summary.unmoved == 0 && !still && !summary.to_string().contains("warning"), "{summary}");
    }
}
