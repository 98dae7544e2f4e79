use apd_seed::Seed;

use super::ControlVariate;
use crate::testing::{Kept, Spy, Terms, bits, keep};
use crate::{
    Buffers, Chain, ChainConfig, FromFn, Minibatch, Outcome, Potential, PotentialError, Sampler, Schedule, Sgd, Sgld,
};

const POINTS: [(f64, f64); 6] = [(-1.5, 0.3), (-0.6, -0.9), (0.1, 0.4), (0.7, 1.1), (1.2, 2.3), (2.0, 1.6)];
/// ∇U is about zero here.
const CENTER: [f32; 2] = [0.4, 0.7];

pub(in crate::potential) fn line() -> Terms<2> {
    Terms::line(&POINTS, 1.5, 0.8)
}

/// All B-subsets of N terms: a minibatch is each with equal probability.
pub(in crate::potential) fn subsets(terms: u32, batch: u32) -> Vec<Vec<u32>> {
    (0_u32..1 << terms)
        .filter(|set| set.count_ones() == batch)
        .map(|set| (0..terms).filter(|n| set >> n & 1 == 1).collect())
        .collect()
}

/// Mean of (∇Û, Û) over all minibatches of `batch` terms, and the total variance of ∇Û.
pub(in crate::potential) fn moments<P: Potential>(
    potential: &mut P,
    position: &[f32; 2],
    batch: u32,
) -> ([f64; 3], f64) {
    let estimates: Vec<[f64; 3]> = subsets(potential.num_data() as u32, batch)
        .iter()
        .map(|set| {
            let mut g = [0.0; 2];
            let value = potential.gradient(position, Minibatch::Indices(set), &mut g).unwrap();
            [f64::from(g[0]), f64::from(g[1]), value]
        })
        .collect();
    let count = estimates.len() as f64;
    let mean = [0, 1, 2].map(|i| estimates.iter().map(|e| e[i]).sum::<f64>() / count);
    let variance = |i: usize| estimates.iter().map(|e| (e[i] - mean[i]).powi(2)).sum::<f64>() / count;
    (mean, variance(0) + variance(1))
}

/// (∇U, U).
pub(in crate::potential) fn exact(position: &[f32; 2]) -> [f64; 3] {
    let mut g = [0.0; 2];
    let value = line().gradient(position, Minibatch::Full, &mut g).unwrap();
    [f64::from(g[0]), f64::from(g[1]), value]
}

fn near(a: [f64; 3], b: [f64; 3]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
}

#[test]
fn unbiased_wherever_the_center_is() {
    for center in [CENTER, [-3.0, 2.0]] {
        let mut estimator = ControlVariate::new(line(), center.to_vec()).unwrap();
        for position in [[0.5, 0.6], [2.0, -1.0]] {
            for batch in 1..6 {
                let (mean, _) = moments(&mut estimator, &position, batch);
                assert!(near(mean, exact(&position)), "{center:?}, {position:?}, B = {batch}: {mean:?}");
            }
        }
    }
    // What the check would see: a prior that enters twice.
    let mut twice = ControlVariate::new(line(), CENTER.to_vec()).unwrap();
    let mut prior = [0.0; 2];
    for (prior, center) in prior.iter_mut().zip(CENTER) {
        *prior = 0.8 * center;
    }
    twice.full.iter_mut().zip(prior).for_each(|(g, prior)| *g += prior);
    assert!(!near(moments(&mut twice, &[0.5, 0.6], 2).0, exact(&[0.5, 0.6])));
}

#[test]
fn without_noise_at_the_center() {
    let mut estimator = ControlVariate::new(line(), CENTER.to_vec()).unwrap();
    let (mut full, mut g) = ([0.0; 2], [0.0; 2]);
    let value = line().gradient(&CENTER, Minibatch::Full, &mut full).unwrap();
    for batch in 1..6 {
        for set in subsets(6, batch) {
            let estimate = estimator.gradient(&CENTER, Minibatch::Indices(&set), &mut g).unwrap();
            assert_eq!((bits(&g), estimate.to_bits()), (bits(&full), value.to_bits()), "{set:?}");
        }
    }
}

