use super::*;

#[test]
fn the_table_follows_the_code() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(SOURCES);
    for mutation in MUTATIONS {
        let text = fs::read_to_string(sources.join(mutation.file)).expect("a file of the samplers");
        assert_eq!(text.matches(mutation.from).count(), 1, "{}: `{}`", mutation.name, mutation.from);
    }
}
