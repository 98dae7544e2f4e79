use apd_seed::Seed;

use crate::testing::{Kept, Quadratic, Terms, keep};
use crate::{Chain, ChainConfig, ChainError, Outcome, RunError, Schedule, Sgld, run_chains};

const CONFIG: ChainConfig = ChainConfig { steps: 200, burn_in: 20, thinning: 6, batch_size: 3 };

fn chains(count: u32) -> Vec<Chain<Terms<1>, Sgld>> {
    let model = Terms::mean(&[0.3, 2.9, -1.2, 1.8, 4.4, 0.1, -0.7], 1.0);
    let sampler = Sgld::new(Schedule::Constant(0.05), 1.0);
    (0..count).map(|c| Chain::new(c, model.clone(), sampler, CONFIG, Seed::root(51), vec![0.0]).unwrap()).collect()
}

fn run(count: u32, threads: usize) -> Vec<Vec<Kept>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let mut kept = vec![Vec::new(); count as usize];
    let mut sinks: Vec<_> = kept.iter_mut().map(keep).collect();
    let results = pool.install(|| run_chains(&mut chains(count), &mut sinks));
    drop(sinks);
    assert!(results.iter().all(|result| *result == Ok(Outcome::Finished)));
    kept
}

#[test]
fn threads_do_not_matter() {
    let one = run(9, 1);
    for (c, kept) in one.iter().enumerate() {
        assert_eq!(kept.len(), 30);
        assert!(kept.iter().all(|sample| sample.chain == c as u32), "chain {c} went into another's sink");
        assert!(kept.is_sorted_by_key(|sample| sample.step));
    }
    assert_eq!(run(9, 2), one);
    assert_eq!(run(9, 7), one);
    // Nor do the chains beside it.
    assert_eq!(run(3, 2), one[..3]);
    let positions = |kept: &[Kept]| kept.iter().map(|sample| sample.position.clone()).collect::<Vec<_>>();
    for c in 1..9 {
        assert_ne!(positions(&one[c]), positions(&one[c - 1]), "chains {c} and {}", c - 1);
    }
}

#[test]
fn one_divergence_does_not_stop_the_others() {
    let chain = |c: u32, lambda: f64| {
        let target = Quadratic { precision: [[lambda]], center: [0.0], blocks: 2 };
        Chain::new(c, target, Sgld::new(Schedule::Constant(0.5), 1.0), CONFIG, Seed::root(52), vec![1.0; 2]).unwrap()
    };
    let mut chains = [chain(0, 1.0), chain(1, 40.0), chain(2, 1.0)];
    let mut kept = vec![Vec::new(); 3];
    let mut sinks: Vec<_> = kept.iter_mut().map(keep).collect();
    let results = run_chains(&mut chains, &mut sinks);
    drop(sinks);
    assert_eq!((&results[0], &results[2]), (&Ok(Outcome::Finished), &Ok(Outcome::Finished)));
    assert!(matches!(results[1], Err(RunError::Chain(ChainError::Diverged { chain: 1, .. }))), "{:?}", results[1]);
    assert_eq!((kept[0].len(), kept[2].len()), (30, 30));
    assert!(kept[1].len() < 30);
}

#[test]
fn no_chains_is_nothing() {
    let mut sinks: [fn(crate::Sample<'_>) -> Result<(), std::convert::Infallible>; 0] = [];
    assert_eq!(run_chains(&mut chains(0), &mut sinks), []);
}

#[test]
#[should_panic(expected = "chains and sinks")]
fn every_chain_needs_a_sink() {
    run_chains(&mut chains(2), &mut [keep(&mut Vec::new())]);
}
