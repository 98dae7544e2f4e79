//! What chains have not seen: how far the averaged prediction of some is from that of others.
//!
//! R̂ tells that chains differ; this tells what it costs a prediction, and how many chains it takes until another one tells nothing new.

use apd_store::Bank;
use apd_uncertainty::total_variation;
use ndarray::Array2;

use crate::error::Result;
use crate::experiment::Experiment;
use crate::named_posterior::averaged;

/// Validation images whose predictions are compared.
const IMAGES: usize = 1_000;
/// Samples of each chain that are averaged, at most.
const SAMPLES: usize = 100;

/// Total variation between averages over some chains and over others, which is half of all: the mean over images, of each group of that many.
pub(super) struct Unseen {
    pub(super) chains: usize,
    pub(super) total_variations: Vec<f64>,
}

/// For one chain, two, four, … and half of all; nothing of a single one.
pub(super) fn unseen(experiment: &Experiment, bank: &Bank, chains: &[Vec<usize>]) -> Result<Vec<Unseen>> {
    let images = experiment.split.validation.take(IMAGES).images;
    let average = |rows: &Vec<usize>| {
        let networks = rows.iter().step_by(rows.len().div_ceil(SAMPLES).max(1)).map(|&row| bank.row(row));
        averaged(&experiment.network, networks, images.pixels.view()).mean()
    };
    between(&chains.iter().map(average).collect::<Vec<_>>())
}

/// Of the averaged predictions of each chain: N × classes.
fn between(chains: &[Array2<f64>]) -> Result<Vec<Unseen>> {
    let half = chains.len() / 2;
    let (first, rest) = chains.split_at(half);
    let second = &rest[..half];
    let doubled = std::iter::successors(Some(1), |&many| Some(2 * many)).take_while(|&many| many < half);
    let of = |many: usize| {
        let distance = |(group, others): (&[Array2<f64>], &[Array2<f64>])| {
            Ok(total_variation(mean(group).view(), mean(others).view())?)
        };
        let sides = [(first, second), (second, first)];
        let groups =
            sides.into_iter().flat_map(|(seen, others)| seen.chunks_exact(many).map(move |group| (group, others)));
        Ok(Unseen { chains: many, total_variations: groups.map(distance).collect::<Result<_>>()? })
    };
    doubled.chain((half > 0).then_some(half)).map(of).collect()
}

fn mean(predictions: &[Array2<f64>]) -> Array2<f64> {
    let sum = predictions[1..].iter().fold(predictions[0].clone(), |sum, p| sum + p);
    sum / predictions.len() as f64
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn averages_over_more_chains_are_nearer_to_the_others() {
        let chain = |p: f64| array![[p, 1.0 - p]];
        // Halves of .1, .3 and .2, .6; the fifth has no partner.
        let found = between(&[0.1, 0.3, 0.2, 0.6, 0.9].map(chain)).unwrap();
        assert_eq!(found.iter().map(|it| it.chains).collect::<Vec<_>>(), [1, 2]);
        let near = |found: &[f64], expected: &[f64]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(near(&found[0].total_variations, &[0.3, 0.1, 0.0, 0.4]), "{:?}", found[0].total_variations);
        assert!(near(&found[1].total_variations, &[0.2, 0.2]), "{:?}", found[1].total_variations);
    }

    #[test]
    fn one_chain_has_no_others() {
        assert!(between(&[array![[1.0]]]).unwrap().is_empty());
    }
}
