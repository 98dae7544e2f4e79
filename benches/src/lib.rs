//! The work that the project is measured on: one [`Work`] per row of `docs/benchmarks.md`.
//!
//! Criterion (`benches.rs`) and the comparison with peers (`apd_peer.rs`, driven by `cargo xtask bench`) run the same list.

mod peak;
pub mod protocol;
mod work;

pub use work::{Runner, Work, works};
