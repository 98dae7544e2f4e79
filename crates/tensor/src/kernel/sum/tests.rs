use super::all;
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
