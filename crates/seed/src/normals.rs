//! Standard normals addressed by row and index, by vectorised Box–Muller.

// Coefficients are written as published.
#![allow(clippy::excessive_precision)]

use pulp::{Arch, NullaryFnOnce};

use crate::philox::LANES;
use crate::xoshiro::Lanes;

/// Normals of one group: a pair from each generator.
const GROUP: usize = 2 * LANES;
/// Groups of one block, whose generators are seeded anew: enough that seeding is a small part, few enough that reading one element
/// from the middle of a row is cheap.
const GROUPS: usize = 32;
const BLOCK: usize = GROUP * GROUPS;

/// Addressed standard normals: element i of row `step` is a pure function of (seed, `step`, i).
///
/// Box & Muller (1958): z₀ = √(−2 ln u₁)·cos(2πu₂), z₁ = √(−2 ln u₁)·sin(2πu₂) with u₁ ∈ [2⁻³², 1] and u₂ uniform. A row is cut into
/// blocks of 1 024; Philox4x32-10 of (block, row) seeds sixteen xoshiro128++ generators, which make the block's words. (Philox for every word
/// was measured at 0.6 of the speed.)
///
/// * Any range can be filled on its own, in any order, on any thread, and gets the same values.
/// * The values are the same to the bit on every instruction set: only operations that IEEE 754 rounds exactly are used, fused
///   multiply-add among them (a CPU without it computes it in software, slowly); no `libm`.
/// * u₁ has 31 bits and a half, so |z| reaches √(64 ln 2) ≈ 6.66; the true mass beyond is 2.7·10⁻¹¹. `fill_f64` uses 53 bits, hence 8.65.
/// * There are 2⁶⁴ rows, each longer than an index can address.
///
/// ```
/// let normals = apd_seed::Seed::root(1).child("noise").normals();
/// let mut row = vec![0.0_f32; 10_000];
/// normals.fill(0, 0, &mut row);
/// let variance = row.iter().map(|z| z * z).sum::<f32>() / 10_000.0;
/// assert!((variance - 1.0).abs() < 0.05);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Normals {
    key: u64,
    key_f64: u64,
}

impl Normals {
    pub(crate) fn new(key: u64, key_f64: u64) -> Self {
        Self { key, key_f64 }
    }

    /// Writes elements `offset`, `offset + 1`, … of row `step` to `out`.
    ///
    /// Fastest when `offset` is a multiple of 1 024 and the length one of 32.
    pub fn fill(&self, step: u64, offset: usize, out: &mut [f32]) {
        Arch::new().dispatch(Fill { key: self.key, step, offset, out });
    }

    /// Writes elements `offset`, `offset + 1`, … of row `step` to `out`, in double precision.
    ///
    /// A different sequence from that of [`fill`](Self::fill), independent of it.
    pub fn fill_f64(&self, step: u64, offset: usize, out: &mut [f64]) {
        Arch::new().dispatch(Fill { key: self.key_f64, step, offset, out });
    }
}

/// One filling of a range, with the instruction set chosen by the caller of `call`.
///
/// Everything below is `inline(always)` and free of closures: a function of its own would be compiled for the baseline
/// instruction set and lose five sixths of the speed.
struct Fill<'a, T> {
    key: u64,
    step: u64,
    offset: usize,
    out: &'a mut [T],
}

impl<T: Normal> NullaryFnOnce for Fill<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { key, step, offset, out } = self;
        let (mut block, mut skip, mut rest) = ((offset / BLOCK) as u64, offset % BLOCK, out);
        while !rest.is_empty() {
            let (head, tail) = rest.split_at_mut((BLOCK - skip).min(rest.len()));
            fill_block(&mut Lanes::new(block, step, key), skip, head);
            (block, skip, rest) = (block + 1, 0, tail);
        }
    }
}

