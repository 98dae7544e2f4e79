//! Integration tests live in `integration.rs` beside this folder.
