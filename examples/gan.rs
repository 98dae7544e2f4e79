//! A GAN on eight Gaussians: networks of one's own, any `Model`, and a loss whose penalty is the gradient of a gradient.

use std::{error::Error, f32::consts::TAU};

use apd_nn::optim::{Adam, AdamState};
use apd_nn::{Model, Network};
use apd_seed::Seed;
use apd_tensor::{Tensor, grad, grad_graph};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let center = |i: usize| [(TAU * i as f32 / 8.0).cos(), (TAU * i as f32 / 8.0).sin()];
    let centers = Tensor::from_vec(&[128, 2], (0..128).flat_map(center).collect());
    let networks = [Network::mlp(&[8, 64, 64, 2]), Network::mlp(&[2, 64, 64, 1])]; // makes points; tells them from true ones
    let mut theta = networks.each_ref().map(|it| it.initialize(Seed::root(1)));
    let mut states = theta.each_ref().map(|it| AdamState::new(it.len()));
    let (mut z, mut fakes) = ([0.0; 1280], Vec::new());
    for step in 0..3000 {
        let variables = theta.each_ref().map(|it| Tensor::from_vec(&[it.len()], it.clone()).into_variable());
        let on = |k: usize, x: &Tensor| {
            let part = |it: apd_points::Entry| variables[k].slice_axis(0, it.range()).reshape(&it.shape);
            networks[k].forward32(&networks[k].layout().entries.into_iter().map(part).collect::<Vec<_>>(), x, None)
        };
        Seed::root(2).normals().fill(step, 0, &mut z);
        let (noise, z) = (Tensor::from_vec(&[128, 2], z[..256].into()), Tensor::from_vec(&[128, 8], z[256..].into()));
        let (real, fake) = ((&centers + noise * 0.05).into_variable(), on(0, &z));
        let slope = &grad_graph(&on(1, &real).sum(), &[&real])[0];
        let judged = (-on(1, &real)).softplus().mean() + on(1, &fake.detach()).softplus().mean();
        let losses = [(-on(1, &fake)).softplus().mean(), judged + slope.square().mean() * 0.1];
        for (k, loss) in losses.iter().enumerate() {
            let gradient = &grad(loss, &[&variables[k]])[0];
            Adam { lr: 1e-3, beta1: 0.5, ..Adam::default() }.step(&mut states[k], &mut theta[k], gradient.as_slice());
        }
        fakes.extend_from_slice(fake.as_slice());
    }
    let near = |[a, b]: [f32; 2]| fakes[2980 * 256..].chunks(2).filter(|x| (x[0] - a).hypot(x[1] - b) < 0.25).count();
    let counts: Vec<usize> = (0..8).map(center).map(near).collect();
    assert!(counts.iter().all(|&count| count > 160), "a half of its share, at least: {counts:?}");
    println!("of 2560 points, near each center: {counts:?}");
    Ok(())
}
