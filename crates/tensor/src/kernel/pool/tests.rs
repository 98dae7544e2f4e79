use proptest::prelude::*;

use super::*;
use crate::check::{config, numbers};

fn pool(height: usize, width: usize, channels: usize, size: usize, padding: [usize; 2]) -> MaxPool {
    let input = PaddedImage { height, width, channels, padding: [padding[0]; 2] };
    MaxPool {
        input,
        output: PaddedImage { height: height / size, width: width / size, channels, padding: [padding[1]; 2] },
        size,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..config() })]

    #[test]
    fn the_largest_of_each_window_and_its_gradient(
        (height, width, channels) in (1usize..8, 1usize..8, 1usize..20), size in 1usize..4, padding in [0usize..2, 0usize..2], salt in 0u64..1000,
    ) {
        let pool = pool(height, width, channels, size, padding);
        let (input, output) = (pool.input, pool.output);
        // Few different values: there are ties.
        let image: Vec<f64> = numbers(input.len(), salt, 0.0, 4.0).into_iter().map(f64::floor).collect();
        let (mut out, mut argmax) = (vec![-1.0; output.len()], vec![9; output.pixels()]);
        pool.forward(&image, &mut out, &mut argmax);
        let delta = numbers(output.pixels(), salt + 1, -1.0, 1.0);
        let mut found = vec![f64::NAN; input.pixels()];
        pool.backward(&argmax, &delta, &mut found);

        let mut expected = vec![0.0; input.pixels()];
        for (i, j, c) in (0..output.height).flat_map(|i| (0..output.width).flat_map(move |j| (0..channels).map(move |c| (i, j, c)))) {
            let mut best = (f64::NEG_INFINITY, 0);
            for (u, v) in (0..size).flat_map(|u| (0..size).map(move |v| (u, v))) {
                let (y, x) = (i * size + u, j * size + v);
                let value = image[input.row(y).start + x * channels + c];
                if value > best.0 {
                    best = (value, (y * width + x) * channels + c);
                }
            }
            prop_assert_eq!(out[output.row(i).start + j * channels + c], best.0);
            expected[best.1] += delta[(i * output.width + j) * channels + c];
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn means_of_channels((height, width, channels) in (1usize..6, 1usize..6, 1usize..9), padding in 0usize..2) {
        let padded = PaddedImage { height, width, channels, padding: [padding; 2] };
        let image = numbers(padded.len(), 5, -1.0, 1.0);
        let mut found = vec![0.0; channels];
        channel_means(padded, &image, &mut found);
        for c in 0..channels {
            let values = (0..height).flat_map(|y| (0..width).map(move |x| padded.row(y).start + x * channels + c));
            let mean = values.map(|i| image[i]).sum::<f64>() / (height * width) as f64;
            prop_assert!((found[c] - mean).abs() < 1e-14);
        }
    }
}

#[test]
fn what_is_not_a_number_wins() {
    let pool = pool(2, 2, 1, 2, [0, 0]);
    for place in 0..4 {
        let mut image = [5.0_f32, 7.0, 3.0, 9.0];
        image[place] = f32::NAN;
        let (mut out, mut argmax) = ([0.0], [0]);
        pool.forward(&image, &mut out, &mut argmax);
        assert!(out[0].is_nan());
        assert_eq!(usize::from(argmax[0]), place);
    }
}

#[test]
#[should_panic(expected = "a window of 17 pixels")]
fn a_window_that_a_byte_cannot_address_panics() {
    pool(17, 17, 1, 17, [0, 0]).forward(&[0.0_f32; 289], &mut [0.0], &mut [0]);
}
