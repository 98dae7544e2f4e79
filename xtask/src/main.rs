//! Drives the workspace.
fn main() {}
