//! The example runs to its end.

use std::process::Command;

#[test]
fn it_goes_all_the_way() {
    let output = Command::new(env!("CARGO_BIN_EXE_your-own")).output().expect("it starts");
    let (said, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{complaints}");
    // The method of one's own is in the table of the task of one's own.
    assert!(said.contains("diagonal") && said.contains("agrees on"), "{said}");
}
