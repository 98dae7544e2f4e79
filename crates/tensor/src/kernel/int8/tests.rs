#![allow(unsafe_code)]

use super::*;

/// Bytes that look random, all of them among them.
fn bytes(len: usize, salt: u64) -> impl Iterator<Item = u8> {
    (0..len as u64).map(move |i| ((i + 7 * salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8)
}

fn weight(len: usize) -> Vec<[Quad<i8>; ROWS]> {
    let numbers: Vec<i8> = bytes(len * 4 * ROWS, 1).map(|byte| byte as i8).collect();
    numbers.as_chunks::<4>().0.as_chunks::<ROWS>().0.to_vec()
}

fn units(len: usize) -> Vec<[Quad<u8>; COLUMNS]> {
    let numbers: Vec<u8> = bytes(len * 4 * COLUMNS, 2).collect();
    numbers.as_chunks::<4>().0.as_chunks::<COLUMNS>().0.to_vec()
}

/// What a shape's product is by each set of instructions that this CPU has.
fn check(shape: [usize; 3], weight: &[[Quad<i8>; ROWS]], units: &[[Quad<u8>; COLUMNS]]) {
    let len = shape[0] * ROWS * shape[1] * COLUMNS;
    let mut expected = vec![-1; len];
    naive(shape, weight, units, &mut expected);
    let mut found = vec![-1; len];
    product(shape, weight, units, &mut found);
    assert_eq!(found, expected, "{shape:?}");
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        found.fill(-1);
        // SAFETY: the CPU has AVX2, and `product` has checked the lengths.
        unsafe { x86::avx2(shape, weight, units, &mut found) };
        assert_eq!(found, expected, "{shape:?} by AVX2");
    }
}

#[test]
fn every_set_of_instructions_gives_the_naive_product() {
    for blocks in 0..4 {
        for panels in 0..6 {
            for quads in [0, 1, 2, 25, SWEEP, SWEEP + 1, 3 * SWEEP + 5] {
                check([blocks, panels, quads], &weight(blocks * quads), &units(panels * quads));
            }
        }
    }
}

/// Where 16 bits, or 32 of many more numbers, would not hold them.
#[test]
fn the_greatest_sums_are_exact() {
    for extreme in [127, -128] {
        let (weight, units) = ([[[extreme; 4]; ROWS]; MOST], [[[255; 4]; COLUMNS]; MOST]);
        check([1, 1, MOST], &weight, &units);
        let mut out = [0; ROWS * COLUMNS];
        product([1, 1, MOST], &weight, &units, &mut out);
        assert_eq!(i64::from(out[0]), 255 * i64::from(extreme) * 4 * MOST as i64);
    }
}

#[test]
#[should_panic(expected = "quads of W and X")]
fn lengths_that_do_not_fit_the_shape_panic() {
    product([1, 1, 2], &weight(2), &units(1), &mut [0; ROWS * COLUMNS]);
}
