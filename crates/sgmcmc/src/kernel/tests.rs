use apd_seed::{Normals, Seed};

use super::{BLOCK, Coordinates, Noise, squares, update};
use crate::testing::bits;

/// Around multiples of the block, of the vectors, and of the noise's own groups.
const LENGTHS: [usize; 15] = [
    0,
    1,
    7,
    15,
    16,
    17,
    63,
    65,
    BLOCK - 1,
    BLOCK,
    BLOCK + 1,
    2 * BLOCK - 1,
    2 * BLOCK,
    2 * BLOCK + 1,
    5 * BLOCK + 333,
];

fn normals() -> Normals {
    Seed::root(11).child("kernel").normals()
}

fn vector(row: u64, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    Seed::root(12).normals().fill(row, 0, &mut values);
    values
}

/// θ ← θ + `noise`·z − `drift`·g, without memory.
fn langevin(drift: f32, noise: f32, normals: &Normals, step: u64, position: &mut [f32], gradient: &[f32]) -> bool {
    let nothing = vec![(); position.len()];
    let coordinates = Coordinates { position, memory: &mut nothing.clone(), gradient, extra: &nothing };
    let rule = |theta: &mut f32, (): &mut (), g: f32, (), z: f32| *theta += noise * z - drift * g;
    update(&Noise { wanted: noise != 0.0, normals, step }, coordinates, rule, |_| ())
}

/// v ← `momentum`·v − `drift`·g, θ ← θ + v, without noise.
fn heavy_ball(momentum: f32, drift: f32, memory: &mut [f32], position: &mut [f32], gradient: &[f32]) -> bool {
    let nothing = vec![(); position.len()];
    let rule = |theta: &mut f32, v: &mut f32, g: f32, (), _: f32| {
        *v = momentum * *v - drift * g;
        *theta += *v;
    };
    let noise = Noise { wanted: false, normals: &normals(), step: 0 };
    let mut seen = Vec::new();
    let coordinates = Coordinates { position, memory: &mut *memory, gradient, extra: &nothing };
    let finite = update(&noise, coordinates, rule, |memory| seen.extend_from_slice(memory));
    assert_eq!(bits(&seen), bits(memory), "each block is seen once, in order");
    finite
}

#[test]
fn langevin_equals_the_scalar_loop_to_the_bit() {
    for len in LENGTHS {
        for (drift, noise, step) in [(0.01, 0.3, 0), (1e-7, 1e-3, 123_456_789), (0.5, 0.0, 3), (0.0, 1.0, u64::MAX)] {
            let (mut position, gradient) = (vector(0, len), vector(1, len));
            let mut expected = position.clone();
            let mut z = vec![0.0; len];
            normals().fill(step, 0, &mut z);
            for i in 0..len {
                expected[i] += noise * z[i] - drift * gradient[i];
            }
            assert!(langevin(drift, noise, &normals(), step, &mut position, &gradient));
            assert_eq!(bits(&position), bits(&expected), "length {len}, drift {drift}, noise {noise}");
        }
    }
}

#[test]
fn heavy_ball_equals_the_scalar_loop_to_the_bit() {
    for len in LENGTHS {
        let (mut position, mut velocity, gradient) = (vector(0, len), vector(1, len), vector(2, len));
        let (mut x, mut v) = (position.clone(), velocity.clone());
        for i in 0..len {
            v[i] = 0.9 * v[i] - 0.01 * gradient[i];
            x[i] += v[i];
        }
        assert!(heavy_ball(0.9, 0.01, &mut velocity, &mut position, &gradient));
        assert_eq!((bits(&position), bits(&velocity)), (bits(&x), bits(&v)), "length {len}");
    }
}

/// Every element counts, once, and in double precision: 10⁻⁹ beside 1 is lost in single precision.
#[test]
fn squares_are_summed_in_double_precision() {
    for len in LENGTHS {
        let mut values = vector(0, len);
        values.iter_mut().step_by(3).for_each(|x| *x *= 3e-5);
        let expected: f64 = values.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        assert!((squares(&values) - expected).abs() <= 1e-14 * expected, "length {len}");
    }
}

/// One bad coordinate, wherever it is, is seen.
#[test]
fn every_coordinate_is_checked() {
    for len in LENGTHS.into_iter().filter(|&len| len > 0) {
        let places = [0, 1, len / 2, (len - 1) / BLOCK * BLOCK, len.saturating_sub(2), len - 1];
        for place in places.into_iter().filter(|&place| place < len) {
            for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut gradient = vec![1.0; len];
                gradient[place] = bad;
                let case = format!("{bad} at {place} of {len}");
                assert!(!langevin(0.1, 0.1, &normals(), 0, &mut vec![0.0; len], &gradient), "{case}");
                assert!(!langevin(0.1, 0.0, &normals(), 0, &mut vec![0.0; len], &gradient), "{case}, no noise");
                assert!(!heavy_ball(0.9, 0.1, &mut vec![0.0; len], &mut vec![0.0; len], &gradient), "{case}");
            }
        }
    }
}

#[test]
fn the_largest_finite_numbers_are_finite() {
    for x in [f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e-45, -0.0] {
        assert!(langevin(0.0, 0.0, &normals(), 0, &mut [x; 20], &[0.0; 20]));
        assert!(heavy_ball(0.0, 0.0, &mut [0.0; 20], &mut [x; 20], &[0.0; 20]));
    }
    // Overflow in the update itself.
    assert!(!langevin(1.0, 0.0, &normals(), 0, &mut [f32::MAX; 20], &[f32::MIN; 20]));
    assert!(!heavy_ball(0.0, 1.0, &mut [0.0; 20], &mut [f32::MAX; 20], &[f32::MIN; 20]));
}
