use super::*;
use crate::{Curves, Figure, Section};

fn report(ids: &[&str]) -> Report {
    let figure = |id: &&str| Figure::new(id, "A figure.", Curves::default());
    let section = ids.iter().map(figure).fold(Section::new("Heading"), Section::figure);
    Report::new("Title", "Summary.").section(section)
}

fn results() -> Results {
    Results::new("0.1.0", serde_json::json!({}))
}

#[test]
fn writes_every_file_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a/b");
    let written = render(&report(&["one", "two-2"]), &results(), &out).unwrap();
    let names: Vec<_> = written.iter().map(|p| p.strip_prefix(&out).unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["results.json", "figures/one.svg", "figures/two-2.svg", "report.md", "report.html"]);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 4);
    assert_eq!(fs::read_dir(out.join("figures")).unwrap().count(), 2);
}

#[test]
fn the_same_report_gives_the_same_bytes_and_replaces_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    render(&report(&["old"]), &results(), dir.path()).unwrap();
    let read = || fs::read(dir.path().join("report.html")).unwrap();
    let old = read();
    render(&report(&["new"]), &results(), dir.path()).unwrap();
    assert_ne!(read(), old);
    render(&report(&["old"]), &results(), dir.path()).unwrap();
    assert_eq!(read(), old);
}

#[test]
fn figure_ids_cannot_leave_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    for ids in [&["../x"][..], &[""], &["a/b"], &["A"], &["a.b"], &["ä"], &["same", "same"]] {
        let error = render(&report(ids), &results(), dir.path()).unwrap_err();
        assert!(matches!(error, Error::FigureId { .. }), "{ids:?}: {error}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "checked before anything is written");
}

#[test]
fn an_unwritable_place_is_an_error_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let error = render(&report(&[]), &results(), &file).unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
    // The target is a folder: the rename fails, and the temporary file goes.
    let target = dir.path().join("results.json");
    fs::create_dir(&target).unwrap();
    assert!(matches!(results().save(&target), Err(Error::File(_))));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}
