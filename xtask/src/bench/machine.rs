//! What a table of times is worth nothing without: where they were measured.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Lines such as `CPU: …`, as far as this system tells.
pub(super) fn describe(root: &Path) -> Vec<String> {
    let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpu_info.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    let threads = std::thread::available_parallelism().map_or(0, |it| it.get());
    let model = field("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let family = match (field("cpu family"), field("model"), field("cache size")) {
        (Some(family), Some(model), Some(cache)) => format!(" (family {family}, model {model}, cache {cache})"),
        _ => String::new(),
    };
    let flags = field("flags").unwrap_or_default();
    let wide: Vec<&str> = ["avx2", "avx512f", "amx_bf16"].into_iter().filter(|flag| has_word(&flags, flag)).collect();
    let mut lines = vec![format!("CPU: {model}{family}, {threads} threads, {}", wide.join(" "))];
    lines.extend(total_memory().map(|bytes| format!("Memory: {:.0} GiB", bytes / GIB)));
    lines.push(format!("System: {}", said(Command::new("uname").arg("-sr")).unwrap_or(std::env::consts::OS.into())));
    lines.extend(said(Command::new("rustc").arg("--version")).map(|version| format!("Rust: {version}")));
    let commit = Command::new("git").current_dir(root).args(["describe", "--always", "--dirty"]).output().ok();
    let commit =
        commit.filter(|it| it.status.success()).map(|it| String::from_utf8_lossy(&it.stdout).trim().to_owned());
    lines.extend(commit.map(|commit| format!("Commit: {commit}")));
    lines
}

pub(super) const GIB: f64 = (1_u64 << 30) as f64;

/// Bytes of memory that this machine has.
pub(super) fn total_memory() -> Option<f64> {
    fs::read_to_string("/proc/meminfo").ok().and_then(|text| memory(&text)).map(|kib| kib as f64 * 1024.0)
}

fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|it| it.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn has_word(text: &str, word: &str) -> bool {
    text.split_whitespace().any(|it| it == word)
}

fn memory(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_kib() {
        assert_eq!(memory("MemTotal:       24612345 kB\nMemFree: 1 kB\n"), Some(24_612_345));
        assert_eq!(memory("nothing"), None);
    }
}
