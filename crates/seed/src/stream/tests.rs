use ndarray_rand::rand::Rng;
use ndarray_rand::rand_distr::{Normal, Uniform};
use proptest::prelude::*;
use rand_core::RngCore;

use crate::testing::{chi_square_z, kolmogorov_smirnov};
use crate::{Seed, Stream, philox};

fn stream(seed: u64) -> Stream {
    Seed::root(seed).child("test").stream()
}

#[test]
fn words_are_philox_blocks_in_order() {
    let mut stream = Stream::new(0);
    for counter in 0..40 {
        let block = philox::block([counter, 0, 0, 0], [0, 0]);
        assert_eq!([(); 4].map(|()| stream.next_u32()), block, "block {counter}");
    }
}

#[test]
fn values_are_stable() {
    let mut stream = stream(0);
    assert_eq!([(); 4].map(|()| stream.next_u32()), GOLDEN_WORDS);
    assert_eq!(stream.uniform(), GOLDEN_UNIFORM);
    assert_eq!(stream.permutation(8), GOLDEN_PERMUTATION);
}

const GOLDEN_WORDS: [u32; 4] = [3_432_683_235, 808_026_249, 1_932_983_701, 1_446_182_679];
const GOLDEN_UNIFORM: f64 = 0.836_571_101_831_909_3;
const GOLDEN_PERMUTATION: [u32; 8] = [0, 4, 7, 5, 3, 2, 6, 1];

#[test]
fn below_is_uniform() {
    // α: z > 5 has probability 3·10⁻⁷, for each of four χ².
    for n in [2, 3, 100, 1000] {
        let (mut stream, mut counts) = (stream(1), vec![0_u64; n as usize]);
        for _ in 0..500_000 {
            counts[stream.below(n) as usize] += 1;
        }
        assert!(chi_square_z(&counts) < 5.0, "{n}");
    }
}

#[test]
fn below_has_no_bias_where_the_plain_product_has() {
    // Of 3·2³⁰ numbers, every third would come up twice as often if the product were not rejected.
    let (mut stream, mut counts) = (stream(2), [0_u64; 3]);
    for _ in 0..300_000 {
        counts[(stream.below(3 << 30) % 3) as usize] += 1;
    }
    assert!(chi_square_z(&counts) < 5.0, "{counts:?}");

    let mut biased = [0_u64; 3];
    for _ in 0..300_000 {
        biased[(((u64::from(stream.next_u32()) * (3 << 30)) >> 32) % 3) as usize] += 1;
    }
    assert!(chi_square_z(&biased) > 5.0, "the negative control passes: {biased:?}");
}

#[test]
fn shuffles_are_uniform_over_the_orders() {
    let (mut right, mut wrong) = ([0_u64; 24], [0_u64; 24]);
    let rank = |order: &[u32]| {
        (0..4).fold(0, |rank, i| rank * (4 - i) + order[i + 1..].iter().filter(|&&x| x < order[i]).count())
    };
    let mut stream = stream(3);
    for _ in 0..240_000 {
        right[rank(&stream.permutation(4))] += 1;
        // Negative control: the well-known wrong shuffle, which swaps each place with any other.
        let mut order = [0, 1, 2, 3];
        for i in 0..4 {
            order.swap(i, stream.below(4) as usize);
        }
        wrong[rank(&order)] += 1;
    }
    assert!(chi_square_z(&right) < 5.0, "{right:?}");
    assert!(chi_square_z(&wrong) > 5.0, "{wrong:?}");
}

#[test]
fn uniforms_are_uniform_and_below_one() {
    let mut stream = stream(4);
    let sample: Vec<f32> = (0..200_000).map(|_| stream.uniform() as f32).collect();
    assert!(kolmogorov_smirnov(&sample, |x| x.clamp(0.0, 1.0)) > 1e-6);
    let sample: Vec<f32> = (0..200_000).map(|_| stream.uniform_f32()).collect();
    assert!(kolmogorov_smirnov(&sample, |x| x.clamp(0.0, 1.0)) > 1e-6);
    assert!(sample.iter().all(|x| (0.0..1.0).contains(x)));
}

#[test]
fn distributions_of_rand_accept_it() {
    let mut stream = stream(5);
    let normal: f64 = (&mut stream).sample_iter(Normal::new(3.0, 1.0).unwrap()).take(10_000).sum();
    assert!((normal / 10_000.0 - 3.0).abs() < 0.05);
    assert!((2.0..3.0).contains(&stream.sample(Uniform::new(2.0, 3.0).unwrap())));
}

#[test]
#[should_panic(expected = "below 0")]
fn below_zero_panics() {
    stream(0).below(0);
}

#[cfg(feature = "serde")]
#[test]
fn a_saved_stream_with_unknown_fields_is_refused() {
    assert!(serde_json::from_str::<Stream>(r#"{"key":1,"position":2,"extra":3}"#).is_err());
}

proptest! {
    #[test]
    fn any_position_can_be_reached(start in 0_u64..1 << 40, skip in 0_u64..200) {
        let mut walked = stream(6);
        walked.seek(start);
        for _ in 0..skip {
            walked.next_u32();
        }
        let mut jumped = stream(6);
        jumped.seek(start + skip);
        prop_assert_eq!(&walked, &jumped);
        for _ in 0..70 {
            prop_assert_eq!(walked.next_u32(), jumped.next_u32());
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_saved_stream_goes_on(drawn in 0..300) {
        let mut stream = stream(7);
        for _ in 0..drawn {
            stream.next_u32();
        }
        let mut restored: Stream = serde_json::from_str(&serde_json::to_string(&stream).unwrap()).unwrap();
        for _ in 0..70 {
            prop_assert_eq!(stream.next_u32(), restored.next_u32());
        }
    }

    #[test]
    fn bytes_are_the_words_little_endian(words in 0_usize..40) {
        let mut bytes = vec![0; 4 * words];
        stream(8).fill_bytes(&mut bytes);
        let mut stream = stream(8);
        for chunk in bytes.chunks(4) {
            prop_assert_eq!(chunk, stream.next_u32().to_le_bytes());
        }
    }

    #[test]
    fn permutations_hold_every_number_once(n in 0_usize..200, seed: u64) {
        let mut order = Seed::root(seed).stream().permutation(n);
        order.sort_unstable();
        prop_assert_eq!(order, (0..n as u32).collect::<Vec<_>>());
    }
}
