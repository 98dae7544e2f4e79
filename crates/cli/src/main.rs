//! The `apd` command.
fn main() {}
