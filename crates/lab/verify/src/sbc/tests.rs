use apd_seed::{Normals, Seed, Stream};
use apd_sgmcmc::{ChainError, ChainSettings, FromFn64, MarkovChain, Potential64, Progress, Sample, sample};

use super::{Sbc, sbc};

fn normal(seed: Seed) -> f64 {
    let mut z = [0.0];
    seed.normals().fill_f64(0, 0, &mut z);
    z[0]
}

/// θ ~ N(0, 1), y ~ N(θ, 1) and exact draws of N(y/2, 1/2), shifted by `shift` and `factor` times as far from their mean.
fn conjugate(draws: u64, shift: f64, factor: f64) -> Sbc<'static, f64> {
    sbc(
        |seed| vec![normal(seed)],
        |theta: &[f64], seed| theta[0] + normal(seed),
        move |&y: &f64, seed: Seed| {
            let draw = |i| vec![0.5 * y + 0.5_f64.sqrt() * (shift + factor * normal(seed.index(i)))];
            Ok::<_, String>((0..draws).map(draw).collect())
        },
    )
    .quantity("log likelihood", |theta, y| -0.5 * (theta[0] - y).powi(2))
}

/// Draws that are right pass, however many there are, and whether or not the cells are whole ranks; each of the usual mistakes is found.
#[test]
fn exact_draws_pass_and_others_do_not() {
    for (draws, simulations) in [(19, 1_000), (7, 500), (100, 2_000), (1, 60)] {
        let trial = conjugate(draws, 0.0, 1.0).simulations(simulations).run(Seed::root(5));
        assert!(trial.checks == 2 && !trial.rejected(), "{draws} draws: {trial:?}");
    }
    for (shift, factor) in [(0.4, 1.0), (-0.4, 1.0), (0.0, 1.3), (0.0, 0.75), (0.0, 0.0)] {
        let trial = conjugate(19, shift, factor).run(Seed::root(6));
        assert!(trial.rejected(), "shift {shift}, factor {factor}: {trial:?}");
    }
}

/// The power that its documentation states, 60/δ² simulations for a part δ of the deviation: 1067 for a quarter, 66 667 for 3 %.
#[test]
fn the_stated_power_is_there() {
    for (delta, simulations) in [(0.25_f64, 1_067), (-0.25, 1_067), (0.03, 66_667), (-0.03, 66_667)] {
        assert!((60.0 / (delta * delta)) as u64 <= simulations);
        let trial = conjugate(99, 0.0, 1.0 + delta).simulations(simulations).run(Seed::root(7));
        assert!(trial.rejected(), "δ = {delta}: {trial:?}");
    }
}

/// Draws from the prior have uniform ranks; their likelihood has not.
#[test]
fn forgotten_data_are_seen_by_the_likelihood() {
    let prior = |quantity: bool| {
        let calibration = sbc(
            |seed| vec![normal(seed)],
            |theta: &[f64], seed| theta[0] + normal(seed),
            |_: &f64, seed: Seed| Ok::<_, String>((0..19).map(|i| vec![normal(seed.index(i))]).collect()),
        );
        if quantity { calibration.quantity("distance", |theta, y| (theta[0] - y).abs()) } else { calibration }
    };
    assert!(!prior(false).run(Seed::root(8)).rejected());
    let worst = prior(true).run(Seed::root(8)).worst.unwrap();
    assert!(worst.what == "rank of distance" && worst.p < 1e-20, "{worst:?}");
}

#[test]
fn what_is_wrong_is_said() {
    let of = |draw: Result<Vec<f64>, &'static str>| {
        let sample = move |(): &(), _: Seed| draw.clone().map(|draw| vec![draw]);
        let trial = sbc(|_| vec![0.0, 1.0], |_: &[f64], _| (), sample).simulations(10).run(Seed::root(1));
        assert!(trial.rejected());
        trial.worst.unwrap().what
    };
    assert_eq!(of(Err("no draws today")), "no draws today");
    assert_eq!(of(Ok(vec![0.0])), "a draw has 1 coordinates, θ from the prior has 2");
}

#[test]
fn threads_do_not_matter() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| conjugate(19, 0.0, 1.0).simulations(100).run(Seed::root(9)))
    };
    assert_eq!(run(1), run(3));
}

#[test]
#[should_panic(expected = "3 simulations are too few")]
fn few_simulations_are_a_mistake() {
    let _ = conjugate(5, 0.0, 1.0).simulations(3).run(Seed::root(1));
}

/// A rule that looks at U, as no sampler of gradients does: Metropolis's random walk. `trust` is the part of ΔU that it goes by.
struct Walk<P> {
    potential: P,
    chain: u32,
    position: Vec<f64>,
    value: f64,
    step: u64,
    choices: Stream,
    normals: Normals,
    settings: WalkSettings,
}

#[derive(Clone, Copy)]
struct WalkSettings {
    steps: u64,
    trust: f64,
}

impl<P: Potential64> ChainSettings<P> for WalkSettings {
    type Chain = Walk<P>;

    fn dim(potential: &P) -> usize {
        potential.dim()
    }

    fn start(&self, chain: u32, mut potential: P, seed: Seed, position: Vec<f64>) -> Result<Walk<P>, ChainError> {
        let value = potential.gradient(&position, &mut vec![0.0; position.len()])?;
        let seed = seed.child("chain").index(u64::from(chain));
        let (choices, normals) = (seed.child("choices").stream(), seed.child("proposals").normals());
        Ok(Walk { potential, chain, position, value, step: 0, choices, normals, settings: *self })
    }
}

impl<P: Potential64> MarkovChain for Walk<P> {
    type Scalar = f64;

    fn step(&mut self) -> Result<Option<Sample<'_, f64>>, ChainError> {
        let mut proposal = self.position.clone();
        self.normals.fill_f64(self.step, 0, &mut proposal);
        proposal.iter_mut().zip(&self.position).for_each(|(z, x)| *z = x + 1.5 * *z);
        let value = self.potential.gradient(&proposal, &mut vec![0.0; proposal.len()])?;
        if self.choices.uniform() < (self.settings.trust * (self.value - value)).exp() {
            (self.position, self.value) = (proposal, value);
        }
        self.step += 1;
        let (chain, step, position, potential) = (self.chain, self.step, &self.position[..], self.value);
        Ok((step > 100 && step % 20 == 0).then_some(Sample {
            chain,
            step,
            position,
            potential,
            weight: 1.0,
            transition: None,
        }))
    }

    fn progress(&self) -> Progress {
        Progress { chain: self.chain, step: self.step, steps: self.settings.steps, potential: self.value }
    }
}

/// A chain of one's own is sampled as ours are, and calibrated; one that accepts too much is found out.
#[test]
fn a_metropolis_rule_of_ones_own() {
    let calibration = |trust| {
        sbc(
            |seed| vec![normal(seed)],
            |theta: &[f64], seed| theta[0] + normal(seed),
            move |&y: &f64, seed| {
                let potential = FromFn64::new(1, move |x: &[f64], gradient: &mut [f64]| {
                    gradient[0] = 2.0 * x[0] - y;
                    0.5 * x[0].powi(2) + 0.5 * (x[0] - y).powi(2)
                });
                let draws = sample(1, potential).with(WalkSettings { steps: 500, trust }).seed(seed).run()?;
                Ok::<_, ChainError>(draws.positions(0).map(<[f64]>::to_vec).collect())
            },
        )
        .run(Seed::root(10))
    };
    assert!(!calibration(1.0).rejected(), "{:?}", calibration(1.0));
    assert!(calibration(0.5).rejected());
}
