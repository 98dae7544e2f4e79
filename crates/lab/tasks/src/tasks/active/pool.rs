//! Which images have a label, and which get one next.

use apd_seed::Seed;

use crate::error::{Error, Result};

/// The training images' division into labeled and unlabeled ones; an image that has a label never gets another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pool {
    /// In the order in which they were labeled.
    labeled: Vec<u32>,
    is_labeled: Vec<bool>,
}

impl Pool {
    /// `per_class` labeled images of each class, drawn at random.
    ///
    /// **Errors**: a class has fewer images.
    pub(crate) fn new(labels: &[u32], classes: usize, per_class: usize, seed: Seed) -> Result<Self> {
        let mut taken = vec![0; classes];
        let mut labeled = Vec::with_capacity(classes * per_class);
        for row in seed.stream().permutation(labels.len()) {
            let taken = &mut taken[labels[row as usize] as usize];
            if *taken < per_class {
                *taken += 1;
                labeled.push(row);
            }
        }
        match taken.iter().position(|&taken| taken < per_class) {
            None => Self::resume(labeled, labels.len()),
            Some(class) => Err(Error::Config(format!(
                "active.initial-per-class = {per_class}: class {class} has {} training images",
                taken[class]
            ))),
        }
    }

    /// The pool of `images` images of which these have a label.
    ///
    /// **Errors**: one of them twice, or one that there is not.
    pub(crate) fn resume(labeled: Vec<u32>, images: usize) -> Result<Self> {
        let mut is_labeled = vec![false; images];
        for &row in &labeled {
            match is_labeled.get_mut(row as usize) {
                Some(is_labeled) if !*is_labeled => *is_labeled = true,
                _ => {
                    return Err(Error::Mismatch {
                        what: format!("labels of training image {row} of {images}"),
                        expected: 1,
                        found: 0,
                    });
                }
            }
        }
        Ok(Self { labeled, is_labeled })
    }

    pub(crate) fn labeled(&self) -> &[u32] {
        &self.labeled
    }

    /// Images without a label.
    #[cfg(test)]
    pub(crate) fn unlabeled(&self) -> usize {
        self.is_labeled.len() - self.labeled.len()
    }

    /// `count` unlabeled images in random order; all of them for 0, or where there are fewer.
    pub(crate) fn candidates(&self, count: usize, seed: Seed) -> Vec<u32> {
        let mut order = seed.stream().permutation(self.is_labeled.len());
        order.retain(|&row| !self.is_labeled[row as usize]);
        if count > 0 {
            order.truncate(count);
        }
        order
    }

    /// Labels the `count` candidates of the largest score, equal ones in the order of `candidates`: with that order random, neither
    /// the order of the classes nor that of the file has a say. Scores that are no numbers come last.
    ///
    /// **Panics** unless there is a score for each candidate, and no candidate has a label.
    #[track_caller]
    pub(crate) fn acquire(&mut self, candidates: &[u32], scores: &[f64], count: usize) {
        assert_eq!(candidates.len(), scores.len(), "candidates and scores");
        for place in largest(scores, count) {
            let row = candidates[place];
            let is_labeled = &mut self.is_labeled[row as usize];
            assert!(!*is_labeled, "image {row} has a label already");
            *is_labeled = true;
            self.labeled.push(row);
        }
    }
}

/// The places of the `count` largest scores, from the largest down.
fn largest(scores: &[f64], count: usize) -> Vec<usize> {
    let key = |place: usize| if scores[place].is_nan() { f64::NEG_INFINITY } else { scores[place] };
    let mut places: Vec<usize> = (0..scores.len()).collect();
    // Stable, and 0 equals −0.
    places.sort_by(|&a, &b| key(b).partial_cmp(&key(a)).unwrap_or(std::cmp::Ordering::Equal));
    places.truncate(count);
    places
}

#[cfg(test)]
mod tests;
