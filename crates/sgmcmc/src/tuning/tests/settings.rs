//! The rules: of exact normal laws with real minibatches every sampler has the bias that it is said to have.

use apd_seed::Seed;

use super::super::settings::with_momentum;
use super::super::{Bias, LangevinTuning, SamplerKind, TunedSampler};
use crate::{Chain, ChainConfig, ChainError, FromFn, Minibatch, Sample, Sampler as _, SamplerConfig, Schedule};

/// Coordinates of a group, and N and B: with more than half of the terms in it, a minibatch is an epoch, and independent of the next.
const EACH: usize = 120;
const TERMS: usize = 9;
const TAKEN: usize = 5;
/// Curvature and gradient variance of each group.
const GROUPS: [(f64, f64); 3] = [(1.0, 0.5), (1.0, 1.5), (2.0, 1.0)];
const DIM: usize = EACH * GROUPS.len();
const BUDGET: f64 = 0.05;

/// U = Σᵢ Σₙ ½(λᵢ/N)(θᵢ − xₙᵢ)² with data xₙᵢ that have the mean 0 and such a variance that minibatches have that of the group.
fn potential() -> FromFn<impl FnMut(&[f32], Minibatch<'_>, &mut [f32]) -> f64 + Clone> {
    let normals = Seed::root(60).child("data").normals();
    let mut data = vec![[0.0; TERMS]; DIM];
    for (i, x) in data.iter_mut().enumerate() {
        let (lambda, variance) = GROUPS[i / EACH];
        normals.fill_f64(i as u64, 0, x);
        let mean = x.iter().sum::<f64>() / TERMS as f64;
        x.iter_mut().for_each(|x| *x -= mean);
        // λ²/B·(1 − B/N) times the variance of the terms is that of the gradient.
        let found = x.iter().map(|x| x * x).sum::<f64>() / (TERMS - 1) as f64;
        let wanted = variance / (lambda * lambda * (1.0 / TAKEN as f64 - 1.0 / TERMS as f64));
        x.iter_mut().for_each(|x| *x *= (wanted / found).sqrt());
    }
    FromFn::new(DIM, TERMS, move |theta: &[f32], minibatch: Minibatch<'_>, gradient: &mut [f32]| {
        let count = minibatch.len(TERMS) as f64;
        for (i, (g, &x)) in gradient.iter_mut().zip(theta).enumerate() {
            let mean = minibatch.indices(TERMS).map(|n| data[i][n]).sum::<f64>() / count;
            *g = (GROUPS[i / EACH].0 * (f64::from(x) - mean)) as f32;
        }
        0.0
    })
}

/// What a measurement would say of the coordinates of some groups.
fn known(groups: &[(f64, f64)]) -> LangevinTuning {
    let mean = |f: &dyn Fn(&(f64, f64)) -> f64| groups.iter().map(f).sum::<f64>() / groups.len() as f64;
    let noise = mean(&|group| group.1);
    LangevinTuning {
        scale: vec![1.0; DIM],
        num_data: TERMS,
        curvature: groups.iter().map(|group| group.0).fold(0.0, f64::max),
        mean_curvature: mean(&|group| group.0),
        gradient_noise: noise,
        noise_spread: mean(&|group| (group.1 - noise).powi(2)).sqrt(),
        plain_noise: noise,
        budget: BUDGET,
    }
}

/// By how much the groups' variances are too large, relative to them.
fn excess(sampler: SamplerConfig, steps: u64) -> [f64; 3] {
    let config = ChainConfig { steps, burn_in: steps / 20, thinning: 4, batch_size: TAKEN };
    let mut chain = Chain::new(0, potential(), sampler, config, Seed::root(61), vec![0.0; DIM]).unwrap();
    let (mut sums, mut count) = ([0.0; 3], 0.0);
    chain
        .run(&mut |sample: Sample<'_>| {
            for (sum, (x, (lambda, _))) in sums.iter_mut().zip(sample.position.chunks(EACH).zip(GROUPS)) {
                *sum += lambda * x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / EACH as f64;
            }
            count += 1.0;
            Ok::<(), ChainError>(())
        })
        .unwrap();
    sums.map(|sum| sum / count - 1.0)
}

