use proptest::prelude::*;
use pulp::{Simd, WithSimd};

use super::{Left, Product, Start, accumulate, panel_width, product};
use crate::{Scalar, check};

/// Numbers between −½ and ½.
fn numbers<T: Scalar>(salt: u64, len: usize) -> Vec<T> {
    check::numbers(len, salt, -0.5, 0.5).into_iter().map(T::from_f64).collect()
}

/// |C − (C₀ + A·B)| and whatever lies between C's rows, against the definition.
fn compare<T: Scalar>([m, n, k]: [usize; 3], transposed: bool, gap: usize, tolerance: f64) {
    let (a, b) = (numbers::<T>(1, m * k), numbers::<T>(2, k * (n + gap)));
    let before = numbers::<T>(3, m * (n + gap));
    let mut c = before.clone();
    let left = if transposed { Left::transposed(&a, m) } else { Left::rows(&a, k) };
    accumulate([m, n, k], left, &b, n + gap, &mut c, n + gap);
    for i in 0..m {
        for j in 0..n + gap {
            let mut expected = before[i * (n + gap) + j].as_f64();
            if j < n {
                for p in 0..k {
                    let x = if transposed { a[p * m + i] } else { a[i * k + p] };
                    expected += x.as_f64() * b[p * (n + gap) + j].as_f64();
                }
            }
            let got = c[i * (n + gap) + j].as_f64();
            assert!((got - expected).abs() <= tolerance, "({i}, {j}) of {m}×{n}×{k}: {got}, not {expected}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn equals_the_definition(m in 0..20_usize, n in 0..230_usize, k in 0..400_usize, transposed: bool, gap in 0..3_usize) {
        compare::<f32>([m, n, k], transposed, gap, 1e-4);
        compare::<f64>([m, n, k], transposed, gap, 1e-12);
    }

    #[test]
    fn a_start_has_the_bits_of_what_is_written_first(m in 1..20_usize, n in 1..120_usize, k in 0..400_usize) {
        let (a, b, numbers) = (numbers::<f32>(1, m * k), numbers::<f32>(2, k * n), numbers::<f32>(3, m.max(n)));
        for start in [Start::Zero, Start::Rows(&numbers[..m]), Start::Columns(&numbers[..n])] {
            let (mut expected, mut got) = (vec![0.0; m * n], vec![f32::NAN; m * n]);
            for (row, &number) in expected.chunks_mut(n).zip(&numbers) {
                match start {
                    Start::Rows(_) => row.fill(number),
                    Start::Columns(numbers) => row.copy_from_slice(numbers),
                    _ => (),
                }
            }
            accumulate([m, n, k], Left::rows(&a, k), &b, n, &mut expected, n);
            product([m, n, k], Left::rows(&a, k), &b, n, start, &mut got, n);
            prop_assert_eq!(expected, got);
        }
    }

    #[test]
    fn a_row_has_the_same_bits_in_any_company(n in 1..120_usize, k in 1..400_usize, row in 0..9_usize) {
        let (a, b) = (numbers::<f32>(1, 9 * k), numbers::<f32>(2, k * n));
        let (mut together, mut alone) = (vec![0.0; 9 * n], vec![0.0; n]);
        accumulate([9, n, k], Left::rows(&a, k), &b, n, &mut together, n);
        accumulate([1, n, k], Left::rows(&a[row * k..], k), &b, n, &mut alone, n);
        prop_assert_eq!(&together[row * n..(row + 1) * n], &alone[..]);
    }
}

/// The kernel on the vectors of `simd`, whatever this CPU would choose, against the choice.
fn on<T: Scalar, S: Simd>(simd: S, [m, n, k]: [usize; 3])
where
    for<'a> Product<'a, T>: WithSimd<Output = ()>,
{
    let (a, b) = (numbers::<T>(1, m * k), numbers::<T>(2, k * n));
    let (mut expected, mut got) = (numbers::<T>(3, m * n), numbers::<T>(3, m * n));
    accumulate([m, n, k], Left::rows(&a, k), &b, n, &mut expected, n);
    let left = Left::rows(&a[..], k);
    simd.vectorize(Product {
        shape: [m, n, k],
        left,
        right: &b,
        right_row: n,
        start: Start::Out,
        out: &mut got,
        out_row: n,
        meanwhile: &mut || (),
    });
    for (expected, got) in expected.into_iter().zip(got) {
        assert!((expected.as_f64() - got.as_f64()).abs() < 1e-5, "{m}×{n}×{k}: {got}, not {expected}");
    }
}

#[test]
fn every_kind_of_vector_serves() {
    for m in 1..18 {
        for n in (1..50).chain([95, 96, 97, 100, 104, 112, 130]) {
            let shape = [m, n, 3 + n % 5];
            on::<f32, _>(pulp::Scalar, shape);
            on::<f64, _>(pulp::Scalar, shape);
            #[cfg(target_arch = "x86_64")]
            if let Some(simd) = pulp::x86::V3::try_new() {
                on::<f32, _>(simd, shape);
                on::<f64, _>(simd, shape);
            }
        }
    }
}

#[test]
fn panels_cover_all_columns_and_none_is_thin() {
    for registers in [16, 32] {
        for columns in 1..40 {
            for tail in [false, true] {
                let (mut left, mut partial, mut widths) = (columns, tail, Vec::new());
                while left > 0 || partial {
                    let (vectors, rides) = panel_width(left, partial, registers);
                    widths.push(vectors + usize::from(rides));
                    left -= vectors;
                    partial &= !rides;
                }
                assert!(columns < 2 || widths.iter().all(|&width| width > 1), "{columns} {tail}: {widths:?}");
                assert_eq!(widths.iter().sum::<usize>(), columns + usize::from(tail));
            }
        }
    }
}

#[test]
#[should_panic(expected = "shorter than its matrix")]
fn short_slices_are_refused() {
    accumulate([2, 3, 2], Left::rows(&[1.0_f32; 4], 2), &[1.0; 5], 3, &mut [0.0; 6], 3);
}

#[test]
#[should_panic(expected = "shorter than its matrix")]
fn a_start_without_a_number_for_each_row_is_refused() {
    product([2, 3, 2], Left::rows(&[1.0_f32; 4], 2), &[1.0; 6], 3, Start::Rows(&[0.0]), &mut [0.0; 6], 3);
}

#[test]
#[should_panic(expected = "shorter than its matrix")]
fn a_start_without_a_number_for_each_column_is_refused() {
    product([2, 3, 2], Left::rows(&[1.0_f32; 4], 2), &[1.0; 6], 3, Start::Columns(&[0.0; 2]), &mut [0.0; 6], 3);
}
