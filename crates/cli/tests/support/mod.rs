//! The `apd` command in a folder, and what it is held to.
// Each file of tests uses some of it.
#![allow(dead_code)]

use std::path::Path;
use std::process::{Command, Output};

pub(crate) fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_apd"));
    command.current_dir(dir).args(arguments);
    command
}

pub(crate) fn apd(dir: &Path, arguments: &[&str]) -> Output {
    command(dir, arguments).output().expect("apd starts")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
pub(crate) fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// Exit code and every fact that the message must carry.
#[track_caller]
pub(crate) fn fails(output: &Output, code: i32, facts: &[&str]) {
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{message}");
    for fact in facts {
        assert!(message.contains(fact), "`{fact}` is missing in: {message}");
    }
    assert!(!message.contains("panicked"), "{message}");
    let parts: Vec<&str> = message.split(": ").map(str::trim).collect();
    assert!(parts.windows(2).all(|two| two[0] != two[1]), "a cause is told twice: {message}");
}
