//! Named, seekable random streams: every random number of a run derived from one seed.
//!
//! ```
//! use apd_seed::Seed;
//!
//! let root = Seed::root(7);
//! let noise = root.child("noise").index(0); // chain 0
//!
//! // Any range of a row of normals, at any time, in any order.
//! let (mut all, mut part) = ([0.0_f32; 1000], [0.0_f32; 100]);
//! noise.normals().fill(3, 0, &mut all);
//! noise.normals().fill(3, 450, &mut part);
//! assert_eq!(all[450..550], part);
//!
//! // A sequential stream that can be moved.
//! let mut stream = root.child("split").stream();
//! let first = stream.below(6);
//! stream.seek(0);
//! assert_eq!(stream.below(6), first);
//! ```
//!
//! A run has one root [`Seed`]; every consumer derives its own by name and index, so adding a consumer never shifts the
//! numbers of another. Behind a seed stands Philox4x32-10, a *counter-based* generator: number `i` is a function of
//! (seed, `i`), not of what was drawn before. That is what makes the rest possible:
//!
//! * [`Stream`] — a sequential generator (`rand_core` 0.9 [`RngCore`](rand_core::RngCore), so distributions of `rand` and
//!   `ndarray-rand` accept it) that can be saved, restored and moved to any position;
//! * [`Normals`] — standard normals addressed by (step, index): any range can be filled on its own, on any thread, and gets
//!   the same values; vectorised for AVX-512 and AVX2 and equal to the bit on every machine. Blocks of 1 024 are a function of
//!   the counter: Philox seeds generators that make a block's words;
//! * [`Minibatches`] — epoch permutations addressed by step, so that a resumed run needs only its step number.
//!
//! **Deliberately without**: entropy from the operating system, a global or thread-local generator, cryptographic claims, and
//! distributions beyond the uniform and the normal (use `rand_distr` on a [`Stream`]).

#![cfg_attr(docsrs, feature(doc_cfg))]

mod minibatches;
mod normals;
mod philox;
mod seed;
mod stream;
#[cfg(test)]
mod testing;
mod xoshiro;

pub use minibatches::Minibatches;
pub use normals::Normals;
pub use seed::Seed;
pub use stream::Stream;

// Its types stand in signatures: this is the version that fits.
pub use rand_core;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
