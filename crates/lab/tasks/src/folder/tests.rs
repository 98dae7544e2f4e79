use apd_data::Dataset;

use super::*;
use crate::config::{NetName, Profile};

fn config() -> Config {
    Config::new(Dataset::Digits, NetName::Fc1, Profile::Quick)
}

#[test]
fn resuming_keeps_and_starting_clears_what_a_run_left() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("run");
    let folder = Folder::open(&root, &config(), false).unwrap();
    let mine = root.join("notes.txt");
    fs::write(&mine, "mine").unwrap();
    fs::write(folder.checkpoint("sgd"), "state").unwrap();
    fs::create_dir(folder.bank()).unwrap();

    drop(folder);
    let resumed = Folder::open(&root, &config(), true).unwrap();
    assert!(resumed.checkpoint("sgd").exists() && resumed.bank().exists());
    drop(resumed);
    let started = Folder::open(&root, &config(), false).unwrap();
    assert!(!started.checkpoint("sgd").exists() && !started.bank().exists());
    assert!(mine.exists(), "what the run did not write is not its to remove");
}

#[test]
fn a_run_under_way_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path(), &config(), false).unwrap();
    fs::write(folder.checkpoint("sgd"), "state").unwrap();
    for resume in [true, false] {
        let error = Folder::open(dir.path(), &config(), resume).unwrap_err();
        assert!(matches!(error, Error::Store(apd_store::Error::Locked { .. })), "{error}");
    }
    assert!(folder.checkpoint("sgd").exists());
    drop(folder);
    assert!(Folder::open(dir.path(), &config(), true).unwrap().checkpoint("sgd").exists());
}

#[test]
fn a_run_with_other_settings_is_named_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path(), &config(), false).unwrap();
    fs::write(folder.checkpoint("sgd"), "state").unwrap();
    let mut other = config();
    other.sgld.lr = 0.5;
    for resume in [true, false] {
        let error = Folder::open(dir.path(), &other, resume).unwrap_err();
        let Error::ConfigChanged { difference, .. } = &error else { panic!("{error}") };
        assert_eq!(difference, "  there: [sgld] lr = 0.02\n  here:  [sgld] lr = 0.5");
    }
    assert!(folder.checkpoint("sgd").exists());
    assert_eq!(fs::read_to_string(folder.config()).unwrap(), config().to_toml());
}

#[test]
fn a_folder_that_is_not_a_runs_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("bank")).unwrap();
    fs::write(dir.path().join("bank/savings.txt"), "all of it").unwrap();
    let error = Folder::open(dir.path(), &config(), false).unwrap_err().to_string();
    assert!(error.contains("not a run's folder"), "{error}");
    assert!(dir.path().join("bank/savings.txt").exists());

    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("config.toml"), "title = \"my site\"").unwrap();
    for resume in [true, false] {
        let error = Folder::open(other.path(), &config(), resume).unwrap_err().to_string();
        assert!(error.contains("not a run's folder"), "{error}");
    }
    assert_eq!(fs::read_to_string(other.path().join("config.toml")).unwrap(), "title = \"my site\"");
}

#[test]
fn data_may_move_between_a_run_and_its_resumption() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config { data_dir: Some("here".into()), ..config() };
    Folder::open(dir.path(), &config, false).unwrap();
    config.data_dir = Some("there".into());
    Folder::open(dir.path(), &config, true).unwrap();
}
