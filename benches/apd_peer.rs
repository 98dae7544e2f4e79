//! Answers one measurement per line on standard input; `cargo xtask bench` asks.

fn main() -> std::io::Result<()> {
    apd_benches::protocol::serve(&apd_benches::works(), std::io::stdin().lock(), std::io::stdout().lock())
}