/// The bias of every sampler with its tuned settings is that which they were chosen by, group by group: to first order.
///
/// 120 coordinates a group, of which 40 000 updates at the slowest (SGLD's, ε = 0.07: 30 updates to forget) are worth 2 000 independent draws: a
/// standard error of √(2/240 000) = 0.3 %. Five of them, and a quarter of the budget for the second order, are allowed: mistakes of a
/// factor of two in ε, α or what they are chosen by are more.
#[test]
fn bias_is_what_the_settings_say() {
    let tuning = known(&GROUPS);
    for kind in SamplerKind::ALL {
        let TunedSampler { sampler, bias, .. } = tuning.tuned(kind);
        let found = excess(sampler, 40_000);
        let allowed = 5.0 * 0.003 + 0.25 * BUDGET;
        // What is said of the stiffest direction and the mean noise is within the budget, and uses it.
        let Bias { discretization, minibatches } = bias;
        assert!(discretization <= BUDGET * 1.001 && minibatches <= BUDGET * 1.001, "{kind:?}: {bias:?}");
        assert!(discretization.max(minibatches) > 0.5 * BUDGET, "{kind:?}: {bias:?}");
        let mean = found.iter().sum::<f64>() / 3.0;
        let deviation = (found.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 3.0).sqrt();
        match kind {
            SamplerKind::Sgld | SamplerKind::Sghmc | SamplerKind::Baoab => {
                for (group, found) in GROUPS.into_iter().zip(found) {
                    let Bias { discretization, minibatches } = known(&[group]).bias_of(&sampler);
                    let expected = discretization + minibatches;
                    assert!((found - expected).abs() < allowed, "{kind:?}, {group:?}: {found} instead of {expected}");
                }
            }
            // G is between a half and all of 1/damping.
            SamplerKind::Psgld => {
                for (group, found) in GROUPS.into_iter().zip(found) {
                    let Bias { discretization, minibatches } = known(&[group]).bias_of(&sampler);
                    let most = discretization + minibatches;
                    assert!(found > 0.4 * most - allowed && found < most + allowed, "{group:?}: {found} of {most}");
                }
            }
            // The mean is kept, and the differences are what is left.
            SamplerKind::Sgnht => {
                assert!(mean.abs() < allowed, "{mean}");
                assert!((deviation - minibatches).abs() < allowed, "{deviation} instead of {minibatches}");
            }
            SamplerKind::Mclmc => {
                let isotropic = LangevinTuning { noise_spread: 0.0, ..tuning.clone() }.bias_of(&sampler);
                let expected = isotropic.discretization + isotropic.minibatches;
                assert!((mean - expected).abs() < allowed, "{mean} instead of {expected}");
                let expected = minibatches - isotropic.minibatches;
                assert!((deviation - expected).abs() < allowed, "{deviation} instead of {expected}");
            }
        }
    }
}

/// Whatever was measured, each part of the bias is within the budget.
#[test]
fn settings_keep_to_the_budget() {
    for curvature in [1.0, 3.0, 100.0] {
        for noise in [0.0, 0.01, 0.3, 3.0, 100.0] {
            for spread in [0.0, 0.5, 1.0, 5.0] {
                let tuning = LangevinTuning {
                    curvature,
                    gradient_noise: noise,
                    noise_spread: spread * noise,
                    mean_curvature: 1.0,
                    ..known(&GROUPS)
                };
                for kind in SamplerKind::ALL {
                    let TunedSampler { sampler, bias, .. } = tuning.tuned(kind);
                    assert_eq!(sampler.validate(), Ok(()), "{tuning:?}");
                    let most = bias.discretization.max(bias.minibatches);
                    assert!(most < 1.001 * BUDGET, "{bias:?} of {sampler:?} for {tuning:?}");
                }
            }
        }
    }
}

/// Negative control: settings for half of the noise are out of the budget, and seen to be.
#[test]
fn settings_for_less_noise_break_the_budget() {
    let blind = LangevinTuning { gradient_noise: 0.25, noise_spread: 0.1, ..known(&GROUPS) };
    for kind in [SamplerKind::Sghmc, SamplerKind::Baoab, SamplerKind::Mclmc] {
        let sampler = blind.tuned(kind).sampler;
        let worst = excess(sampler, 20_000).into_iter().fold(0.0, f64::max);
        assert!(worst > 2.0 * BUDGET, "{kind:?}: {worst}");
        assert!(known(&GROUPS).bias_of(&sampler).minibatches > BUDGET, "{kind:?} is seen by what is measured");
    }
}

#[test]
fn steps_are_as_long_as_curvature_and_noise_allow() {
    let baoab = |curvature: f64, noise: f64| {
        let tuning = LangevinTuning { curvature, gradient_noise: noise, budget: 0.02, ..known(&GROUPS) };
        let sampler = tuning.sampler();
        let Schedule::Constant(step_size) = sampler.step_size else { panic!("{sampler:?}") };
        (step_size, sampler.friction)
    };
    // Without noise the curvature decides, and friction forgets within a unit.
    let (step_size, friction) = baoab(2.0, 0.0);
    assert_eq!(step_size, 0.25);
    assert!((friction - (1.0 - (-0.5_f64).exp())).abs() < 1e-12);
    // With much of it, friction is full and the step as long as the budget allows.
    let (step_size, friction) = baoab(2.0, 100.0);
    assert!((step_size - 0.0008).abs() < 1e-12 && (friction - 1.0).abs() < 1e-12);
    for noise in [0.01, 0.1, 1.0, 10.0] {
        let (step_size, friction) = baoab(5.0, noise);
        assert!(0.25 * step_size * noise * (2.0 - friction) / friction <= 0.02 + 1e-12, "{noise}");
        assert!(step_size <= 0.1 && friction <= 1.0);
    }
    // A longer step where h = √(ε/2) forgets within a unit.
    assert_eq!(with_momentum(0.5, 0.0, 0.1, |share| share, 0.5), (0.5, 1.0 - (-0.5_f64).exp()));
}
