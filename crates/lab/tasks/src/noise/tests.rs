use apd_bnn::{Categorical, predict};
use apd_distill::{ChainBases, ConditionalConfig, ResidualModel};
use apd_nn::Network;
use apd_seed::Seed;
use ndarray::Array2;

use super::*;

/// Predictions of networks with some noise are nearest to those of networks with as much of it: to a factor of two, which is what averages of 200
/// networks tell; of ten times as much, where all predictions are wild, at least with much.
#[test]
fn the_noise_is_that_with_which_predictions_agree() {
    let network = Network::mlp(&[4, 12, 3]);
    let normals = |name: &str, rows, columns| {
        let mut array = Array2::<f32>::zeros((rows, columns));
        Seed::root(1).child(name).normals().fill(0, 0, array.as_slice_mut().unwrap());
        array
    };
    let rows = normals("rows", 200, apd_nn::Model::dim(&network));
    let bases = ChainBases::of(&rows, 4, Seed::root(2)).unwrap();
    let residuals = ResidualModel::Gaussian;
    let config = ConditionalConfig { rank: 4, noise: 1.0, residuals, ..Default::default() };
    let all = Conditional::of(&bases, &config, Seed::root(3)).unwrap();
    let inputs = normals("inputs", 100, 4);
    let found = [0.0, 0.2, 1.0, 10.0].map(|share| {
        let wanted = all.clone().with_noise(share);
        let average = |drawn: &Conditional, networks, seed| {
            Ok(predict(drawn, &network, &Categorical, inputs.view(), networks, Seed::root(seed))?)
        };
        let wanted = average(&wanted, 5_000, 4).unwrap();
        with_nearest_noise(&all, &wanted, |drawn| average(drawn, 200, 5)).unwrap().0
    });
    assert!(found[0] <= 0.05 && found[3] >= 1.0, "{found:?}");
    assert!((0.1..=0.4).contains(&found[1]) && (0.5..=2.0).contains(&found[2]), "{found:?}");
}
