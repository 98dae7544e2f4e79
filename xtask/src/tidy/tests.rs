//! Every rule is shown passing and, as a negative control, failing.

use super::*;

fn table(text: &str) -> toml::Table {
    text.parse().expect("a manifest")
}

#[test]
fn the_house_is_tidy() {
    let metadata = crate::metadata().expect("metadata");
    assert_eq!(complaints(&metadata).expect("readable"), Vec::<String>::new());
}

fn uses(lines: &[(&str, &[&str])]) -> dependencies::Uses {
    let names = |names: &[&str]| names.iter().map(|it| it.to_string()).collect();
    lines.iter().map(|(package, used)| (package.to_string(), names(used))).collect()
}

const SMALL: &str = "# Any\n```\nx → y\n```\n## Dependencies\n```\nleaf, ground → nothing\nuser → leaf, (ground)\ntests → anything\n```\n";

#[test]
fn a_table_that_agrees_with_the_manifests_passes() {
    let uses = uses(&[("leaf", &[]), ("ground", &[]), ("user", &["leaf", "(ground)"]), ("tests", &["leaf", "user"])]);
    assert_eq!(dependencies::complaints(SMALL, &uses), Vec::<String>::new());
}

#[test]
fn every_difference_between_table_and_manifests_is_named() {
    let uses = uses(&[("leaf", &["user"]), ("ground", &[]), ("user", &["leaf", "ground"]), ("new", &[])]);
    let expected = [
        "leaf depends on user: ARCHITECTURE.md does not say so",
        "user depends on ground: ARCHITECTURE.md does not say so",
        "user does not depend on (ground): ARCHITECTURE.md says so",
        "ARCHITECTURE.md lists tests, which does not exist or has a line already",
        "ARCHITECTURE.md has no line for new",
    ];
    assert_eq!(dependencies::complaints(SMALL, &uses), expected);
    assert_eq!(dependencies::complaints("no table", &uses).len(), uses.len());
    let unreadable = dependencies::complaints("## Dependencies\n```\nleaf and user\n```", &uses);
    assert!(unreadable[0].contains("`leaf and user`"), "{unreadable:?}");
}

#[test]
fn dependencies_of_tests_are_told_from_others() {
    let text = r#"{"name":"apd-leaf","version":"0.1.0","id":"leaf","source":null,"targets":[],"features":{},
        "manifest_path":"Cargo.toml","dependencies":[{"name":"apd-user","source":null,"req":"*","kind":"dev",
        "optional":false,"uses_default_features":true,"features":[],"target":null,"rename":null,"registry":null}]}"#;
    let user = text.replace("user", "else").replace("leaf", "user");
    let metadata = |leaf: &str| -> Metadata {
        let whole = format!(
            r#"{{"packages":[{leaf},{user}],"workspace_members":["leaf","user"],"resolve":null,"workspace_root":"/",
            "target_directory":"/","version":1,"metadata":null}}"#
        );
        serde_json::from_str(&whole).expect("metadata")
    };
    assert_eq!(dependencies::uses(&metadata(text)), uses(&[("leaf", &["(user)"]), ("user", &[])]));
    let code = text.replace("\"dev\"", "null");
    assert_eq!(dependencies::uses(&metadata(&code)), uses(&[("leaf", &["user"]), ("user", &[])]));
}

#[test]
fn matrixmultiply_has_no_threads_of_its_own() {
    let graph = |features: &[&str]| {
        vec![("matrixmultiply".to_owned(), features.iter().map(|it| it.to_string()).collect::<Vec<_>>())]
    };
    assert!(threading(&graph(&["std", "default"])).is_empty());
    assert_eq!(threading(&graph(&["std", "threading"])).len(), 1);
    assert_eq!(threading(&[]).len(), 1, "a rule that checks nothing says so");
}

#[test]
fn versions_live_in_the_root() {
    let good = "[dependencies]\na.workspace = true\nb = { workspace = true, features = [\"x\"] }";
    assert!(manifests::versions_live_in_the_root("p", &table(good)).is_empty());
    for bad in [
        "[dependencies]\na = \"1\"",
        "[dev-dependencies]\na = { path = \"../a\" }",
        "[build-dependencies]\na = { version = \"1\" }",
        "[target.'cfg(unix)'.dependencies]\na = \"1\"",
    ] {
        assert_eq!(manifests::versions_live_in_the_root("p", &table(bad)).len(), 1, "{bad}");
    }
}

#[test]
fn lints_are_on() {
    assert!(manifests::lints("p", &table("[lints]\nworkspace = true")).is_none());
    assert!(manifests::lints("p", &table("[package]\nname = \"p\"")).is_some());
    assert!(manifests::lints("p", &table("[lints.rust]\nunsafe_code = \"deny\"")).is_some());
}

