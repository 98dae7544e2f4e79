use apd_points::Layout;
use apd_seed::Seed;

use super::*;
use crate::{Model, Network};

fn layout(entries: &[(&str, &[usize])]) -> Layout {
    Layout::new(entries.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec())))
}

#[test]
fn bounds_and_variance_are_those_of_the_uniform_named() {
    let layout = layout(&[("a.weight", &[400, 25, 2, 2]), ("a.bias", &[400])]);
    for (init, bound) in [(Initialization::Torch, 0.1), (Initialization::HeUniform, 0.06_f32.sqrt())] {
        let theta = init.draw(&layout, &mut Seed::root(5).stream());
        let (weight, bias) = theta.split_at(40_000);
        assert!(weight.iter().all(|w| w.abs() <= bound));
        let variance = weight.iter().map(|w| w * w).sum::<f32>() / weight.len() as f32;
        // The sample variance of 40 000 uniforms has relative sd √(4/5/40 000) ≈ 0.0045: five of them.
        assert!((variance / (bound * bound / 3.0) - 1.0).abs() < 0.0225, "{init:?}: {variance}");
        match init {
            Initialization::Torch => assert!(bias.iter().all(|b| b.abs() <= bound) && bias[0] != bias[1]),
            Initialization::HeUniform => assert!(bias.iter().all(|&b| b == 0.0)),
        }
    }
}

#[test]
fn normalizations_start_as_the_identity_and_take_nothing_from_the_stream() {
    let with =
        layout(&[("0.weight", &[3, 2]), ("1.weight", &[3]), ("1.bias", &[3]), ("1.tau", &[3]), ("2.weight", &[1, 3])]);
    let without = layout(&[("0.weight", &[3, 2]), ("2.weight", &[1, 3])]);
    let draw = |layout| Initialization::Torch.draw(layout, &mut Seed::root(1).stream());
    let (with, without) = (draw(&with), draw(&without));
    assert_eq!(with[6..15], [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!((&with[..6], &with[15..]), (&without[..6], &without[6..]));
}

#[test]
fn a_network_depends_on_its_seed_and_scales_each_layer_by_its_own_fan_in() {
    let network = Network::mlp(&[100, 25, 4]);
    let theta = network.initialize(Seed::root(1));
    assert_eq!(theta, network.initialize(Seed::root(1)));
    assert_ne!(theta, network.initialize(Seed::root(2)));
    let largest = |part: &[f32]| part.iter().fold(0.0_f32, |m, w| m.max(w.abs()));
    assert!((0.09..=0.1).contains(&largest(&theta[..2500])));
    assert!((0.18..=0.2).contains(&largest(&theta[2525..2625])));
}
