use super::*;

#[test]
fn the_table_follows_the_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for mutation in MUTATIONS {
        let text = fs::read_to_string(mutation.path(&root)).expect("a file of ours");
        assert_eq!(text.matches(mutation.from).count(), 1, "{}: `{}`", mutation.name, mutation.from);
    }
}
