use super::*;
use proptest::prelude::*;

/// The definition, pixel by pixel in f64, by the lengths of intersections of real intervals.
fn naive(image: &[f32], from: (usize, usize), to: (usize, usize)) -> Vec<f64> {
    let covered = |source: usize, target: usize, from: usize, to: usize| {
        let scale = from as f64 / to as f64;
        let (low, high) = (target as f64 * scale, (target + 1) as f64 * scale);
        ((source + 1) as f64).min(high) - (source as f64).max(low)
    };
    let mut result = Vec::new();
    for i in 0..to.0 {
        for j in 0..to.1 {
            let (mut sum, mut area) = (0.0, 0.0);
            for k in 0..from.0 {
                for l in 0..from.1 {
                    let weight = covered(k, i, from.0, to.0).max(0.0) * covered(l, j, from.1, to.1).max(0.0);
                    sum += weight * f64::from(image[k * from.1 + l]);
                    area += weight;
                }
            }
            result.push(sum / area);
        }
    }
    result
}

#[test]
fn halving_averages_blocks() {
    let image = Array2::from_shape_vec((1, 8), vec![1.0, 3.0, 5.0, 7.0, 1.0, 3.0, 5.0, 7.0]).unwrap();
    assert_eq!(area_average(&image, (2, 4), (1, 2)).into_raw_vec_and_offset().0, [2.0, 6.0]);
}

#[test]
fn a_constant_image_stays_what_it_is() {
    for (from, to) in [((105, 105), (28, 28)), ((32, 32), (28, 28)), ((8, 8), (28, 28))] {
        for value in [1.0, -1.0, 0.3] {
            let image = Array2::from_elem((1, from.0 * from.1), value);
            assert!(area_average(&image, from, to).iter().all(|&pixel| pixel == value));
        }
    }
}

#[test]
fn weights_of_the_sizes_in_use_sum_to_one() {
    for (from, to) in [(105, 28), (32, 28), (8, 28), (28, 8), (7, 7)] {
        for overlap in overlaps(from, to) {
            assert!((overlap.weights.iter().sum::<f64>() - 1.0).abs() < 1e-15);
            assert!(overlap.first + overlap.weights.len() <= from);
        }
    }
}

proptest! {
    #[test]
    fn equals_the_definition(from in (1usize..12, 1usize..12), to in (1usize..12, 1usize..12), bits in any::<u64>()) {
        let mut state = bits | 1;
        let image = Array2::from_shape_fn((2, from.0 * from.1), |_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f32 / 8388608.0 - 1.0
        });
        let resized = area_average(&image, from, to);
        for (row, image) in resized.rows().into_iter().zip(image.rows()) {
            for (&found, expected) in row.iter().zip(naive(image.as_slice().unwrap(), from, to)) {
                prop_assert!((f64::from(found) - expected).abs() < 1e-5);
            }
        }
    }
}
