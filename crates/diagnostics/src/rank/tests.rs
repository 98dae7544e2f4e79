use apd_seed::Seed;

use super::*;
use crate::testing::ar1_chains;

#[test]
fn equal_values_share_the_average_of_their_ranks() {
    assert_eq!(average_ranks(&[3.0, 1.0, 3.0, 2.0, 3.0]), [4.0, 1.0, 4.0, 2.0, 4.0]);
    assert_eq!(average_ranks(&[0.0, -0.0, -1.0]), [2.5, 2.5, 1.0]);
    assert_eq!(average_ranks(&[]), [0.0; 0]);
}

#[test]
fn normal_scores_depend_on_the_order_alone() {
    let split = |values: &[f64]| Split { values: values.to_vec(), n: 2 };
    let scores = rank_normalize(&split(&[0.1, 0.2, 0.5, 0.3])).values;
    assert_eq!(scores, rank_normalize(&split(&[1.0, 10.0, 1e9, 100.0])).values);
    // (1 − 3/8)/4.25 = 5/34, whose quantile is −1.0491…; symmetric, as the ranks are.
    assert!((scores[0] + 1.0491313979639711).abs() < 1e-13 && (scores[0] + scores[2]).abs() < 1e-14);
}

#[test]
fn all_bins_together_are_even_and_chains_keep_their_draws() {
    let chains = ar1_chains(Seed::root(1).child("rank"), 0.5, 3, 40);
    let counts = rank_histogram(&chains, 8).unwrap();
    assert!(counts.iter().all(|row| row.len() == 8 && row.iter().sum::<u64>() == 40));
    assert!((0..8).all(|bin| counts.iter().map(|row| row[bin]).sum::<u64>() == 15));
    // A bin per rank, the first and the last included.
    let each = rank_histogram(&chains, 120).unwrap();
    assert!((0..120).all(|bin| each.iter().map(|row| row[bin]).sum::<u64>() == 1));
}

#[test]
fn a_narrow_chain_makes_a_hill_and_a_wide_one_a_bowl() {
    let mut chains = ar1_chains(Seed::root(2).child("rank"), 0.0, 2, 500);
    chains[0].iter_mut().for_each(|x| *x *= 0.2);
    let counts = rank_histogram(&chains, 5).unwrap();
    assert!(counts[0][2] > 3 * counts[0][0] && counts[1][0] > 3 * counts[1][2], "{counts:?}");
}

#[test]
fn constant_draws_have_ranks_and_bad_ones_have_none() {
    assert_eq!(rank_histogram(&[[1.0; 4], [1.0; 4]], 2).unwrap(), [[0, 4], [0, 4]]);
    assert!(rank_histogram(&[[1.0, f64::NAN, 2.0, 3.0]], 2).is_err());
}

#[test]
#[should_panic(expected = "at least one bin")]
fn no_bins_is_a_mistake() {
    let _ = rank_histogram(&[[1.0; 4]], 0);
}
