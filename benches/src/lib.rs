//! Criterion benchmarks live in `benches.rs` beside this folder.
