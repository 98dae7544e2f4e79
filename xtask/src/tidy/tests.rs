//! Every rule is shown passing and, as a negative control, failing.

use super::*;

fn room(name: &str, uses: &[&str]) -> Room {
    Room { name: name.to_owned(), uses: uses.iter().map(|it| it.to_string()).collect() }
}

const SMALL: &[(&str, May)] = &[("leaf", May::Use(&[])), ("user", May::Use(&["leaf"])), ("tests", May::UseAnything)];

fn small(leaf: &[&str], user: &[&str], tests: &[&str]) -> Vec<Room> {
    vec![room("leaf", leaf), room("user", user), room("tests", tests)]
}

fn table(text: &str) -> toml::Table {
    text.parse().expect("a manifest")
}

#[test]
fn the_house_is_tidy() {
    let metadata = crate::metadata().expect("metadata");
    assert_eq!(complaints(&metadata).expect("readable"), Vec::<String>::new());
}

#[test]
fn allowed_arrows_pass() {
    assert!(arrows(SMALL, &small(&[], &["leaf"], &["leaf", "user"])).is_empty());
}

#[test]
fn a_forbidden_arrow_is_named() {
    let found = arrows(SMALL, &small(&["user"], &[], &[]));
    assert_eq!(found, ["forbidden arrow: leaf must not depend on user"]);
}

#[test]
fn a_package_without_a_line_and_a_line_without_a_package_are_named() {
    let found = arrows(SMALL, &[room("leaf", &[]), room("user", &[]), room("new", &[])]);
    assert_eq!(found.len(), 2);
    assert!(found[0].contains("new is not in the table") && found[1].contains("lists tests"));
}

#[test]
fn dev_dependencies_count_as_arrows() {
    let text = r#"{"name":"leaf","version":"0.1.0","id":"leaf","source":null,"targets":[],"features":{},
        "manifest_path":"Cargo.toml","dependencies":[{"name":"user","source":null,"req":"*","kind":"dev",
        "optional":false,"uses_default_features":true,"features":[],"target":null,"rename":null,"registry":null}]}"#;
    let package = |name: &str| text.replace("leaf", name);
    let whole = format!(
        r#"{{"packages":[{},{}],"workspace_members":["leaf","user"],"resolve":null,"workspace_root":"/",
        "target_directory":"/","version":1,"metadata":null}}"#,
        package("leaf"),
        package("user").replace(r#""name":"user","source":null,"req""#, r#""name":"leaf","source":null,"req""#),
    );
    let metadata: Metadata = serde_json::from_str(&whole).expect("metadata");
    let rooms = rooms(&metadata);
    assert_eq!(rooms[0].uses, ["user"]);
    assert_eq!(arrows(&SMALL[..2], &rooms), ["forbidden arrow: leaf must not depend on user"]);
}

#[test]
fn the_table_has_no_cycle() {
    let mut settled: Vec<&str> = Vec::new();
    while settled.len() < ARROWS.len() {
        let before = settled.len();
        for (name, may) in ARROWS {
            let free = match may {
                May::Use(allowed) => allowed.iter().all(|used| settled.contains(used)),
                May::UseAnything => true,
            };
            if free && !settled.contains(name) {
                settled.push(name);
            }
        }
        assert!(settled.len() > before, "a cycle among {:?}", ARROWS.iter().map(|it| it.0).collect::<Vec<_>>());
    }
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
fn every_room_is_in_the_architecture_page() {
    let rooms = [room("apd-seed", &[]), room("apd-tensor", &[]), room("xtask", &[])];
    assert!(unmentioned("`seed`, crates/tensor and `xtask`", &rooms).is_empty());
    assert_eq!(
        unmentioned("`seed` and `xtask`; tensor in prose", &rooms),
        ["ARCHITECTURE.md does not mention apd-tensor"]
    );
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
    assert_eq!(manifests::ready_to_publish(&package).len(), 5);
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
