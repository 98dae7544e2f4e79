//! A network's posterior: a curve through data with a gap, and how sure it is where.

use std::error::Error;
use std::sync::Arc;

use apd_bnn::{Data, NetworkPotential, likelihood, predict, prior};
use apd_nn::Network;
use apd_points::Ensemble;
use apd_seed::Seed;
use apd_sgmcmc::{FullBatch, MicrocanonicalConfig, sample};
use ndarray::Array2;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // Nothing was measured between −1 and 1.
    let x = Array2::from_shape_fn((60, 1), |(i, _)| i as f32 / 30.0 - if i < 30 { 2.0 } else { 0.0 });
    let mut noise = [0.0; 60];
    Seed::root(1).normals().fill(0, 0, &mut noise);
    let y = Array2::from_shape_fn((60, 1), |(i, _)| (2.0 * x[[i, 0]]).sin() + 0.1 * noise[i]);

    let (network, normal) = (Network::mlp(&[1, 20, 1]), Arc::new(likelihood::Gaussian { sd: 0.1 }));
    let prior = Arc::new(prior::Gaussian::isotropic(1.0));
    let potential = NetworkPotential::new(&network, Data::values(x, y), normal.clone(), prior)?;
    let draws = sample(4, FullBatch::new(potential)).with(MicrocanonicalConfig::langevin(3000, 100, 50)).run()?;
    let weights = |theta: &[f64]| theta.iter().map(|&w| w as f32).collect::<Vec<_>>();
    let networks = Ensemble::of((0..4).flat_map(|k| draws.positions(k)).map(weights));

    let x = Array2::from_shape_fn((41, 1), |(i, _)| i as f32 / 10.0 - 2.0);
    let numbers = predict(&networks, &network, &*normal, x.view(), 400, Seed::root(2))?.into_numbers();
    let (lower, upper) = numbers.interval(0.9);
    for (i, mean) in numbers.mean().iter().enumerate() {
        let column = |y: f64| (30.0 + 12.0 * y).clamp(0.0, 60.0) as usize;
        let mut line = [' '; 61];
        line[column(lower[[i, 0]])..=column(upper[[i, 0]])].fill('-');
        line[column(*mean)] = 'o';
        println!("{:>5.1} {}", x[[i, 0]], line.iter().collect::<String>());
    }
    let width = |i: usize| upper[[i, 0]] - lower[[i, 0]];
    assert!(width(20) > 2.0 * width(5) && width(20) > 2.0 * width(35), "surest where it has seen something");
    Ok(())
}
