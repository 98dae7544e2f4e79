//! The inputs that a change must survive before it is committed; `cargo xtask fuzz` goes on where this stops.

use std::time::Duration;

use apd_fuzz::{MOST_BYTES, TARGETS, Tally, Target, Watch, Workshop, mutate};
use apd_seed::Seed;

#[global_allocator]
static ALLOCATOR: Watch = Watch;

/// Mutations of each target's seeds.
const MUTATIONS: u64 = 2_000;
/// Nothing here takes more than a millisecond; other work on the machine may.
const PATIENCE: Duration = Duration::from_secs(20);

/// Tries truncated, changed and mutated seeds until one breaks a promise.
fn attack(target: &Target) -> Tally {
    let (mut workshop, mut tally, seeds) = (Workshop::new().unwrap(), Tally::default(), (target.seeds)());
    let mut stream = Seed::root(1).child(target.name).stream();
    let truncated = seeds.iter().flat_map(|seed| (0..seed.len()).map(|end| seed[..end].to_vec()));
    let changed = seeds.iter().flat_map(|seed| {
        let at = |i: usize, mask: u8| {
            let mut input = seed.clone();
            input[i] ^= mask;
            input
        };
        (0..seed.len()).flat_map(move |i| [0x01, 0x80, 0xff].map(|mask| at(i, mask)))
    });
    let mutated = (0..MUTATIONS).map(|_| mutate(&seeds, &mut stream));
    let _ = truncated.chain(changed).chain(mutated).all(|input| tally.attempt(&mut workshop, target, &input, PATIENCE));
    tally
}

#[test]
fn seeds_are_accepted() {
    let mut workshop = Workshop::new().unwrap();
    for target in TARGETS {
        let (mut tally, seeds) = (Tally::default(), (target.seeds)());
        for seed in &seeds {
            tally.attempt(&mut workshop, target, seed, PATIENCE);
        }
        assert_eq!((tally.accepted, tally.fault), (seeds.len() as u64, None), "{}", target.name);
    }
}

#[test]
fn whatever_the_bytes_there_is_an_answer() {
    for target in TARGETS {
        let tally = attack(target);
        if let Some((input, fault)) = tally.fault {
            panic!("{}: {fault}, of {} bytes: {:?}", target.name, input.len(), String::from_utf8_lossy(&input));
        }
        assert!(tally.accepted < tally.inputs, "{}: nothing was refused", target.name);
    }
}

/// Controls: parsers that do what no parser may.
#[test]
fn a_parser_that_breaks_a_promise_is_found_out() {
    let believes = |_: &std::path::Path, input: &[u8]| {
        let Some(claimed) = input.first_chunk::<4>() else { return false };
        Vec::<u8>::with_capacity(u32::from_be_bytes(*claimed) as usize / 8).capacity() > 0
    };
    let panics = |_: &std::path::Path, input: &[u8]| input[input.len() / 2] < 128;
    let waits = |_: &std::path::Path, input: &[u8]| {
        let start = std::time::Instant::now();
        while input.len() == 3 && start.elapsed() < Duration::from_millis(50) {}
        true
    };
    let seeds = || vec![vec![0, 0, 0, 100, 5, 6, 7, 8]];
    let target = |name, parse| Target { name, seeds, parse };
    assert!(attack(&target("believes", believes)).fault.unwrap().1.contains("allocated at once"));
    assert!(attack(&target("panics", panics)).fault.unwrap().1.starts_with("panic"));
    let (mut workshop, mut tally) = (Workshop::new().unwrap(), Tally::default());
    assert!(!tally.attempt(&mut workshop, &target("waits", waits), &[1, 2, 3], Duration::from_millis(20)));
    assert!(tally.fault.unwrap().1.ends_with(" s"));
    assert!(tally.most.largest < MOST_BYTES);
}
