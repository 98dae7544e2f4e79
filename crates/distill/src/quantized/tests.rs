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
    for (format, bytes) in [(Format::F32, 4 * 5 * 37), (Format::F16, 2 * 5 * 37), (Format::Int8, 5 * 37 + 4 * 5)] {
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
    for format in [Format::F32, Format::F16, Format::Int8] {
        let kept = Matrix::new(format, matrix.view());
        assert_eq!(kept.row(0), [0.0, 0.0]);
        assert!(kept.row(1).iter().all(|x| x.is_finite()), "{format}");
    }
}
