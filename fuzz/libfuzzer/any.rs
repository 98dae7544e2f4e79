//! The target of this program's name, for libFuzzer.
#![no_main]

use std::cell::RefCell;

use apd_fuzz::{TARGETS, Verdict, Workshop};

thread_local!(static WORKSHOP: RefCell<Workshop> = RefCell::new(Workshop::new().expect("a temporary folder")));

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let name = env!("CARGO_BIN_NAME");
    let target = TARGETS.iter().find(|target| target.name == name).expect("named after a target");
    if let Verdict::Panicked(message) = WORKSHOP.with_borrow_mut(|workshop| workshop.attempt(target, input)) {
        panic!("{message}");
    }
});