#[test]
fn published_packages_are_described() {
    let metadata = crate::metadata().expect("metadata");
    let mut package = metadata.workspace_packages().into_iter().find(|it| it.name == "apd-seed").expect("seed").clone();
    assert_eq!(manifests::ready_to_publish(&package), Vec::<String>::new());
    package.description = Some(" ".to_owned());
    package.license = None;
    package.repository = None;
    package.readme = Some("no-such-file.md".into());
    package.keywords.clear();
    package.metadata = serde_json::Value::Null;
    assert_eq!(manifests::ready_to_publish(&package).len(), 6);
}

#[test]
fn names_say_something() {
    for good in ["crates/seed/src/philox.rs", "crates/seed/src/commons.rs", "crates/utility/src/lib.rs"] {
        assert_eq!(sources::file_name(good), None);
    }
    for bad in ["crates/seed/src/utils.rs", "crates/a/src/common/x.rs", "crates/a/src/prelude.rs"] {
        assert!(sources::file_name(bad).is_some(), "{bad}");
    }
}

fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let file = |(path, text): &(&str, &str)| circles::File { path: path.to_string(), text: text.to_string() };
    circles::circles("p", &files.iter().map(file).collect::<Vec<_>>())
}

#[test]
fn files_that_need_each_other_in_one_direction_pass() {
    let files = [
        ("lib.rs", "mod a;\nmod b;\nmod error;\npub use a::A;\npub use error::Error;"),
        // A re-export is not a need, and what the crate's root re-exports belongs to the file that defines it.
        ("a.rs", "use crate::{Error, b::{self, c::D as E}};\nmod part;\nuse part::P;"),
        // A part may use what its whole defines; tests may use anything.
        ("a/part.rs", "use super::A;\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}"),
        ("a/tests.rs", "use crate::b::B;"),
        ("b.rs", "// use crate::a::A;\npub mod c;\nlet s = \"crate::a\"; let a = other::a::A; macro!($crate::x);"),
        ("b/tests.rs", "use crate::a::A;"),
        ("b/c.rs", "use crate::Error; pub struct D;"),
        ("error.rs", "use std::fmt; pub enum Error {}"),
    ];
    assert_eq!(circles_of(&files), Vec::<String>::new());
}

#[test]
fn files_in_a_circle_are_named() {
    let direct = [("a.rs", "use crate::b::B;"), ("b.rs", "use crate::a::A;"), ("lib.rs", "mod a; mod b;")];
    assert_eq!(circles_of(&direct), ["p: files in a circle: a → b, b → a"]);
    let grouped = [("a.rs", "use crate::{x::y, b::{C, B}};"), ("b.rs", "use super::a;"), ("lib.rs", "mod a; mod b;")];
    assert_eq!(circles_of(&grouped).len(), 1);
    let through_a_re_export =
        [("lib.rs", "mod a; mod b; pub use self::{a::A as Z};"), ("a.rs", "crate::b::f()"), ("b.rs", "use crate::Z;")];
    assert_eq!(circles_of(&through_a_re_export), ["p: files in a circle: a → b, b → a"]);
    let of_three = [
        ("a/mod.rs", "crate::b::f();"),
        ("b.rs", "use super::c::C;"),
        ("c.rs", "fn f(a: crate::a::A) {}"),
        ("main.rs", "mod a; mod b; mod c;"),
    ];
    assert_eq!(circles_of(&of_three), ["p: files in a circle: a → b, b → c, c → a"]);
    let of_parts =
        [("a.rs", "mod b; mod c;"), ("a/b.rs", "use super::c::C;"), ("a/c.rs", "use super::b;"), ("lib.rs", "mod a;")];
    assert_eq!(circles_of(&of_parts), ["p: files in a circle: a::b → a::c, a::c → a::b"]);
}

#[test]
fn readmes_are_tested() {
    let library =
        |attribute: &str| format!("//! Doc.\n\n{attribute}\n#[doc = include_str!(\"../README.md\")]\nstruct Readme;\n");
    assert_eq!(sources::readme_is_tested("p", &library("#[cfg(doctest)]")), None);
    assert!(sources::readme_is_tested("p", &library("")).is_some());
    assert!(sources::readme_is_tested("p", "//! Doc.").is_some());
}

