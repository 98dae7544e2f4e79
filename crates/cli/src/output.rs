//! What is said on standard output.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Result};

/// Writes a line. Where nobody reads any more, as behind `| head`, it is lost, and the work goes on: files are written, and the exit code says
/// what it says.
///
/// **Errors**: a full disk, and everything else that keeps it from being written.
pub(crate) fn say(text: impl Display) -> Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.context("standard output"),
    }
}
