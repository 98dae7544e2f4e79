//! MCLMC with real minibatches, against its law of many coordinates: what their noise does to a momentum of constant length.
//!
//! There are as many terms as coordinates and each coordinate is in four of them, so that noise has all directions, and minibatches take more
//! than half of the terms, so that an epoch is one of them, independent of the next. Two groups of coordinates differ in their
//! curvature or in the variance of their noise. The law of [`affine::isokinetic_blocks`] needs nothing else. (With few terms the noise of many
//! coordinates has few directions, in which each noise meets the momentum that those before it have left: that law is another.)
//!
//! Its bias is of order ε, with the coefficients that [`apd_sgmcmc::Mclmc`] states: the mean noise counts little, its differences as much as in BAOAB;
//! in units in which all coordinates have the same noise there are none.

use std::f64::consts::LN_2;

use apd_seed::Seed;
use apd_sgmcmc::{Chain, ChainConfig, ChainError, Minibatch, Potential, PotentialError, Rescaled, Sample, Schedule};
use ndarray::{Array1, Array2};

use super::extrapolation::{self, Averages};
use crate::affine::{self, Affine, Setting};
use crate::any::AnySampler;
use crate::mutation::SamplerMutation;
use crate::{Expect, Half, Recipe, Test, Trial};

/// Coordinates of a group: where chains must agree with the law, which has errors of O(1/d), and where they must not.
const MANY: usize = 256;
const FEW: usize = 64;
/// Terms that each coordinate is in.
const SHARE: usize = 4;
const CHAINS: u32 = 512;
const FRICTION: f64 = 0.3;

/// Two groups of coordinates: their curvatures, and their gradients' variances.
#[derive(Clone, Copy, PartialEq)]
struct Case {
    name: &'static str,
    groups: [(f64, f64); 2],
    epsilon: f64,
    /// Whether coordinates are measured in units in which the noise has the variance 1.
    in_units: bool,
}

const ALIKE: Case = Case { name: "noise alike", groups: [(0.5, 2.0), (2.0, 2.0)], epsilon: 0.2, in_units: false };
const UNLIKE: Case = Case { name: "noise unlike", groups: [(1.0, 0.4), (1.0, 3.0)], epsilon: 0.1, in_units: false };
/// The same noise in units of its own: of curvatures 2.5 and ⅓ then.
const IN_UNITS: Case = Case { name: "noise unlike, in units of it", in_units: true, ..UNLIKE };

/// U = Σᵢ ½λᵢθᵢ² + Σₙ bₙᵀθ, where the bₙᵢ of a coordinate are c, −c, c, −c in four terms: their sum is 0, and c such that a minibatch's gradient has its
/// group's variance.
#[derive(Clone)]
struct Target {
    curvatures: [f64; 2],
    /// The terms of each coordinate, and c.
    terms: Vec<([u32; SHARE], f64)>,
    /// Whether a minibatch takes a term: working space.
    taken: Vec<bool>,
}

impl Target {
    fn new(groups: [(f64, f64); 2], each: usize) -> Self {
        let (mut stream, n) = (Seed::root(48).child("terms").stream(), 2 * each);
        // A sum over B of N terms without replacement has the variance B·(1 − B/N)·Σb²/(N − 1), and is multiplied by N/B.
        let (terms, batch) = (n as f64, batch(n) as f64);
        let factor = (terms / batch).powi(2) * batch * (1.0 - batch / terms) * SHARE as f64 / (terms - 1.0);
        let coordinate = |i: usize| {
            let mut own = [0; SHARE];
            for k in 0..SHARE {
                own[k] = stream.below(n as u32);
                while own[..k].contains(&own[k]) {
                    own[k] = stream.below(n as u32);
                }
            }
            (own, (groups[i / each].1 / factor).sqrt())
        };
        Self { curvatures: groups.map(|group| group.0), terms: (0..n).map(coordinate).collect(), taken: vec![false; n] }
    }
}

/// B: more than half of N.
fn batch(n: usize) -> usize {
    n / 2 + 1
}

impl Potential for Target {
    fn dim(&self) -> usize {
        self.terms.len()
    }

    fn num_data(&self) -> usize {
        self.terms.len()
    }

    fn gradient(
        &mut self,
        position: &[f32],
        minibatch: Minibatch<'_>,
        gradient: &mut [f32],
    ) -> Result<f64, PotentialError> {
        let n = self.terms.len();
        self.taken.fill(false);
        minibatch.indices(n).for_each(|term| self.taken[term] = true);
        for (i, (g, &theta)) in gradient.iter_mut().zip(position).enumerate() {
            let (own, c) = &self.terms[i];
            let signs = own.iter().zip([1.0, -1.0, 1.0, -1.0]);
            let sum: f64 = signs.map(|(&term, sign)| if self.taken[term as usize] { sign } else { 0.0 }).sum();
            *g = (self.curvatures[2 * i / n] * f64::from(theta) + minibatch.scale(n) * c * sum) as f32;
        }
        // Nothing here asks for the energy.
        Ok(0.0)
    }
}

impl Case {
    /// Units of a group's coordinates.
    fn unit(&self, variance: f64) -> f64 {
        if self.in_units { 1.0 / variance.sqrt() } else { 1.0 }
    }

    /// The groups as the sampler sees them.
    fn seen(&self) -> [(f64, f64); 2] {
        self.groups.map(|(lambda, variance)| {
            let square = self.unit(variance).powi(2);
            (lambda * square, variance * square)
        })
    }

