//! Inputs that are nearly right.

use apd_seed::Stream;

/// Numbers at which lengths and counts go wrong.
const NUMBERS: [u64; 12] =
    [0, 1, 2, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 31, 1 << 40, i64::MAX as u64, u64::MAX];
/// The same for formats that are text.
const TEXTS: [&str; 10] = [
    "0",
    "-1",
    "4294967296",
    "18446744073709551615",
    "99999999999999999999999",
    "1e308",
    "-1e999",
    "NaN",
    "null",
    "[[[[[",
];
/// The longest input that grows out of a seed.
const LONGEST: usize = 1 << 16;

/// A seed with one to four changes: bytes and bits changed, cut, inserted, doubled and taken from another seed, lengths replaced.
pub fn mutate(seeds: &[Vec<u8>], stream: &mut Stream) -> Vec<u8> {
    let mut input = pick(seeds, stream).clone();
    for _ in 0..=stream.below(4) {
        change(&mut input, seeds, stream);
        input.truncate(LONGEST);
    }
    input
}

fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], stream: &mut Stream) {
    if input.is_empty() {
        input.push(stream.below(256) as u8);
        return;
    }
    let at = place(input.len(), stream);
    let some = |input: &[u8], stream: &mut Stream| at..(at + 1 + place(32, stream)).min(input.len());
    match stream.below(9) {
        0 => input[at] ^= 1 << stream.below(8),
        1 => input[at] = stream.below(256) as u8,
        2 => input.truncate(at),
        3 => drop(input.drain(some(input, stream))),
        4 => {
            let copy = input[some(input, stream)].to_vec();
            drop(input.splice(at..at, copy));
        }
        5 => {
            let number = pick(&NUMBERS, stream);
            let width = 1 << stream.below(4);
            let bytes = if stream.below(2) == 0 { number.to_le_bytes() } else { number.to_be_bytes() };
            let bytes = if stream.below(2) == 0 { &bytes[..width] } else { &bytes[8 - width..] };
            input.iter_mut().skip(at).zip(bytes).for_each(|(to, &from)| *to = from);
        }
        6 => {
            // A number of a text, whole.
            let digit = |byte: &u8| byte.is_ascii_digit();
            let Some(start) = input[at..].iter().position(digit).map(|offset| at + offset) else { return };
            let end = input[start..].iter().position(|byte| !digit(byte)).map_or(input.len(), |offset| start + offset);
            drop(input.splice(start..end, pick(&TEXTS, stream).bytes()));
        }
        7 => {
            let other = pick(seeds, stream);
            let from = place(other.len() + 1, stream);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        _ => input.extend((0..=stream.below(64)).map(|_| stream.below(256) as u8).collect::<Vec<_>>()),
    }
}

fn pick<'a, T>(from: &'a [T], stream: &mut Stream) -> &'a T {
    &from[place(from.len(), stream)]
}

fn place(n: usize, stream: &mut Stream) -> usize {
    stream.below(n.clamp(1, LONGEST) as u32) as usize
}
