use apd_seed::Seed;
use ndarray::Array2;

use super::*;

fn matrix(rows: usize, columns: usize) -> Array2<f32> {
    let mut matrix = Array2::zeros((rows, columns));
    Seed::root(1).normals().fill(0, 0, matrix.as_slice_mut().unwrap());
    matrix
}

#[test]
fn errors_are_those_of_the_format() {
    let matrix = matrix(5, 37);
    let sizes = [4 * 5 * 37, 2 * 5 * 37, 5 * 37 + 4 * 5, 5 * 3 * 10 + 2 * 5];
    for (format, bytes) in [Format::F32, Format::F16, Format::Int8, Format::Int6].into_iter().zip(sizes) {
        let kept = Matrix::new(format, matrix.view());
        assert_eq!((kept.format(), kept.rows(), kept.columns(), kept.bytes()), (format, 5, 37, bytes));
        let mut worst: f32 = 0.0;
        for (i, row) in matrix.outer_iter().enumerate() {
            let largest = row.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
            for (&x, y) in row.iter().zip(kept.row(i)) {
                let bound = match format {
                    Format::F32 => 0.0,
                    Format::F16 => x.abs() / 2048.0 + 1e-7,
                    Format::Int8 => 0.5001 * largest / 127.0,
                    // The scale is rounded up, by at most 2⁻⁷.
                    Format::Int6 => 0.504 * largest / 31.0,
                };
                assert!((x - y).abs() <= bound, "{format}: {x} became {y}");
                worst = worst.max((x - y).abs());
            }
            let mut part = vec![0.0; 11];
            kept.read(i, 20..31, &mut part);
            assert_eq!(part, kept.row(i)[20..31]);
        }
        assert_eq!(worst == 0.0, format == Format::F32);
    }
}

#[test]
fn rows_of_zeros_and_numbers_too_large_stay_finite() {
    let matrix = ndarray::array![[0.0, 0.0], [1e30, -1e30]];
    for format in [Format::F32, Format::F16, Format::Int8, Format::Int6] {
        let kept = Matrix::new(format, matrix.view());
        assert_eq!(kept.row(0), [0.0, 0.0]);
        assert!(kept.row(1).iter().all(|x| x.is_finite()), "{format}");
    }
}

/// Groups of six bits have scales of their own, and any numbers that `f32` has.
#[test]
fn groups_of_six_bits_have_their_own_scale() {
    for unit in [1.0_f32, 1e-30, 1e30, f32::MAX / 2.0] {
        let row = Array2::from_shape_fn((1, 200), |(_, j)| unit * [1e-3, 1.0, 0.1, 0.0][j / 64] * (j as f32).sin());
        let kept = Matrix::new(Format::Int6, row.view()).row(0);
        for (group, (numbers, kept)) in row.as_slice().unwrap().chunks(64).zip(kept.chunks(64)).enumerate() {
            let largest = numbers.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            for (x, y) in numbers.iter().zip(kept) {
                assert!((x - y).abs() <= 0.504 * largest / 31.0, "group {group}: {x} became {y}");
            }
        }
    }
}
