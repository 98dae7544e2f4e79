use apd_seed::Seed;
use ndarray::{Array2, Axis, array};

use super::*;
use crate::{Activation, Model as _, Scratch, Threads};

const TANH: Activation = Activation::Tanh;

fn inputs(rows: usize, columns: usize, seed: u64) -> Array2<f32> {
    let mut x = Array2::zeros((rows, columns));
    Seed::root(seed).child("x").normals().fill(0, 0, x.as_slice_mut().unwrap());
    x
}

fn logits(network: &Quantized, x: ArrayView2<'_, f32>) -> Vec<f32> {
    let (mut inputs, mut logits) = (QuantizedInputs::default(), vec![f32::NAN; x.nrows() * network.mlp.outputs()]);
    // What buffers hold from before does not matter.
    inputs.fill(Array2::from_elem((3, 50), 7.0).view());
    inputs.fill(x);
    network.logits(&inputs, &mut logits, &mut QuantizedScratch::default());
    logits
}

/// The definition, in double precision.
fn naive(mlp: &Mlp, theta: &[f32], x: &[f32]) -> Vec<f64> {
    let linears = mlp.linears();
    let mut units: Vec<f64> = x.iter().map(|&x| x.into()).collect();
    for (l, linear) in linears.iter().enumerate() {
        let last = l + 1 == linears.len();
        let extreme = |pick: fn(f64, f64) -> f64| units.iter().copied().reduce(pick).unwrap();
        let (low, high) = (extreme(f64::min), extreme(f64::max));
        let step = ((high - low) / 255.0).max(f64::MIN_POSITIVE);
        let unit = |(row, &bias): (&[f32], &f32)| {
            let scale = f64::from(row.iter().fold(0.0_f32, |most, w| most.max(w.abs()))) / 127.0;
            let mut rest = 0.0;
            let products = row.iter().zip(&units).map(|(&w, x)| {
                let exact = (f64::from(w) / scale + rest).min(127.0);
                rest = if l == 0 { exact - exact.round() } else { 0.0 };
                let (w, rounded) = (f64::from(w), scale * exact.round());
                if last { w * x } else { w * low + rounded * step * ((x - low) / step).round() }
            });
            let z = products.sum::<f64>() + f64::from(bias);
            if last { z } else { z.tanh() }
        };
        units = theta[linear.weight.clone()].chunks(linear.inputs).zip(&theta[linear.bias.clone()]).map(unit).collect();
    }
    units
}

#[test]
fn logits_are_the_definition() {
    // Weights of as little as one unit, inputs of no whole quad, rows of no whole panel.
    for (widths, rows) in [(vec![5, 7, 3], 40), (vec![30, 4, 21, 2], 17), (vec![3, 2], 5), (vec![1, 1, 1], 1)] {
        let mlp = Mlp { widths, activation: TANH, dropout: 0.0 };
        let (theta, x) = (mlp.initialize(Seed::root(1)), inputs(rows, mlp.inputs(), 2));
        let found = logits(&Quantized::new(&mlp, &theta), x.view());
        for (x, found) in x.outer_iter().zip(found.chunks(mlp.outputs())) {
            // But for single precision, by which a number of another layer may now and then be rounded to its other neighbor.
            for (found, expected) in found.iter().zip(naive(&mlp, &theta, &x.to_vec())) {
                assert!((f64::from(*found) - expected).abs() < 3e-3, "{found} is not {expected}");
            }
        }
    }
}

/// Weights and inputs that 8 bits hold.
#[test]
fn what_8_bits_hold_is_exact() {
    let mlp = Mlp { widths: vec![40, 9, 4], activation: Activation::Relu, dropout: 0.0 };
    let mut theta = mlp.initialize(Seed::root(3));
    for (i, row) in theta[..360].chunks_mut(40).enumerate() {
        row.iter_mut().enumerate().for_each(|(j, w)| *w = ((i * 77 + j * 31) % 255) as f32 / 64.0 - 127.0 / 64.0);
        row[i] = 127.0 / 64.0;
    }
    for most in [255, 254, 200, 129, 100, 7] {
        let x = Array2::from_shape_fn((50, 40), |(i, j)| if j == 0 { most } else { (i * 13 + j * 7) % most });
        let x = x.mapv(|x| x as f32 * (2.0 / 255.0) - 1.0);
        let found = logits(&Quantized::new(&mlp, &theta), x.view());
        let expected = mlp.evaluate(&theta, x.view(), Threads::Serial);
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-4, "{found} is not {expected} with pixels up to {most}");
        }
    }
}

#[test]
fn without_a_hidden_layer_nothing_is_rounded() {
    let mlp = Mlp { widths: vec![6, 3], activation: TANH, dropout: 0.0 };
    let (theta, x) = (mlp.initialize(Seed::root(4)), inputs(20, 6, 5));
    let (mut features, mut expected) = (FeatureMajor::default(), [0.0; 60]);
    features.fill(x.view());
    mlp.logits(&theta, &features, &mut expected, &mut Scratch::default());
    assert_eq!(logits(&Quantized::new(&mlp, &theta), x.view()), expected);
}

#[test]
fn a_row_alone_has_the_bits_it_has_among_others() {
    let mlp = Mlp { widths: vec![20, 33, 18, 5], activation: TANH, dropout: 0.0 };
    let (network, x) = (Quantized::new(&mlp, &mlp.initialize(Seed::root(6))), inputs(50, 20, 7));
    let together = logits(&network, x.view());
    for (i, together) in together.chunks(5).enumerate() {
        assert_eq!(logits(&network, x.slice_axis(Axis(0), (i..i + 1).into())), together);
    }
    assert!(logits(&network, inputs(0, 20, 8).view()).is_empty());
}

#[test]
fn what_is_not_a_number_shows() {
    let mlp = Mlp { widths: vec![2, 3, 3, 1], activation: Activation::Relu, dropout: 0.0 };
    let theta = mlp.initialize(Seed::root(9));
    for number in [f32::NAN, f32::INFINITY] {
        for place in [0, 6, 9, 18, 21, 24] {
            let mut theta = theta.clone();
            theta[place] = number;
            let found = logits(&Quantized::new(&mlp, &theta), array![[1.0, 2.0]].view());
            assert!(
                !found[0].is_finite()
                    || mlp.evaluate(&theta, array![[1.0, 2.0]].view(), Threads::Serial)[[0, 0]].is_finite()
            );
        }
        let found = logits(&Quantized::new(&mlp, &theta), array![[1.0, number]].view());
        assert!(!found[0].is_finite());
    }
}

#[test]
fn steps_are_those_that_leave_nothing_over() {
    let of = equal_steps;
    assert_eq!(of(&[0.0, 1.0, 254.0]), 254.0);
    assert_eq!(of(&[-1.0, 3.0 * 2.0 / 255.0 - 1.0, 1.0]), 255.0);
    assert_eq!(of(&[0.0, 1.0, 100.0]), 200.0);
    assert_eq!(of(&[0.0, 0.211_3, 0.453_7, 1.0]), 255.0);
    assert_eq!((of(&[1.0, 1.0]), of(&[]), of(&[f32::NAN, 1.0])), (255.0, 255.0, 255.0));
}
