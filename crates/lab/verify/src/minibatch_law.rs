//! The exact law of a chain with minibatches without replacement.
//!
//! Within an epoch the minibatches of one permutation exclude each other, so their gradients' noise is negatively correlated and
//! the stationary law is *not* that of independent minibatches. But an epoch is a random affine update, drawn independently for
//! each epoch, so the moments at its end obey a linear equation, and those at the phases in between follow.

use std::collections::BTreeMap;

use crate::affine::{Affine, Moments};

/// The stationary moments at each phase of the epoch: after a multiple of so many updates, one later, ….
#[derive(Clone, Debug)]
pub(crate) struct MinibatchLaw {
    /// The moments, phase by phase.
    pub(crate) phases: Vec<Moments>,
    /// Epochs until the moments of a chain that starts at 0 are within 10⁻⁵ deviations of these.
    pub(crate) settling: u64,
}

/// A set of data, as bits.
type Set = u32;

/// The law of `law(minibatch)` with minibatches of `batch` out of `n` data, ⌊n/`batch`⌋ in an epoch.
///
/// **Panics** if there are more than 32 data, or the chain is unstable.
#[track_caller]
pub(crate) fn without_replacement(n: usize, batch: usize, law: impl Fn(&[usize]) -> Affine) -> MinibatchLaw {
    settle(n, batch, n / batch, law)
}

/// As [`without_replacement`], but each minibatch is drawn from all data; the same at each of `phases` phases.
#[track_caller]
pub(crate) fn independent(n: usize, batch: usize, phases: usize, law: impl Fn(&[usize]) -> Affine) -> MinibatchLaw {
    let mut epoch = settle(n, batch, 1, law);
    epoch.phases = vec![epoch.phases[0].clone(); phases];
    epoch
}

/// Iterates the epoch until it changes nothing.
#[track_caller]
fn settle(n: usize, batch: usize, phases: usize, law: impl Fn(&[usize]) -> Affine) -> MinibatchLaw {
    assert!(n < Set::BITS as usize, "{n} data in a set of {} bits", Set::BITS);
    let minibatches: Vec<(Set, Affine)> = (0..1 << n)
        .filter(|set: &Set| set.count_ones() as usize == batch)
        .map(|set| (set, law(&(0..n).filter(|i| set >> i & 1 == 1).collect::<Vec<_>>())))
        .collect();
    let mut history = vec![vec![Moments::at_rest(minibatches[0].1.states()); phases]];
    loop {
        let before = &history[history.len() - 1];
        let after = epoch(&minibatches, &before[0], phases);
        let still = before.iter().zip(&after).all(|(before, after)| before.distance(after) < 1e-12);
        // The second moments may grow without end where the mean settles.
        let stable = after[0].product(0, 0).is_finite();
        history.push(after);
        if still {
            break;
        }
        assert!(stable && history.len() < 20_000, "the chain has no stationary moments");
    }
    let phases = history.pop().expect("the last");
    let close =
        |epoch: &Vec<Moments>| epoch.iter().zip(&phases).all(|(moments, settled)| moments.distance(settled) < 1e-5);
    let settling = history.iter().position(close).unwrap_or(history.len()) as u64;
    MinibatchLaw { phases, settling }
}

/// The moments at each phase of the *next* epoch, and first those at its start, that is this one's end.
///
/// What matters of the minibatches so far is only which data they have used up: for each such set, its part of the law is moved
/// by each minibatch of the others.
fn epoch(minibatches: &[(Set, Affine)], start: &Moments, phases: usize) -> Vec<Moments> {
    let mut parts = BTreeMap::from([(0, start.clone())]);
    let mut moments = Vec::new();
    for _ in 0..phases {
        let mut next: BTreeMap<Set, Moments> = BTreeMap::new();
        for (used, part) in &parts {
            let free: Vec<_> = minibatches.iter().filter(|(minibatch, _)| minibatch & used == 0).collect();
            for (minibatch, law) in &free {
                let moved = law.apply(&part.part(1.0 / free.len() as f64));
                next.entry(used | minibatch).and_modify(|sum| sum.add(&moved)).or_insert(moved);
            }
        }
        parts = next;
        let mut sum = start.part(0.0);
        parts.values().for_each(|part| sum.add(part));
        moments.push(sum);
    }
    moments.rotate_right(1);
    moments
}

#[cfg(test)]
mod tests;
