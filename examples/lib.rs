//! Programs of at most forty lines, one for each crate that others depend on; README.md lists them. The tests run all of them.

/// One binary holds all programs, each a module and a test.
#[cfg(test)]
macro_rules! programs {
    ($($name:ident)*) => {
        $(mod $name;)*

        mod tests {
            $(#[test]
            fn $name() {
                crate::$name::main().expect("a program that runs");
                let lines = include_str!(concat!(stringify!($name), ".rs")).lines().count();
                assert!(lines <= 40, "{lines} lines");
            })*

            #[test]
            fn no_program_is_left_out() {
                let files = std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).expect("a folder");
                let names = files.map(|file| file.expect("a file").file_name().into_string().expect("UTF-8"));
                let mut found: Vec<String> = names.filter(|name| name.ends_with(".rs") && name != "lib.rs").collect();
                found.sort();
                let mut here = [$(concat!(stringify!($name), ".rs")),*];
                here.sort_unstable();
                assert_eq!(found, here);
            }
        }
    };
}

#[cfg(test)]
programs! {
    penguins server table two_spirals regression eight_schools own_chains own_sampler own_metrics bank posterior distilled gan custom_op streams
}
