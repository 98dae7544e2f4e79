use apd_seed::Seed;
use apd_tensor::kernel;
use ndarray::Array2;

use super::by_row;
use crate::engine::{Accumulate, Batch};
use crate::{Activation, Mlp, Model as _, Threads};

/// The gradient by the definition: every sum one chain of fused multiply-adds in the order of its index, those of a bias as the kernel has it.
fn definition(mlp: &Mlp, theta: &[f32], x: &Array2<f32>, slopes: &[f32]) -> Vec<f32> {
    let (rows, linears) = (x.nrows(), mlp.linears());
    let mut layers = vec![x.iter().copied().collect::<Vec<_>>()];
    for linear in &linears[..linears.len() - 1] {
        let (weight, bias) = (&theta[linear.weight.clone()], &theta[linear.bias.clone()]);
        let mut z = vec![0.0; rows * linear.outputs];
        for (z, x) in z.chunks_mut(linear.outputs).zip(layers[layers.len() - 1].chunks(linear.inputs)) {
            for ((z, w), &b) in z.iter_mut().zip(weight.chunks(linear.inputs)).zip(bias) {
                *z = w.iter().zip(x).fold(b, |sum, (&w, &x)| w.mul_add(x, sum));
            }
        }
        mlp.activation.map(&mut z);
        layers.push(z);
    }
    let (mut gradient, mut delta) = (vec![0.0_f32; theta.len()], slopes.to_vec());
    for (linear, input) in linears.iter().zip(&layers).rev() {
        let (d_weight, d_bias) = (linear.weight.start, linear.bias.start);
        let mut below = vec![0.0_f32; rows * linear.inputs];
        for o in 0..linear.outputs {
            let unit: Vec<f32> = delta.iter().skip(o).step_by(linear.outputs).copied().collect();
            gradient[d_bias + o] = kernel::sum(&unit);
            for (n, &d) in unit.iter().enumerate() {
                for i in 0..linear.inputs {
                    let (at, to) = (d_weight + o * linear.inputs + i, n * linear.inputs + i);
                    gradient[at] = d.mul_add(input[to], gradient[at]);
                    below[to] = d.mul_add(theta[at], below[to]);
                }
            }
        }
        mlp.activation.backward(input, &mut below);
        delta = below;
    }
    gradient
}

#[test]
fn both_ways_have_the_bits_of_the_definition() {
    for (widths, rows) in [
        (vec![5, 16, 16, 2], 70),
        (vec![5, 16, 16, 2], 15),
        (vec![33, 64, 32, 3], 100),
        (vec![33, 64, 32, 3], 7),
        (vec![4, 17, 2], 30),
    ] {
        for activation in [Activation::Tanh, Activation::Relu] {
            let mlp = Mlp { widths: widths.clone(), activation, dropout: 0.0 };
            assert_eq!(by_row(&mlp, rows), rows >= 70, "{widths:?}");
            let theta = mlp.initialize(Seed::root(1));
            let mut x = Array2::zeros((rows, widths[0]));
            Seed::root(2).normals().fill(0, 0, x.as_slice_mut().unwrap());
            let mut slopes = Array2::zeros((rows, mlp.outputs()));
            Seed::root(3).normals().fill(0, 0, slopes.as_slice_mut().unwrap());
            let mut gradient = vec![f32::NAN; theta.len()];
            let mut engine = mlp.engine(Threads::Serial);
            let mut loss = |mut outputs: ndarray::ArrayViewMut2<'_, f32>| {
                outputs.assign(&slopes);
                0.0
            };
            engine.gradient(&theta, Batch::new(x.view()), &mut loss, &mut Accumulate::overwrite(1.0), &mut gradient);
            assert!(gradient == definition(&mlp, &theta, &x, slopes.as_slice().unwrap()), "{widths:?}, {rows} rows");
        }
    }
}
