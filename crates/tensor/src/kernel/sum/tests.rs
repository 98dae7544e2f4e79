use super::{all, columns};
use crate::check::numbers;

#[test]
fn long_sums_stay_accurate_and_do_not_depend_on_threads() {
    for len in [0, 1, 15, 4095, 4096, 4097, 300_001, 1_000_000] {
        let x: Vec<f32> = numbers(len, 7, 0.0, 1.0).into_iter().map(|x| x as f32).collect();
        let exact: f64 = x.iter().map(|&x| f64::from(x)).sum();
        let sums = [1, 2, 7].map(|threads| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| all(&x)).to_bits()
        });
        assert_eq!(sums, [sums[0]; 3]);
        let found = f64::from(f32::from_bits(sums[0]));
        assert!((found - exact).abs() <= 1e-6 * exact, "{len}: {found}, not {exact}");
    }
}

#[test]
fn columns_have_the_bits_of_each_by_itself() {
    for (rows, width) in [(0, 3), (1, 16), (15, 5), (33, 16), (1022, 17), (4096, 40), (4097, 2)] {
        let x: Vec<f32> = numbers(rows * width, 7, -1.0, 1.0).into_iter().map(|x| x as f32).collect();
        let mut sums = vec![0.5; width];
        columns(&x, &mut sums);
        for (j, sum) in sums.into_iter().enumerate() {
            let column: Vec<f32> = (0..rows).map(|i| x[i * width + j]).collect();
            assert_eq!(sum.to_bits(), (0.5 + all(&column)).to_bits(), "column {j} of {rows} × {width}");
        }
    }
}
