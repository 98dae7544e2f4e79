//! Two spirals, told apart by a network that is a function of one flat vector, trained by Adam.

use std::error::Error;

use apd_nn::optim::{Adam, AdamState};
use apd_nn::{Accumulate, Batch, Model, Network, Threads, cross_entropy};
use apd_seed::Seed;
use ndarray::Array2;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // Point i lies on spiral i mod 2, which is the other one turned by half a circle.
    let labels: Vec<u32> = (0..400).map(|i| i % 2).collect();
    let x = Array2::from_shape_fn((400, 2), |(i, axis)| {
        let radius = ((10 + i / 2) as f32 / 210.0).sqrt();
        let angle = 9.0 * radius + std::f32::consts::PI * (i % 2) as f32;
        3.0 * radius * if axis == 0 { angle.cos() } else { angle.sin() }
    });
    let network = Network::mlp(&[2, 48, 48, 2]);
    let (mut theta, mut engine) = (network.initialize(Seed::root(1)), network.engine(Threads::Serial));
    let (adam, mut state) = (Adam { lr: 5e-3, ..Adam::default() }, AdamState::new(theta.len()));
    let mut gradient = vec![0.0; theta.len()];
    for step in 0..=1500 {
        let (mut loss, mut target) = (cross_entropy(&labels), Accumulate::overwrite(1.0 / 400.0));
        let nll = engine.gradient(&theta, Batch::new(x.view()), &mut loss, &mut target, &mut gradient);
        adam.step(&mut state, &mut theta, &gradient);
        if step % 500 == 0 {
            println!("step {step:>4}: {:.4} nats a point", nll / 400.0);
        }
    }
    let classes =
        |x: &Array2<f32>| network.evaluate(&theta, x.view()).map_axis(ndarray::Axis(1), |z| u32::from(z[1] > z[0]));
    assert_eq!(classes(&x).to_vec(), labels);

    // What it says of the plane.
    let plane = |(i, axis)| if axis == 0 { (i % 61) as f32 / 10.0 - 3.0 } else { 3.0 - (i / 61) as f32 / 5.0 };
    for line in classes(&Array2::from_shape_fn((61 * 31, 2), plane)).to_vec().chunks(61) {
        println!("{}", line.iter().map(|&class| if class == 1 { '#' } else { '.' }).collect::<String>());
    }
    Ok(())
}
