//! What is said on standard output.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process;

use anyhow::{Context, Result};

/// Writes a line. Where nobody reads any more, as behind `| head`, the program ends quietly, and well: it had nothing else to do.
///
/// **Errors**: a full disk, and everything else that keeps it from being written.
pub(crate) fn say(text: impl Display) -> Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => process::exit(0),
        other => other.context("standard output"),
    }
}
