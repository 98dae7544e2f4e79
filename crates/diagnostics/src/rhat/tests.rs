use apd_seed::Seed;

use super::*;
use crate::testing::ar1_chains;

fn chains() -> Vec<Vec<f64>> {
    ar1_chains(Seed::root(1).child("rhat"), 0.3, 4, 500)
}

#[test]
fn chains_of_one_law_agree_and_others_do_not() {
    assert!(rhat(&chains()).unwrap() < 1.01);

    let mut shifted = chains();
    shifted[1].iter_mut().for_each(|x| *x += 0.5);
    assert!(rhat(&shifted).unwrap() > 1.01);

    // Only the folded part sees this.
    let mut scaled = chains();
    scaled[1].iter_mut().for_each(|x| *x *= 2.0);
    let halves = Chains::new(&scaled).unwrap().halves().unwrap();
    assert!(ratio(&rank_normalize(&halves)) < 1.01 && rhat(&scaled).unwrap() > 1.02);
}

#[test]
fn one_chain_is_compared_with_itself() {
    let mut one = chains().remove(0);
    assert!(rhat(&[&one]).unwrap() < 1.02);
    for (t, x) in one.iter_mut().enumerate() {
        *x += t as f64 / 125.0; // a drift of four deviations, for which R̂ is 1.5
    }
    assert!(rhat(&[&one]).unwrap() > 1.3);
}

#[test]
fn heavy_tails_do_not_hide_a_shift() {
    // The ratio of normals is Cauchy: without ranks, one draw of 1000 swamps a shift of the median by 2.
    let mut cauchy = chains();
    for (chain, denominator) in cauchy.iter_mut().zip(ar1_chains(Seed::root(2).child("rhat"), 0.0, 4, 500)) {
        chain.iter_mut().zip(denominator).for_each(|(x, d)| *x /= d);
    }
    assert!(rhat(&cauchy).unwrap() < 1.01);
    cauchy[3].iter_mut().for_each(|x| *x += 2.0);
    let halves = Chains::new(&cauchy).unwrap().halves().unwrap();
    assert!(rhat(&cauchy).unwrap() > 1.03 && ratio(&halves) < 1.01);
}

#[test]
fn units_do_not_matter() {
    let before = rhat(&chains()).unwrap();
    let scaled = chains().into_iter().map(|chain| chain.into_iter().map(|x| -1024.0 * x).collect::<Vec<_>>());
    assert!((rhat(&scaled.collect::<Vec<_>>()).unwrap() - before).abs() < 1e-13);
}

#[test]
fn chains_that_have_not_moved_are_infinitely_far_apart() {
    assert_eq!(rhat(&[[0.1; 10], [0.3; 10]]), Ok(f64::INFINITY));
    assert_eq!(rhat(&[[0.1; 10], [0.1; 10]]), Err(DiagnosticError::Constant { value: 0.1 }));
}

#[test]
fn two_equally_frequent_values_have_no_folded_part() {
    let coin = [1.0, -1.0, 1.0, -1.0, -1.0, 1.0, -1.0, 1.0];
    let value = rhat(&[coin, coin.map(|x| -x)]).unwrap();
    // Halves of n = 4 with equal means: √((n − 1)/n).
    assert!((value - 0.75_f64.sqrt()).abs() < 1e-15);
}