/// Elements `skip`, `skip + 1`, … of a block: whole groups in place, at most two partial ones aside.
#[inline(always)]
fn fill_block<T: Normal>(lanes: &mut Lanes, skip: usize, out: &mut [T]) {
    for _ in 0..skip / GROUP * T::WORDS {
        lanes.next();
    }
    let mut rest = out;
    if !skip.is_multiple_of(GROUP) {
        let (head, tail) = rest.split_at_mut((GROUP - skip % GROUP).min(rest.len()));
        let mut group = [T::default(); GROUP];
        T::group(lanes, &mut group);
        head.copy_from_slice(&group[skip % GROUP..][..head.len()]);
        rest = tail;
    }
    let (groups, tail) = rest.as_chunks_mut();
    for out in groups {
        T::group(lanes, out);
    }
    if !tail.is_empty() {
        let mut group = [T::default(); GROUP];
        T::group(lanes, &mut group);
        tail.copy_from_slice(&group[..tail.len()]);
    }
}

/// The element types.
trait Normal: Copy + Default {
    /// Words that a group takes from each generator.
    const WORDS: usize;

    /// The next group: cosines, then sines.
    fn group(lanes: &mut Lanes, out: &mut [Self; GROUP]);
}

impl Normal for f32 {
    const WORDS: usize = 2;

    #[inline(always)]
    fn group(lanes: &mut Lanes, out: &mut [f32; GROUP]) {
        let (radius, angle) = (lanes.next(), lanes.next());
        for j in 0..LANES {
            (out[j], out[LANES + j]) = box_muller_f32(radius[j], angle[j]);
        }
    }
}

impl Normal for f64 {
    const WORDS: usize = 4;

    #[inline(always)]
    fn group(lanes: &mut Lanes, out: &mut [f64; GROUP]) {
        let words: [_; 4] = std::array::from_fn(|_| lanes.next());
        let word = |high: usize, j: usize| u64::from(words[high][j]) << 32 | u64::from(words[high + 1][j]);
        for j in 0..LANES {
            (out[j], out[LANES + j]) = box_muller_f64(word(0, j), word(2, j));
        }
    }
}

#[inline(always)]
fn box_muller_f32(radius: u32, angle: u32) -> (f32, f32) {
    const SCALE: f32 = 1.0 / (1_u32 << 31) as f32;
    // The magnitude of a signed word, since vectors convert those only. u ∈ [2⁻³², 1]: never 0, and relatively precise at the
    // small end, where the tail of the normal comes from.
    let u = (radius as i32 as f32).abs().mul_add(SCALE, 0.5 * SCALE);
    let r = (-2.0 * ln_f32(u)).sqrt();
    let (s, c) = sin_cos_f32(angle);
    (r * c, r * s)
}

/// ln u for u in [2⁻³², 1], to about 1 ulp.
///
/// u = 2ᵉ·m with m in [√½, √2), and ln m by Cephes' degree-9 minimax polynomial in m − 1 (S. Moshier, `logf`), evaluated in pairs
/// (Estrin): a chain of nine steps would leave the vector units waiting for each other.
#[inline(always)]
fn ln_f32(u: f32) -> f32 {
    const SQRT_HALF: i32 = 0x3f35_04f3;
    let bits = u.to_bits() as i32;
    let e = (bits - SQRT_HALF) >> 23;
    let x = f32::from_bits((bits - (e << 23)) as u32) - 1.0;
    let e = e as f32;
    let z = x * x;
    let pairs = [
        x.mul_add(-2.499_999_4e-1, 3.333_333_1e-1),
        x.mul_add(-1.666_805_8e-1, 2.000_071_5e-1),
        x.mul_add(-1.242_014_1e-1, 1.424_932_3e-1),
        x.mul_add(-1.151_461e-1, 1.167_699_9e-1),
    ];
    let (low, high) = (z.mul_add(pairs[1], pairs[0]), z.mul_add(pairs[3], pairs[2]));
    let p = (z * z).mul_add((z * z).mul_add(7.037_683_6e-2, high), low);
    // x − z/2 + x·z·p is ln m.
    e.mul_add(std::f32::consts::LN_2, (z * x).mul_add(p, z.mul_add(-0.5, x)))
}

