use proptest::prelude::*;

use super::*;
use crate::check::{config, numbers};

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..config() })]

    #[test]
    fn sums_and_maps_are_their_definitions(pixels in 1usize..30, channels in 1usize..40, salt in 0u64..1000) {
        let len = pixels * channels;
        // Far from 0: sums of squares by a difference would lose all digits.
        let x: Vec<f32> = numbers(len, salt, 1000.0, 1001.0).into_iter().map(|x| x as f32).collect();
        let delta: Vec<f32> = numbers(len, salt + 1, -1.0, 1.0).into_iter().map(|x| x as f32).collect();
        let [gain, slope, shift] = [2, 3, 4].map(|s| numbers(channels, salt + s, -1.0, 1.0).into_iter().map(|x| x as f32).collect::<Vec<_>>());
        let (mut mean, mut squares, mut sum, mut product) = (vec![9.0; channels], vec![9.0; channels], vec![9.0; channels], vec![9.0; channels]);
        moments(&x, &mut mean, &mut squares);
        delta_moments(&x, &mean, &delta, &mut sum, &mut product);
        let mut normal = vec![0.0; len];
        normalize(&x, &mean, &gain, &mut normal);
        let mut back = delta.clone();
        normalize_backward(&x, &mean, [&gain, &slope, &shift], &mut back);

        for c in 0..channels {
            let channel = |v: &[f32]| v.iter().skip(c).step_by(channels).copied().map(f64::from).collect::<Vec<_>>();
            let (x, d) = (channel(&x), channel(&delta));
            let exact = x.iter().sum::<f64>() / pixels as f64;
            prop_assert!((f64::from(mean[c]) - exact).abs() < 1e-6 * 1000.0);
            let mean = f64::from(mean[c]);
            let expected: f64 = x.iter().map(|x| (x - mean).powi(2)).sum();
            prop_assert!((f64::from(squares[c]) - expected).abs() < 1e-5 * (1.0 + expected));
            prop_assert!((f64::from(sum[c]) - d.iter().sum::<f64>()).abs() < 1e-5);
            prop_assert!((f64::from(product[c]) - d.iter().zip(&x).map(|(d, x)| d * (x - mean)).sum::<f64>()).abs() < 1e-5);
            let [gain, slope, shift] = [&gain, &slope, &shift].map(|v| f64::from(v[c]));
            for (p, (&x, &d)) in x.iter().zip(&d).enumerate() {
                prop_assert!((f64::from(normal[p * channels + c]) - (x - mean) * gain).abs() < 1e-5);
                prop_assert!((f64::from(back[p * channels + c]) - (gain * d + slope * (x - mean) + shift)).abs() < 1e-5);
            }
        }
    }
}

#[test]
#[should_panic(expected = "7 elements are not whole pixels of 2 channels")]
fn half_a_pixel_panics() {
    moments(&[0.0_f32; 7], &mut [0.0; 2], &mut [0.0; 2]);
}