#[test]
fn pages_open_with_code() {
    let page = |text: &str, lines: usize| {
        let code = format!("{}{}", "//! # hidden\n//!\n", "//! code();\n".repeat(lines));
        sources::opens_with_code("p", &format!("//! What it is.\n//!\n{text}//! ```\n{code}//! ```\n\nfn f() {{}}\n"))
    };
    assert_eq!(page("", 15), None);
    assert!(page("", 16).is_some_and(|complaint| complaint.contains("16 lines")));
    assert!(page(&"//! Text.\n".repeat(9), 1).is_some_and(|complaint| complaint.contains("text")));
    assert!(sources::opens_with_code("p", "//! What it is.\n").is_some());
}

#[test]
fn explained_unsafe_in_a_module_that_allows_it_passes() {
    let text = "#![allow(unsafe_code)]\n\
        // SAFETY: the index is checked above.\n#[inline]\nlet x = unsafe { f() };\n\n\
        // SAFETY: two lines\n// of reason.\nlet y =\n    unsafe { g() };\n\n\
        /// Doc.\n///\n/// # Safety\n/// `n` is right.\n#[inline]\nunsafe fn h(n: usize) {}\n\n\
        type F = unsafe fn(usize);\n\
        let z = unsafe { f() }; // SAFETY: as above\n\n\
        // SAFETY: hands on.\nunsafe impl Alloc for X {\n    unsafe fn a(&self) {\n        self.count();\n    }\n\n    unsafe fn b(&self) {}\n}\n";
    assert_eq!(sources::unsafe_code("crates/a/src/kernel.rs", text), Vec::<String>::new());
}

#[test]
fn unsafe_elsewhere_or_unexplained_is_named() {
    let explained = "// SAFETY: fine\nlet x = unsafe { f() };";
    assert_eq!(
        sources::unsafe_code("a/src/b.rs", explained),
        ["a/src/b.rs:2: unsafe code in a module that does not allow it"]
    );
    for (line, unexplained) in [
        (2, "#![allow(unsafe_code)]\nlet x = unsafe { f() };"),
        (4, "#![allow(unsafe_code)]\n// SAFETY: of another statement\nlet y = 1;\nlet x = unsafe { f() };"),
        (3, "#![allow(unsafe_code)]\n// SAFETY is spelled otherwise\nunsafe impl Send for X {}"),
        (3, "#![allow(unsafe_code)]\n/// What it does.\nunsafe fn f() {}"),
        (3, "#![allow(unsafe_code)]\nimpl X {\n    unsafe fn f() {}\n}"),
    ] {
        let found = sources::unsafe_code("a/src/b.rs", unexplained);
        assert_eq!(found, [format!("a/src/b.rs:{line}: unsafe code without a SAFETY comment")]);
    }
    let whole_crate = "#![allow(unsafe_code)]\n";
    assert_eq!(sources::unsafe_code("a/src/lib.rs", whole_crate).len(), 1);
}

#[test]
fn unsafe_in_comments_strings_and_names_is_not_code() {
    let text = "// unsafe\n/* unsafe /* unsafe */ unsafe */\nlet a = \"unsafe \\\" unsafe\";\nlet b = r#\"unsafe \" unsafe\"#;\n\
        let c = '\"'; let d: &'static str = \"unsafe\";\nlet unsafe_code = '\\'';\n#[allow(unsafe_op)] fn f() {}\n";
    assert_eq!(sources::unsafe_code("a/src/b.rs", text), Vec::<String>::new());
    let after_all_that = format!("{text}unsafe {{ f() }}");
    assert_eq!(sources::unsafe_code("a/src/b.rs", &after_all_that).len(), 2);
}

#[test]
fn blanking_keeps_the_lines() {
    let text = "a /* x\ny */ b\n\"c\nd\" e 'f' // g\nh";
    let blank = sources::without_comments_and_literals(text);
    assert_eq!(blank.lines().count(), text.lines().count());
    assert_eq!(blank.split_whitespace().collect::<Vec<_>>(), ["a", "b", "e", "h"]);
}

#[test]
fn causes_are_told_once() {
    let complaints = |message: &str, variant: &str| {
        sources::causes_told_twice("p", &format!("enum Error {{\n    #[error({message})]\n    {variant}\n}}\n")).len()
    };
    assert_eq!(complaints("transparent", "Io(#[from] io::Error),"), 0);
    assert_eq!(complaints("\"{path}: {cause}\"", "Io {"), 0);
    assert_eq!(complaints("\"the file is missing\"", "Io(#[from] io::Error),"), 0);
    assert_eq!(complaints("\"the file: {0}\"", "Io(String),"), 0);
    for (message, variant) in [
        ("\"{path}: {source}\"", "Io {"),
        ("\"the file: {0}\"", "Io(#[from] io::Error),"),
        ("\n        \"the file: {0:?}\"\n    ", "Io(#[source] io::Error),"),
    ] {
        assert_eq!(complaints(message, variant), 1, "{message} {variant}");
    }
}
