use super::Lanes;
use crate::philox::{LANES, block};

/// Written out for one generator, on u64 so that nothing wraps by itself.
fn scalar(s: &mut [u64; 4]) -> u64 {
    const MASK: u64 = 0xffff_ffff;
    let rotate = |x: u64, by: u32| ((x << by) | (x >> (32 - by))) & MASK;
    let result = (rotate((s[0] + s[3]) & MASK, 7) + s[0]) & MASK;
    let t = (s[1] << 9) & MASK;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 11);
    result
}

/// The first outputs from the state (1, 2, 3, 4): 641 = rotl(1 + 4, 7) + 1 can be checked by hand, and so can those after it.
#[test]
fn first_outputs_of_a_known_state() {
    let mut state = [1, 2, 3, 4];
    let first: Vec<u64> = (0..4).map(|_| scalar(&mut state)).collect();
    assert_eq!(first, [641, 1_573_767, 3_222_811_527, 3_517_856_514]);
}

#[test]
fn each_lane_is_a_generator_of_its_own() {
    let (number, row, key) = (5_u64, 9_u64, 0x0123_4567_89ab_cdef_u64);
    let mut lanes = Lanes::new(number, row, key);
    let words: Vec<[u32; LANES]> = (0..100).map(|_| lanes.next()).collect();
    for j in 0..LANES {
        let counter = [(number as u32) * LANES as u32 + j as u32, 0, row as u32, 0];
        let mut state = block(counter, [key as u32, (key >> 32) as u32]).map(u64::from);
        assert!(words.iter().all(|words| u64::from(words[j]) == scalar(&mut state)), "lane {j}");
    }
}
