use super::*;
use crate::testing::on_disk;

#[test]
fn the_first_place_that_has_the_file_wins() {
    let (dir, path) = on_disk("b/file.gz", b"");
    assert_eq!(locate(dir.path(), "x", &["a", "b", ""], &["file.gz", "file"]).unwrap(), path);
    let flat = dir.path().join("file");
    std::fs::write(&flat, b"").unwrap();
    assert_eq!(locate(dir.path(), "x", &["a", ""], &["file.gz", "file"]).unwrap(), flat);
}

#[test]
fn a_missing_file_names_all_places_and_the_command() {
    let error = locate(Path::new("data"), "mnist", &["mnist", ""], &["f.gz", "f"]).unwrap_err();
    let expected = ["mnist: f.gz is missing; looked for", "data/mnist/f.gz", "data/mnist/f", "data/f.gz", "data/f"];
    let expected = expected.join("\n    ") + "\n  get it with: cargo xtask fetch-data mnist --data-dir data";
    assert_eq!(error.to_string().replace('\\', "/"), expected);
}

#[test]
fn a_folder_of_the_right_name_is_not_the_file() {
    let (dir, _) = on_disk("file/inner", b"");
    assert!(matches!(locate(dir.path(), "x", &[""], &["file"]), Err(Error::Missing { .. })));
}
