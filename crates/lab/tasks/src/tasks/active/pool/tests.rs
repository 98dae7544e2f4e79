use std::collections::BTreeSet;

use super::*;

const SEED: Seed = Seed::root(5);

/// 40 images of each of ten classes, class by class: the worst order of a file.
fn sorted_labels() -> Vec<u32> {
    (0..400).map(|row| row / 40).collect()
}

#[test]
fn the_first_labels_are_so_many_of_each_class() {
    let labels = sorted_labels();
    let pool = Pool::new(&labels, 10, 3, SEED).unwrap();
    for class in 0..10 {
        assert_eq!(pool.labeled().iter().filter(|&&row| labels[row as usize] == class).count(), 3);
    }
    assert_ne!(pool, Pool::new(&labels, 10, 3, SEED.index(1)).unwrap());
    let error = Pool::new(&labels, 11, 1, SEED).unwrap_err().to_string();
    assert!(error.contains("class 10 has 0 training images"), "{error}");
}

#[test]
fn no_image_is_labeled_twice_and_the_pool_shrinks_by_what_is_acquired() {
    let labels = sorted_labels();
    let mut pool = Pool::new(&labels, 10, 2, SEED).unwrap();
    for round in 0..38 {
        let before = pool.unlabeled();
        let candidates = pool.candidates(if round % 2 == 0 { 0 } else { 25 }, SEED.child("candidates").index(round));
        // Scores with ties, infinities and no numbers among them.
        let score = |row: &u32| [0.0, 1.0, f64::NAN, f64::INFINITY, -0.0][*row as usize % 5];
        let scores: Vec<f64> = candidates.iter().map(score).collect();
        pool.acquire(&candidates, &scores, 10);
        assert_eq!(pool.unlabeled(), before - 10);
    }
    // Nothing is left, and to ask for more is no mistake.
    let rest = pool.candidates(0, SEED);
    assert!(rest.is_empty());
    pool.acquire(&rest, &[], 10);
    let distinct: BTreeSet<u32> = pool.labeled().iter().copied().collect();
    assert_eq!((distinct.len(), pool.labeled().len()), (400, 400));
}

#[test]
#[should_panic(expected = "has a label already")]
fn to_acquire_a_labeled_image_is_a_mistake_of_the_programmer() {
    let mut pool = Pool::resume(vec![3], 5).unwrap();
    pool.acquire(&[3], &[1.0], 1);
}

#[test]
fn a_state_with_an_image_twice_or_out_of_range_is_refused() {
    assert!(Pool::resume(vec![1, 2, 1], 5).is_err());
    assert!(Pool::resume(vec![5], 5).is_err());
    assert_eq!(Pool::resume(vec![4, 1], 5).unwrap().unlabeled(), 3);
}

#[test]
fn the_largest_scores_win_in_order_and_no_numbers_lose() {
    assert_eq!(largest(&[0.1, f64::NAN, 0.3, 0.2, 0.3], 3), [2, 4, 3]);
    assert_eq!(largest(&[f64::NAN, f64::NEG_INFINITY, 0.0, -0.0], 4), [2, 3, 0, 1]);
    assert_eq!(largest(&[f64::NAN; 3], 2), [0, 1]);
    assert_eq!(largest(&[], 2), [0; 0]);
}

/// χ² of the classes of 10 images acquired at equal scores, in 200 repetitions: 2 000 images in ten classes.
///
/// α = 10⁻⁶ for a choice that is uniform: the 1 − 10⁻⁶ quantile of χ² with 9 degrees of freedom is 45.1; images of one repetition are
/// drawn without replacement, which makes the statistic smaller.
fn chi_squared(order: impl Fn(&Pool, u64) -> Vec<u32>) -> f64 {
    let labels = sorted_labels();
    let mut counts = [0.0; 10];
    for repetition in 0..200 {
        let mut pool = Pool::new(&labels, 10, 2, SEED).unwrap();
        let candidates = order(&pool, repetition);
        pool.acquire(&candidates, &vec![0.5; candidates.len()], 10);
        pool.labeled()[20..].iter().for_each(|&row| counts[labels[row as usize] as usize] += 1.0);
    }
    counts.iter().map(|count| (count - 200.0_f64).powi(2) / 200.0).sum()
}

#[test]
fn equal_scores_prefer_no_class() {
    let random = |pool: &Pool, repetition| pool.candidates(0, SEED.child("ties").index(repetition));
    assert!(chi_squared(random) < 45.1, "{}", chi_squared(random));
    // Control: in the order of the file, only the first class is ever acquired.
    let by_index = |pool: &Pool, repetition| {
        let mut candidates = random(pool, repetition);
        candidates.sort_unstable();
        candidates
    };
    assert!(chi_squared(by_index) > 45.1);
}
