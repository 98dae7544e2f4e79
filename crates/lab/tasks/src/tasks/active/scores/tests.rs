use apd_data::Dataset;

use super::*;
use crate::config::NetName;

const SEED: Seed = Seed::root(3);

/// Some of the digits, a pool without labels, and five random networks.
fn digits() -> (Images, Pool, Network, Array2<f32>) {
    let split = Dataset::Digits.load(std::path::Path::new("."), SEED).unwrap();
    let network = NetName::Fc1.network(64, 10);
    let rows: Vec<f32> = (0..5).flat_map(|i| network.initialize(SEED.index(i))).collect();
    let networks = Array2::from_shape_vec((5, network.row_len()), rows).unwrap();
    let images = split.train.images;
    (images.clone(), Pool::resume(Vec::new(), images.len()).unwrap(), network, networks)
}

#[test]
fn every_acquisition_has_a_score_for_each_candidate() {
    let (images, pool, network, networks) = digits();
    let candidates = pool.candidates(30, SEED.child("candidates"));
    let scores = |acquisition: Acquisition| {
        let (network, networks, images, pool) = (&network, &networks, &images, &pool);
        Question { acquisition, network, networks, images, pool, count: 4, seed: SEED }.scores(&candidates)
    };
    for acquisition in [Acquisition::Random, Acquisition::Entropy, Acquisition::Bald, Acquisition::VariationRatio] {
        assert_eq!(scores(acquisition).len(), 30);
        let from_mean = averaged(&network, network_rows(&networks), images.select(&candidates).pixels.view());
        if let Some(score) = acquisition.score() {
            assert_eq!(scores(acquisition), from_mean.score(score));
        }
    }
    let (batch, bald, epig) = (scores(Acquisition::BatchBald), scores(Acquisition::Bald), scores(Acquisition::Epig));
    assert_eq!(batch.iter().filter(|score| score.is_finite()).count(), 4);
    // The first of the batch is the best alone.
    let best = |scores: &[f64]| scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    assert!((best(&batch) - best(&bald)).abs() < 1e-9);
    // What a label tells of another one it tells of the network.
    assert!(epig.len() == 30 && epig.iter().zip(&bald).all(|(epig, bald)| *epig > 0.0 && *epig < bald + 1e-9));
}

#[test]
fn networks_without_numbers_leave_the_order_of_the_candidates() {
    let (images, pool, network, mut networks) = digits();
    networks.row_mut(2).fill(f32::NAN);
    let candidates = pool.candidates(30, SEED.child("candidates"));
    for acquisition in [Acquisition::BatchBald, Acquisition::Epig, Acquisition::Bald] {
        let (network, networks, images) = (&network, &networks, &images);
        let question = Question { acquisition, network, networks, images, pool: &pool, count: 4, seed: SEED };
        let mut pool = pool.clone();
        pool.acquire(&candidates, &question.scores(&candidates), 4);
        assert_eq!(pool.labeled(), &candidates[..4]);
    }
}
