//! The tree of seeds.

use crate::{Normals, Stream};

/// A node of the tree from which every random number of a run is derived.
///
/// The key of a node is 64 bits; a child's key is `mix(mix(key + tag) ^ hash(name or index))` with SplitMix64's finaliser as
/// `mix` and FNV-1a as the hash of a name. The order of steps matters (`a/b` is not `b/a`), and names and indices live in
/// separate domains (`child("1")` is not `index(1)`).
///
/// Two of *m* distinct nodes share a key with probability about m²/2⁶⁵: 3·10⁻⁸ for a million. Not a cryptographic
/// derivation.
///
/// ```
/// use apd_seed::Seed;
/// const NOISE: Seed = Seed::root(1).child("noise"); // usable in constants
/// assert_eq!(NOISE, Seed::root(1).child("noise"));
/// assert_ne!(NOISE.index(0), NOISE.index(1));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Seed {
    key: u64,
}

// Arbitrary odd constants (digits of the fractional parts of √2, √3, √5, √7, √11): one domain per use of a key.
const ROOT: u64 = 0x6a09_e667_f3bc_c909;
const CHILD: u64 = 0xbb67_ae85_84ca_a73b;
const INDEX: u64 = 0x3c6e_f372_fe94_f82b;
const NORMALS: u64 = 0xa54f_f53a_5f1d_36f1;
const NORMALS_F64: u64 = 0x510e_527f_ade6_82d1;

impl Seed {
    /// The root of the tree for the user's `seed`.
    pub const fn root(seed: u64) -> Self {
        Self { key: derive(seed, ROOT, 0) }
    }

    /// The child called `name`.
    pub const fn child(self, name: &str) -> Self {
        Self { key: derive(self.key, CHILD, fnv1a(name.as_bytes())) }
    }

    /// The child number `i`: a chain, an epoch, a repetition.
    pub const fn index(self, i: u64) -> Self {
        Self { key: derive(self.key, INDEX, i) }
    }

    /// The sequential stream of this node, at its beginning.
    pub fn stream(self) -> Stream {
        Stream::new(self.key)
    }

    /// The addressed standard normals of this node (independent of its [`stream`](Self::stream)).
    pub fn normals(self) -> Normals {
        Normals::new(derive(self.key, NORMALS, 0), derive(self.key, NORMALS_F64, 0))
    }
}

const fn derive(key: u64, domain: u64, data: u64) -> u64 {
    mix(mix(key.wrapping_add(domain)) ^ data)
}

/// SplitMix64's finaliser, a bijection that avalanches (Steele, Lea & Flood 2014, with Stafford's mix 13).
const fn mix(key: u64) -> u64 {
    let mut z = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut i = 0;
    // Iterators are not const.
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    hash
}

#[cfg(test)]
mod tests;
