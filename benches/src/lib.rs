//! The work that the project is measured on: one [`Work`] per row of `docs/benchmarks.md`, per
//! part of a row that its profile shows, and per point of its curves.
//!
//! Criterion (`benches.rs`) and the comparison with peers (`apd_peer.rs`, driven by `cargo xtask bench`) run the same rows.

mod peak;
pub mod protocol;
mod work;
mod works;

pub use work::{Role, Runner, Work};
pub use works::works;
