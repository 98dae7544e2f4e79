use apd_seed::Seed;
use ndarray::{Array2, s};

use super::{Generator, transpose};
use crate::Standardization;
use crate::gan::batch::convert;
use crate::gan::loss;
use crate::gan::model::{GeneratorNet, Widths, constants, matrix};
use crate::standardize::{Affine, Moments};
use apd_points::Posterior;

/// A generator of random parameters, biases included.
pub(crate) fn random(dim: usize, latent: usize, hidden: usize, kind: Standardization) -> Generator {
    let widths = Widths { dim, latent, hidden };
    let seed = Seed::root(11);
    let mut net = GeneratorNet::new(widths, crate::Config::gan1().optimizer, seed);
    seed.child("bias").normals().fill(0, 0, &mut net.bias.value);
    let mut points = Array2::zeros((6, dim));
    seed.child("points").normals().fill(0, 0, points.as_slice_mut().unwrap());
    let affine = Affine::new(kind, Some(&Moments::of(&points).unwrap()));
    Generator::new(widths, kind, affine, [net.trunk, net.weight, net.bias].map(|block| block.value))
}

#[test]
fn a_point_depends_on_seed_and_index_alone() {
    let generator = random(500, 5, 17, Standardization::Standardize);
    let seed = Seed::root(1);
    let all = generator.draw(seed, 71);
    for count in [0, 1, 2, 33, 70] {
        assert_eq!(generator.draw(seed, count), all.slice(s![..count, ..]), "{count} points");
    }
    for (first, count) in [(0, 4), (5, 1), (30, 41)] {
        let mut out = Array2::zeros((count, 500));
        generator.draw_into(seed, first as u64, out.view_mut());
        assert_eq!(out, all.slice(s![first..first + count, ..]), "{count} points from {first}");
    }
    // Any strides.
    let mut out = Array2::zeros((500, 71));
    generator.draw_into(seed, 0, out.view_mut().reversed_axes());
    assert_eq!(out.t(), all);
    assert_ne!(generator.draw(Seed::root(2), 1), all.slice(s![..1, ..]));
}

#[test]
fn drawing_is_the_generator_as_trained() {
    for kind in [Standardization::None, Standardization::Center, Standardization::Standardize] {
        let generator = random(301, 4, 9, kind);
        let (seed, count) = (Seed::root(3), 12);
        let mut latent = Vec::new();
        for i in 0..count {
            let mut row = [0.0; 4];
            seed.child("latent").normals().fill(i, 0, &mut row);
            latent.extend(row);
        }
        let trunk = constants(&convert::<f64>(&generator.trunk), &generator.widths.trunk());
        let hidden = loss::trunk(&matrix(&convert(&latent), &[count as usize, 4]), &trunk);
        let weight = matrix(&convert::<f64>(&generator.weight().collect::<Vec<_>>()), &[301, 9]);
        let expected = hidden.matmul_nt(&weight).add(&matrix(&convert(&generator.bias), &[301]));
        let drawn = generator.draw(seed, count as usize);
        for (i, row) in expected.as_slice().chunks_exact(301).enumerate() {
            let mut point: Vec<f32> = row.iter().map(|&x| x as f32).collect();
            generator.affine.backward(0..301, &mut point);
            for (j, (x, y)) in point.iter().zip(drawn.row(i)).enumerate() {
                assert!((x - y).abs() < 1e-4 * (1.0 + x.abs()), "{kind}, ({i}, {j}): {y}, not {x}");
            }
        }
    }
}

#[test]
fn bytes_count_every_parameter() {
    let trunk = 7 * 4 + 7 + 2 * (7 * 7 + 7);
    let plain = random(10, 4, 7, Standardization::None);
    assert_eq!(plain.bytes(), 4 * (trunk + 10 * 7 + 10));
    assert_eq!((plain.dim(), plain.latent(), plain.hidden()), (10, 4, 7));
    assert_eq!(random(10, 4, 7, Standardization::Center).bytes(), plain.bytes() + 40);
    assert_eq!(random(10, 4, 7, Standardization::Standardize).bytes(), plain.bytes() + 80);
}

#[test]
fn transposing_twice_changes_nothing() {
    for (height, width) in [(1, 5), (8, 3), (19, 4), (16, 16)] {
        let matrix: Vec<f32> = (0..height * width).map(|i| i as f32).collect();
        let once = transpose(&matrix, width);
        assert_eq!(once[height.min(2) - 1], matrix[(height.min(2) - 1) * width]);
        assert_eq!(transpose(&once, height), matrix);
    }
}