    /// E λ·θ² of each group by the law of MCLMC, or of BAOAB; 1 where there is no bias.
    fn law(&self, is_isokinetic: bool) -> [f64; 2] {
        let groups = self.seen();
        let parts = groups.map(|(lambda, _)| (Array2::from_elem((1, 1), lambda), Array1::zeros(1)));
        let setting = |g: usize| {
            let (h, b) = &parts[g];
            Setting { epsilon: self.epsilon, temperature: 1.0, samples: true, first: false, h, b }
        };
        let laws: Vec<Affine> = if is_isokinetic {
            affine::isokinetic_blocks(&[(setting(0), groups[0].1), (setting(1), groups[1].1)], FRICTION)
        } else {
            // BAOAB with the same noise, which is added to its kicks.
            (0..2).map(|g| affine::noisy_baoab(setting(g), FRICTION, groups[g].1)).collect()
        };
        [0, 1].map(|g| groups[g].0 * laws[g].stationary().covariance(0, 0))
    }

    /// The law's bias to first order in ε, as it is documented.
    fn first_order(&self) -> [f64; 2] {
        let [(l0, v0), (l1, v1)] = self.seen();
        let (lambda, v) = (0.5 * (l0 + l1), 0.5 * (v0 + v1));
        [v0, v1]
            .map(|of_group| self.epsilon * ((of_group - v) * (2.0 - FRICTION) / (4.0 * FRICTION) + (v + lambda) / 12.0))
    }

    /// Each chain's averages of λ·θ² over the groups.
    fn averages(&self, build: &Build, each: usize, seed: Seed) -> Result<Averages, ChainError> {
        // The slowest group forgets by 0.09 an update.
        let config = ChainConfig { steps: 140, burn_in: 80, thinning: 4, batch_size: batch(2 * each) };
        let scale: Vec<f32> = (0..2 * each).map(|i| self.unit(self.groups[i / each].1) as f32).collect();
        let potential = Rescaled::new(Target::new(self.groups, each), scale);
        let run = |c: u32, visit: &mut (dyn FnMut(Sample<'_>) + Send)| {
            let sampler = build(Schedule::Constant(self.epsilon), 1.0);
            let start = vec![0.0; 2 * each];
            extrapolation::run(Chain::new(c, potential.clone(), sampler, config, seed, start)?, visit)
        };
        let observe = |position: &[f32], values: &mut [f64]| {
            for (value, (z, (lambda, _))) in values.iter_mut().zip(position.chunks(each).zip(self.seen())) {
                *value = lambda * z.iter().map(|&z| f64::from(z).powi(2)).sum::<f64>() / each as f64;
            }
        };
        extrapolation::averages(0..CHAINS, 2, run, observe)
    }

    fn trial(&self, build: &Build, each: usize, expected: [f64; 2]) -> Trial {
        let mut trial = Trial::default();
        match self.averages(build, each, Seed::root(48).child(self.name)) {
            Ok(averages) => {
                (0..2).for_each(|g| averages.check(&mut trial, g, &format!("λθ² of group {g}"), expected[g]));
            }
            Err(error) => trial.require(error, false),
        }
        trial
    }
}

type Build = dyn Fn(Schedule, f64) -> AnySampler + Send + Sync;

pub(super) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    let mut add = |case: &str, half, expect, run: Box<dyn Fn() -> Trial + Send + Sync>| {
        tests.push(Test::new("directions", Recipe::MCLMC.name, case, half, expect, run));
    };
    let right = |case: Case| move || case.trial(&Recipe::MCLMC.build, MANY, case.law(true));
    for case in [ALIKE, UNLIKE, IN_UNITS] {
        add(case.name, Half::Quick, Expect::Accept, Box::new(right(case)));
        let name = format!("{}: first order of the law", case.name);
        add(&name, Half::Quick, Expect::Accept, Box::new(move || first_order(case)));
    }
    let against = |case: Case, expected: [f64; 2]| move || case.trial(&Recipe::MCLMC.build, FEW, expected);
    for (case, name, expected) in [
        (UNLIKE, "the noise that is the mean of both", Case { groups: [(1.0, 1.7); 2], ..UNLIKE }.law(true)),
        (UNLIKE, "the law of BAOAB", UNLIKE.law(false)),
        (ALIKE, "the law of BAOAB", ALIKE.law(false)),
        (ALIKE, "no noise", Case { groups: ALIKE.groups.map(|(lambda, _)| (lambda, 0.0)), ..ALIKE }.law(true)),
        (IN_UNITS, "units ignored", UNLIKE.law(true)),
        (IN_UNITS, "the posterior itself", [1.0; 2]),
    ] {
        let name = format!("{}: {name}", case.name);
        add(&name, Half::Quick, Expect::Reject, Box::new(against(case, expected)));
    }
    for mutation in SamplerMutation::of(&Recipe::MCLMC) {
        let build = move |s, t| mutation.build(&Recipe::MCLMC, s, t);
        let run = move || UNLIKE.trial(&build, FEW, UNLIKE.law(true));
        add(&format!("{}: {mutation}", UNLIKE.name), Half::Full, Expect::Reject, Box::new(run));
    }
    tests
}

/// The exact law's bias at a small step is that of first order, and half of it at half the step.
fn first_order(case: Case) -> Trial {
    let mut trial = Trial::default();
    let at = |epsilon| Case { epsilon, ..case };
    let bias = [1e-3, 5e-4].map(|epsilon| at(epsilon).law(true).map(|x| x - 1.0));
    for (g, expected) in at(1e-3).first_order().into_iter().enumerate() {
        let (found, slope) = (bias[0][g], (bias[0][g] / bias[1][g]).ln() / LN_2);
        trial.require(format!("group {g}: slope {slope:.3} for 1"), (slope - 1.0).abs() < 0.05);
        trial.require(format!("group {g}: {found:.3e} for {expected:.3e}"), (found / expected - 1.0).abs() < 0.05);
    }
    trial
}