/// On a quadratic U the noise is (H_B − H)(θ − c): its variance grows with the square of the distance.
#[test]
fn less_noise_near_the_center() {
    let mut estimator = ControlVariate::new(line(), CENTER.to_vec()).unwrap();
    let at = |distance: f32| [CENTER[0] + 0.6 * distance, CENTER[1] - 0.8 * distance];
    let mut last = None;
    for distance in [0.0625, 0.125, 0.25] {
        let (_, variance) = moments(&mut estimator, &at(distance), 2);
        let (_, plain) = moments(&mut line(), &at(distance), 2);
        assert!(variance < 0.2 * plain, "{variance} against {plain} at {distance}");
        if let Some(last) = last.replace(variance) {
            assert!((variance / last - 4.0).abs() < 1e-3, "{variance}, {last} at half the distance");
        }
    }
    // Far away it is no help, as the documentation says.
    let far = [CENTER[0] + 0.8 * 100.0, CENTER[1] + 0.6 * 100.0];
    let mut misplaced = ControlVariate::new(line(), far.to_vec()).unwrap();
    assert!(moments(&mut misplaced, &CENTER, 2).1 > moments(&mut line(), &CENTER, 2).1);
}

/// Terms that differ in their slopes only have no noise left anywhere: the chain is that of the full gradient.
#[test]
fn chains_of_equal_curvature_follow_the_full_gradient() {
    let data = [0.3, 2.9, -1.2, 1.8, 4.4, 0.1, -0.7, 2.2];
    let model = || Terms::mean(&data, 1.0);
    fn positions<P: Potential, S: Sampler>(potential: P, sampler: S, batch_size: usize) -> Vec<f32> {
        let config = ChainConfig { steps: 200, burn_in: 0, thinning: 1, batch_size };
        let mut chain = Chain::new(0, potential, sampler, config, Seed::root(71), vec![0.5]).unwrap();
        (0..200).map(|_| chain.step().unwrap().unwrap().position[0]).collect()
    }
    fn distance(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }
    let (sgld, momentum) = (Sgld::new(Schedule::Constant(0.05), 1.0), Sgd::new(Schedule::Constant(0.05), 0.5));
    let estimator = || ControlVariate::new(model(), vec![1.0]).unwrap();
    let full = positions(model(), sgld, 8);
    assert!(distance(&positions(estimator(), sgld, 3), &full) < 1e-4);
    assert!(distance(&positions(model(), sgld, 3), &full) > 0.05, "minibatches are noisy without");
    let full = positions(model(), momentum, 8);
    assert!(distance(&positions(estimator(), momentum, 3), &full) < 1e-4);
    assert!(distance(&positions(model(), momentum, 3), &full) > 0.05);
}

/// Interrupted and resumed with the same center: the same samples.
#[test]
fn resumed_equals_uninterrupted() {
    let config = ChainConfig { steps: 40, burn_in: 3, thinning: 2, batch_size: 2 };
    let sampler = || Sgd::new(Schedule::Constant(0.02), 0.9);
    let estimator = || ControlVariate::new(line(), CENTER.to_vec()).unwrap();
    let start = || Chain::new(1, estimator(), sampler(), config, Seed::root(72), vec![0.0; 2]).unwrap();
    let (mut expected, mut kept): (Vec<Kept>, Vec<Kept>) = Default::default();
    start().run(&mut keep(&mut expected)).unwrap();
    let mut chain = start();
    for cut in [5, 6, 21] {
        assert_eq!(chain.run_until(cut, &mut keep(&mut kept)), Ok(Outcome::Finished));
        chain = Chain::resume(estimator(), sampler(), config, Seed::root(72), chain.state()).unwrap();
    }
    chain.run(&mut keep(&mut kept)).unwrap();
    assert_eq!(kept, expected);
}

