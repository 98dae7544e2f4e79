use super::*;

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_last_write_wins_and_nothing_is_left_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x");
    write_atomic(&path, b"old").unwrap();
    write_atomic(&path, b"").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"");
    write_atomic(&path, &[7; 300_000]).unwrap();
    assert_eq!(fs::read(&path).unwrap(), [7; 300_000]);
    assert_eq!(names(dir.path()), ["x"]);
}

#[test]
fn an_abandoned_file_leaves_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x");
    write_atomic(&path, b"old").unwrap();
    let mut file = AtomicFile::create(&path).unwrap();
    file.write_all(b"new").unwrap();
    assert_eq!(names(dir.path()).len(), 2);
    drop(file);
    let mut file = AtomicFile::create(&path).unwrap();
    file.write_all(b"new").unwrap();
    assert!(file.commit_after(|| Err(FileError::Missing { path: path.clone(), expected: "nothing" })).is_err());
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(dir.path()), ["x"]);
}

#[test]
fn size_and_checksum_are_those_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x");
    let mut file = AtomicFile::create(&path).unwrap();
    let values: Vec<f32> = (0..10_000).map(|i| i as f32).collect();
    write_le(&mut file, &values, f32::to_le_bytes).unwrap();
    let written = file.commit().unwrap();
    let bytes = fs::read(&path).unwrap();
    assert_eq!((written.len, written.crc32), (40_000, crc32fast::hash(&bytes)));
    assert_eq!(bytes[4 * 9_999..], 9_999f32.to_le_bytes());
}

#[test]
fn a_missing_folder_is_an_error_that_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("no/such/x");
    let message = write_atomic(&path, b"").unwrap_err().to_string();
    assert!(message.contains("such"), "{message}");
    assert!(write_atomic("/", b"").is_err());
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("socket");
    let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for path in [dir.path(), &socket] {
        let message = write_atomic(path, b"x").unwrap_err().to_string();
        assert!(message.contains("regular file"), "{message}");
    }
    assert!(!fs::metadata(&socket).unwrap().is_file());
}

#[cfg(unix)]
#[test]
fn permissions_and_links_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let mode = |name: &str| fs::metadata(at(name)).unwrap().permissions().mode() & 0o777;
    write_atomic(at("new"), b"").unwrap();
    fs::write(at("private"), b"old").unwrap();
    fs::set_permissions(at("private"), fs::Permissions::from_mode(0o600)).unwrap();
    symlink("private", at("link")).unwrap();
    symlink(at("link"), at("second")).unwrap();
    symlink("later", at("dangling")).unwrap();
    for (path, file) in [("private", "private"), ("link", "private"), ("second", "private"), ("dangling", "later")] {
        write_atomic(at(path), path.as_bytes()).unwrap();
        assert_eq!(fs::read(at(file)).unwrap(), path.as_bytes());
    }
    assert_eq!((mode("private"), mode("later")), (0o600, mode("new")));
    assert!(at("link").is_symlink() && at("second").is_symlink() && at("dangling").is_symlink());
    symlink("round", at("round")).unwrap();
    assert!(write_atomic(at("round"), b"").is_err());
    assert_eq!(names(dir.path()), ["dangling", "later", "link", "new", "private", "round", "second"]);
}

#[test]
fn what_killed_processes_left_is_removed_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let leftovers = ["chain-0.ckpt.123-4.tmp", "manifest.json.9-0.tmp", "a.svg.77.tmp"];
    let others = ["mine.tmp", "notes.v2-final.tmp", "shard-0-00000.safetensors", "x.12-3", "y.1-.tmp"];
    for name in leftovers.iter().chain(&others) {
        fs::write(dir.path().join(name), name).unwrap();
    }
    fs::create_dir(dir.path().join("folder.1-2.tmp")).unwrap();
    remove_temporaries(dir.path()).unwrap();
    let left = |name: &&str| dir.path().join(name).exists();
    assert!(!leftovers.iter().any(left) && others.iter().all(left));
    assert!(dir.path().join("folder.1-2.tmp").exists());
    assert!(remove_temporaries(dir.path().join("nowhere")).is_err());
}
