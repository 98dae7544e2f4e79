use std::collections::HashSet;

use proptest::prelude::*;

use crate::Seed;

#[test]
fn keys_are_stable() {
    // Changing a derivation changes every result ever published with a seed: only on purpose, and with these lines.
    let root = Seed::root(0);
    assert_eq!(root.key, GOLDEN[0]);
    assert_eq!(root.child("noise").key, GOLDEN[1]);
    assert_eq!(root.child("chain").index(3).child("noise").key, GOLDEN[2]);
    assert_eq!(Seed::root(u64::MAX).index(u64::MAX).key, GOLDEN[3]);
}

const GOLDEN: [u64; 4] =
    [10_870_759_137_850_584_762, 13_701_306_838_233_569_325, 17_717_249_325_206_274_898, 1_805_258_888_802_989_061];

#[test]
fn a_large_family_has_no_twins() {
    let root = Seed::root(1);
    let mut seen = HashSet::new();
    let names = ["", "a", "b", "ab", "ba", "noise", "minibatch", "0", "1"];
    for seed in std::iter::once(root).chain(names.map(|name| root.child(name))) {
        assert!(seen.insert(seed));
        for i in 0..10_000 {
            assert!(seen.insert(seed.index(i)), "index {i}");
        }
        for name in names {
            assert!(seed == root || seen.insert(seed.child(name)), "{name}");
        }
    }
}

#[test]
fn names_and_indices_are_different_domains() {
    let root = Seed::root(1);
    assert_ne!(root.child("1"), root.index(1));
    assert_ne!(root.child("a").child("b"), root.child("b").child("a"));
    assert_ne!(root.child("ab"), root.child("a").child("b"));
    assert_ne!(root.index(1).index(2), root.index(2).index(1));
}

#[test]
fn one_flipped_bit_flips_half_of_the_key() {
    // Mean distance over 64 bits × 256 roots: 32 ± 4/√16384 = 32 ± 0.03; five standard errors.
    let pairs = (0..256).flat_map(|seed| (0..64).map(move |bit| (seed, seed ^ 1 << bit)));
    let distances: Vec<u32> =
        pairs.map(|(a, b)| (Seed::root(a).index(7).key ^ Seed::root(b).index(7).key).count_ones()).collect();
    let mean = f64::from(distances.iter().sum::<u32>()) / distances.len() as f64;
    assert!((mean - 32.0).abs() < 5.0 * 4.0 / (distances.len() as f64).sqrt(), "{mean}");
    assert!(distances.iter().all(|d| (8..=56).contains(d)));
}

#[cfg(feature = "serde")]
#[test]
fn a_seed_survives_serialisation() {
    let seed = Seed::root(u64::MAX).child("x");
    assert_eq!(serde_json::from_str::<Seed>(&serde_json::to_string(&seed).unwrap()).unwrap(), seed);
}

proptest! {
    #[test]
    fn equal_paths_give_equal_seeds(root: u64, name: String, i: u64) {
        prop_assert_eq!(Seed::root(root).child(&name).index(i), Seed::root(root).child(&name).index(i));
        prop_assert_ne!(Seed::root(root).child(&name), Seed::root(root.wrapping_add(1)).child(&name));
        prop_assert_ne!(Seed::root(root).index(i), Seed::root(root).index(i.wrapping_add(1)));
    }
}