#[test]
fn full_batches_pass_through() {
    let mut estimator = ControlVariate::new(Spy::default(), vec![1.0; 3]).unwrap();
    let mut g = [0.0; 3];
    estimator.gradient(&[2.0; 3], Minibatch::Full, &mut g).unwrap();
    assert_eq!(g, [2.0; 3]);
    estimator.gradient(&[2.0; 3], Minibatch::Indices(&[4, 7]), &mut g).unwrap();
    let asked = estimator.into_inner().asked;
    let some = Some(vec![4, 7]);
    assert_eq!(asked, [None, None, some.clone(), some], "the center, the full batch, and one minibatch at two places");
}

#[test]
fn the_rest_is_the_potentials_own() {
    let mut estimator = ControlVariate::new(line(), CENTER.to_vec()).unwrap();
    assert_eq!((estimator.dim(), estimator.num_data(), estimator.prior_precision()), (2, 6, Some(0.8)));
    assert_eq!(estimator.center(), CENTER);
    assert_eq!(estimator.save(), Buffers::default());
    assert_eq!(estimator.restore(&Buffers::default()), Ok(()));
    let (mut own, mut through) = ([0.0; 2], [0.0; 2]);
    let minibatch = Minibatch::Indices(&[0, 5]);
    line().curvature(&[0.1, 0.2], minibatch, &mut own).unwrap();
    estimator.curvature(&[0.1, 0.2], minibatch, &mut through).unwrap();
    assert_eq!(bits(&through), bits(&own));
    let mut boxed: Box<dyn Potential> = Box::new(ControlVariate::new(line(), CENTER.to_vec()).unwrap());
    let mut same = [[0.0; 2]; 2];
    boxed.gradient(&[0.1, 0.2], minibatch, &mut same[0]).unwrap();
    estimator.gradient(&[0.1, 0.2], minibatch, &mut same[1]).unwrap();
    assert_eq!(same[0], same[1]);
}

/// The curvature of a potential that knows its own is not replaced by differences.
#[test]
fn curvature_is_forwarded() {
    struct Knows;
    impl Potential for Knows {
        fn dim(&self) -> usize {
            1
        }
        fn num_data(&self) -> usize {
            1
        }
        fn gradient(&mut self, _: &[f32], _: Minibatch<'_>, gradient: &mut [f32]) -> Result<f64, PotentialError> {
            gradient[0] = 0.0;
            Ok(0.0)
        }
        fn curvature(&mut self, _: &[f32], _: Minibatch<'_>, diagonal: &mut [f32]) -> Result<(), PotentialError> {
            diagonal[0] = 7.0;
            Ok(())
        }
    }
    let mut diagonal = [0.0];
    ControlVariate::new(Knows, vec![0.0]).unwrap().curvature(&[0.0], Minibatch::Full, &mut diagonal).unwrap();
    assert_eq!(diagonal, [7.0]);
}

/// A center where U is not finite is found by the chain.
#[test]
fn a_bad_center_is_a_divergence() {
    let wall = FromFn::new(1, 4, |x: &[f32], _, gradient: &mut [f32]| {
        gradient[0] = x[0];
        if x[0] > 5.0 { f64::INFINITY } else { 0.0 }
    });
    let config = ChainConfig { steps: 10, burn_in: 0, thinning: 1, batch_size: 2 };
    let sampler = Sgld::new(Schedule::Constant(0.1), 1.0);
    let mut chain =
        Chain::new(0, ControlVariate::new(wall, vec![6.0]).unwrap(), sampler, config, Seed::root(73), vec![0.0])
            .unwrap();
    assert!(chain.step().unwrap_err().to_string().contains("diverged at step 0"));
}

#[test]
#[should_panic(expected = "coordinates of the center")]
fn the_center_has_the_potentials_dimension() {
    ControlVariate::new(line(), vec![0.0; 3]).unwrap();
}
