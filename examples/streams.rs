//! Random numbers with addresses: streams by name, in any order, on any thread, and from any place on.

use std::{error::Error, thread};

use apd_seed::{Minibatches, Seed};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let root = Seed::root(7);
    let start = |chain: u64| root.child("start").index(chain).stream().uniform();
    println!("chains start at {:.4}, {:.4}, {:.4}, whoever else draws", start(0), start(1), start(2));

    // A random walk of a million steps, in one go and by four threads.
    let noise = root.child("walk").normals();
    let sum = |from: usize| {
        let mut steps = vec![0.0; 250_000];
        noise.fill_f64(0, from, &mut steps);
        steps.iter().sum::<f64>()
    };
    let quarters = [0, 250_000, 500_000, 750_000].map(sum);
    let threads = thread::scope(|scope| {
        [0, 250_000, 500_000, 750_000]
            .map(|from| scope.spawn(move || sum(from)))
            .map(|it| it.join().unwrap_or(f64::NAN))
    });
    assert_eq!(threads, quarters);
    println!("a walk ends {:.2} standard deviations from 0", quarters.iter().sum::<f64>() / 1e3);

    // The minibatch of any step: a run that is resumed needs no more than its number.
    let mut batches = Minibatches::new(root.child("batches"), 10, 4);
    for step in [0, 1, 2, 1_000_000] {
        println!("minibatch {step:>7}: {:?}", batches.indices(step));
    }
    // A sequential stream, which `rand`'s distributions take; it can be moved.
    let mut dice = root.child("dice").stream();
    let thrown: Vec<u32> = (0..8).map(|_| 1 + dice.below(6)).collect();
    dice.seek(0);
    assert!(thrown.iter().all(|&it| it == 1 + dice.below(6)));
    println!("eight dice {thrown:?}, a hand of cards {:?}", &dice.permutation(52)[..5]);
    Ok(())
}
