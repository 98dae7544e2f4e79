use apd_seed::Seed;
use apd_tensor::Tensor;
use ndarray::{Array2, Axis, s};
use proptest::prelude::*;

use super::*;
use crate::{Activation, TensorLayout as _};

fn normals(rows: usize, columns: usize, seed: Seed) -> Array2<f32> {
    let mut x = Array2::zeros((rows, columns));
    seed.normals().fill(0, 0, x.as_slice_mut().unwrap());
    x
}

proptest! {
    /// More networks than a group, products that are used again, and again for a chunk of another size.
    #[test]
    fn combinations_are_their_networks(
        hidden in prop::collection::vec(1_usize..8, 0..4), directions in 0_usize..4, networks in 0_usize..2 * GROUP + 2,
        rows in 0_usize..20, seed: u64,
    ) {
        let widths: Vec<usize> = [3].into_iter().chain(hidden).chain([2]).collect();
        let mlp = Mlp { widths, activation: Activation::Tanh, dropout: 0.3 };
        let root = Seed::root(seed);
        let basis = normals(1 + directions, mlp.dim(), root.child("basis"));
        let (mean, directions) = (basis.row(0), basis.slice(s![1.., ..]));
        let coefficients = normals(networks, directions.nrows(), root.child("c"));
        let thetas = coefficients.dot(&directions) + mean;
        let later = thetas.slice(s![.., mlp.first_dim()..]).to_owned();
        let (mut chunk, mut products, mut scratch) = (FeatureMajor::default(), Products::default(), Scratch::default());
        for (round, rows) in [rows, 1].into_iter().enumerate() {
            let x = normals(rows, 3, root.child("x").index(round as u64));
            chunk.fill(x.view());
            mlp.products(mean.as_slice().unwrap(), directions, &chunk, &mut products);
            let mut logits = Array2::from_elem((networks, rows * 2), f32::NAN);
            let mut each: Vec<_> = logits.axis_iter_mut(Axis(0)).map(|row| row.into_slice().unwrap()).collect();
            mlp.finish_combinations(
                coefficients.as_slice().unwrap(), later.as_slice().unwrap(), &mut products, &mut each, &mut scratch,
            );
            for (theta, logits) in thetas.rows().into_iter().zip(logits.rows()) {
                let theta: Vec<f64> = theta.iter().copied().map(f64::from).collect();
                let params = mlp.layout().tensors(&theta);
                let expected = mlp.forward64(&params, &Tensor::constant(x.mapv(f64::from).into_dyn()), None);
                // In single precision, of sums of several normal numbers' products.
                for (&a, b) in logits.iter().zip(expected.as_slice()) {
                    prop_assert!((f64::from(a) - b).abs() <= 1e-4 * (1.0 + b.abs()), "{a} is not {b}");
                }
            }
        }
    }
}