/// Sine and cosine of a uniform angle: 30 bits of `bits` place it within a quarter turn around 0, the other two reflect it
/// into one of the four quarters.
///
/// Polynomials on [−π/4, π/4] from Cephes (S. Moshier, `sinf`, `cosf`).
#[inline(always)]
fn sin_cos_f32(bits: u32) -> (f32, f32) {
    const SCALE: f32 = std::f32::consts::FRAC_PI_4 / (1_u32 << 31) as f32;
    // The low two bits are the quarter; as a 32-bit signed number the rest is uniform on [−2³¹, 2³¹).
    let x = (bits & !3) as i32 as f32 * SCALE;
    let z = x * x;
    let s = z.mul_add(z.mul_add(-1.951_529_6e-4, 8.332_161e-3), -1.666_665_5e-1);
    let s = (z * x).mul_add(s, x);
    let c = z.mul_add(z.mul_add(2.443_315_7e-5, -1.388_731_6e-3), 4.166_664_6e-2);
    let c = (z * z).mul_add(c, z.mul_add(-0.5, 1.0));
    let c = f32::from_bits(c.to_bits() ^ (bits & 2) << 30);
    if bits & 1 == 0 { (s, c) } else { (c, s) }
}

#[inline(always)]
fn box_muller_f64(radius: u64, angle: u64) -> (f64, f64) {
    // (k + ½)·2⁻⁵³ for k of 53 bits: in (0, 1).
    let u = ((radius >> 11) as f64 + 0.5) * (1.0 / (1_u64 << 53) as f64);
    let r = (-2.0 * ln_f64(u)).sqrt();
    let (s, c) = sin_cos_f64(angle);
    (r * c, r * s)
}

/// ln u for normal positive u, to below 1 ulp (FreeBSD msun, `e_log.c`).
#[inline(always)]
fn ln_f64(u: f64) -> f64 {
    const SQRT_HALF: i64 = 0x3fe6_a09e_667f_3bcd;
    let bits = u.to_bits() as i64;
    let e = (bits - SQRT_HALF) >> 52;
    let f = f64::from_bits((bits - (e << 52)) as u64) - 1.0;
    let e = e as i32 as f64;
    let s = f / (2.0 + f);
    let z = s * s;
    let mut p = 1.479_819_860_511_658_591e-1;
    p = p * z + 1.531_383_769_920_937_332e-1;
    p = p * z + 1.818_357_216_161_805_012e-1;
    p = p * z + 2.222_219_843_214_978_396e-1;
    p = p * z + 2.857_142_874_366_239_149e-1;
    p = p * z + 3.999_999_999_940_941_908e-1;
    p = p * z + 6.666_666_666_666_735_130e-1;
    let half_square = 0.5 * f * f;
    let tail = s * (half_square + p * z) + e * 1.908_214_929_270_587_700e-10;
    e * 6.931_471_803_691_238_165e-1 - ((half_square - tail) - f)
}

/// As [`sin_cos_f32`]; polynomials on [−π/4, π/4] from FreeBSD msun (`k_sin.c`, `k_cos.c`).
#[inline(always)]
fn sin_cos_f64(bits: u64) -> (f64, f64) {
    const SCALE: f64 = std::f64::consts::FRAC_PI_4 / (1_u64 << 52) as f64;
    let x = ((bits as i64) >> 11) as f64 * SCALE;
    let z = x * x;
    let mut s = 1.589_690_995_211_550_102e-10;
    s = s * z - 2.505_076_025_340_686_342e-8;
    s = s * z + 2.755_731_370_707_006_768e-6;
    s = s * z - 1.984_126_982_985_794_931e-4;
    s = s * z + 8.333_333_333_322_489_461e-3;
    s = s * z - 1.666_666_666_666_663_243e-1;
    let s = s * z * x + x;
    let mut c = -1.135_964_755_778_819_483e-11;
    c = c * z + 2.087_572_321_298_174_828e-9;
    c = c * z - 2.755_731_435_139_066_330e-7;
    c = c * z + 2.480_158_728_947_672_942e-5;
    c = c * z - 1.388_888_888_887_410_958e-3;
    c = c * z + 4.166_666_666_666_660_190e-2;
    let c = c * z * z - 0.5 * z + 1.0;
    let c = f64::from_bits(c.to_bits() ^ (bits & 2) << 62);
    if bits & 1 == 0 { (s, c) } else { (c, s) }
}

#[cfg(test)]
mod tests;
