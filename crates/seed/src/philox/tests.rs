use proptest::prelude::*;

use super::{LANES, block, group, wide_block};

/// The authors' known-answer vectors (Random123, `kat_vectors`, philox4x32 with 10 rounds): counter, key, output.
const KNOWN: [([u32; 4], [u32; 2], [u32; 4]); 3] = [
    ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
    ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
    (
        [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
        [0xa409_3822, 0x299f_31d0],
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
    ),
];

fn join(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

#[test]
fn known_answers() {
    for (counter, key, expected) in KNOWN {
        assert_eq!(block(counter, key), expected);
        let [c0, c1, c2, c3] = counter;
        assert_eq!(wide_block(join(c0, c1), join(c2, c3), join(key[0], key[1])), expected);
    }
}

proptest! {
    #[test]
    fn a_group_is_sixteen_blocks(index: u64, row: u64, key: u64) {
        // The last group of a row, whose counters reach 2⁶⁴ − 1, comes up too.
        for index in [index % (1 << 60), (1 << 60) - 1] {
            let words = group(index, row, key);
            for j in 0..LANES {
                let counter = index * LANES as u64 + j as u64;
                let expected = block(
                    [counter as u32, (counter >> 32) as u32, row as u32, (row >> 32) as u32],
                    [key as u32, (key >> 32) as u32],
                );
                prop_assert_eq!([words[0][j], words[1][j], words[2][j], words[3][j]], expected);
            }
        }
    }
}
