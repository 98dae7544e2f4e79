//! Bytes, and what takes them.

use std::fmt;

/// A part of an estimate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What takes it.
    pub what: &'static str,
    /// How much.
    pub bytes: u64,
    /// The option of the command line that makes it smaller.
    pub flag: String,
}

/// What a task takes at most, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// What it holds.
    pub memory: u64,
    /// What it leaves in the folder.
    pub disk: u64,
    /// The option of the command line that makes it smaller.
    pub flag: String,
}

/// The option that halves a setting.
pub(crate) fn halved(setting: &str, value: usize) -> String {
    format!("--set {setting}={}", (value / 2).max(1))
}

/// A number of bytes as people say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut value, mut unit) = (self.0 as f64, 0);
        const UNITS: [&str; 6] = ["bytes", "kB", "MB", "GB", "TB", "PB"];
        while value >= 1000.0 && unit + 1 < UNITS.len() {
            (value, unit) = (value / 1000.0, unit + 1);
        }
        let digits = if unit == 0 || value >= 100.0 { 0 } else { 1 };
        write!(f, "{value:.digits$} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests;
