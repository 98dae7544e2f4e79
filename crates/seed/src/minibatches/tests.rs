use proptest::prelude::*;

use crate::testing::chi_square_z;
use crate::{Minibatches, Seed};

#[test]
fn values_are_stable() {
    assert_eq!(Minibatches::new(Seed::root(0), 10, 4).indices(5), GOLDEN);
}

const GOLDEN: [u32; 4] = [9, 1, 5, 8];

#[test]
fn every_item_is_equally_likely_in_every_place() {
    // Ten items, batches of three: one item is left out of each epoch, never the same on average.
    let mut minibatches = Minibatches::new(Seed::root(1), 10, 3);
    let mut counts = vec![[0_u64; 10]; 9];
    for step in 0..60_000 {
        for (place, &item) in minibatches.indices(step).iter().enumerate() {
            counts[(step % 3) as usize * 3 + place][item as usize] += 1;
        }
    }
    // α: nine χ², each z > 5 with probability 3·10⁻⁷.
    for (place, counts) in counts.iter().enumerate() {
        assert!(chi_square_z(counts) < 5.0, "place {place}: {counts:?}");
    }
}

#[test]
fn a_batch_of_everything_is_in_order() {
    for batch in [5, 6, usize::MAX] {
        let mut minibatches = Minibatches::new(Seed::root(2), 5, batch);
        assert_eq!((minibatches.batch(), minibatches.per_epoch()), (5, 1));
        assert_eq!(minibatches.indices(7), [0, 1, 2, 3, 4]);
    }
}

#[test]
fn no_items_make_empty_batches() {
    assert!(Minibatches::new(Seed::root(3), 0, 4).indices(9).is_empty());
}

#[test]
#[should_panic(expected = "at least one item")]
fn an_empty_batch_panics() {
    Minibatches::new(Seed::root(4), 3, 0);
}

proptest! {
    #[test]
    fn an_epoch_visits_no_item_twice(n in 1_usize..50, batch in 1_usize..60, epoch in 0_u64..1000) {
        let mut minibatches = Minibatches::new(Seed::root(5), n, batch);
        let per_epoch = minibatches.per_epoch();
        let mut seen = Vec::new();
        for step in epoch * per_epoch..(epoch + 1) * per_epoch {
            prop_assert_eq!(minibatches.indices(step).len(), batch.min(n));
            seen.extend_from_slice(minibatches.indices(step));
        }
        prop_assert!(n - seen.len() < batch.min(n));
        seen.sort_unstable();
        seen.dedup();
        prop_assert_eq!(seen.len(), batch.min(n) * per_epoch as usize);
        prop_assert!(seen.iter().all(|&i| (i as usize) < n));
    }

    #[test]
    fn a_step_does_not_depend_on_the_steps_before(steps in prop::collection::vec(0_u64..100, 1..20)) {
        let mut walked = Minibatches::new(Seed::root(6), 20, 3);
        for step in steps {
            let fresh = Minibatches::new(Seed::root(6), 20, 3).indices(step).to_vec();
            prop_assert_eq!(walked.indices(step), fresh);
        }
    }
}
